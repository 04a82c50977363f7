"""Error rates of each pair of cameras."""

from __future__ import annotations

import numpy as np

from msvitreid.evaluation.functional.pair_similarities import PairSimilarities

from .card import FEWEST_ERRORS, CameraPair
from .labels import PairLabels


def measure_camera_pairs(
    pairs: PairSimilarities, labels: PairLabels, threshold: float, fmr: float
) -> tuple[CameraPair, ...]:
    """Rates at the card's threshold, and a threshold of its own, for each pair of cameras.

    Each is given where 30 errors can be expected at the rate asked for, of FNMR where there are
    as many pairs. A threshold lies within the most similar pairs that were kept: a pair of
    cameras that has fewer false matches there gets the lowest similarity kept.

    Args:
        pairs: similarities.
        labels: of the images.
        threshold: the card's.
        fmr: rate asked for.
    """
    size = len(labels.camera_names)
    if not size:
        return ()
    known = labels.cameras >= 0
    number_of = np.bincount(labels.cameras[known], minlength=size)
    by_identity = np.zeros((labels.num_identities, size), np.int64)
    np.add.at(by_identity, (labels.identities[known], labels.cameras[known]), 1)
    # Ordered pairs of images, of which those of one identity are none of two.
    impostors = np.outer(number_of, number_of) - by_identity.T @ by_identity
    code, tail_code = (
        _codes(found, labels, size) for found in (pairs.genuine_pairs, pairs.tail_pairs)
    )
    is_missed = pairs.genuine < np.float32(threshold)
    measured = []
    for one in range(size):
        for other in range(one, size):
            number = int(impostors[one, other] // (2 if one == other else 1))
            genuine = code == one * size + other
            num_genuine = int(genuine.sum())
            if not number and not num_genuine:
                continue
            own_threshold = rate = missed = None
            if number * fmr >= FEWEST_ERRORS:
                own = pairs.tail[tail_code == one * size + other]
                allowed = int(number * fmr + 1e-9)
                refused = own[allowed] if allowed < len(own) else pairs.floor
                own_threshold = float(np.nextafter(np.float32(refused), np.float32(np.inf)))
                own_threshold = max(own_threshold, -1.0)
                rate = int((own >= np.float32(threshold)).sum()) / number
            if num_genuine >= FEWEST_ERRORS:
                missed = float(is_missed[genuine].mean())
            names = labels.camera_names[one], labels.camera_names[other]
            measured.append(CameraPair(names, num_genuine, number, own_threshold, rate, missed))
    return tuple(measured)


def _codes(images: np.ndarray, labels: PairLabels, size: int) -> np.ndarray:
    """A number for the cameras of each pair of images; -1 if one is not known."""
    cameras = np.sort(labels.cameras[images], axis=1)
    return np.where(cameras[:, 0] < 0, -1, cameras[:, 0] * size + cameras[:, 1])
