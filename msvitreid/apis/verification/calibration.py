"""Measuring a calibration card on labeled embeddings."""

from __future__ import annotations

from typing import Any

import numpy as np

from msvitreid.apis.results import Embeddings
from msvitreid.errors import CalibrationError, GalleryError
from msvitreid.evaluation.functional.pair_similarities import (
    BIN_EDGES,
    PairSimilarities,
    error_rate_intervals,
    pair_similarities,
)
from msvitreid.evaluation.functional.verification import curve_rates
from msvitreid.gallery.checks import as_unit_embeddings
from msvitreid.utils.checks import is_number, is_whole
from msvitreid.utils.versions import versions

from .camera_pairs import measure_camera_pairs
from .card import FEWEST_ERRORS, CalibrationCard, CardData, DetPoint, pairs_needed
from .gallery_trials import measure_galleries
from .labels import PairLabels, pair_labels
from .probabilities import fit_probability, measure_reliability

FEWEST_IDENTITIES = 10
"""With pairs of one identity, without which the intervals have not been tested."""

MOST_KEPT = 2**22
"""Pairs of two identities that are kept, the most similar ones, unless a rate needs more."""

TAIL_POINTS = 100
BODY_POINTS = 90
"""Points of the DET curve where FMR is exact by single pairs, and at edges of bins."""


def calibrate(
    embeddings: Embeddings | Any,
    pids: Any,
    camids: Any = None,
    *,
    fmr: float = 1e-3,
    fnmr: float = 0.05,
    fpir: float = 0.05,
    fingerprint: str | None = None,
    genuine: str | None = None,
    name: str = '',
    resamples: int = 1000,
    seed: int = 0,
) -> CalibrationCard:
    """Measure thresholds and error rates of a model on labeled images.

    The images must be of identities that the model was not trained on. All pairs count once;
    an image is no pair with itself, also where its path is given twice. Memory: 256 rows of
    similarities, three times, 20 bytes for each pair of one identity and at most 250 MB.

    Args:
        embeddings: ``N`` of them, of unit length.
        pids: ``(N,)`` identities, whole numbers or texts.
        camids: ``(N,)`` cameras, the same; negative numbers, '' and None are unknown. ``None``:
            all are unknown.
        fmr: false match rate asked for, of "same". At least 30 false matches must be expected
            (:data:`FEWEST_ERRORS`), and one pair of two identities in two.
        fnmr: false non-match rate asked for, of "different"; 30 such errors as well.
        fpir: false positive identification rate asked for.
        fingerprint: of the model; taken from ``embeddings`` if these have one.
        genuine: ``'cross-camera'``: pairs of one identity are of two known cameras, as in the
            protocols of re-identification; ``'all'``. ``None`` takes the former if a camera is
            known. Pairs of two identities are of any cameras.
        name: of the data, for people.
        resamples: of the intervals.
        seed: of all draws.

    Raises:
        CalibrationError: an argument is wrong, or images or identities are too few for the
            rates; the sentence says how many are needed.
    """
    check_options(fmr, fnmr, fpir, resamples, seed)
    unit, paths, fingerprint = _checked(embeddings, fingerprint)
    labels = pair_labels(pids, camids, paths, genuine, len(unit))
    kept = _first_of_each(paths, labels)
    if len(kept) < len(unit):
        unit, paths = unit[kept], [paths[i] for i in kept]
        pids, camids = (
            [one[i] for i in kept] if one is not None else None for one in (pids, camids)
        )
        labels = pair_labels(pids, camids, paths, genuine, len(unit))
    require_enough(labels, fmr, fnmr)

    cameras = labels.cameras if labels.cross_camera else None
    allowed = int(fmr * labels.impostor_count() + 1e-9)
    pairs = pair_similarities(
        unit,
        labels.identities,
        cameras,
        tail_size=max(2 * allowed, min(8 * allowed, MOST_KEPT)),
        groups=labels.halves(seed),
    )
    num_genuine, num_impostor = len(pairs.genuine), pairs.num_impostor
    same = pairs.threshold_of_false_matches(allowed)
    different = float(pairs.genuine[int(fnmr * num_genuine + 1e-9)])
    fmr_interval, fnmr_interval = error_rate_intervals(
        pairs, labels.identities, fmr, resamples, seed
    )
    both = pairs.histograms.sum(axis=0)
    # From the highest similarity down, as the ROC curve goes.
    false_matches, matches = np.cumsum(both[:, ::-1], axis=1)
    return CalibrationCard(
        fingerprint=fingerprint,
        data=CardData(
            name=name,
            digest=labels.digest,
            images=len(unit),
            identities=labels.num_identities,
            cameras=labels.camera_names,
            genuine='cross-camera' if labels.cross_camera else 'all',
            genuine_pairs=num_genuine,
            impostor_pairs=num_impostor,
        ),
        fmr_asked=float(fmr),
        same_threshold=same,
        fmr=pairs.false_matches(same) / num_impostor,
        fmr_interval=fmr_interval,
        fnmr=pairs.false_non_matches(same) / num_genuine,
        fnmr_interval=fnmr_interval,
        fnmr_asked=float(fnmr),
        different_threshold=min(different, same),
        fpir_asked=float(fpir),
        eer=curve_rates(matches, false_matches, ())['EER'],
        det=_det(pairs, same),
        probability=fit_probability(both),
        reliability=measure_reliability(pairs.histograms[:2]),
        camera_pairs=measure_camera_pairs(pairs, labels, same, fmr),
        galleries=measure_galleries(
            unit, labels.identities, cameras, same, fpir, resamples, seed
        ),
        versions=versions('scikit-learn'),
    )


def check_options(fmr: float, fnmr: float, fpir: float, resamples: int, seed: int) -> None:
    """Check the numbers that :func:`calibrate` is given.

    Raises:
        CalibrationError: one is out of its range.
    """
    for option, rate in (('fmr', fmr), ('fnmr', fnmr), ('fpir', fpir)):
        if not is_number(rate) or not 0 < rate < 1:
            raise CalibrationError(f'{option} must be above 0 and below 1, got {rate!r}')
    for option, number, lowest in (('resamples', resamples, 1), ('seed', seed, 0)):
        if not is_whole(number) or number < lowest:
            raise CalibrationError(
                f'{option} must be a whole number from {lowest} on, got {number!r}'
            )


def require_enough(labels: PairLabels, fmr: float, fnmr: float) -> None:
    """Check that there are images enough for the rates.

    Raises:
        CalibrationError: there are not; the sentence says how many are needed.
    """
    counts = labels.genuine_counts()
    identities = int((counts > 0).sum())
    # Half a false pair of identities has to be expected at least.
    wanted = max(FEWEST_IDENTITIES, int(np.ceil(round((1 + (1 + 4 / fmr) ** 0.5) / 2, 6))))
    rule = ' in two cameras' if labels.cross_camera else ''
    for found, needed, what in (
        (identities, FEWEST_IDENTITIES, f'identities with two images{rule}'),
        (labels.num_identities, wanted, 'identities'),
        (labels.impostor_count(), pairs_needed(fmr), 'pairs of two identities'),
    ):
        if found < needed:
            raise CalibrationError(
                f'fmr {fmr:g} needs at least {needed:,} {what}, and there are {found:,}; give '
                'more images of other identities'
                + ('' if what.startswith('identities with') else ', or ask for a higher rate')
            )
    if counts.sum() < pairs_needed(fnmr):
        raise CalibrationError(
            f'fnmr {fnmr:g} needs at least {pairs_needed(fnmr):,} pairs of one identity{rule}, '
            f'and there are {int(counts.sum()):,}; give more images, or ask for a higher rate'
        )


def _checked(embeddings: Any, fingerprint: str | None) -> tuple[np.ndarray, list[str], str]:
    """Unit embeddings, their paths if known, and the model's fingerprint."""
    own = getattr(embeddings, 'fingerprint', None) or None
    paths = list(embeddings.paths) if isinstance(embeddings, Embeddings) else []
    values = embeddings.embeddings if isinstance(embeddings, Embeddings) else embeddings
    if fingerprint is None:
        fingerprint = own
    if not isinstance(fingerprint, str) or not fingerprint:
        raise CalibrationError('fingerprint must be the text that names the model')
    if own not in (None, fingerprint):
        raise CalibrationError(
            f'the embeddings have fingerprint {own!r}, not {fingerprint!r}; a card is of one model'
        )
    shape = tuple(getattr(values, 'shape', ()))
    try:
        unit = as_unit_embeddings(
            values, shape[1] if len(shape) == 2 else 0, None, False, 'embeddings'
        )
    except GalleryError as error:
        raise CalibrationError(str(error)) from error
    return unit, paths, fingerprint


def _first_of_each(paths: list[str], labels: PairLabels) -> np.ndarray:
    """Indices of the images without those whose path has been seen.

    Raises:
        CalibrationError: an image is of two identities.
    """
    first: dict[str, int] = {}
    for index, path in enumerate(paths):
        seen = first.setdefault(path, index)
        if labels.identities[seen] != labels.identities[index]:
            raise CalibrationError(f'{path} is given as two identities; correct the labels')
    return np.array([*first.values()]) if paths else np.arange(len(labels.identities))


def _det(pairs: PairSimilarities, same: float) -> tuple[DetPoint, ...]:
    """Points about evenly spaced in the logarithm of FMR, and where it is high in FNMR."""
    counts = np.geomspace(FEWEST_ERRORS, max(FEWEST_ERRORS, len(pairs.tail)), TAIL_POINTS)
    thresholds = {pairs.threshold_of_false_matches(count) for count in set(counts.astype(int))}
    edges = BIN_EDGES[max(pairs.floor, -1.0) >= BIN_EDGES]
    false = pairs.histograms[:, 0].sum(axis=0)[::-1].cumsum()[::-1][: len(edges)]
    missed = np.searchsorted(pairs.genuine, edges.astype(np.float32), side='left')
    for level in (np.log(np.maximum(false, 1)), missed):
        steps = np.round(level / (np.ptp(level) or 1) * BODY_POINTS / 2)
        thresholds.update(edges[np.unique(steps, return_index=True)[1]].tolist())
    num_genuine, num_impostor = len(pairs.genuine), pairs.num_impostor
    return tuple(
        DetPoint(
            threshold,
            pairs.false_matches(threshold) / num_impostor,
            pairs.false_non_matches(threshold) / num_genuine,
        )
        for threshold in sorted(thresholds | {same, -1.0})
    )
