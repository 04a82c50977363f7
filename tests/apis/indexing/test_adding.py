"""Class of faults: an image that is embedded twice, left stale, lost by a kill, or removed."""

import os
import shutil
import signal
import time

import numpy as np
import pytest

from msvitreid.apis.indexing import (
    index_images,
    list_image_files,
    open_or_create_gallery,
    reembed_gallery,
    require_same_model,
)
from msvitreid.errors import DatasetError, GalleryError
from msvitreid.gallery import create_gallery, open_gallery
from tests.gallery.test_killed_writers import fork
from tests.processes import run_ranks

from .crops import draw, draw_crops


@pytest.fixture
def gallery(tmp_path, inferencer):
    with open_or_create_gallery(
        tmp_path / 'g', inferencer.dimension, inferencer.fingerprint
    ) as opened:
        yield opened


def counts(report):
    return (report.added, report.updated, report.described, report.skipped)


def metadata_of(gallery):
    return {item.id: item.metadata for items in gallery.scan() for item in items}


def test_only_what_changed_is_embedded(crops, gallery, inferencer, monkeypatch):
    assert counts(index_images(gallery, inferencer, list_image_files([crops]))) == (6, 0, 0, 0)
    embedded = []
    embed = inferencer.embed
    monkeypatch.setattr(
        inferencer,
        'embed',
        lambda images, *more, **options: (
            embedded.extend(image.name for image in images),
            embed(images, *more, **options),
        )[1],
    )
    draw(crops / 'c1' / '0001_c1.jpg', 77)
    draw(crops / 'c3' / 'new.jpg', 78)
    report = index_images(gallery, inferencer, list_image_files([crops]), commit_every=2)
    assert counts(report) == (1, 1, 0, 5)
    assert embedded == [str(crops / 'c1' / '0001_c1.jpg'), str(crops / 'c3' / 'new.jpg')]
    for id_ in ('c1/0001_c1.jpg', 'c3/new.jpg', 'c2/0002_c2.jpg'):
        item = gallery.get([id_])[id_]
        np.testing.assert_allclose(item.embedding, embed(crops / id_).embeddings[0], atol=1e-6)
    assert counts(index_images(gallery, inferencer, list_image_files([crops]))) == (0, 0, 0, 7)
    assert gallery.verify().problems == []


def test_metadata_change_without_embedding(crops, gallery, inferencer):
    listed = list_image_files([crops])
    first = 'c1/0000_c1.jpg'
    index_images(gallery, inferencer, listed, {first: {'pid': 1, 'time': 2.0}})
    path = str(crops / first)
    assert metadata_of(gallery)[first] == {'pid': 1, 'time': 2.0, 'path': path}
    # A run that gives none keeps them; None removes a column; True is not 1.
    assert counts(index_images(gallery, inferencer, listed)) == (0, 0, 0, 6)
    report = index_images(gallery, inferencer, listed, {first: {'time': None, 'pid': True}})
    assert counts(report) == (0, 0, 1, 5)
    assert metadata_of(gallery)[first] == {'pid': True, 'path': path}
    # The folder was moved: same content, other paths.
    moved = crops.rename(crops.with_name('moved'))
    assert counts(index_images(gallery, inferencer, list_image_files([moved]))) == (0, 0, 6, 0)
    assert metadata_of(gallery)[first]['path'] == str(moved / first)


def test_what_is_gone_is_named_and_pruned_on_request_only(crops, gallery, inferencer):
    index_images(gallery, inferencer, list_image_files([crops / 'c1'], crops))
    index_images(gallery, inferencer, list_image_files([crops / 'c2'], crops))
    os.unlink(crops / 'c1' / '0001_c1.jpg')
    (crops / 'c1' / '0002_c1.jpg').write_bytes(b'broken')
    listed = list_image_files([crops / 'c1'], crops)
    report = index_images(gallery, inferencer, listed)
    # Another folder's images are not missing, nor is one that cannot be read any more.
    assert (report.missing, report.removed) == (['c1/0001_c1.jpg'], 0)
    assert list(report.failed) == [str(crops / 'c1' / '0002_c1.jpg')]
    assert len(gallery) == 6
    report = index_images(gallery, inferencer, listed, prune=True)
    assert (report.missing, report.removed, len(gallery)) == (['c1/0001_c1.jpg'], 1, 5)
    # Single files say nothing of others.
    one = list_image_files([crops / 'c2' / '0000_c2.jpg'], crops)
    assert index_images(gallery, inferencer, one, prune=True).missing == []


def test_images_that_cannot_be_read(crops, gallery, inferencer):
    (crops / 'broken.jpg').write_bytes(b'x')
    (crops / 'empty.jpg').touch()
    (crops / 'gone.jpg').symlink_to(crops / 'nowhere')
    os.mkfifo(crops / 'pipe.jpg')
    os.symlink('/dev/zero', crops / 'zero.jpg')
    listed = list_image_files([crops])
    with pytest.raises(DatasetError, match=r'gone\.jpg'):
        index_images(gallery, inferencer, listed, on_error='raise')
    assert len(gallery) == 0
    report = index_images(gallery, inferencer, listed)
    assert sorted(os.path.basename(path) for path in report.failed) == [
        'broken.jpg',
        'empty.jpg',
        'gone.jpg',
        'pipe.jpg',
        'zero.jpg',
    ]
    assert all(os.path.basename(path) in reason for path, reason in report.failed.items())
    assert (report.added, len(gallery)) == (6, 6)


def index_until_killed(path, crops, inferencer):
    embed = inferencer.embed
    inferencer.embed = lambda *given, **options: (time.sleep(0.05), embed(*given, **options))[1]
    with open_gallery(path) as gallery:
        index_images(gallery, inferencer, list_image_files([crops]), commit_every=2)


def test_a_killed_process_is_continued(tmp_path, inferencer):
    ids = draw_crops(tmp_path / 'crops', 20)
    create_gallery(tmp_path / 'g', inferencer.dimension, inferencer.fingerprint).close()
    process = fork.Process(
        target=index_until_killed, args=(tmp_path / 'g', tmp_path / 'crops', inferencer)
    )
    process.start()
    with open_gallery(tmp_path / 'g', readonly=True) as reader:
        deadline = time.monotonic() + 60
        while (done := len(reader)) < 6:
            assert time.monotonic() < deadline
            time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    with open_gallery(tmp_path / 'g') as gallery:
        report = index_images(gallery, inferencer, list_image_files([tmp_path / 'crops']))
        assert report.skipped >= done
        assert report.added + report.skipped == len(ids) == len(gallery) == 40
        assert gallery.verify().problems == []


def test_two_processes_share_the_work(crops, tmp_path, inferencer):
    (crops / 'c1' / 'broken.jpg').write_bytes(b'x')
    (crops / 'c2' / 'broken.jpg').write_bytes(b'x')

    def index(path):
        from mmengine.dist import get_rank

        listed = list_image_files([crops])
        if get_rank():
            return index_images(None, inferencer, listed, commit_every=3)
        model = inferencer.dimension, inferencer.fingerprint
        with open_or_create_gallery(path, *model) as gallery:
            return index_images(gallery, inferencer, listed, commit_every=3)

    first, second = run_ranks(index, 2, tmp_path / 'two')
    assert (first.added, len(first.failed)) == (6, 2)
    assert second.added == 0
    with open_gallery(tmp_path / 'two', readonly=True) as gallery:
        for items in gallery.scan():
            for item in items:
                alone = inferencer(crops / item.id)[0]
                np.testing.assert_allclose(item.embedding, alone, atol=1e-6)
        assert len(gallery) == 6
    again, _ = run_ranks(index, 2, tmp_path / 'two')
    assert counts(again) == (0, 0, 0, 6)


def test_another_model_is_refused_and_says_how_to_embed_again(tmp_path, inferencer):
    create_gallery(tmp_path / 'other', inferencer.dimension, 'another').close()
    model = inferencer.dimension, inferencer.fingerprint
    with pytest.raises(GalleryError, match='index reembed'):
        open_or_create_gallery(tmp_path / 'other', *model)
    with (
        open_gallery(tmp_path / 'other') as gallery,
        pytest.raises(GalleryError, match='index reembed'),
    ):
        require_same_model(gallery, inferencer.fingerprint)
    open_or_create_gallery(tmp_path / 'new', *model, 'float16').close()
    with pytest.raises(GalleryError, match='float16'):
        open_or_create_gallery(tmp_path / 'new', *model, 'int8')


def test_reembedding_keeps_ids_and_metadata(crops, tmp_path, inferencer):
    """From wherever the images are now; a gallery's own paths may lead anywhere."""
    model = inferencer.dimension, inferencer.fingerprint
    ids = sorted(path.relative_to(crops).as_posix() for path in crops.rglob('*.jpg'))
    with create_gallery(tmp_path / 'old', 4, 'another') as old:
        metadata = [{'pid': place, 'path': str(crops / id_)} for place, id_ in enumerate(ids)]
        old.add(ids, np.eye(6, 4, dtype=np.float32) + np.eye(6, 4, -4, np.float32), metadata)
        old.add(['../x.jpg', 'b.jpg'], np.eye(2, 4, dtype=np.float32))
        with open_or_create_gallery(tmp_path / 'new', *model) as new:
            report = reembed_gallery(old, new, inferencer)
            assert (report.added, sorted(report.failed)) == (6, ['../x.jpg', 'b.jpg'])
            assert metadata_of(new) == {item: metadata[i] for i, item in enumerate(ids)}
            assert reembed_gallery(old, new, inferencer).skipped == 6
        shutil.move(crops, tmp_path / 'moved')
        with open_or_create_gallery(tmp_path / 'third', *model) as new:
            report = reembed_gallery(old, new, inferencer, tmp_path / 'moved')
            assert report.added == 6
            assert sorted(os.path.basename(path) for path in report.failed) == [
                'b.jpg',
                'x.jpg',
            ]
