from pathlib import Path

import pytest
import torch

from tests.miniature import write_market1501

# The nets are tiny: threads would only wait for each other, and the suite runs in two processes.
torch.set_num_threads(1)


@pytest.fixture(scope='session')
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with a miniature Market-1501."""
    root = tmp_path_factory.mktemp('data')
    write_market1501(root)
    return root
