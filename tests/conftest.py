import pytest
import torch

# The nets are tiny: threads would only wait for each other, and the suite runs in two processes.
torch.set_num_threads(1)


@pytest.fixture(scope='session', autouse=True)
def cache_dir(tmp_path_factory):
    """A cache of the suite's own, also for the processes it starts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('MSVITREID_CACHE_DIR', str(tmp_path_factory.mktemp('cache')))
        yield
