import argparse
import errno
import os
import signal

import pytest

from msvitreid.cli.running import (
    PREEMPTED,
    add_config_options,
    add_data_root_option,
    data_options,
    exit_when_preempted,
    run_tool,
)
from msvitreid.errors import ConfigError, DatasetError


def parse(*pairs):
    parser = argparse.ArgumentParser()
    add_config_options(parser)
    return parser.parse_args(['--cfg-options', *pairs] if pairs else []).cfg_options


def test_no_options_is_an_empty_dict():
    assert parse() == {}


def test_a_pair_without_equals_is_a_usage_error(capsys):
    with pytest.raises(SystemExit) as caught:
        parse('model.pretrained')
    assert caught.value.code == 2
    assert "takes KEY=VALUE, got 'model.pretrained'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ('arguments', 'expected'),
    [
        ([], {}),
        (['--data-root', 'crops'], {'data_root': 'crops'}),
        (['--data-root', 'my/crops/split.csv'], {'data_root': 'my/crops', 'csv': 'split.csv'}),
        (['--data-root', 'List.CSV'], {'data_root': '.', 'csv': 'List.CSV'}),
        (['--data-root', 'a.csv', '--cfg-options', 'csv=b'], {'data_root': '.', 'csv': 'b'}),
    ],
)
def test_a_data_root_is_a_folder_or_a_list_in_it(arguments, expected):
    parser = argparse.ArgumentParser()
    add_data_root_option(parser)
    add_config_options(parser)
    assert data_options(parser.parse_args(arguments)) == expected


def fail(error):
    def main(_argv):
        raise error

    return main


def test_an_error_is_one_line_and_exit_code_2(capsys):
    with pytest.raises(SystemExit) as caught:
        run_tool(fail(ConfigError('the key is wrong')))
    assert caught.value.code == 2
    assert capsys.readouterr().err == 'error: the key is wrong\n'


def test_the_traceback_of_a_worker_is_left_out(capsys):
    text = (
        'Caught DatasetError in DataLoader worker process 0.\nOriginal Traceback (most recent '
        'call last):\n  File "a.py", line 1, in f\n    raise DatasetError(x)\n'
        'msvitreid.errors.DatasetError: a.jpg: the file is empty\n'
    )
    with pytest.raises(SystemExit):
        run_tool(fail(DatasetError(text)))
    assert capsys.readouterr().err == 'error: a.jpg: the file is empty\n'


@pytest.mark.parametrize(
    'wrapped', ['{}', 'Caught DatasetError in a worker.\nx.DatasetError: {}']
)
def test_names_of_files_do_not_reach_the_terminal_as_they_are(wrapped, capsys):
    name = 'a\x1b]0;title\x07\nb\r\u202e\udcff é.jpg'
    with pytest.raises(SystemExit):
        run_tool(fail(DatasetError(wrapped.format(f'{name}: the file is empty'))))
    escaped = r'a\x1b]0;title\x07\nb\r\u202e\udcff é.jpg'
    assert capsys.readouterr().err == f'error: {escaped}: the file is empty\n'


def test_a_full_disk_is_one_line(capsys):
    """Class of faults: a write that the system refuses ends in a traceback."""
    with pytest.raises(SystemExit) as end:
        run_tool(fail(OSError(errno.ENOSPC, 'No space left on device')))
    assert end.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert 'No space left on device' in line
    with pytest.raises(BrokenPipeError):
        run_tool(fail(BrokenPipeError(errno.EPIPE, 'Broken pipe')))


def test_a_bug_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        run_tool(fail(ZeroDivisionError()))


def test_ctrl_c_is_a_line(capsys):
    with pytest.raises(SystemExit) as end:
        run_tool(fail(KeyboardInterrupt()))
    assert end.value.code == 130
    assert capsys.readouterr().err == 'interrupted\n'


def test_sigterm_where_there_is_nothing_to_save():
    before = signal.getsignal(signal.SIGTERM)
    try:
        exit_when_preempted()
        with pytest.raises(SystemExit) as end:
            os.kill(os.getpid(), signal.SIGTERM)
        assert end.value.code == PREEMPTED == 75
    finally:
        signal.signal(signal.SIGTERM, before)
