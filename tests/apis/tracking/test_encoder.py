"""A tracker gets a row of length 1 for every box, in order; class of faults: rows go missing."""

import numpy as np
import pytest
import torch

from msvitreid.apis import ReIDInferencer
from msvitreid.apis.tracking import TrackerEncoder
from msvitreid.errors import CheckpointError, ConfigError, DatasetError

from .stand_ins import BoxTracker

BOXES = [
    [0, 0, 30, 60],
    [300, 300, 310, 320],
    [50, 20, 80, 90],
    [np.nan, 0, 9, 9],
    [60, 60, 60, 90],
    [-20, -20, 30, 60],
    [90, 90, 80, 80],
    [0, 0, np.inf, np.inf],
]
USABLE = [True, False, True, False, False, True, False, True]


def test_there_is_a_row_for_every_box(encoder, frame):
    features, usable = encoder.embed(BOXES, frame)
    assert features.shape == (8, 80)
    assert features.dtype == np.float32
    assert usable.tolist() == USABLE
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, atol=1e-5)
    # Those of real boxes are the embeddings of these crops.
    crops = [frame[0:60, 0:30], frame[20:90, 50:80], frame[0:60, 0:30], frame]
    np.testing.assert_allclose(
        features[usable], encoder.inferencer(crops, color='bgr'), atol=1e-5
    )
    black = np.zeros((64, 32, 3), np.uint8)
    np.testing.assert_allclose(
        features[1], encoder.inferencer(black, color='rgb')[0], atol=1e-6
    )


def test_rows_belong_to_the_caller(encoder, frame):
    features = encoder.get_features(BOXES, frame)
    features *= 0
    assert np.linalg.norm(encoder.get_features(BOXES, frame), axis=1) == pytest.approx(
        np.ones(8)
    )


@pytest.mark.parametrize('boxes', [[], np.zeros((0, 4)), np.zeros(0), torch.zeros(0, 4)])
def test_no_box(boxes, encoder, frame):
    assert encoder.get_features(boxes, frame).shape == (0, 80)


def test_a_tracker_survives_boxes_outside_the_frame(encoder, frame):
    dets = np.array([[*box, 0.9, 0] for box in BOXES])
    tracker = BoxTracker(encoder)
    tracker.update(dets, frame)
    again = BoxTracker()
    again.update(dets[USABLE], frame, embs=encoder.get_features(dets[USABLE][:, :4], frame))
    # The very boxes again are matched to themselves.
    assert again.update(
        dets[USABLE], frame, embs=encoder.get_features(dets[USABLE][:, :4], frame)
    ).tolist() == [0, 1, 0, 3]


def test_it_describes_itself(encoder, model_file):
    assert encoder.embedding_dim == 80
    assert encoder.input_shape == (64, 32)
    inferencer = ReIDInferencer(model_file, device='cpu')
    assert (
        TrackerEncoder(inferencer).fingerprint == encoder.fingerprint == inferencer.fingerprint
    )


def test_the_order_of_channels(encoder, frame):
    rgb = TrackerEncoder(encoder.inferencer, color='rgb')
    flipped = np.ascontiguousarray(frame[:, :, ::-1])
    np.testing.assert_allclose(
        rgb.get_features(BOXES, flipped), encoder.get_features(BOXES, frame), atol=1e-6
    )


@pytest.mark.parametrize(
    'boxes',
    [
        [[1, 2, 3]],
        [1, 2, 3, 4],
        'abc',
        [['a', 1, 2, 3]],
        np.zeros((2, 5)),
        [[1, 2, 3, 4], [1, 2]],
        [[1, 2, 3, None], [1, 2, 3, {}]],
    ],
)
def test_boxes_that_are_none(boxes, encoder, frame):
    with pytest.raises(DatasetError, match=r'\(N, 4\)'):
        encoder.get_features(boxes, frame)


def test_frames_and_options_that_are_none(encoder, frame, tmp_path):
    with pytest.raises(DatasetError, match='uint8'):
        encoder.get_features(BOXES, frame / 255)
    with pytest.raises(DatasetError, match='one frame'):
        encoder.get_features(BOXES, [frame, frame])
    with pytest.raises(DatasetError, match=r'gone\.jpg'):
        encoder.get_features(BOXES, 'gone.jpg')
    with pytest.raises(ConfigError, match='batch_size'):
        TrackerEncoder(encoder.inferencer, batch_size=0)
    with pytest.raises(ConfigError, match='color'):
        TrackerEncoder(encoder.inferencer, color='gray')
    with pytest.raises(CheckpointError, match='gone'):
        TrackerEncoder(tmp_path / 'gone.safetensors')
