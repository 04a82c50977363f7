"""The pages name what exists; class of faults: a snippet that rots."""

import numpy as np
import pytest

from msvitreid.cli.main import COMMANDS
from tests.apis.clustering.made import identities
from tests.tools.user import REPOSITORY

from .page import FENCE

PAGES = ('docs/en/clustering.md', 'docs/en/tracking.md')


def fences(page, language):
    text = (REPOSITORY / page).read_text(encoding='utf-8')
    return [
        code for found, code in (m.groups() for m in FENCE.finditer(text)) if found == language
    ]


@pytest.mark.parametrize('page', PAGES)
def test_imports_and_commands_exist(page):
    for code in fences(page, 'python'):
        compile(code, page, 'exec')
        lines = [line for line in code.splitlines() if line.startswith('from msvitreid')]
        exec('\n'.join(lines), {})
    shown = [line.split()[1] for code in fences(page, 'sh') for line in code.splitlines()]
    assert shown
    assert set(shown) <= set(COMMANDS)


def test_the_snippet_of_clustering_runs():
    (code,) = fences(PAGES[0], 'python')
    rows, _ = identities(4, 6, noise=0.05)
    names = {'embeddings': rows[:12], 'new_embeddings': rows[12:]}
    names |= {'tracklets': [None] * 12, 'frames': np.arange(12)}
    exec(code, names)
    assert len(names['found'].labels) == 24
