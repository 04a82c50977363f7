"""Curves, camera pairs and maps: numbers on the picture, order of identities, bad input."""

from __future__ import annotations

import numpy as np
import pytest

from msvitreid.evaluation.functional import CameraPairs, retrieval_curves
from msvitreid.visualization.results import (
    draw_camera_pairs,
    draw_curves,
    draw_embedding_map,
)
from msvitreid.visualization.results.embedding_map import colored_identities
from msvitreid.visualization.style import save


def some_curves(noise):
    rng = np.random.default_rng(0)
    pids = np.arange(40) % 8
    features = np.eye(8)[pids] + noise * rng.normal(size=(40, 8))
    features = (features / np.linalg.norm(features, axis=1, keepdims=True)).astype(np.float32)
    return retrieval_curves(features[:10], features[10:], pids[:10], pids[10:], ranks=5)


def test_several_nets_in_one_picture(tmp_path, recwarn):
    nets = {'good': some_curves(0.1), '$bad': some_curves(2.0)}
    figure = draw_curves(nets, 'nets')
    save(figure, tmp_path / 'curves.png')
    assert not recwarn.list
    cmc, _, det, _ = figure.axes
    assert [line.get_ydata()[0] for line in cmc.lines] == [
        100 * curves.cmc[0] for curves in nets.values()
    ]
    assert det.get_xscale() == det.get_yscale() == 'log'
    (legend,) = figure.legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts[1].startswith(f'$bad: rank-1 {nets["$bad"].cmc[0]:.1%}')
    with pytest.raises(ValueError, match='no net'):
        draw_curves({}, '')


def test_camera_pairs(tmp_path):
    nan = np.nan
    pairs = CameraPairs(
        np.array([1, 2]),
        np.array([1, 2, 3]),
        {'mAP': np.array([[nan, 0.25, 0.5], [0.75, nan, 1.0]]), 'rank-1': np.eye(2, 3)},
        np.array([[0, 7, 8], [1234, 0, 9]]),
        {},
    )
    figure = draw_camera_pairs(pairs, 'cameras', ['door', 'hall'], ['door', 'hall', '$x'])
    save(figure, tmp_path / 'cameras.png')
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts.count('none') == 2
    assert {'25.0', '7', '50.0', '8', '75.0', '1,234', '100.0', '9'} <= set(texts)
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == ['door', 'hall']
    with pytest.raises(ValueError, match='1 and 3 names'):
        draw_camera_pairs(pairs, '', ['door'])
    with pytest.raises(ValueError, match='rank-1'):
        draw_camera_pairs(pairs._replace(figures={'mAP': np.eye(2, 3)}), '')


def test_a_long_title_stays_in_the_picture():
    """Titles that were cut on both sides: the name of a run with its folder, 85 characters."""
    title = (
        'own-person-128x64, own-person-128x64/averaged.pth, each gallery camera by itself, AP'
    )
    counts = np.ones((2, 2), dtype=int)
    figures = {'mAP': np.eye(2), 'rank-1': np.eye(2)}
    pairs = CameraPairs(np.array([1, 2]), np.array([1, 2]), figures, counts, {})
    figure = draw_camera_pairs(pairs, title)
    figure.draw_without_rendering()
    box = figure._suptitle.get_window_extent()
    assert 0 <= box.x0 < box.x1 <= figure.bbox.width
    figure = draw_embedding_map(np.zeros((3, 2)), ['a', 'b', 'c'], title, ('', ''))
    figure.draw_without_rendering()
    box, legend = figure.axes[0].title.get_window_extent(), figure.legends[0]
    assert 0 <= box.x0 < box.x1 <= legend.get_window_extent().x0


def test_ten_identities_in_color():
    labels = [str(number) for number in range(12) for _ in range(1 + number)] + ['']
    assert colored_identities(labels) == ['11', '10', '9', '8', '7', '6', '5', '4', '3', '2']
    assert colored_identities(['b', 'a']) == ['a', 'b']


def test_map(tmp_path):
    labels = [f'id{number}' for number in range(12) for _ in range(3)] + ['', '']
    points = np.random.default_rng(0).normal(size=(len(labels), 2))
    stars = {'query.jpg': points[0]}
    figure = draw_embedding_map(points, labels, '$map', ('x', 'y'), stars)
    save(figure, tmp_path / 'map.png')
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts[0] == '2 other identities,\n2 images without identity'
    assert len(texts) == 11
    looks = {
        (tuple(drawn.get_facecolor()[0]), drawn.get_paths()[0].vertices.tobytes())
        for drawn in figure.axes[0].collections[1:]
    }
    assert len(looks) == 10
    with pytest.raises(ValueError, match='labels'):
        draw_embedding_map(points, labels[1:], '')
