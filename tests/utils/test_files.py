import os

import pytest

from msvitreid.utils.files import write_text_atomically


def test_writes_and_makes_folders(tmp_path):
    write_text_atomically(tmp_path / 'a' / 'b.json', '{}')
    assert (tmp_path / 'a' / 'b.json').read_text() == '{}'
    assert os.listdir(tmp_path / 'a') == ['b.json']


def test_a_failure_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(os, 'replace', lambda *_: (_ for _ in ()).throw(OSError('full')))
    with pytest.raises(OSError, match='full'):
        write_text_atomically(tmp_path / 'b.json', '{}')
    assert os.listdir(tmp_path) == []
