import re
from pathlib import Path

import pytest
import torch
from mmengine import registry as mmengine_registry
from mmengine.optim import OptimWrapper
from torch import nn

from msvitreid.build_errors import EXTRAS, explain
from msvitreid.errors import ConfigError
from msvitreid.registry import MODELS

ROOT = Path(__file__).parents[1]


class Importing:
    """Fails to import what it is given."""

    def __init__(self, error):
        raise error


MODELS.register_module(module=Importing, force=True)


@pytest.mark.parametrize(
    ('error', 'sentence'),
    [
        (
            ModuleNotFoundError("No module named 'timm'", name='timm'),
            "needs timm, which cannot be imported (No module named 'timm'): "
            "pip install 'msvitreid[timm]'",
        ),
        (
            ImportError('Net requires timm, please install it by `pip install "timm"`.'),
            'needs timm, which cannot be imported (Net requires timm, please install it by '
            '`pip install "timm"`.): pip install \'msvitreid[timm]\'',
        ),
        (
            ModuleNotFoundError("No module named 'einops.layers'", name='einops.layers'),
            "needs einops, which cannot be imported (No module named 'einops.layers'): "
            'install it',
        ),
    ],
    ids=['by name', 'by text', 'another'],
)
def test_a_missing_package_is_named_with_its_component(error, sentence):
    with pytest.raises(ConfigError) as caught:
        MODELS.build(dict(type='Importing', error=error))
    assert str(caught.value) == f"model 'Importing' {sentence}"


def test_the_extras_are_those_of_the_package():
    extras = re.findall(r"^ {8}'([\w-]+)': \[", (ROOT / 'setup.py').read_text(), re.MULTILINE)
    assert set(EXTRAS.values()) <= set(extras)
    assert EXTRAS['timm'] == 'timm'


def test_what_mmengine_builds_by_its_own_registry():
    with pytest.raises(TypeError) as caught:
        mmengine_registry.HOOKS.build(dict(type='EarlyStoppingHook', monitr='mAP'))
    assert str(explain(caught.value)) == (
        "hook 'EarlyStoppingHook' has no option 'monitr'; did you mean 'monitor'?"
    )


def refused(**options):
    """The sentence for an optimizer's config."""
    from mmengine.runner import Runner

    runner = object.__new__(Runner)
    runner.model = nn.Linear(2, 2)
    with pytest.raises((TypeError, ValueError)) as caught:
        Runner.build_optim_wrapper(runner, dict(type='OptimWrapper', **options))
    return str(explain(caught.value))


@pytest.mark.parametrize(
    'options',
    [
        dict(optimizer=dict(type='SGD', lr='abc')),
        dict(optimizer=dict(type='SGD', lr=0.1, momentum=(9, 0))),
        dict(optimizer=dict(type='AdamW', lr=-1)),
        # It multiplies, before there is an optimizer.
        dict(
            optimizer=dict(type='SGD', lr='abc'),
            paramwise_cfg=dict(custom_keys=dict(weight=dict(lr_mult=0.1))),
        ),
    ],
    ids=str,
)
def test_an_optimizer_that_refuses_its_options(options):
    sentence = refused(**options)
    assert sentence.startswith('optim_wrapper cannot be built from ')
    assert str(options['optimizer']) in sentence


def test_a_scheduler_that_refuses_its_options():
    from mmengine.runner import Runner

    class OneStep(Runner):
        train_dataloader = (0,)

    runner = object.__new__(OneStep)
    runner._train_loop = None
    runner.optim_wrapper = OptimWrapper(torch.optim.SGD([nn.Parameter(torch.zeros(1))], 0.1))
    scheduler = dict(type='LinearLR', start_factor=7, begin=0, end=5)
    with pytest.raises(ValueError, match='factor') as caught:
        Runner.build_param_scheduler(runner, [dict(type='ConstantLR', end=3), scheduler])
    assert str(explain(caught.value)).startswith(
        f'param_scheduler cannot be built from {scheduler}'
    )


def test_what_may_be_a_bug_or_has_its_sentence_is_left_alone():
    for error in (TypeError('unsupported operand'), ValueError('x'), ConfigError('the key')):
        assert explain(error) is None
