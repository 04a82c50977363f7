import json

import pytest

from msvitreid.errors import ConfigError
from msvitreid.visualization import read_run

from .runs import finished_run, train_line, val_line, write_result, write_start


def test_curves_over_epochs_and_the_averaged_net(tmp_path):
    run = read_run(finished_run(tmp_path / 'run'))
    assert (run.name, run.unit, run.source) == ('run', 'epoch', 'averaged net')
    assert run.training == {
        'lr': [(0.5, 0.1), (1.0, 0.1), (1.5, 0.01), (2.0, 0.01)],
        'loss': [(0.5, 4.0), (1.0, 3.0), (1.5, 2.0), (2.0, 1.0)],
    }
    assert run.validation == {'mAP': [(1, 0.25), (2, 0.5)], 'rank-1': [(1, 0.35), (2, 0.6)]}
    assert run.final == {'mAP': 0.6, 'rank-1': 0.75}


def test_an_unfinished_run_has_its_last_validation(tmp_path):
    lines = [train_line(1, 4, 2.0), val_line(1, mAP=0.1), val_line(3, mAP=0.2)]
    run = read_run(write_start(tmp_path / 'run', '20260101_000000', lines))
    assert (run.final, run.source) == ({'mAP': 0.2}, 'validation of epoch 3')


def test_a_later_start_wins_where_steps_overlap(tmp_path):
    first = [
        *(train_line(1, 5, 9.0), train_line(1, 10, 8.0), val_line(1, mAP=0.1)),
        *(train_line(2, 15, 7.0), train_line(2, 20, 6.0), val_line(2, mAP=0.2)),
        *(train_line(3, 25, 5.0), val_line(3, mAP=0.3)),
    ]
    second = [train_line(2, 15, 1.0), train_line(2, 20, 0.5), val_line(2, mAP=0.9)]
    work_dir = write_start(tmp_path / 'run', '20260101_000000', first)
    write_start(work_dir, '20260102_000000', second)
    # A test's folder is no start of the training.
    write_start(work_dir / 'test', '20260103_000000', [val_line(0, mAP=0.0)])
    run = read_run(work_dir)
    assert run.training['loss'] == [(0.5, 9.0), (1.0, 8.0), (1.5, 1.0), (2.0, 0.5)]
    assert run.validation['mAP'] == [(1, 0.1), (2, 0.9)]


def test_a_start_in_the_middle_of_an_epoch(tmp_path):
    first = [train_line(1, 10, 9.0), val_line(1, mAP=0.1), train_line(2, 15, 8.0)]
    work_dir = write_start(tmp_path / 'run', '20260101_000000', first)
    write_start(work_dir, '20260102_000000', [train_line(2, 20, 7.0), val_line(2, mAP=0.2)])
    run = read_run(work_dir)
    assert [loss for _, loss in run.training['loss']] == [9.0, 8.0, 7.0]
    assert run.validation['mAP'] == [(1, 0.1), (2, 0.2)]


def test_a_run_without_epochs(tmp_path):
    lines = [{'loss': 3.0, 'iter': 10, 'step': 10}, val_line(20, mAP=0.3)]
    run = read_run(write_start(tmp_path / 'run', '20260101_000000', lines))
    assert (run.unit, run.training) == ('iteration', {'loss': [(10.0, 3.0)]})
    assert run.source == 'validation of iteration 20'


def test_a_line_cut_off_by_the_end_of_the_run(tmp_path):
    lines = [train_line(1, 10, 1.0)]
    run = read_run(write_start(tmp_path / 'run', '20260101_000000', lines, tail='{"loss": 0.'))
    assert run.training['loss'] == [(1.0, 1.0)]


def test_a_broken_line_is_named(tmp_path):
    work_dir = write_start(tmp_path / 'run', '20260101_000000', [], tail='{"loss"\n{"a": 1}\n')
    with pytest.raises(ConfigError, match=r'scalars\.json line 1 is no JSON object'):
        read_run(work_dir)


@pytest.mark.parametrize('place', ['figures.json', 'test/figures.json'])
def test_the_test_result_in_a_work_directory_is_taken(place, tmp_path):
    work_dir = finished_run(tmp_path / 'run')
    write_result(work_dir / place, work_dir / 'averaged.pth', {'mAP': 0.7})
    (work_dir / 'other.json').write_text('{"metrics": 3}')
    run = read_run(work_dir)
    assert (run.final, run.source) == ({'mAP': 0.7}, 'test of averaged.pth, ap trapezoid')
    assert len(run.validation['mAP']) == 2


def test_which_of_two_test_results_has_to_be_said(tmp_path):
    work_dir = finished_run(tmp_path / 'run')
    for name in ('a.json', 'b.json'):
        write_result(work_dir / name, work_dir / 'averaged.pth', {'mAP': 0.7})
    with pytest.raises(ConfigError, match=r'2 test results \(a\.json, b\.json\)'):
        read_run(work_dir)
    assert read_run(work_dir / 'b.json').final == {'mAP': 0.7}


def test_a_test_result_has_the_curves_of_its_checkpoints_run(tmp_path):
    work_dir = finished_run(tmp_path / 'run')
    result = tmp_path / 'results' / 'seed-0.json'
    write_result(result, work_dir / 'averaged.pth', {'mAP': 0.7})
    run = read_run(result)
    assert (run.name, run.final) == ('seed-0', {'mAP': 0.7})
    assert len(run.training['loss']) == 4
    write_result(result, tmp_path / 'elsewhere' / 'averaged.pth', {'mAP': 0.7})
    assert (read_run(result).training, read_run(result).final) == ({}, {'mAP': 0.7})


@pytest.mark.parametrize(
    ('changes', 'source'),
    [
        ({'backend': 'torch'}, 'test of a.pth, ap trapezoid'),
        ({'backend': 'openvino-int8'}, 'test of a.pth by openvino-int8, ap trapezoid'),
        ({'evaluator': [{'type': 'ReIDMetric'}]}, 'test of a.pth'),
        (
            {'evaluator': {'ap': 'plain', 'topk': [1], 'rerank': {'k1': 20}}},
            "test of a.pth, ap plain, rerank {'k1': 20}",
        ),
    ],
)
def test_what_changes_figures_is_named(changes, source, tmp_path):
    """Class of faults: figures by another back-end or another definition look comparable."""
    path = write_result(tmp_path / 'a.json', tmp_path / 'a.pth', {'mAP': 0.7})
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    assert read_run(path).source == source


@pytest.mark.parametrize('path', [None, '', 3])
def test_a_test_result_that_names_no_checkpoint_has_no_curves(path, tmp_path, monkeypatch):
    result = write_result(tmp_path / 'a.json', path, {'mAP': 0.7})
    content = json.loads(result.read_text())
    content['checkpoint']['path'] = path
    result.write_text(json.dumps(content))
    # The current folder is a run, but not this result's.
    monkeypatch.chdir(finished_run(tmp_path / 'run'))
    run = read_run(result)
    assert (run.final, run.source, run.training) == ({'mAP': 0.7}, 'test, ap trapezoid', {})


@pytest.mark.parametrize('content', ['[1]', 'no json', '{"metrics": {}}', '\x00'])
def test_a_file_that_is_no_test_result(content, tmp_path):
    (tmp_path / 'a.json').write_text(content)
    with pytest.raises(ConfigError, match=r'a\.json is no run'):
        read_run(tmp_path / 'a.json')


def test_what_is_no_run(tmp_path):
    start = finished_run(tmp_path / 'run') / '20260101_000000'
    for path in (tmp_path / 'missing', tmp_path, start):
        with pytest.raises(ConfigError, match=f'{path} is no run'):
            read_run(path)
    with pytest.raises(ConfigError, match=r'missing\.json cannot be read'):
        read_run(tmp_path / 'missing.json')
