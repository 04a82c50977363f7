"""Decisions about images, at the thresholds of a calibration card."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import numpy as np

from msvitreid.apis.image_inputs import Color
from msvitreid.apis.inferencer import ReIDInferencer
from msvitreid.apis.results import Embeddings
from msvitreid.errors import CalibrationError
from msvitreid.evaluation.functional.identification import fmr_of_fpir, fpir_of_fmr
from msvitreid.gallery import GalleryStore
from msvitreid.utils.checks import is_number, require_whole
from msvitreid.utils.printable import printable

from .answers import Answer, Candidate, Decision, Identification
from .card import CalibrationCard, CameraPair

Cameras = tuple[str, str]


class Verifier:
    """Says of images whether they show the same identity, or who of a gallery they show.

    Args:
        model: a model file, or an inferencer.
        card: a card of this model, or its path.
        prior: share of pairs of one identity among those that will be compared, for
            probabilities.

    Raises:
        CalibrationError: the card is damaged or of another model, or ``prior`` is not above 0
            and below 1.
    """

    def __init__(
        self,
        model: ReIDInferencer | str | os.PathLike[str],
        card: CalibrationCard | str | os.PathLike[str],
        prior: float = 0.5,
    ) -> None:
        # The card first, which is read faster than the model.
        self.card = card if isinstance(card, CalibrationCard) else CalibrationCard.load(card)
        self.card.p_same(0, prior)
        self.inferencer = model if isinstance(model, ReIDInferencer) else ReIDInferencer(model)
        self.prior = prior
        self._require_fingerprint(self.inferencer.fingerprint, 'model')
        self._pairs = {pair.cameras: pair for pair in self.card.camera_pairs}

    def compare(
        self, a: Any, b: Any, cameras: Cameras | None = None, color: Color | None = None
    ) -> Decision:
        """Whether two images show the same identity.

        Args:
            a: an image, as :meth:`ReIDInferencer.embed` takes one.
            b: the other.
            cameras: of both, as the card calls them, for warnings.
            color: order of channels, required for arrays and tensors.

        Raises:
            ConfigError, DatasetError: an image cannot be used.
            CalibrationError: ``cameras`` is not two names.
        """
        return self.compare_many([(a, b)], None if cameras is None else [cameras], color)[0]

    def compare_many(
        self,
        pairs: Iterable[tuple[Any, Any]],
        cameras: Sequence[Cameras | None] | None = None,
        color: Color | None = None,
        batch_size: int = 32,
    ) -> list[Decision]:
        """:meth:`compare` of many pairs; a path that is in several is embedded once.

        Raises:
            CalibrationError: an item is no pair, or there are not as many ``cameras``.
            ConfigError, DatasetError: an image cannot be used.
        """
        images: list[Any] = []
        place_of: dict[Any, int] = {}
        places: list[tuple[int, int]] = []
        for index, pair in enumerate(pairs):
            if not isinstance(pair, tuple | list) or len(pair) != 2:
                raise CalibrationError(f'pairs[{index}] must be two images, got {pair!r:.100}')
            found = []
            for image in pair:
                is_path = isinstance(image, str | os.PathLike)
                key = os.fspath(image) if is_path else len(images)
                if not is_path or key not in place_of:
                    place_of[key] = len(images)
                    images.append(image)
                found.append(place_of[key])
            places.append((found[0], found[1]))
        if cameras is not None and len(cameras) != len(places):
            raise CalibrationError(
                f'cameras must be {len(places)} pairs of names, got {len(cameras)}'
            )
        unit = self.inferencer.embed(images, batch_size, color=color).embeddings
        if len(unit) != len(images):
            raise CalibrationError('a pair is of two images; folders and patterns are not')
        return [
            self.decide(
                float(unit[one] @ unit[other]),
                None if cameras is None else cameras[index],
                one == other,
            )
            for index, (one, other) in enumerate(places)
        ]

    def decide(
        self, similarity: float, cameras: Cameras | None = None, is_one_file: bool = False
    ) -> Decision:
        """What a similarity of two embeddings of this model means.

        Args:
            similarity: their cosine; what rounding adds beyond -1 and 1 is cut off.
            cameras: see :meth:`compare`.
            is_one_file: both images are the same file, which is a warning.

        Raises:
            CalibrationError: ``cameras`` is not two names.
        """
        card = self.card
        similarity = float(np.clip(similarity, -1, 1))
        answer: Answer = 'cannot tell'
        if similarity >= card.same_threshold:
            answer = 'same'
        elif similarity < card.different_threshold:
            answer = 'different'
        return Decision(
            answer,
            similarity,
            card.same_threshold,
            card.different_threshold,
            float(card.p_same(similarity, self.prior)),
            card.fmr,
            card.fmr_interval,
            self._warnings(is_one_file, cameras),
        )

    def identify(
        self,
        gallery: GalleryStore,
        queries: Any,
        k: int = 5,
        fpir: float | None = None,
        color: Color | None = None,
        **search: Any,
    ) -> list[Identification]:
        """Who of a gallery the images show, or that they are new.

        The threshold is that of the gallery's size, see :meth:`threshold_for`.

        Args:
            gallery: of the same model; ``pid`` in its metadata is the identity.
            queries: images, as :meth:`ReIDInferencer.embed` takes them, or its result.
            k: candidates of a query at most.
            fpir: share of images of new identities that may be called known; ``None`` for the
                card's ``fpir_asked``.
            color: order of channels, required for arrays and tensors.
            search: ``where``, ``exclude`` and others of :meth:`GalleryStore.search`.

        Raises:
            CalibrationError: gallery or queries are of another model, or ``fpir`` is out of
                its range.
            ConfigError, DatasetError, GalleryError: an image or an argument cannot be used.
        """
        require_whole('k', k, 1)
        self._require_fingerprint(gallery.fingerprint, 'gallery')
        if not isinstance(queries, Embeddings):
            queries = self.inferencer.embed(queries, color=color)
        self._require_fingerprint(queries.fingerprint, 'queries')
        size = gallery.count(search.get('where'))
        threshold, warnings = self.threshold_for(max(1, size), fpir)
        found = gallery.search(
            queries.embeddings, k, **search, fingerprint=self.card.fingerprint
        )
        answers = []
        for name, ids, similarities, metadata in zip(
            queries.paths, found.ids, found.similarities, found.metadata, strict=True
        ):
            hits = [
                Candidate(id_, columns.get('pid'), float(similarity))
                for id_, similarity, columns in zip(ids, similarities, metadata, strict=True)
            ]
            candidates = [hit for hit in hits if hit.similarity >= threshold]
            best = candidates[0] if candidates else None
            answers.append(
                Identification(
                    name,
                    'new' if best is None else 'known',
                    None if best is None else best.id,
                    None if best is None else best.identity,
                    hits[0].similarity if hits else None,
                    threshold,
                    candidates,
                    list(warnings),
                )
            )
        return answers

    def threshold_for(self, size: int, fpir: float | None = None) -> tuple[float, list[str]]:
        """The similarity from which an image is known, in a gallery of ``size`` images.

        With the card's ``fpir_asked`` it is the one that the card measured in galleries of the
        next larger size. With another rate, and above the largest size measured, it is that of
        the FMR at which ``1 - (1 - FMR) ** size`` is the rate, which is on the safe side (see
        :func:`~msvitreid.evaluation.functional.fpir_of_fmr`). If the card's pairs do not support
        an FMR so low, it is that of the lowest they do, and a warning gives the FPIR there.

        Args:
            size: of the gallery, from 1 on.
            fpir: above 0 and below 1; ``None`` for ``fpir_asked``.

        Returns:
            The threshold, and warnings.

        Raises:
            CalibrationError: ``fpir`` is out of its range.
            ConfigError: ``size`` is no whole number from 1 on.
        """
        require_whole('size', size, 1)
        card = self.card
        warnings: list[str] = []
        if fpir is not None and (not is_number(fpir) or not 0 < fpir < 1):
            raise CalibrationError(f'fpir must be above 0 and below 1, got {fpir!r}')
        wanted = card.fpir_asked if fpir is None else fpir
        measured = card.galleries if wanted == card.fpir_asked else ()
        # A larger gallery needs no lower threshold, whatever the chance of the draws.
        smaller = [one.threshold for one in measured if one.images < size]
        for one in measured:
            if one.images >= size:
                return max([*smaller, one.threshold]), warnings
        largest = max((one.images for one in card.galleries), default=0)
        if size > largest:
            warnings.append(
                f'the gallery has {size:,} images, more than the {largest:,} of the largest one '
                'that the card measured'
            )
        fmr = fmr_of_fpir(wanted, size)
        if fmr < card.lowest_fmr:
            reached = fpir_of_fmr(card.lowest_fmr, size)
            warnings.append(
                f'the card has too few pairs for an FPIR of {wanted:g} in a gallery of {size:,} '
                f'images; it may be up to {reached:.2g}'
            )
            fmr = card.lowest_fmr
        return max([*smaller, card.threshold(fmr)]), warnings

    def _warnings(self, is_one_file: bool, cameras: Cameras | None) -> list[str]:
        warnings = ['both images are the same file'] if is_one_file else []
        if cameras is not None:
            pair = self._pair(cameras)
            shown = ' and '.join(printable(str(name), 50) for name in cameras)
            if pair is None or pair.fmr is None:
                what = 'is not in the card' if pair is None else 'has too few pairs in the card'
                warnings.append(f'the pair of cameras {shown} {what}')
            elif pair.fmr > self.card.fmr_interval[1]:
                warnings.append(
                    f'the FMR of the cameras {shown} is {pair.fmr:.2g}, above the interval of '
                    'all pairs'
                )
        return warnings

    def _pair(self, cameras: Cameras) -> CameraPair | None:
        names = [str(name) for name in islice(cameras, 3)]
        if isinstance(cameras, str) or len(names) != 2:
            raise CalibrationError(f'cameras must be two names, got {cameras!r:.100}')
        first, second = sorted(names)
        return self._pairs.get((first, second))

    def _require_fingerprint(self, other: str, what: str) -> None:
        if other != self.card.fingerprint:
            raise CalibrationError(
                f'the fingerprint of the {what} is {printable(other, 80)!r}, and the card is of '
                f'{printable(self.card.fingerprint, 80)!r}; calibrate with this {what}'
            )
