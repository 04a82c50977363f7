"""The commands of docs/en/tools.md print what the page shows."""

from __future__ import annotations

import re

import pytest

from tests.tools.user import REPOSITORY, run

from .page import FENCE, Page


@pytest.fixture(scope='module')
def outcomes():
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(REPOSITORY)
        patch.syspath_prepend(str(REPOSITORY / 'tools' / 'model_zoo'))
        yield [run(tool, *arguments) for tool, arguments in Page('tools.md').commands]


def test_the_commands_run(outcomes):
    assert len(outcomes) == 8
    assert [outcome.err for outcome in outcomes if outcome.code] == []


def test_the_output_is_as_shown(outcomes):
    fences = [fence.groups() for fence in FENCE.finditer(Page('tools.md').text)]
    shown = [text for language, text in fences if not language]
    assert len(shown) == 4
    printed = {outcome.out for outcome in outcomes}
    assert [text for text in shown if text not in printed] == []


def test_other_pages_link_to_its_sections():
    sections = re.findall(r'^## (.+)$', Page('tools.md').text, re.MULTILINE)
    anchors = {section.lower().replace(' ', '-') for section in sections}
    for page in ('docs/en/configs.md', 'configs/msvit/README.md'):
        (linked,) = re.findall(r'tools\.md#([\w-]+)', (REPOSITORY / page).read_text())
        assert linked in anchors
