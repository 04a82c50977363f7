"""Every hostile input ends in its sentence: at once, in little memory, and running nothing."""

from __future__ import annotations

import re

import pytest
import torch

from msvitreid.errors import ReIDError
from tests.tools.user import REPOSITORY

from .case import Case
from .checkpoints import CHECKPOINTS
from .images import IMAGES
from .limits import limits
from .lists import LISTS
from .names import NAMES

GROUPS: dict[str, dict[str, Case]] = {
    'Images': IMAGES,
    'Lists': LISTS,
    'Names': NAMES,
    'Checkpoints': CHECKPOINTS,
}
CASES = {
    f'{group}-{name}': case for group, cases in GROUPS.items() for name, case in cases.items()
}
PAGE = REPOSITORY / 'docs' / 'security.md'


@pytest.mark.parametrize('case', CASES.values(), ids=CASES)
def test_sentence(case, tmp_path, monkeypatch, request):
    if 'storage that claims 4 TB' in request.node.name and torch.__version__ < '2.5':
        pytest.skip('torch 2.4 takes what the record has, whatever number is stated')
    folder, here = tmp_path / 'given', tmp_path / 'here'
    folder.mkdir()
    here.mkdir()
    monkeypatch.chdir(here)
    path = case.make(folder)
    with pytest.raises(ReIDError) as caught, limits():
        case.open(path)
    sentence = str(caught.value)
    assert re.fullmatch(case.pattern(path), sentence, re.DOTALL), sentence
    # What is long is not quoted in full, and it crosses the processes of a loader.
    assert len(sentence) < 600 + 2 * len(str(path))
    assert str(type(caught.value)(sentence)) == sentence
    # The traps make a folder here.
    assert list(here.iterdir()) == []


def test_there_are_enough():
    assert len(CASES) >= 25


def test_the_page_has_a_table_of_them():
    rows: dict[str, dict[str, str]] = {}
    group = ''
    for line in PAGE.read_text(encoding='utf-8').splitlines():
        if line.startswith('#'):
            group = line.lstrip('# ')
        row = re.fullmatch(r'\| (.+?) \| `(.+)` \|', line)
        if row:
            rows.setdefault(group, {})[row[1]] = row[2]
    assert rows == {
        group: {name: case.sentence for name, case in cases.items()}
        for group, cases in GROUPS.items()
    }
