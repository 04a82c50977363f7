import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from mmengine.logging import MMLogger

from tests.miniature import write_market1501

# The nets are tiny: threads would only wait for each other, and the suite runs in two processes.
torch.set_num_threads(1)

# The first backward pass starts a thread for each device there is, after which a forked process
# has none: torch.export adds a device, so the first is before any export. See run_ranks().
torch.ones(1, requires_grad=True).backward()


@pytest.fixture(scope='session')
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with a miniature Market-1501."""
    root = tmp_path_factory.mktemp('data')
    write_market1501(root)
    return root


@pytest.fixture(scope='module', autouse=True)
def collector_passes_over_imports() -> Iterator[None]:
    """mmengine collects garbage for every dataset: a sixth of a second with all libraries in."""
    gc.freeze()
    yield
    gc.collect()


@pytest.fixture(scope='module', autouse=True)
def loggers_end_with_their_module() -> Iterator[None]:
    """mmengine writes what a net is initialized by to the log of the last run, open or not."""
    yield
    MMLogger._instance_dict.clear()


@pytest.fixture(scope='session', autouse=True)
def configs_are_formatted_once() -> Iterator[None]:
    """A run writes its config to five places; each time takes as long as a tiny epoch."""
    from mmengine.config import config

    format_code, known = config.FormatCode, {}

    def format_once(text: str, **style: object) -> tuple[str, bool]:
        if text not in known:
            known[text] = format_code(text, **style)
        return known[text]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, 'FormatCode', format_once)
        yield


def pytest_unconfigure() -> None:
    # What is still frozen when Python ends would meet half of torch.
    gc.unfreeze()
    gc.collect()
