import os

import pytest

from msvitreid.utils import cpus


@pytest.mark.parametrize(
    ('text', 'expected'),
    [('150000 100000', 2), ('50000 100000', 1), ('max 100000', 8), ('', 8)],
)
def test_a_container_has_the_cpus_of_its_quota(monkeypatch, tmp_path, text, expected):
    """Of 8 CPUs a container may have the time of one and a half: 8 threads would wait."""
    (tmp_path / 'cpu.max').write_text(text)
    monkeypatch.setattr(cpus, 'QUOTA_FILES', ((str(tmp_path / 'cpu.max'),),))
    monkeypatch.setattr(os, 'sched_getaffinity', lambda _: set(range(8)), raising=False)
    assert cpus.available_cpus() == expected


def test_the_older_files_of_a_quota(monkeypatch, tmp_path):
    for name, text in (('quota', '300000'), ('period', '100000')):
        (tmp_path / name).write_text(text)
    files = (str(tmp_path / 'quota'), str(tmp_path / 'period'))
    monkeypatch.setattr(cpus, 'QUOTA_FILES', ((str(tmp_path / 'none'),), files))
    monkeypatch.setattr(os, 'sched_getaffinity', lambda _: set(range(8)), raising=False)
    assert cpus.available_cpus() == 3
    (tmp_path / 'quota').write_text('-1')
    assert cpus.available_cpus() == 8
