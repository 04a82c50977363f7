"""What a page of the documentation asks its reader to write and to type."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import NamedTuple

from tests.tools.user import REPOSITORY

FENCE = re.compile(r'^```(\w*)\n(.*?)^```$', re.DOTALL | re.MULTILINE)
# The last file named in backquotes before a fence is what the fence holds.
FILE_NAME = re.compile(r'`([\w./-]+\.(?:py|csv))`')


# The file of each command that a page may call by its name.
TOOLS = {
    'benchmark': 'analysis_tools/benchmark.py',
    'browse': 'dataset_tools/browse_dataset.py',
    'check-data': 'dataset_tools/check_dataset.py',
    'compare-runs': 'analysis_tools/compare_runs.py',
    'complexity': 'analysis_tools/get_complexity.py',
    'convert': 'model_converters/official_weights.py',
    'make-data': 'dataset_tools/make_synthetic.py',
    'print-config': 'analysis_tools/print_config.py',
    'split': 'dataset_tools/split_dataset.py',
    'test': 'test.py',
    'train': 'train.py',
}


class Command(NamedTuple):
    """``python tools/<tool> <arguments>``, or ``msvitreid COMMAND <arguments>``."""

    tool: str
    arguments: list[str]


class Page:
    """A page's fenced files, by path, and commands, in their order."""

    def __init__(self, name: str) -> None:
        self.text = (REPOSITORY / 'docs' / 'en' / name).read_text(encoding='utf-8')
        self.files: dict[str, str] = {}
        self.commands: list[Command] = []
        start = 0
        for fence in FENCE.finditer(self.text):
            language, content = fence.groups()
            if language in ('python', 'csv'):
                self.files[FILE_NAME.findall(self.text, start, fence.start())[-1]] = content
            elif language == 'sh':
                lines = content.replace('\\\n', ' ').splitlines()
                self.commands += map(_parse_command, lines)
            else:
                assert language == '', f'a fence of {language} is neither file nor command'
            start = fence.end()

    def write_configs(self, root: Path) -> None:
        """Write the configs of the page below ``root``."""
        for name, content in self.files.items():
            if name.endswith('.py'):
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(content)


def _parse_command(line: str) -> Command:
    python, script, *arguments = shlex.split(line)
    if python == 'msvitreid':
        return Command(TOOLS[script], arguments)
    assert python == 'python', line
    assert script.startswith('tools/'), line
    return Command(script.removeprefix('tools/'), arguments)
