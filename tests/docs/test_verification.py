"""The Python of docs/en/verification.md runs; class of faults: a snippet that rots."""

import numpy as np
from PIL import Image

from msvitreid.apis.verification import CalibrationCard
from msvitreid.gallery import create_gallery
from tests.apis.tiny_model import write_tiny_model
from tests.tools.user import REPOSITORY

from .page import FENCE


def test_the_snippets_run(tmp_path, monkeypatch, capsys):
    text = (REPOSITORY / 'docs/en/verification.md').read_text(encoding='utf-8')
    fences = [fence.groups() for fence in FENCE.finditer(text)]
    first, second = [code for language, code in fences if language == 'python']
    monkeypatch.chdir(tmp_path)
    write_tiny_model(tmp_path)
    rng = np.random.default_rng(0)
    paths = []
    for identity in range(40):
        own = rng.integers(0, 256, (8, 4, 3))
        for image in range(8):
            pixels = np.kron(own, np.ones((8, 8, 1))) + rng.normal(0, 40, (64, 32, 3))
            paths.append(f'{identity:02d}_{image}.png')
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(paths[-1])
    for name, path in (('a.jpg', paths[0]), ('b.jpg', paths[1])):
        Image.open(path).save(name)
    names = {
        'paths': paths,
        'pids': [path[:2] for path in paths],
        'camids': ['door' if i % 2 else 'stairs' for i in range(len(paths))],
    }
    exec(first, names)
    assert CalibrationCard.load('card.json').data.identities == 40
    # mmengine prints how the net was made.
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.split(' 0.')[0] in ('same', 'different', 'cannot tell')

    found = names['found']
    with create_gallery('gallery', 80, found.fingerprint) as gallery:
        gallery.add(found.paths, found.embeddings, [{'pid': pid} for pid in names['pids']])
    exec(second, names)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ['a.jpg', 'b.jpg']
    assert all(line.split()[1] in ('known', 'new') for line in lines)
