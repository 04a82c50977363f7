"""``msvitreid COMMAND``."""

import importlib
import subprocess
import sys

import pytest

from msvitreid.cli.main import COMMANDS, main
from msvitreid.version import __version__


def ended(capsys, *argv):
    """Exit code, output and errors of a call that ends by itself."""
    with pytest.raises(SystemExit) as end:
        main(argv)
    return end.value.code, *capsys.readouterr()


def test_help_is_quick():
    """Class of faults: help takes seconds, because every command's libraries are imported."""
    code = (
        'import sys; from msvitreid.cli.main import console\n'
        'try: console()\n'
        'finally: print({"torch", "mmengine", "numpy"} & set(sys.modules), file=sys.stderr)'
    )
    command = [sys.executable, '-c', code, '--help']
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, 'set()\n')
    for name, entry in COMMANDS.items():
        assert f'  {name} ' in done.stdout
        assert entry.summary in done.stdout


def test_no_command_is_usage():
    done = subprocess.run([sys.executable, '-m', 'msvitreid'], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ''
    assert done.stderr.startswith('usage: msvitreid ')


@pytest.mark.parametrize('name', sorted(COMMANDS))
def test_every_command_has_help_under_its_name(name, capsys):
    code, out, err = ended(capsys, name, '--help')
    assert (code, err) == (0, '')
    assert out.startswith(f'usage: msvitreid {name} ')


@pytest.mark.parametrize('name', sorted(set(COMMANDS) - {'demo'}))
def test_a_command_without_arguments_prints_usage(name, capsys):
    code, out, err = ended(capsys, name)
    assert (code, out) == (2, '')
    assert err.startswith(f'usage: msvitreid {name} ')


@pytest.mark.parametrize(
    ('name', 'folder'),
    [
        ('train', 'work_dirs/<name of the config>'),
        ('test', 'work_dirs/<name of the config>/test'),
        ('browse', 'work_dirs/<name of the config>/browse'),
        ('demo', 'work_dirs/demo'),
        ('compare-runs', 'work_dirs/compare'),
    ],
)
def test_help_says_where_results_go(name, folder, capsys):
    words = ended(capsys, name, '--help')[1].split()
    # argparse breaks lines at hyphens and spaces.
    assert folder.replace(' ', '') in ''.join(words)


def test_an_unknown_command(capsys):
    code, _, err = ended(capsys, 'trian')
    assert code == 2
    assert "unknown command 'trian'; did you mean 'train'?" in err


def test_the_version(capsys):
    assert ended(capsys, '--version') == (0, f'msvitreid {__version__}\n', '')


def test_a_benchmark_needs_a_checkout(monkeypatch, tmp_path):
    """Class of faults: a command of an installation fails for lack of the repository's files."""
    from msvitreid.errors import ConfigError

    module = importlib.import_module('msvitreid.cli.benchmark')
    monkeypatch.setattr(module, 'ROOT', tmp_path)
    with pytest.raises(ConfigError, match=r'checkout.*tests/plain'):
        main(['benchmark', 'forward'])
