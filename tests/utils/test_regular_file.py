from __future__ import annotations

import os

import pytest

from msvitreid.utils import regular_file
from msvitreid.utils.regular_file import MAX_BYTES, read_regular_file, size_of_regular_file
from tests.hostile.limits import limits


def test_content(tmp_path):
    (tmp_path / 'a').write_bytes(b'abc')
    (tmp_path / 'link').symlink_to('a')
    assert read_regular_file(tmp_path / 'link') == b'abc'
    assert read_regular_file(str(tmp_path / 'a')) == b'abc'


def refusal(path) -> str:
    try:
        read_regular_file(path)
    except OSError as error:
        return error.strerror
    pytest.fail(f'{path} was read')


def test_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / 'pipe')
    (tmp_path / 'loop').symlink_to('loop')
    (tmp_path / 'device').symlink_to('/dev/zero')
    for name in ('pipe', 'device'):
        assert refusal(tmp_path / name) == 'a pipe, socket or device, not a file'
    assert refusal(tmp_path) == 'Is a directory'
    assert refusal(tmp_path / 'loop') == 'Too many levels of symbolic links'
    assert refusal(tmp_path / 'none') == 'No such file or directory'
    assert 'embedded null' in refusal('a\0b')


def test_size(tmp_path, monkeypatch):
    with open(tmp_path / 'sparse', 'wb') as file:
        file.truncate(MAX_BYTES + 1)
    assert refusal(tmp_path / 'sparse') == '536,870,913 bytes, more than 536,870,912'
    monkeypatch.setattr(regular_file, 'MAX_BYTES', 3)
    (tmp_path / 'a').write_bytes(b'abc')
    assert read_regular_file(tmp_path / 'a') == b'abc'


def test_a_file_of_proc_is_empty(tmp_path):
    """Special files: regular by their state, of size 0, and some wait until they are written."""
    (tmp_path / 'log').symlink_to('/proc/kmsg')
    with limits():
        assert read_regular_file(tmp_path / 'log') == b''


def test_a_file_exchanged_for_a_pipe_is_not_waited_for(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / 'pipe')
    (tmp_path / 'file').write_bytes(b'abc')
    before = os.stat(tmp_path / 'file')
    monkeypatch.setattr(os, 'stat', lambda path: before)
    with limits():
        assert refusal(tmp_path / 'pipe') == 'a pipe, socket or device, not a file'


def test_a_growing_file_ends_where_it_ended_when_it_was_opened(tmp_path, monkeypatch):
    (tmp_path / 'a').write_bytes(b'abcdef')
    monkeypatch.setattr(regular_file, '_size', lambda status: 3)
    assert read_regular_file(tmp_path / 'a') == b'abc'


def test_an_empty_file_is_not_opened(tmp_path, monkeypatch):
    (tmp_path / 'empty').touch()
    monkeypatch.setattr('builtins.open', None)
    assert read_regular_file(tmp_path / 'empty') == b''
    assert size_of_regular_file(tmp_path / 'empty') == 0
