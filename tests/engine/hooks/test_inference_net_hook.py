import torch

from msvitreid.deployment.fused import FusedConv
from tests.engine.tiny_run import build_runner, tiny_config
from tests.miniature import TreeShape, write_market1501


def is_fused(model):
    return any(isinstance(module, FusedConv) for module in model.modules())


def test_a_run_that_only_tests_runs_the_faster_copy(tmp_path):
    write_market1501(tmp_path / 'data', TreeShape(train_identities=4, test_identities=2))
    cfg = tiny_config(tmp_path / 'data', tmp_path / 'both')
    both = build_runner(cfg)
    trained = both.model
    expected = both.test()
    assert both.model is trained

    cfg = tiny_config(tmp_path / 'data', tmp_path / 'alone')
    for key in ('train_dataloader', 'train_cfg', 'optim_wrapper', 'custom_hooks'):
        cfg[key] = None
    for key in ('val_dataloader', 'val_cfg', 'val_evaluator'):
        cfg[key] = None
    cfg.compile = {'backend': 'eager'}
    alone = build_runner(cfg)
    torch.nn.Module.load_state_dict(alone.model, trained.state_dict(), strict=False)
    found = alone.test()
    assert not is_fused(trained)
    assert is_fused(alone.model)
    assert alone.model.backbone._compiled_call_impl is not None
    assert found == expected
