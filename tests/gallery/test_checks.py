"""Values that a gallery would store or compare as others, and sizes of nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from msvitreid.errors import GalleryError, ReIDError
from msvitreid.gallery import create_gallery

from .made import MODEL, names, unit

D = 8


@pytest.fixture
def gallery(tmp_path):
    with create_gallery(tmp_path / 'gallery', D, MODEL) as gallery:
        yield gallery


@pytest.mark.parametrize(
    'values',
    [(10**30, 10**30 + 1), (2**63, 2**63 + 1), ('x\0a', 'x\0b'), (np.uint64(2**63), 1)],
)
def test_identities_that_sqlite_takes_for_one_are_refused(gallery, values):
    """The class: mixed identities. A search by group gave both the same image, and a condition
    on one found the other.
    """
    with pytest.raises(GalleryError, match='pid'):
        gallery.add(names(2), unit(2, D), [{'pid': value} for value in values])
    assert gallery.count() == 0


def test_the_largest_integers_are_identities(gallery):
    gallery.add(names(2), unit(2, D), [{'pid': 2**63 - 1}, {'pid': 2**63 - 2}])
    assert gallery.count({'pid': 2**63 - 1}) == 1
    found = gallery.search(unit(1, D), group_by='pid', reduce='mean')
    assert sorted(found.ids[0]) == names(2)


def test_a_condition_on_a_text_with_a_nul_is_refused(gallery):
    gallery.add(['a'], unit(1, D), [{'pid': 'x'}])
    with pytest.raises(GalleryError, match='pid'):
        gallery.count({'pid': 'x\0a'})


@pytest.mark.parametrize('size', [0, -1, 1.5, '3', None, True, 2**70])
def test_a_step_of_no_items_is_refused(gallery, tmp_path, size):
    """The class: a silent loss. A copy in steps of 0 ended at once and reported success."""
    gallery.add(names(3), unit(3, D))
    with create_gallery(tmp_path / 'copy', D, MODEL) as other:
        with pytest.raises(GalleryError, match='batch_size'):
            gallery.copy_to(other, batch_size=size)
        with pytest.raises(GalleryError, match='batch_size'):
            list(gallery.scan(batch_size=size))


@pytest.mark.parametrize(
    'options',
    [{'sample': 0}, {'sample': -1}, {'sample': 2.0}, {'min_recall': float('nan')}],
)
def test_a_recall_that_nothing_was_searched_for_is_refused(gallery, options):
    """The class: a figure of nothing. Of no sample the recall was 1."""
    gallery.add(names(3), unit(3, D))
    with pytest.raises(GalleryError, match=next(iter(options))):
        gallery.build_index('hnsw', **options)


@pytest.mark.parametrize(
    'embeddings',
    [
        np.ma.masked_array(unit(1, D), mask=[[True] + [False] * (D - 1)]),
        torch.from_numpy(unit(1, D)).to(torch.complex64),
        torch.from_numpy(unit(1, D)).to_sparse(),
        torch.ones(1, D, device='meta'),
        torch.eye(D)[:1].int(),
        torch.eye(D)[:1].bool(),
        [torch.from_numpy(unit(1, D)[0]).requires_grad_()],
    ],
    ids=['masked', 'complex', 'sparse', 'meta', 'int', 'bool', 'list with gradients'],
)
def test_embeddings_of_other_kinds_are_refused(gallery, embeddings):
    """The class: parts that are dropped without a word: a mask, the imaginary part."""
    with pytest.raises(GalleryError, match='embeddings must'):
        gallery.add(['a'], embeddings)
    assert gallery.count() == 0


def test_arrays_that_cannot_be_written_are_taken(gallery, recwarn):
    vectors = unit(2, D)
    vectors.setflags(write=False)
    gallery.add(names(2), vectors)
    assert gallery.search(vectors, 1).ids == [[name] for name in names(2)]
    assert not recwarn


@pytest.mark.parametrize(
    ('arguments', 'match'),
    [
        ((3, unit(1, D)), 'ids'),
        ((None, unit(1, D)), 'ids'),
        ((['a'], unit(1, D), ({} for _ in 'a')), 'metadata'),
        ((['a'], unit(1, D), 'x'), 'metadata'),
        ((['a'], unit(1, D), None, 3), 'hashes'),
        ((['a'], unit(1, D), None, {'h': 1}), 'hashes'),
    ],
)
def test_what_is_no_list_is_refused(gallery, arguments, match):
    """The class: tracebacks for wrong arguments."""
    with pytest.raises(GalleryError, match=match):
        gallery.add(*arguments)


@pytest.mark.parametrize('exclude', [['id'], {'id': 3}, {'id': iter('a')}, {'id': {'a': 1}}])
def test_exclusions_that_are_none(gallery, exclude):
    with pytest.raises(GalleryError, match='exclude'):
        gallery.search(unit(1, D), exclude=exclude)


@pytest.mark.parametrize('number', [101, 3000])
def test_more_conditions_than_sqlite_takes(gallery, number):
    """The class: a wrong sentence. It was that the gallery is damaged."""
    with pytest.raises(GalleryError, match='where has'):
        gallery.count({f'c{i}': i for i in range(number)})
    with pytest.raises(GalleryError, match='exclude has'):
        gallery.search(unit(1, D), exclude={f'c{i}': [i] for i in range(number)})
    assert gallery.count({f'c{i}': i for i in range(100)}) == 0


@pytest.mark.parametrize('column', ['id', 'hash'])
def test_groups_by_what_is_no_metadata(gallery, column):
    """The class: an option without effect. Every item was a group of its own."""
    gallery.add(names(4), unit(4, D), hashes=['h1', 'h1', 'h2', 'h2'])
    with pytest.raises(GalleryError, match='group_by'):
        gallery.search(unit(1, D), group_by=column)


def test_a_threshold_gives_all_hits_though_some_are_reranked(gallery):
    """The class: a silent loss. Hits after the re-ranked ones were left out."""
    gallery.add(names(9), unit(9, D))
    query = unit(1, D, seed=1)
    plain = gallery.search(query, threshold=-1)
    reranked = gallery.search(query, threshold=-1, rerank={'first': 4, 'k1': 2, 'k2': 1})
    assert len(plain.ids[0]) == 9
    assert sorted(reranked.ids[0][:4]) == sorted(plain.ids[0][:4])
    assert reranked.ids[0][4:] == plain.ids[0][4:]
    limited = gallery.search(query, 3, threshold=-1, rerank={'first': 4, 'k1': 2, 'k2': 1})
    assert limited.ids[0] == reranked.ids[0][:3]


def test_a_copy_replaces_1_by_true(gallery, tmp_path):
    """The class: values that are equal in Python only. The old one stayed without a word."""
    gallery.add(['a'], unit(1, D), [{'occluded': True}])
    with create_gallery(tmp_path / 'copy', D, MODEL) as other:
        other.add(['a'], unit(1, D), [{'occluded': 1}])
        assert gallery.copy_to(other).updated == 1
        assert other.count({'occluded': True}) == 1


@pytest.mark.parametrize('name', ['a\0b', 'a' * 300])
def test_paths_that_no_folder_can_have(tmp_path, name):
    with pytest.raises(ReIDError, match=r'NUL|too long'):
        create_gallery(f'{tmp_path}/{name}', D, MODEL)
    assert not list(tmp_path.iterdir())
