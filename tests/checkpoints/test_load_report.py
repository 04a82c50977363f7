from mmengine.logging import MMLogger

from msvitreid.checkpoints import LoadReport, Reshaped, log_misfits


def test_a_whole_report():
    report = LoadReport(
        source='a.pth',
        loaded=['a', 'b'],
        missing=['c'],
        unexpected=['d', 'e', 'f', 'g'],
        reshaped=[Reshaped('h', (1, 2), (3, 2))],
        left_out=['x.y'],
    )
    assert report.misfits == ['c', 'd', 'e', 'f', 'g', 'h']
    assert report.wanted == 4
    assert report.first_missing() == '1 key (c)'
    assert LoadReport('a.pth', ['a']).first_missing() == ''
    assert report.problems() == (
        '1 key is missing (c), 4 keys are unexpected (d, e, f, ...), '
        '1 key is of another shape (h (1, 2) instead of (3, 2))'
    )
    assert report.summary('0' * 64) == (
        '2 tensors loaded from a.pth (sha256 000000000000); left out: 1 key (x.y)'
    )
    assert report.text().splitlines() == [
        'a.pth: keys that fit the model: 2',
        '1 key is missing:',
        '  c',
        '4 keys are unexpected:',
        '  d',
        '  e',
        '  f',
        '  g',
        '1 key is of another shape:',
        '  h (1, 2) instead of (3, 2)',
    ]


def test_the_terminal_gets_ten_lines_and_the_file_all(tmp_path, capsys):
    """The class: what a stranger's file holds decides how much is printed.

    30,000 unknown keys printed 10,000 lines, an ordinary wrong checkpoint 424.
    """
    logger = MMLogger.get_instance('keys', log_file=str(tmp_path / 'run.log'))
    report = LoadReport(
        source='a.pth',
        loaded=[],
        missing=[f'missing{i}' for i in range(400)],
        unexpected=[f'unexpected{i}' for i in range(30_000)],
        reshaped=[Reshaped(f'reshaped{i}', (1,), (2,)) for i in range(20)],
    )
    assert MMLogger.get_current_instance() is logger
    log_misfits(report)
    printed = capsys.readouterr()
    lines = (printed.out + printed.err).splitlines()
    assert len(lines) == 10
    assert lines[3:6] == [
        '  missing1, and 398 more',
        '30,000 keys are unexpected:',
        '  unexpected0',
    ]
    logged = (tmp_path / 'run.log').read_text().splitlines()
    assert len(logged) == 1 + 401 + 30_001 + 21
    assert logged[-1] == '  reshaped19 (1,) instead of (2,)'


def test_a_quiet_terminal_stays_quiet(tmp_path, capsys):
    """Of several processes, mmengine lets only the first print warnings."""
    logger = MMLogger.get_instance('quiet', log_file=str(tmp_path / 'run.log'))
    for handler in logger.handlers:
        handler.setLevel('ERROR')
    log_misfits(LoadReport('a.pth', [], missing=['x']))
    assert capsys.readouterr() == ('', '')
    assert not (tmp_path / 'run.log').read_text()
