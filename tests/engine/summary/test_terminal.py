import logging

import pytest

from msvitreid.checkpoints import LoadReport
from msvitreid.engine import use_test_only
from msvitreid.engine.summary.terminal import begin_start, end_start
from tests.engine.tiny_run import build_runner, tiny_config


@pytest.fixture
def logged(tmp_path):
    """A logger with a terminal and a file, and what has come to each of them."""
    logger = logging.Logger('run', logging.INFO)
    terminal, file = [], []
    stream = logging.StreamHandler()
    stream.emit = lambda record: terminal.append(record.getMessage())
    kept = logging.FileHandler(tmp_path / 'run.log')
    kept.emit = lambda record: file.append(record.getMessage())
    logger.addHandler(stream)
    logger.addHandler(kept)
    return logger, terminal, file


def test_what_a_start_logs_is_in_the_file_only(logged):
    logger, terminal, file = logged
    loaded = f'pretrained weights: {LoadReport("a.pth", ["a"]).summary("0" * 64)}'
    begin_start(logger)
    logger.info('a long config')
    logger.info(loaded)
    logger.warning('this matters')
    logger.error('this too')
    end_start(logger)
    logger.info('step 1')
    assert file == [
        'a long config',
        loaded,
        'this matters',
        'this too',
        'step 1',
    ]
    assert terminal == file[1:]


def test_complaints_that_nobody_can_correct_stay_out_of_the_terminal(logged):
    logger, terminal, file = logged
    begin_start(logger)
    end_start(logger)
    logger.warning('"FileClient" will be deprecated in future. Please use ...')
    logger.warning('"HardDiskBackend" is the alias of "LocalBackend" and ...')
    assert (terminal, len(file)) == ([], 2)


def test_a_run_shows_its_summary_and_leaves_the_rest_to_its_log(market, tmp_path, capsys):
    work_dir = tmp_path / 'quiet'
    cfg = tiny_config(market, work_dir, log_level='INFO', **{'train_cfg.max_epochs': 1})
    cfg.custom_hooks = []
    build_runner(cfg).train()
    start, step, _ = capsys.readouterr().out.partition('Epoch(train) [1][1/')
    assert step
    # The last is the beginning of the step's line.
    lines = start.splitlines()[:-1]
    assert lines[0].endswith('training')
    assert [line.split()[0] for line in lines[1:] if line[2] != ' '] == [
        *('model', 'weights', 'data', 'losses', 'images', 'batch', 'length', 'lr'),
        *('precision', 'output'),
    ]
    assert len(lines) <= 15
    (log,) = work_dir.glob('*/*.log')
    text = log.read_text()
    for part in ('environment:\n', 'config:\n', 'Hooks will be executed', '- training\n'):
        assert part in text
    (config,) = work_dir.glob('*/vis_data/config.py')
    assert "type='ReIDModel'" in config.read_text()


def test_a_test_shows_what_it_tests(market, tmp_path, capsys):
    cfg = tiny_config(market, tmp_path / 'tested', log_level='INFO')
    use_test_only(cfg, None)
    build_runner(cfg).test()
    start = capsys.readouterr().out.partition('ReIDMetric')[0].splitlines()
    assert start[0].endswith('evaluation')
    assert any('Market1501 gallery: ' in line for line in start)
    assert len(start) < 12


def test_a_log_that_cannot_be_written_is_said_once(tmp_path, capsys):
    """Class of faults: on a full disk every line of the log becomes a traceback."""
    handler = logging.FileHandler('/dev/full')
    logger = logging.Logger('full')
    logger.addHandler(handler)
    begin_start(logger)
    logger.warning('a bug: %d', 'text')
    for _ in range(3):
        logger.warning('a line')
    err = capsys.readouterr().err
    assert err.splitlines()[-1] == (
        '/dev/full: the log cannot be written (No space left on device)'
    )
    assert (err.count('/dev/full'), err.count('Traceback')) == (1, 1)
