import pytest
import torch
from torch import nn

from msvitreid.checkpoints import fill_model, filling
from msvitreid.errors import CheckpointError
from msvitreid.registry import MODELS


def net():
    return nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))


def test_filling_names_every_kind_of_misfit():
    weights = net().state_dict()
    del weights['1.running_mean']
    weights['0.weight'] = torch.zeros(5, 3)
    weights['2.extra'] = torch.zeros(1)
    with pytest.raises(CheckpointError) as caught:
        fill_model(net(), weights, 'a.pth')
    assert str(caught.value) == (
        "checkpoint 'a.pth' does not fit the model of the config: "
        '1 key is missing (1.running_mean), 1 key is unexpected (2.extra), '
        '1 key is of another shape (0.weight (5, 3) instead of (2, 3))'
    )


def test_the_log_has_every_misfit(monkeypatch):
    """The sentence names three of a kind, the log all, one a line, with both shapes."""
    lines = []
    monkeypatch.setattr(filling, 'log_misfits', lambda report: lines.append(report.text()))
    many = {f'2.extra{i}': torch.zeros(1) for i in range(5)}
    weights = {**net().state_dict(), **many, '0.weight': torch.zeros(5, 3)}
    with pytest.raises(CheckpointError, match=r'5 keys .*extra2, \.\.\.\), 1'):
        fill_model(net(), weights, 'a.pth')
    assert lines == [
        'a.pth: keys that fit the model: 6\n'
        '5 keys are unexpected:\n'
        '  2.extra0\n  2.extra1\n  2.extra2\n  2.extra3\n  2.extra4\n'
        '1 key is of another shape:\n'
        '  0.weight (5, 3) instead of (2, 3)'
    ]


def test_the_report_of_a_model_that_was_filled():
    report = fill_model(net(), net().state_dict(), 'a.pth')
    assert report.loaded == sorted(net().state_dict())
    assert report.misfits == report.left_out == []
    assert report.summary('0123456789abcdef') == (
        '7 tensors loaded from a.pth (sha256 0123456789ab)'
    )


def test_what_the_model_itself_leaves_out_is_reported():
    head = dict(in_channels=16, num_vectors=2)
    source = MODELS.build(dict(type='BNNeckHead', num_classes=3, **head)).state_dict()
    report = fill_model(MODELS.build(dict(type='BNNeckHead', **head)), source, 'a.pth')
    assert report.left_out == ['classifiers.0.weight', 'classifiers.1.weight']
    assert len(report.loaded) == len(source) - 2


def test_other_classes_are_recognized():
    model = nn.ModuleDict({'head': MODELS.build(dict(type='BNNeckHead', num_classes=3))})
    weights = nn.ModuleDict({'head': MODELS.build(dict(type='BNNeckHead', num_classes=4))})
    with pytest.raises(CheckpointError, match=r"load_except=\['head\.classifiers'\]"):
        fill_model(model, weights.state_dict(), 'a.pth')
    one_neck = [MODELS.build(dict(type='SingleBNNeckHead', num_classes=n)) for n in (3, 4)]
    with pytest.raises(CheckpointError, match=r"load_except=\['head\.classifier'\]"):
        fill_model(
            nn.ModuleDict({'head': one_neck[0]}),
            nn.ModuleDict({'head': one_neck[1]}).state_dict(),
            'a.pth',
        )
    other = {n: w for n, w in weights.state_dict().items() if n != 'head.linears.0.weight'}
    with pytest.raises(CheckpointError, match=r'does not fit') as caught:
        fill_model(model, other, 'a.pth')
    assert 'load_except' not in str(caught.value)


def test_names_of_a_stranger_break_no_line(monkeypatch):
    lines = []
    monkeypatch.setattr(filling, 'log_misfits', lambda report: lines.append(report.text()))
    strange = {'a\nERROR: all is well': torch.zeros(1), 'b' * 1000: torch.zeros(1)}
    with pytest.raises(CheckpointError) as caught:
        fill_model(net(), {**net().state_dict(), **strange}, 'a.pth')
    assert '\n' not in str(caught.value)
    assert len(str(caught.value)) < 500
    assert len(lines[0].splitlines()) == 4


def test_tensors_of_another_kind_are_one_sentence():
    weights = net().state_dict()
    weights['0.weight'] = weights['0.weight'].to_sparse()
    with pytest.raises(CheckpointError, match=r"'0\.weight' is of layout") as caught:
        fill_model(net(), weights, 'a.pth')
    assert '\n' not in str(caught.value)
