"""docs/en/pictures.md; class of faults: a command that the parser refuses, a large picture."""

from __future__ import annotations

import re
import shlex

from msvitreid.cli import show
from tests.tools.user import REPOSITORY

PAGE = REPOSITORY / 'docs' / 'en' / 'pictures.md'


def test_commands_are_understood():
    lines = re.findall('^msvitreid show (.*)$', PAGE.read_text(encoding='utf-8'), re.MULTILINE)
    kinds = [show.parse_args(shlex.split(line)).what for line in lines]
    assert kinds == list(show.PICTURES)


def test_pictures_are_small():
    """At most two, each below 300 kB."""
    names = re.findall(r'\]\(\.\./images/(\S+)\)', PAGE.read_text(encoding='utf-8'))
    sizes = [(PAGE.parents[1] / 'images' / name).stat().st_size for name in names]
    assert len(sizes) == 2
    assert max(sizes) < 300_000
