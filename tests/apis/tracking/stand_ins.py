"""The parts of tracking packages that meet embeddings, as their documentation describes them."""

from __future__ import annotations

import numpy as np


class BoxTracker:
    """BoxMOT: ``update(dets, img, embs)``, or features by ``model.get_features(xyxys, img)``.

    Features are divided by their lengths in place and compared by cosine.
    """

    def __init__(self, model=None):
        self.model = model
        self.smooth = None

    def update(self, dets, img, embs=None):
        features = self.model.get_features(dets[:, 0:4], img) if embs is None else embs
        assert len(features) == len(dets)
        for feature in features:
            feature /= np.linalg.norm(feature)
        if self.smooth is None:
            self.smooth = list(features)
        cost = 1 - np.stack(self.smooth) @ features.T
        assert np.isfinite(cost).all()
        return cost.argmin(axis=1)


class DeepSort:
    """deep_sort_realtime: drops detections without an area, then zips them with ``embeds``."""

    def update_tracks(self, raw_detections, embeds=None, frame=None):
        assert embeds is not None
        kept = [one for one in raw_detections if one[0][2] > 0 and one[0][3] > 0]
        features = np.asarray(embeds)
        if len(kept):
            unit = features / np.linalg.norm(features, axis=1, keepdims=True)
            assert np.isfinite(1.0 - unit @ unit.T).all()
        return [(one[2], embed) for one, embed in zip(kept, embeds)]  # noqa: B905


class Detection:
    """Norfair: any points, and an embedding that may be None."""

    def __init__(self, points, embedding=None):
        self.points = np.asarray(points)
        self.embedding = embedding


class TrackedObject:
    """Norfair: what a ``reid_distance_function`` gets."""

    def __init__(self, *detections):
        self.past_detections = list(detections)
        self.last_detection = detections[-1]


class Botsort:
    """Ultralytics: ``encoder(img, bboxes)``, bboxes by center, width, height and index."""

    def __init__(self, encoder):
        self.encoder = encoder

    def init_track(self, xywh, img):
        bboxes = np.concatenate([xywh, np.arange(len(xywh)).reshape(-1, 1)], axis=-1)
        found = self.encoder(img, bboxes)
        assert len(found) == len(xywh)
        return [feature / np.linalg.norm(feature) for feature in found]
