"""A calibration card: what a model's similarities mean, measured once on labeled images.

The file is JSON, an object with the attributes of :class:`CalibrationCard` as keys and
``"format": 1``; parts that are classes below are objects with their attributes as keys. Every
number is finite, and nothing in a file is executed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from msvitreid.checkpoints.kinds import MalformedError
from msvitreid.errors import CalibrationError
from msvitreid.utils.checks import is_number
from msvitreid.utils.files import atomic_write

FORMAT = 1

#: False matches to expect for a rate to be measured: with 30 independent errors the rate is
#: within 30 % of the true one with 90 % confidence (Doddington's rule of 30).
FEWEST_ERRORS = 30

#: How far a similarity of unit embeddings may be from the range -1 to 1 by rounding.
ROUNDING = 1e-3

Interval = tuple[float, float]


@dataclass(frozen=True)
class CardData:
    """The images of a calibration.

    Attributes:
        name: what the user calls them.
        digest: SHA-256 of image names, identities and cameras, 64 digits.
        images: how many.
        identities: how many.
        cameras: their names, sorted; empty if they are not known.
        genuine: which pairs of one identity count, ``'cross-camera'`` or ``'all'``.
        genuine_pairs: pairs of two images of one identity.
        impostor_pairs: pairs of images of two identities, of any cameras.
    """

    name: str
    digest: str
    images: int
    identities: int
    cameras: tuple[str, ...]
    genuine: str
    genuine_pairs: int
    impostor_pairs: int


@dataclass(frozen=True)
class DetPoint:
    """Share of pairs that are wrong if those of at least ``threshold`` are "same"."""

    threshold: float
    fmr: float
    fnmr: float


@dataclass(frozen=True)
class ReliabilityBin:
    """Pairs whose probability is in one tenth of the range.

    Attributes:
        probability: mean of the pairs', both kinds of pairs having the same total weight.
        share_same: weighted share of pairs of one identity.
        pairs: how many.
    """

    probability: float
    share_same: float
    pairs: int


@dataclass(frozen=True)
class Reliability:
    """How well probabilities agree with shares, on identities that they were not fitted on.

    Attributes:
        expected_error: mean difference of both, weighted (the expected calibration error).
        bins: those of ten that have pairs, by ascending probability.
    """

    expected_error: float
    bins: tuple[ReliabilityBin, ...]


@dataclass(frozen=True)
class CameraPair:
    """Pairs of images of two cameras, or of one.

    Attributes:
        cameras: both names, sorted.
        genuine_pairs: as in the data.
        impostor_pairs: as in the data.
        threshold: at which this pair's own FMR is not above the rate asked for; ``None``
            for too few pairs.
        fmr: at the card's threshold; ``None`` for too few pairs.
        fnmr: the same.
    """

    cameras: tuple[str, str]
    genuine_pairs: int
    impostor_pairs: int
    threshold: float | None
    fmr: float | None
    fnmr: float | None


@dataclass(frozen=True)
class GallerySize:
    """Searches of a gallery of so many images, drawn from the data.

    Attributes:
        images: of the gallery.
        known_searches: by images whose identity is in it.
        new_searches: by images whose identity is not.
        fpir: share of ``new_searches`` that find an image at the card's threshold.
        fpir_interval: 95 %, from resampled identities.
        fnir: share of ``known_searches`` that do not find their identity first, or below it.
        threshold: at which FPIR is not above the rate asked for.
        fnir_at_threshold: FNIR there.
    """

    images: int
    known_searches: int
    new_searches: int
    fpir: float
    fpir_interval: Interval
    fnir: float
    threshold: float
    fnir_at_threshold: float


@dataclass(frozen=True)
class CalibrationCard:
    """Thresholds and error rates of one model.

    Two images are "same" from ``same_threshold`` on, "different" below ``different_threshold``,
    and "cannot tell" in between. All intervals are of 95 % and say what as many *other*
    identities will show, from identities resampled on both sides of a pair, with the threshold
    chosen again in each resample.

    Attributes:
        fingerprint: of the model.
        data: what it was measured on.
        fmr_asked: false match rate asked for.
        same_threshold: smallest similarity at which the FMR is not above it.
        fmr: there, of the data.
        fmr_interval: of the FMR there.
        fnmr: there, of the data.
        fnmr_interval: of the FNMR there.
        fnmr_asked: false non-match rate asked for, of "different".
        different_threshold: largest similarity at which the FNMR is not above it, but
            ``same_threshold`` at most.
        fpir_asked: false positive identification rate asked for.
        eer: equal error rate.
        det: points of the curve of both rates, thresholds ascending.
        probability: ``(similarity, p)``, both ascending; p of "same" where pairs of one
            identity and of two are equally frequent; linear in between, constant outside.
        reliability: of these probabilities.
        camera_pairs: figures of each; empty if cameras are not known.
        galleries: figures of identification, by ascending size.
        versions: of the packages that measured it.
    """

    fingerprint: str
    data: CardData
    fmr_asked: float
    same_threshold: float
    fmr: float
    fmr_interval: Interval
    fnmr: float
    fnmr_interval: Interval
    fnmr_asked: float
    different_threshold: float
    fpir_asked: float
    eer: float
    det: tuple[DetPoint, ...]
    probability: tuple[tuple[float, float], ...]
    reliability: Reliability
    camera_pairs: tuple[CameraPair, ...]
    galleries: tuple[GallerySize, ...]
    versions: Mapping[str, str]

    @property
    def lowest_fmr(self) -> float:
        """The lowest rate that the impostor pairs support: 30 false matches.

        It is higher if ``det`` ends before it.
        """
        lowest = min(point.fmr for point in self.det)
        return min(1.0, max(lowest, FEWEST_ERRORS / self.data.impostor_pairs))

    def threshold(self, fmr: float | None = None) -> float:
        """The similarity from which two images are "same" at a false match rate.

        That is the lowest threshold of ``det`` whose FMR is not above ``fmr``.

        Args:
            fmr: above 0 and up to 1; ``None`` for ``fmr_asked``.

        Raises:
            CalibrationError: it is out of this range or below ``lowest_fmr``.
        """
        if fmr is None or fmr == self.fmr_asked:
            return self.same_threshold
        if not is_number(fmr) or not 0 < fmr <= 1:
            raise CalibrationError(f'fmr must be a number above 0 and up to 1, got {fmr!r}')
        if fmr < self.lowest_fmr:
            raise CalibrationError(
                f'fmr {fmr:g} is below {self.lowest_fmr:.2g}, the lowest rate that the '
                f'{self.data.impostor_pairs:,} impostor pairs of the card support; calibrate '
                f'with at least {pairs_needed(fmr):,} pairs'
            )
        return min(point.threshold for point in self.det if point.fmr <= fmr)

    def p_same(self, similarity: Any, prior: float = 0.5) -> np.ndarray:
        """The probability that images of such similarities show one identity.

        Args:
            similarity: any shape.
            prior: share of pairs of one identity among those that will be compared, above 0
                and below 1.

        Returns:
            float64 of the same shape.

        Raises:
            CalibrationError: ``prior`` is out of its range.
        """
        if not is_number(prior) or not 0 < prior < 1:
            raise CalibrationError(f'prior must be above 0 and below 1, got {prior!r}')
        places, values = np.array(self.probability).T
        even = np.interp(np.asarray(similarity, dtype=np.float64), places, values)
        return even * prior / (even * prior + (1 - even) * (1 - prior))

    def to_dict(self) -> dict[str, Any]:
        """What the file holds, as plain values."""
        return {'format': FORMAT, **asdict(self), 'versions': dict(self.versions)}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the card as JSON; a file appears only when it is complete.

        Raises:
            CalibrationError: a value is not one that :meth:`load` takes.
            OutputError: the file cannot be written; its folder must exist.
        """
        from .card_file import check_card

        text = json.dumps(self.to_dict(), indent=1)
        try:
            check_card(json.loads(text))
        except MalformedError as error:
            raise CalibrationError(
                f'calibration card {str(path)!r} cannot be written: {error}'
            ) from error
        with atomic_write(path) as temporary:
            temporary.write_text(text + '\n', encoding='utf-8')

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], fingerprint: str | None = None
    ) -> CalibrationCard:
        """Read and check a card; nothing in it is executed.

        Args:
            path: of the file.
            fingerprint: of the gallery that it is used with; None where that is not known.

        Raises:
            CalibrationError: the file is missing, too large or no card, of which the sentence
                names the key that is wrong; or the card is of another model.
        """
        from .card_file import read_card

        card = read_card(path)
        if fingerprint not in (None, card.fingerprint):
            raise CalibrationError(
                f'{str(path)!r} is the card of the model {card.fingerprint[:12]}, the gallery has '
                f'embeddings of {fingerprint[:12]}; calibrate the model of the gallery'
            )
        return card


def pairs_needed(rate: float) -> int:
    """Pairs of which ``FEWEST_ERRORS`` are wrong at a rate."""
    # Rounded first: 30 / 0.001 is a little above 30,000 in floating point.
    return int(np.ceil(round(FEWEST_ERRORS / rate, 6)))
