"""Clusters equal a plain loop's; constraints hold; bad input is a sentence."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from msvitreid.apis.clustering import METHODS, assign, cluster
from msvitreid.errors import ConfigError, DatasetError
from msvitreid.evaluation.functional import clustering_metrics

from .made import identities, plain_components


@pytest.mark.parametrize('seed', range(6))
@pytest.mark.parametrize('k', [2, 5, 100])
def test_components_equal_a_plain_loop(seed, k):
    random = np.random.default_rng(seed)
    rows, _ = identities(8, 6, noise=0.25, seed=seed)
    # Tracklets of two images in different frames, and up to three images in a frame.
    tracklets = [i // 2 if i % 3 else None for i in range(48)]
    frames = [f'f{random.integers(16)}-{i % 2}' if i % 5 else None for i in range(48)]
    for options in ({}, {'frames': frames}, {'frames': frames, 'tracklets': tracklets}):
        found = cluster(rows, 0.6, k_reciprocal=k, **options)
        assert found.labels.tolist() == plain_components(rows, 0.6, k, **options)
        assert found.labels.dtype == np.int64


@pytest.mark.parametrize('method', METHODS)
def test_separate_identities_are_found_and_none_is_left_without_a_label(method):
    rows, pids = identities(12, 8, noise=0.05)
    alone = np.eye(16, dtype=np.float32)[:1]
    found = cluster(np.concatenate([rows, alone]), 0.7, method=method)
    assert found.labels.min() == 0
    assert len(found) == 13
    assert (found.labels == 12).sum() == 1
    assert clustering_metrics(pids, found.labels[:-1])['b3-F'] == 1
    assert found.sizes == {**dict.fromkeys(range(12), 8), 12: 1}
    again = cluster(torch.from_numpy(np.concatenate([rows, alone])), 0.7, method=method)
    assert again.labels.tolist() == found.labels.tolist()


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('count', [1, 2, 3, 50, 300])
def test_exact_duplicates_are_one_cluster(method, count):
    """Class of faults: the k nearest of ties are the lowest indices, the others stay alone."""
    row = np.ones((1, 9), np.float32) / 3
    assert len(cluster(np.repeat(row, count, axis=0), 0.9, method=method, k_reciprocal=3)) == 1


@pytest.mark.parametrize('method', METHODS)
def test_constraints_hold_in_every_method(method):
    """Class of faults: constraints that only one method knows."""
    random = np.random.default_rng(3)
    rows, _ = identities(4, 20, noise=0.2, seed=3)
    frames = random.integers(0, 30, 80).tolist()
    order = random.permutation(80)
    tracklets = [None] * 80
    for number, (one, other) in enumerate(order[:40].reshape(20, 2).tolist()):
        if frames[one] != frames[other]:
            tracklets[one] = tracklets[other] = number
    found = cluster(rows, 0.5, method=method, frames=frames, tracklets=tracklets)
    for label in found.sizes:
        members = np.flatnonzero(found.labels == label)
        assert len({frames[i] for i in members}) == len(members)
    for number in range(20):
        assert len({found.labels[i] for i in range(80) if tracklets[i] == number}) <= 1
    assert found.refused > 0


def test_the_more_similar_pair_wins_a_frame():
    angles = np.array([0.0, 0.1, 0.3])
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    assert cluster(rows, 0.5).labels.tolist() == [0, 0, 0]
    # 0-1 is the closest pair, so 2, of the same frame as 0, stays alone.
    found = cluster(rows, 0.5, frames=[7, None, 7])
    assert found.labels.tolist() == [0, 0, 1]
    assert found.refused == 2
    assert cluster(rows[::-1], 0.5, frames=[7, None, 7]).labels.tolist() == [0, 1, 1]
    # NaN, as pandas writes a missing value, is no frame.
    assert len(cluster(rows, 0.5, frames=[np.nan, np.nan, np.nan])) == 1


def test_a_tracklet_links_what_does_not_look_alike():
    rows = np.eye(4, dtype=np.float32)
    found = cluster(rows, 0.9, tracklets=['a', None, 'a', None])
    assert found.labels.tolist() == [0, 1, 0, 2]


def test_contradicting_constraints_name_the_tracklet_frame_and_images():
    rows = np.eye(4, dtype=np.float32)
    with pytest.raises(DatasetError, match=r"tracklet t9 .*'c\.jpg'.*'b\.jpg'.*frame 5"):
        cluster(
            rows,
            0.9,
            tracklets=[None, 't9', 't9', None],
            frames=[5, 5, 5, None],
            names=['a.jpg', 'b.jpg', 'c.jpg', 'd.jpg'],
        )
    # Through two tracklets that share no frame by themselves nothing contradicts.
    assert len(cluster(rows, 0.9, tracklets=[1, 1, 2, 2], frames=[5, 6, 5, 6])) == 2


def test_new_images_join_or_start_clusters_and_labels_stay():
    rows, pids = identities(10, 8, noise=0.05, seed=1)
    order = np.random.default_rng(0).permutation(80)
    rows, pids = rows[order], pids[order]
    first = cluster(rows[:40], 0.7)
    both = assign(first, rows[40:])
    assert both.labels[:40].tolist() == first.labels.tolist()
    assert clustering_metrics(pids, both.labels)['b3-F'] == 1
    third = assign(both, np.eye(16, dtype=np.float32)[3:5])
    assert third.labels.tolist() == [*both.labels, len(both), len(both) + 1]
    assert assign(first, rows[:0]).labels.tolist() == first.labels.tolist()
    assert (
        assign(cluster(rows[:0], 0.7), rows).labels.tolist()
        == cluster(rows, 0.7).labels.tolist()
    )


def test_two_clusters_never_become_one_and_frames_count_for_old_images():
    angles = np.array([0.0, 0.5, 0.25, 0.26])
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    first = cluster(rows[:2], 0.95, frames=['x', 'y'])
    assert first.labels.tolist() == [0, 1]
    found = assign(first, rows[2:3])
    assert found.labels.tolist() == [0, 1, 0]
    # The new image is near both; the two old ones are no pair that a constraint keeps apart.
    assert found.refused == 1
    # Its own frame forbids the nearer cluster.
    assert assign(first, rows[2:3], frames=['x']).labels.tolist() == [0, 1, 1]
    assert assign(first, rows[3:], frames=['y']).labels.tolist() == [0, 1, 0]


def test_a_tracklet_that_spans_two_clusters_is_refused():
    rows = np.eye(3, dtype=np.float32)
    first = cluster(rows[:2], 0.9, tracklets=['a', 'b'])
    assert assign(first, rows[2:], tracklets=['b']).labels.tolist() == [0, 1, 1]
    broken = type(first)(**{**vars(first), 'tracklets': ('a', 'a')})
    with pytest.raises(DatasetError, match='tracklet a'):
        assign(broken, rows[2:])
    with pytest.raises(DatasetError, match="clusters 'ben' and 'anna'"):
        assign(broken, rows[2:], label_names=['anna', 'ben'])
    torn = type(first)(**{**vars(first), 'labels': np.zeros(2, np.int64), 'frames': ('x', 'x')})
    with pytest.raises(DatasetError, match="the cluster 'anna' joins"):
        assign(torn, rows[2:], label_names=['anna'])
    with pytest.raises(DatasetError, match='columns'):
        assign(first, np.eye(4, dtype=np.float32))


@pytest.mark.parametrize('threshold', [float('nan'), 2, -1.5, float('inf'), '0.5', None, True])
def test_thresholds_that_are_none(threshold):
    with pytest.raises(ConfigError, match='threshold'):
        cluster(np.eye(3, dtype=np.float32), threshold)


@pytest.mark.parametrize(
    ('options', 'error', 'match'),
    [
        ({'method': 'kmeans'}, ConfigError, 'method'),
        ({'method': None}, ConfigError, 'method'),
        ({'k_reciprocal': 0}, ConfigError, 'k_reciprocal'),
        ({'k_reciprocal': True}, ConfigError, 'k_reciprocal'),
        ({'min_samples': 0}, ConfigError, 'min_samples'),
        ({'tracklets': [1, 2]}, DatasetError, 'tracklets are 2'),
        ({'frames': 'abc'}, DatasetError, 'frames'),
        ({'frames': [1, [2], 3]}, DatasetError, r'frames\[1\]'),
        ({'frames': [1, (2, [3]), 4]}, DatasetError, r'frames\[1\]'),
        ({'frames': 5}, DatasetError, 'frames'),
        ({'frames': np.array(5)}, DatasetError, 'frames'),
        ({'tracklets': np.zeros((3, 1))}, DatasetError, 'tracklets'),
    ],
)
def test_options_that_are_none(options, error, match):
    with pytest.raises(error, match=match):
        cluster(np.eye(3, dtype=np.float32), 0.5, **options)


@pytest.mark.parametrize(
    'rows',
    [
        np.zeros((2, 3), np.float32),
        np.full((2, 3), np.nan, np.float32),
        2 * np.eye(3, dtype=np.float32),
        np.eye(3, dtype=np.int64),
        np.ones(3, np.float32),
        np.zeros((3, 0), np.float32),
        [[1.0], [1.0, 2.0]],
        'abc',
    ],
)
def test_embeddings_that_are_none(rows):
    with pytest.raises(DatasetError, match='embeddings'):
        cluster(rows, 0.5)


@pytest.mark.parametrize('method', METHODS)
def test_no_image_and_one_image(method):
    assert cluster(np.zeros((0, 4), np.float32), 0.5, method=method).labels.shape == (0,)
    assert cluster(np.eye(1, 4, dtype=np.float32), 0.5, method=method).labels.tolist() == [0]


CODE = """
import resource
import numpy as np, torch
from msvitreid.apis.clustering import assign, cluster
from tests.apis.clustering.made import identities
torch.set_num_threads(1)
rows, _ = identities(600, 10, noise=0.02, dimension=512)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(len(cluster(rows, 0.6, k_reciprocal=20)))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.slow
def test_memory_of_six_thousand_images():
    """Class of faults: a matrix of all pairs, 144 MB for 6,000 images."""
    done = subprocess.run([sys.executable, '-c', CODE], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    clusters, kilobytes = map(int, done.stdout.split())
    assert clusters == 600
    scale = 1 if sys.platform != 'darwin' else 1024
    assert kilobytes / scale < 110_000
