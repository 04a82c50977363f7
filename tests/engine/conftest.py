from pathlib import Path

import pytest

from tests.miniature import write_market1501


@pytest.fixture(scope='session')
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with a miniature Market-1501."""
    root = tmp_path_factory.mktemp('data')
    write_market1501(root)
    return root
