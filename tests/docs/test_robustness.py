"""docs/en/robustness.md; class of faults: a command that is refused, a level that is another."""

from __future__ import annotations

import re
import shlex

from msvitreid.cli import robustness
from msvitreid.evaluation.robustness import CONDITIONS
from tests.tools.user import REPOSITORY

PAGE = REPOSITORY / 'docs' / 'en' / 'robustness.md'
TEXT = PAGE.read_text(encoding='utf-8')


def test_commands_are_understood():
    block = re.search(r'```sh\n(.*?)```', TEXT, re.DOTALL)[1].replace('\\\n', '')
    lines = [line.removeprefix('msvitreid robustness ') for line in block.splitlines()]
    assert [len(robustness.parse_args(shlex.split(line)).nets) for line in lines] == [2, 2]


def test_levels_are_those_of_the_conditions():
    rows = dict(re.findall(r'^\| `([a-z]+)` \| .* \| (.*) \|$', TEXT, re.MULTILINE))
    assert rows.keys() == {name for name in CONDITIONS if not name.startswith('occlusion-')}
    for name, stated in rows.items():
        levels = [CONDITIONS[name].shown(level) for level in CONDITIONS[name].levels]
        numbers = re.findall(r'[\d.]+', stated)
        assert numbers in (levels, [levels[0], levels[-1]]), name


def test_the_picture_is_small():
    (name,) = re.findall(r'\]\(\.\./images/(\S+)\)', TEXT)
    assert (PAGE.parents[1] / 'images' / name).stat().st_size < 200_000
