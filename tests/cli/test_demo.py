import json
import re
import shlex
from pathlib import Path

import pytest
from PIL import Image

from msvitreid.cli.demo import main, serve_demo
from msvitreid.cli.main import COMMANDS
from msvitreid.errors import ConfigError
from msvitreid.gallery import open_gallery
from tests.tools.user import run

SMALL = ('train_cfg.max_epochs=4', 'custom_hooks.0.begin=4', 'train_dataloader.num_workers=0')


@pytest.fixture(scope='module')
def demo(tmp_path_factory):
    """Work directory and output of a demo of four epochs."""
    work_dir = tmp_path_factory.mktemp('demo') / 'a run'
    sizes = ('--work-dir', work_dir, '--train-ids', 6, '--test-ids', 2)
    outcome = run('demo.py', *sizes, '--cfg-options', *SMALL)
    assert outcome.code == 0, outcome.err
    return work_dir, outcome.out


def test_the_demo_leaves_a_table_and_a_picture(demo):
    work_dir, out = demo
    results = json.loads((work_dir / 'results.json').read_text())['results']
    assert list(results) == ['HSV histograms', 'untrained net', 'last epoch', 'averaged net']
    for figures in results.values():
        assert set(figures) == {'mAP', 'rank-1', 'rank-5', 'mINP'}
        assert all(0 < value <= 1 for value in figures.values())
    table = (work_dir / 'results.md').read_text()
    assert f'| averaged net | {100 * results["averaged net"]["mAP"]:.1f} |' in table
    assert table.split('\n\n')[1].strip() in out
    with Image.open(work_dir / 'ranking.jpg') as picture:
        assert picture.width > 600
    assert (work_dir / 'train' / 'averaged.pth').is_file()


def test_a_step_prints_five_lines_at_most(demo):
    """Class of faults: what a first run shows is lost in hundreds of lines of log."""
    _, out = demo
    steps = re.split(r'^\d/5 .*\n', out.partition('\n\n|')[0], flags=re.MULTILINE)[1:]
    assert len(steps) == 5
    assert max(len(step.splitlines()) for step in steps) <= 5
    assert 'epoch 4/4, loss ' in steps[3]
    assert 'eta: 0 min 0 s' in steps[3]
    (log,) = re.findall(r'log: (.+\.log)', steps[3])
    assert 'Epoch(train) [4]' in Path(log).read_text()


def test_the_demo_says_what_it_does_and_what_is_next(demo):
    """Class of faults: figures without a meaning, and commands that are not there."""
    work_dir, out = demo
    assert 'downloads nothing' in out.partition('1/5')[0]
    conclusion = out.rpartition('|\n\n')[2]
    assert 'ResNet-18' in conclusion
    commands = [shlex.split(line) for line in conclusion.splitlines() if line.startswith('  ')]
    assert [command[:2] for command in commands] == [
        ['msvitreid', 'browse'],
        ['msvitreid', 'test'],
        ['msvitreid', 'doctor'],
        ['msvitreid', 'train'],
    ]
    assert Path(commands[1][3]) == work_dir / 'train' / 'averaged.pth'
    assert Path(commands[2][2]).is_file()
    for _, name, *_ in commands:
        assert name in COMMANDS


def test_another_dataset_in_its_place_is_refused(tmp_path):
    (tmp_path / 'data').mkdir()
    (tmp_path / 'data' / 'mine.txt').touch()
    outcome = run('demo.py', '--work-dir', tmp_path)
    assert outcome.code == 2
    assert 'is no sample dataset' in outcome.err
    assert (tmp_path / 'data' / 'mine.txt').exists()


def test_the_page_is_served_with_what_the_demo_made(demo, monkeypatch, capsys):
    work_dir, _ = demo
    served = []
    monkeypatch.setattr('msvitreid.cli.serve.main', served.append)
    serve_demo(work_dir)
    gallery = str(work_dir / 'people.gallery')
    # Of two identities there is no card.
    assert served == [[gallery, str(work_dir / 'train/model.safetensors'), '--port', '0']]
    out = capsys.readouterr().out
    assert 'without a calibration card: fmr 0.01 needs' in out
    (query,) = re.findall(r'search with: (.+)', out)
    assert Path(query).is_file()
    with open_gallery(gallery, readonly=True) as opened:
        assert len(opened) == opened.count({'camera': [str(n) for n in range(1, 9)]}) == 24


def test_the_demo_does_not_train_for_a_page_that_cannot_be_served(monkeypatch, tmp_path):
    monkeypatch.setattr('msvitreid.cli.serve.find_spec', lambda name: None)
    with pytest.raises(ConfigError, match='fastapi'):
        main(['--work-dir', str(tmp_path / 'demo'), '--serve'])
    assert not (tmp_path / 'demo').exists()
