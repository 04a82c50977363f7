from msvitreid.checkpoints import LoadReport, Reshaped, load_report


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
    assert report.first_missing() == '1 keys (c)'
    assert LoadReport('a.pth', ['a']).first_missing() == ''
    assert report.problems() == (
        '1 keys are missing (c), 4 keys are unexpected (d, e, f, ...), '
        '1 keys are of another shape (h (1, 2) instead of (3, 2))'
    )
    assert report.summary('0' * 64) == (
        '2 tensors loaded from a.pth (sha256 000000000000); left out: 1 keys (x.y)'
    )
    assert report.full_text().splitlines() == [
        'a.pth: 2 keys fit the model',
        '1 keys are missing:',
        '  c',
        '4 keys are unexpected:',
        '  d',
        '  e',
        '  f',
        '  g',
        '1 keys are of another shape:',
        '  h (1, 2) instead of (3, 2)',
    ]


def test_an_absurd_number_of_keys_is_cut(monkeypatch):
    monkeypatch.setattr(load_report, 'MAX_LINES', 3)
    report = LoadReport('a.pth', [], missing=[f'k{i}' for i in range(10)])
    assert report.full_text().splitlines()[2:] == ['  k0', '  k1', '  k2', '  and 7 more']
