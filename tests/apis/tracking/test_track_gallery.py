"""Tracks in a gallery: ids, columns, a second run, and what is refused."""

import json

import numpy as np
import pytest

from msvitreid.apis.tracking import TrackEmbeddings, add_tracks
from msvitreid.cli.main import main
from msvitreid.errors import ConfigError, GalleryError
from msvitreid.gallery import create_gallery, open_gallery
from tests.gallery.made import MODEL, unit

from .test_tracklets import run, video, written  # noqa: F401


def tracks(ids, seed=0, fingerprint=MODEL):
    count = len(ids)
    whole = np.arange(count)
    return TrackEmbeddings(
        np.array(ids), unit(count, 8, seed), whole + 3, whole + 2, whole, whole + 9,
        whole / 4, {}, fingerprint,
    )  # fmt: skip


def test_ids_columns_and_a_second_run(tmp_path):
    with create_gallery(tmp_path / 'g', 8, MODEL) as gallery:
        assert add_tracks(gallery, tracks([4, 17]), 'v1', 'c2') == (2, 0)
        assert add_tracks(gallery, tracks([4]), 'v2') == (1, 0)
        gallery.update(['v1/4'], metadata=[{'pid': 'anna'}])
        assert add_tracks(gallery, tracks([4, 5], seed=1), 'v1', 'c2') == (1, 1)
        items = gallery.get(['v1/4', 'v1/5', 'v1/17', 'v2/4'])
    assert len(items) == 4
    assert items['v1/4'].metadata == {
        'video': 'v1', 'camera': 'c2', 'track': 4, 'boxes': 3, 'used': 2, 'first_frame': 0,
        'last_frame': 9, 'weight': 0.0, 'pid': 'anna',
    }  # fmt: skip
    assert 'camera' not in items['v2/4'].metadata
    np.testing.assert_allclose(items['v1/4'].embedding, unit(2, 8, 1)[0], atol=1e-6)


def test_what_is_refused(tmp_path):
    with create_gallery(tmp_path / 'g', 8, MODEL) as gallery:
        with pytest.raises(GalleryError, match='fingerprint'):
            add_tracks(gallery, tracks([1], fingerprint='other'), 'v')
        with pytest.raises(ConfigError, match='video'):
            add_tracks(gallery, tracks([1]), '')
        assert add_tracks(gallery, tracks([]), 'v') == (0, 0)
        assert len(gallery) == 0


def test_the_command(model_file, video, tmp_path, capsys):  # noqa: F811
    path = written(tmp_path, '1,1,10,10,20,40', '2,3,10,10,20,40')
    arguments = (model_file, video, path, '--gallery', tmp_path / 'g')
    code, out, _ = run(capsys, *arguments, '--video', 'v', '--camera', 'c1', '--json')
    facts = json.loads(out)
    assert (code, facts['added'], facts['updated'], facts['out']) == (0, 2, 0, None)
    code, out, _ = run(capsys, *arguments, '--out', tmp_path / 't.npz', '--json')
    assert json.loads(out)['added'] == 2  # of a video that is called as the file of tracks
    with open_gallery(tmp_path / 'g', readonly=True) as gallery:
        assert set(gallery.get(['v/1', 'v/3'])) == {'v/1', 'v/3'}
        assert gallery.count({'camera': 'c1'}) == 2
        assert len(gallery) == 4
    main(['search', str(tmp_path / 'g'), '--id', 'v/1'])
    assert 'v/3' in capsys.readouterr().out
    with pytest.raises(ConfigError, match='only read'):
        run(capsys, model_file, video, path, '--gallery', video / 'g')
