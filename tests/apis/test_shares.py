"""Shares of several processes give what one process gives."""

import numpy as np
import pytest

from msvitreid.apis import ReIDInferencer
from msvitreid.apis.shares import embed_in_shares
from msvitreid.cli import embed as command
from msvitreid.errors import DatasetError
from tests.apis.indexing.crops import draw_crops
from tests.apis.tiny_model import write_tiny_model
from tests.processes import run_ranks


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp('model'))


@pytest.fixture
def paths(tmp_path):
    """Five images, one of them twice, and two that are none, not in the order of names."""
    names = draw_crops(tmp_path)[:5]
    for name in ('x.jpg', 'a.jpg'):
        (tmp_path / name).write_bytes(b'no image')
    order = ['x.jpg', *names[::-1], 'a.jpg', names[0]]
    return [str(tmp_path / name) for name in order]


@pytest.mark.parametrize('processes', [1, 2, 3])
def test_the_order_is_that_of_the_paths(processes, model, paths):
    inferencer = ReIDInferencer(model, device='cpu')
    expected = inferencer.embed(paths, on_error='skip')

    def shares():
        return embed_in_shares(inferencer, paths, 2, on_error='skip', progress=False)

    for found in run_ranks(shares, processes):
        assert found.paths == expected.paths
        assert found.failed == expected.failed
        assert list(found.failed) == [paths[0], paths[6]]
        assert found.fingerprint == expected.fingerprint
        np.testing.assert_allclose(found.embeddings, expected.embeddings, atol=1e-6)


def test_more_processes_than_images_and_an_end_at_the_first_fault(model, paths):
    inferencer = ReIDInferencer(model, device='cpu')

    def shares(count, on_error):
        return embed_in_shares(inferencer, paths[:count], on_error=on_error, progress=False)

    for found in run_ranks(shares, 3, 1, 'skip'):
        assert found.embeddings.shape == (0, 80)
        assert list(found.failed) == paths[:1]
    with pytest.raises(DatasetError, match=r'x\.jpg'):
        run_ranks(shares, 2, 2, 'raise')


def test_only_the_first_process_writes(model, paths, tmp_path, monkeypatch):
    from contextlib import contextmanager

    from mmengine.dist import is_main_process

    @contextmanager
    def joined():
        yield is_main_process()

    monkeypatch.setattr(command, 'joined_processes', joined)

    def run():
        out = str(tmp_path / 'e.npz')
        args = command.parse_args([str(model), *paths, '--out', out, '--device', 'cpu'])
        done = command.embed(args)
        return done and done.document['images']

    assert run_ranks(run, 2) == [6, None]
    with np.load(tmp_path / 'e.npz') as archive:
        assert archive['embeddings'].shape == (6, 80)
