import pytest
import torch

from msvitreid.engine import fitting_threads, threads


@pytest.fixture
def machine(monkeypatch):
    """A process that may use 8 CPUs, with torch's threads as torch would choose them."""
    for name in (*threads.CHOSEN_BY, 'LOCAL_WORLD_SIZE'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(threads, 'available_cpus', lambda: 8)
    before = torch.get_num_threads()
    torch.set_num_threads(8)
    yield monkeypatch
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ('cpus', 'workers', 'expected'), [(8, 0, 8), (8, 3, 5), (2, 1, 1), (2, 4, 1), (1, 0, 1)]
)
def test_workers_have_cpus_of_their_own(machine, cpus, workers, expected):
    """Two threads on a busy machine of two CPUs took ten times as long as one."""
    machine.setattr(threads, 'available_cpus', lambda: cpus)
    with fitting_threads({'num_workers': workers}) as count:
        assert count == torch.get_num_threads() == expected
    assert torch.get_num_threads() == 8


def test_processes_of_a_run_share_the_cpus(machine):
    machine.setenv('LOCAL_WORLD_SIZE', '2')
    with fitting_threads({'num_workers': 1}) as count:
        assert count == 3


@pytest.mark.parametrize('name', threads.CHOSEN_BY)
def test_what_the_user_chose_stays(machine, name):
    machine.setenv(name, '8')
    with fitting_threads({'num_workers': 4}) as count:
        assert count == 8
