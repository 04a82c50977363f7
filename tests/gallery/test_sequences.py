"""Any sequence of changes leaves what a dict would hold."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from msvitreid.errors import GalleryError
from msvitreid.gallery import create_gallery, open_gallery

from .made import MODEL

VECTORS = np.eye(4, dtype=np.float32)
ids = st.lists(st.sampled_from('abcdefgh'), min_size=1, max_size=4, unique=True)
numbers = st.integers(0, 3)
steps = st.one_of(
    st.tuples(st.just('add'), ids, numbers),
    st.tuples(st.just('update'), ids, numbers),
    st.tuples(st.just('describe'), ids, numbers),
    st.tuples(st.just('remove'), ids, numbers),
    st.tuples(st.sampled_from(['compact', 'reopen']), st.just([]), st.just(0)),
)

#: Conditions, of which two are equal in Python, and which values of ``n`` meet them.
FILTERS = (
    ({'n': 1}, lambda n: n == 1),
    ({'n': True}, lambda n: False),
    ({'n': {'>=': 2}}, lambda n: n is not None and n >= 2),
    ({'n': None}, lambda n: n is None),
)


def require_filters(gallery, model):
    """What is remembered of a filter is of the last commit."""
    for where, fits in FILTERS:
        found = gallery.search(VECTORS[:1], threshold=-1, where=where).ids[0]
        assert sorted(found) == sorted(id_ for id_, (_, n) in model.items() if fits(n))


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(steps, max_size=12), st.sampled_from(['float32', 'float16', 'int8']))
def test_a_gallery_is_a_dict(sequence, precision):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'g'
        gallery = create_gallery(path, 4, MODEL, precision)
        reader = open_gallery(path, readonly=True)
        model: dict[str, tuple[int, int | None]] = {}
        order: list[str] = []
        for name, chosen, number in sequence:
            fits = all((one in model) != (name == 'add') for one in chosen)
            vectors = VECTORS[[number] * len(chosen)]
            try:
                if name == 'add':
                    gallery.add(chosen, vectors)
                elif name == 'update':
                    gallery.update(chosen, vectors)
                elif name == 'describe':
                    gallery.update(chosen, metadata=[{'n': number}] * len(chosen))
                elif name == 'remove':
                    gallery.remove(chosen)
                elif name == 'compact':
                    gallery.compact()
                else:
                    gallery.close()
                    gallery = open_gallery(path)
            except GalleryError:
                assert not fits
                continue
            assert fits
            for one in chosen:
                old = model.get(one, (0, None))
                if name == 'remove':
                    model.pop(one)
                else:
                    model[one] = (old[0], number) if name == 'describe' else (number, old[1])
            if name in ('update', 'remove'):
                order = [one for one in order if one not in chosen]
            if name in ('add', 'update'):
                order += chosen
            for store in (gallery, reader):
                require_filters(store, model)
        assert gallery.verify().problems == []
        items = {item.id: item for part in gallery.scan() for item in part}
        found = {
            id_: (int(item.embedding.argmax()), item.metadata.get('n'))
            for id_, item in items.items()
        }
        assert found == model
        results = gallery.search(VECTORS, threshold=0.5)
        for number in range(4):
            expected = [one for one in order if model[one][0] == number]
            assert results.ids[number] == expected
        gallery.close()
        reader.close()
