"""What a user switches on by one line of the config, and what must stay the same."""

import pytest
import torch

from msvitreid.models.backbones import blocks, sparse_grid_attention
from tests.engine.tiny_run import build_runner, tiny_config


@pytest.fixture(scope='module')
def plain(market, tmp_path_factory):
    return state(market, tmp_path_factory.mktemp('plain'))


@pytest.fixture(scope='module')
def layer_by_layer(market, tmp_path_factory):
    """Computed as where a compiler fuses the layers: gradients differ in rounding."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, 'can_use_lean_bottleneck', lambda main, x: False)
        patch.setattr(sparse_grid_attention, 'can_recompute', lambda q: False)
        return state(market, tmp_path_factory.mktemp('layers'))


def state(market, work_dir, **changes):
    changes = {'model.backbone.drop_path_rate': 0.3, **changes}
    runner = build_runner(tiny_config(market, work_dir, **changes))
    runner.train()
    return torch.load(work_dir / 'averaged.pth', weights_only=True)['state_dict']


@pytest.mark.parametrize(
    'option',
    [
        {'model.backbone.with_cp': True},
        {'train_dataloader.num_workers': 2, 'train_dataloader.persistent_workers': True},
    ],
    ids=lambda option: next(iter(option)),
)
def test_changes_how_it_is_computed_but_nothing_else(option, market, plain, tmp_path):
    changed = state(market, tmp_path, **option)
    assert changed.keys() == plain.keys()
    assert all(torch.equal(changed[name], plain[name]) for name in plain)


def test_compiling_changes_rounding_only(market, layer_by_layer, plain, tmp_path):
    options = {'compile': {'backend': 'eager'}}
    compiled = state(market, tmp_path / 'eager', **options)
    assert all(torch.equal(compiled[name], layer_by_layer[name]) for name in plain)
    # Recomputed blocks are not traced.
    options = {'compile': {'backend': 'aot_eager'}, 'model.backbone.with_cp': True}
    compiled = state(market, tmp_path / 'recomputed', **options)
    assert all(torch.equal(compiled[name], plain[name]) for name in plain)


def test_accumulated_gradients_make_a_step_and_windows_end_with_the_epoch(market, tmp_path):
    runner = build_runner(
        tiny_config(market, tmp_path, **{'optim_wrapper.accumulative_counts': 3})
    )
    steps = []
    build = runner.build_optim_wrapper

    def watched(wrapper):
        built = build(wrapper)
        built.optimizer.register_step_post_hook(lambda *_: steps.append(runner.iter))
        return built

    runner.build_optim_wrapper = watched
    runner.train()
    # Epochs of four batches: a step after the third, and one after the fourth alone.
    assert steps == [2, 3, 6, 7, 10, 11]
