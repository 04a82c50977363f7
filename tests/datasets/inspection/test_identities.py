from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from msvitreid.datasets.inspection import (
    scarce_identity_findings,
    separate_camera_findings,
    shared_identity_findings,
    unmatched_query_findings,
)

from .contents import contents, entry


def notes(findings):
    return {found.kind: [item.note for item in found.items] for found in findings}


def test_scarce_identities():
    found = scarce_identity_findings(
        contents(
            [
                *(entry('train', 1, camid) for camid in (1, 2)),
                *(entry('train', 2, camid) for camid in (3, 3, 3)),
                entry('train', 3, 1),
                *(entry('train', 4) for _ in range(2)),
                entry('gallery', 5, 1),
            ]
        )
    )
    assert notes(found) == {
        'single_image': ['identity 3'],
        'single_camera': ['identity 2, camera 3'],
    }
    assert not any(finding.is_fault for finding in found)


def test_shared_identities():
    entries = [entry('train', pid) for pid in (1, 2, 2, 7)]
    entries += [entry('query', 2), entry('gallery', 7), entry('gallery', 0)]
    (found,) = shared_identity_findings(contents(entries))
    assert [item.note for item in found.items] == ['identity 2', 'identity 7']
    assert found.is_fault
    # It numbers training and test identities from 0 each.
    assert shared_identity_findings(contents(entries, numbers_splits_apart=True)) == []


def test_a_match_is_of_another_known_camera():
    queries = [entry('query', 1, 1), entry('query', 2, 1), entry('query', 3), entry('query', 4)]
    gallery = [entry('gallery', 1, 2), entry('gallery', 1, 1), entry('gallery', 2, 1)]
    gallery += [entry('gallery', 3)]
    (found,) = unmatched_query_findings(contents(queries + gallery))
    assert [item.note for item in found.items] == ['identity 2, camera 1', 'identity 4']
    assert [item.paths for item in found.items] == [
        (queries[1]['img_path'],),
        (queries[3]['img_path'],),
    ]


def test_in_self_retrieval_an_image_is_not_its_own_match():
    queries = [entry('query', pid) for pid in (1, 1, 2)]
    (found,) = unmatched_query_findings(contents(queries))
    assert [item.note for item in found.items] == ['identity 2']


def test_an_only_image_is_no_fault_where_the_gallery_is_drawn():
    queries = [entry('query', pid) for pid in (1, 1, 2)]
    (found,) = unmatched_query_findings(contents(queries, draws_gallery=True))
    assert [item.note for item in found.items] == ['identity 2']
    assert not found.is_fault
    assert unmatched_query_findings(contents(queries))[0].is_fault


def test_a_training_set_has_no_queries():
    assert unmatched_query_findings(contents([entry('train', 1)])) == []


def test_query_and_gallery_without_a_common_camera():
    """Cameras under other names in one split switch the Market rule off."""
    gallery = [entry('gallery', 1, 3), entry('gallery', 1, 4), entry('gallery', 2)]
    (found,) = separate_camera_findings(contents([entry('query', 1, 1), *gallery]))
    assert found.is_fault
    assert 'queries (1) is one of the gallery (2)' in found.items[0].note
    (found,) = separate_camera_findings(contents([entry('query', 1), *gallery]))
    assert 'queries (0)' in found.items[0].note
    assert separate_camera_findings(contents([entry('query', 1, 3), *gallery])) == []
    assert separate_camera_findings(contents([entry('query', 1), entry('gallery', 1)])) == []
    assert separate_camera_findings(contents([entry('query', 1, 1)])) == []


images = st.lists(st.tuples(st.integers(0, 4), st.integers(-1, 2)), min_size=1, max_size=12)


@given(images, images)
def test_unmatched_queries_are_those_of_the_market_rule(queries, gallery):
    made = [entry('query', *image) for image in queries]
    made += [entry('gallery', *image) for image in gallery]
    expected = [
        one['img_path']
        for one, (pid, camid) in zip(made, queries, strict=False)
        if not [1 for p, c in gallery if p == pid and (camid == -1 or c != camid)]
    ]
    found = unmatched_query_findings(contents(made))
    assert [item.paths[0] for finding in found for item in finding.items] == expected
