from __future__ import annotations

import pytest
import timm
import torch

from msvitreid.errors import CheckpointError, ConfigError
from msvitreid.models.weights.timm_names import as_timm
from tests.cli.command import command

NET = 'test_convnext'


@pytest.fixture(scope='module')
def weights():
    torch.manual_seed(0)
    return timm.create_model(NET).state_dict()


def without_classifier(weights):
    return {name: value for name, value in weights.items() if not name.startswith('head.fc.')}


def numbered(weights):
    """The same tensors in their order, under names that say their kind only."""
    return {
        f'layer{number}.{name.rpartition(".")[2]}': value
        for number, (name, value) in enumerate(weights.items())
    }


@pytest.mark.parametrize('whole', [True, False])
@pytest.mark.parametrize('rename', [dict, numbered])
def test_names_or_order_say_which_tensor_it_is(weights, rename, whole):
    given = weights if whole else without_classifier(weights)
    found, has_classifier = as_timm(rename(given), NET, 'a.pt')
    assert has_classifier == whole
    assert found.keys() == weights.keys()
    for name, value in found.items():
        expected = weights[name] if name in given else torch.zeros_like(weights[name])
        assert torch.equal(value, expected), name


def test_weights_of_another_net_are_refused(weights):
    with pytest.raises(CheckpointError, match='tensors'):
        as_timm(dict(list(numbered(weights).items())[:-3]), NET, 'a.pt')
    wrong = numbered(weights)
    first = next(iter(wrong))
    with pytest.raises(CheckpointError, match=first):
        as_timm({**wrong, first: wrong[first][..., :1]}, NET, 'a.pt')
    kinds = {name.replace('.bias', '.weight'): value for name, value in wrong.items()}
    with pytest.raises(CheckpointError, match='layer'):
        as_timm(kinds, NET, 'a.pt')


def test_an_unknown_net_is_named():
    with pytest.raises(ConfigError, match='no_such_net'):
        as_timm({}, 'no_such_net', 'a.pt')


def test_the_command_writes_what_timm_reads(weights, tmp_path):
    torch.save(numbered(without_classifier(weights)), tmp_path / 'a.pt')
    out = tmp_path / 'pretrain' / f'{NET}.safetensors'
    done = command('convert', tmp_path / 'a.pt', out, '--timm', NET)
    assert done.code == 0, done.err
    net = timm.create_model(NET, checkpoint_path=str(out))
    for name, value in without_classifier(weights).items():
        assert torch.equal(net.state_dict()[name], value), name


@pytest.mark.parametrize(
    'arguments',
    [
        ['a.pt', 'b.pth', '--timm', NET],
        ['a.pt', 'b.safetensors', '--timm', NET, '--config', 'msvit-demo'],
        ['a.pt', 'b.pth', '--timm', NET, '--to-official'],
    ],
)
def test_options_that_do_not_go_together(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert command('convert', *arguments).code == 2
