import io
import sys
from pathlib import Path

import pytest
from PIL import Image

from msvitreid.apis import ReIDInferencer
from msvitreid.apis.indexing import index_images, list_image_files, open_or_create_gallery
from msvitreid.gallery import open_gallery
from tests.apis.indexing.crops import draw_crops
from tests.apis.tiny_model import write_tiny_model

try:
    import fastapi  # noqa: F401
    import python_multipart  # noqa: F401
    import uvicorn  # noqa: F401
except ImportError:
    # Without the extra "serve" there is nothing to test here.
    collect_ignore_glob = ['test_*.py']

BASE = 'http://127.0.0.1:8000'


@pytest.fixture(scope='package')
def model(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp('model'))


@pytest.fixture(scope='package')
def inferencer(model):
    return ReIDInferencer(model, device='cpu')


@pytest.fixture(scope='package')
def made(tmp_path_factory, inferencer):
    """A folder with the images ``crops/`` and their gallery ``people.gallery``."""
    folder = tmp_path_factory.mktemp('served')
    ids = draw_crops(folder / 'crops')
    columns = {
        id_: {'camera': f'c{id_[1]}', 'pid': id_[3:7], 'time': number}
        for number, id_ in enumerate(ids)
    }
    names = inferencer.dimension, inferencer.fingerprint
    with open_or_create_gallery(folder / 'people.gallery', *names) as gallery:
        index_images(gallery, inferencer, list_image_files([folder / 'crops']), columns)
    return folder


@pytest.fixture
def marks(tmp_path):
    from msvitreid.serving import MarkStore

    store = MarkStore(tmp_path / 'marks.sqlite')
    yield store
    store.close()


@pytest.fixture
def serve(made, inferencer, marks):
    """Start an app by options of ``create_app``; gives a client of it."""
    from starlette.testclient import TestClient

    from msvitreid.serving import create_app

    opened = []

    def serve(gallery=None, base_url=BASE, **options):
        if gallery is None:
            gallery = open_gallery(made / 'people.gallery', readonly=True)
            opened.append(gallery)
        app = create_app(gallery, inferencer, marks=marks, **options)
        client = TestClient(app, base_url=base_url)
        client.__enter__()
        opened.append(client)
        return client

    yield serve
    for one in reversed(opened):
        one.__exit__(*sys.exc_info()) if isinstance(one, TestClient) else one.close()


@pytest.fixture
def client(serve):
    return serve()


@pytest.fixture
def crop(made):
    return Path(made, 'crops', 'c1', '0001_c1.jpg')


def as_file(content, name='query.jpg', kind='image/jpeg'):
    return {'image': (name, content, kind)}


def png(width=32, height=64):
    out = io.BytesIO()
    Image.new('RGB', (width, height), 'teal').save(out, format='PNG')
    return out.getvalue()
