"""The built wheel, in an empty folder: what is installed works without a checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.miniature import TreeShape, write_market1501
from tests.tools.user import REPOSITORY, SMALL, options

BUILD = ('--no-deps', '--no-build-isolation', '--disable-pip-version-check', '--no-index')


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    """Built from a copy of what is committed or could be: a build leaves files in its source."""
    source, out = tmp_path_factory.mktemp('source'), tmp_path_factory.mktemp('wheel')
    listed = ['git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard']
    packed = 'tar --null --ignore-failed-read -T - -c | tar -x -C "$0"'
    names = subprocess.run(listed, cwd=REPOSITORY, capture_output=True, check=True).stdout
    subprocess.run(
        ['bash', '-c', packed, source], cwd=REPOSITORY, input=names, check=True, timeout=60
    )
    _python('-m', 'pip', 'wheel', '.', *BUILD, '-q', '-w', out, cwd=source)
    (file,) = out.glob('msvitreid-*.whl')
    return file


@pytest.fixture(scope='module')
def installed(wheel, tmp_path_factory):
    """The folder of the installation."""
    target = tmp_path_factory.mktemp('site')
    _python('-m', 'pip', 'install', *BUILD, '-q', '--target', target, wheel)
    return target


@pytest.fixture
def command(installed, tmp_path):
    """Run ``msvitreid ARGUMENTS`` in an empty folder."""
    here = tmp_path / 'here'
    here.mkdir()

    def command(*arguments, **variables):
        found = 'from msvitreid.cli.main import console; console()'
        environment = {**os.environ, 'PYTHONPATH': str(installed), **variables}
        return _python('-c', found, *arguments, cwd=here, env=environment)

    command.folder = here
    return command


def _python(*arguments: object, **how: object) -> str:
    words = [sys.executable, *map(str, arguments)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, **how)
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-3000:]
    return done.stdout


def test_what_travels(wheel):
    """Class of faults: files that a command reads are in the repository only."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (entry,) = (name for name in names if name.endswith('entry_points.txt'))
        assert 'msvitreid = msvitreid.cli.main:console' in archive.read(entry).decode()
        assert b'Import:' in archive.read('msvitreid/.mim/model-index.yml')
    for folder, suffixes in (('configs', {'.py', '.yml'}), ('tools', {'.py', '.sh'})):
        files = [path for path in (REPOSITORY / folder).rglob('*') if path.suffix in suffixes]
        assert files
        for file in files:
            assert f'msvitreid/.mim/{file.relative_to(REPOSITORY)}' in names
    for kind in ('html.jinja', 'css', 'js'):
        assert f'msvitreid/visualization/report/page.{kind}' in names
    assert [name for name in names if '__pycache__' in name or name.startswith('tests')] == []
    assert [name for name in names if name.startswith('msvitreid/configs')] == []


def test_a_config_by_name_is_trained_and_inherited(command, tmp_path):
    """Class of faults: a config, its base or its data are looked for in a checkout."""
    write_market1501(tmp_path, TreeShape(train_identities=4, test_identities=2, images=3))
    base = "_base_ = 'msvitreid::msvit/msvit-s_market1501.py'\n"
    (command.folder / 'mine.py').write_text(f'{base}model = dict(flip_test=False)\n')
    short = options(SMALL, {'train_cfg.max_epochs': 1})
    root = {'MSVITREID_DATA_ROOT': str(tmp_path)}
    out = command('train', 'msvit-s_market1501', *short, **root)
    assert f'({tmp_path}/Market-1501-v15.09.15)' in out
    result = Path('work_dirs', 'msvit-s_market1501', 'averaged.pth')
    assert (command.folder / result).is_file()
    out = command('test', 'mine.py', result, '--out', 'figures.json', *options(SMALL), **root)
    assert (command.folder / 'figures.json').is_file()


def test_the_demo_in_small(command):
    small = (
        'train_cfg.max_epochs=1',
        'custom_hooks.0.begin=1',
        'train_dataloader.num_workers=0',
    )
    command('demo', '--train-ids', 6, '--test-ids', 2, '--cfg-options', *small)
    assert (command.folder / 'work_dirs' / 'demo' / 'ranking.jpg').is_file()
    assert [path.name for path in command.folder.iterdir()] == ['work_dirs']
