import json

from PIL import Image

from .user import run

SMALL = ('train_cfg.max_epochs=1', 'custom_hooks.0.begin=1', 'train_dataloader.num_workers=0')


def test_the_demo_leaves_a_table_and_a_picture(tmp_path):
    demo = ('demo.py', '--work-dir', tmp_path, '--train-ids', 6, '--test-ids', 2)
    outcome = run(*demo, '--cfg-options', *SMALL)
    assert outcome.code == 0, outcome.err
    results = json.loads((tmp_path / 'results.json').read_text())['results']
    assert list(results) == ['HSV histograms', 'untrained net', 'last epoch', 'averaged net']
    for figures in results.values():
        assert set(figures) == {'mAP', 'rank-1', 'rank-5', 'mINP'}
        assert all(0 < value <= 1 for value in figures.values())
    table = (tmp_path / 'results.md').read_text()
    assert f'| averaged net | {100 * results["averaged net"]["mAP"]:.1f} |' in table
    assert table.split('\n\n')[1].strip() in outcome.out
    assert 'eta: ' in outcome.out
    with Image.open(tmp_path / 'ranking.jpg') as picture:
        assert picture.width > 600
    assert (tmp_path / 'train' / 'averaged.pth').is_file()


def test_another_dataset_in_its_place_is_refused(tmp_path):
    (tmp_path / 'data').mkdir()
    (tmp_path / 'data' / 'mine.txt').touch()
    outcome = run('demo.py', '--work-dir', tmp_path)
    assert outcome.code == 2
    assert 'is no sample dataset' in outcome.err
    assert (tmp_path / 'data' / 'mine.txt').exists()
