from __future__ import annotations

from pathlib import Path

import pytest

from msvitreid.evaluation import functional


@pytest.mark.parametrize(
    'path', sorted(Path(functional.__file__).parent.glob('*.py')), ids=lambda p: p.stem
)
@pytest.mark.parametrize(
    'stranger', ['mmengine', 'torch.distributed', 'from msvitreid', 'from ..']
)
def test_functions_know_nothing_of_what_calls_them(path, stranger):
    assert stranger not in path.read_text(encoding='utf-8')
