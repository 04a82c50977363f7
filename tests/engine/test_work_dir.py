import os

import pytest

from msvitreid.engine import made_work_dir, own_work_dir
from msvitreid.errors import ConfigError


def test_a_file_is_no_work_dir(tmp_path):
    (tmp_path / 'file').touch()
    with (
        pytest.raises(ConfigError, match=r"file' cannot be made \(File exists\)"),
        made_work_dir(tmp_path / 'file'),
    ):
        pass


@pytest.mark.parametrize('context', [made_work_dir, own_work_dir])
def test_an_error_leaves_no_empty_folder(context, tmp_path):
    """Class of faults: a start that is refused leaves folders behind."""

    def refuse():
        with context(tmp_path / 'a' / 'b'):
            assert (tmp_path / 'a' / 'b').is_dir()
            raise ConfigError('refused')

    with pytest.raises(ConfigError, match='refused'):
        refuse()
    assert os.listdir(tmp_path) == []
    with context(tmp_path / 'a' / 'b'):
        pass
    assert (tmp_path / 'a' / 'b').is_dir()


def test_an_error_leaves_what_is_in_the_folder(tmp_path):
    def refuse():
        with made_work_dir(tmp_path / 'a' / 'b'):
            (tmp_path / 'a' / 'file').touch()
            raise ConfigError('refused')

    with pytest.raises(ConfigError):
        refuse()
    assert os.listdir(tmp_path / 'a') == ['file']


@pytest.mark.parametrize(
    ('launcher', 'name'),
    [('pytorch', 'RANK'), ('slurm', 'SLURM_PROCID'), ('mpi', 'OMPI_COMM_WORLD_RANK')],
)
def test_the_first_process_locks_for_all(launcher, name, tmp_path, monkeypatch):
    monkeypatch.setenv(name, '0')
    with own_work_dir(tmp_path, launcher):
        with pytest.raises(ConfigError, match='in use'), own_work_dir(tmp_path, launcher):
            pass
        monkeypatch.setenv(name, '1')
        with own_work_dir(tmp_path, launcher):
            pass
        # Of another launcher's variable nothing follows.
        with pytest.raises(ConfigError, match='in use'), own_work_dir(tmp_path):
            pass


def test_leftovers_go(tmp_path):
    (tmp_path / '.epoch_1.pth.other.1.0123abcd.tmp').touch()
    with own_work_dir(tmp_path):
        assert not list(tmp_path.glob('*.tmp'))
