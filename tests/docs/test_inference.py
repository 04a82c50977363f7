"""The Python of the pages that show ReIDInferencer runs; class of faults: a snippet that rots."""

import numpy as np
import pytest
import torch
from PIL import Image

from msvitreid.apis import ReIDInferencer, get_model
from tests.apis.tiny_model import write_tiny_model
from tests.tools.user import REPOSITORY

from .page import FENCE


def snippets(page):
    text = (REPOSITORY / page).read_text(encoding='utf-8')
    fences = [fence.groups() for fence in FENCE.finditer(text)]
    return [code for language, code in fences if language == 'python' and 'import' in code]


def draw(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (40, 20, 3), np.uint8)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A current folder with the files that the pages name."""
    model = write_tiny_model(tmp_path)
    for run in ('demo/train', 'msvit-s_market1501', 'msvit-s_occluded-duke'):
        (tmp_path / 'work_dirs' / run).mkdir(parents=True)
        copy = tmp_path / 'work_dirs' / run / 'model.safetensors'
        copy.write_bytes(model.read_bytes())
    names = ('a_query', 'b_query', 'a_1', 'a_2', 'b_1', 'my_crops/1')
    for seed, name in enumerate((*names, 'work_dirs/demo/data/Occluded_Duke/query/1')):
        draw(tmp_path / f'{name}.jpg', seed)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize('page', ['README.md', 'docs/en/getting_started.md'])
def test_the_snippet_runs(page, folder, capsys):
    (code,) = [code for code in snippets(page) if 'ReIDInferencer' in code]
    names = {}
    exec(code, names)
    if page == 'README.md':
        assert 'mAP' in capsys.readouterr().out
    else:
        assert names['embeddings'].shape == (1, 80)


def test_the_page_on_inference(folder):
    first, convert = snippets('docs/en/inference.md')
    exec(first, {})
    assert len((folder / 'query.csv').read_text().splitlines()) == 2
    torch.save({'state_dict': get_model('msvit-demo').state_dict()}, 'averaged.pth')
    exec(convert, {})
    by_file = ReIDInferencer('model.safetensors', device='cpu')
    by_config = ReIDInferencer('msvit-demo', 'averaged.pth', device='cpu')
    assert by_file.fingerprint == by_config.fingerprint
    np.testing.assert_array_equal(by_file('a_1.jpg'), by_config('a_1.jpg'))
