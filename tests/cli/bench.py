"""Where a command is given bad input, and the check that it ends in one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from tests.tools.user import SMALL, Outcome, leaf, options

MARKET = leaf('msvit-s_market1501')
TREE = 'Market-1501-v15.09.15'


class Bench(NamedTuple):
    """Where one case happens."""

    data_root: Path  # a tree of its own, to be damaged
    trained: Path  # work directory of an earlier run, to be left alone
    files: Path  # for the case's own files

    @property
    def work_dir(self) -> Path:
        return self.files / 'work'

    @property
    def result(self) -> Path:
        return self.files / 'result.json'

    def train(self, changes: dict | None = None, *flags: object, config: object = MARKET):
        small = {**SMALL, 'data_root': self.data_root, 'train_cfg.max_epochs': 2}
        given = options(small, changes or {})
        return ['train.py', config, '--work-dir', self.work_dir, *flags, *given]

    def test(
        self, checkpoint: object, changes: dict | None = None, *flags: object, config=MARKET
    ):
        given = options({**SMALL, 'data_root': self.data_root}, changes or {})
        output = ['--work-dir', self.work_dir, '--out', self.result]
        return ['test.py', config, checkpoint, *output, *flags, *given]

    @property
    def train_image(self) -> Path:
        """One of an identity that has three."""
        return sorted((self.data_root / TREE / 'bounding_box_train').glob('0008_*'))[0]

    @property
    def test_image(self) -> Path:
        return sorted((self.data_root / TREE / 'bounding_box_test').glob('0003_*'))[0]


def check(outcome: Outcome, bench: Bench, *expected: object) -> str:
    """One error line, the last one, with ``expected`` in it; no results."""
    lines = outcome.err.splitlines()
    errors = [line for line in lines if 'error' in line.lower() or 'Traceback' in line]
    assert outcome.code == 2, outcome
    assert errors == lines[-1:], outcome.err
    for text in map(str, expected):
        assert text in lines[-1]
    written = [path for path in bench.files.rglob('*') if path.name.startswith('.')]
    if bench.work_dir.exists():
        written += bench.work_dir.rglob('*.pth')
    assert written == []
    assert not bench.result.exists()
    return lines[-1]
