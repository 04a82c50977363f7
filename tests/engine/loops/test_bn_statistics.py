import torch
from torch.nn.modules.batchnorm import _BatchNorm

from msvitreid.engine.loops.bn_statistics import reestimate_bn
from tests.engine.tiny_run import build_runner, tiny_config


def test_equals_the_size_weighted_average_of_batch_statistics(market, tmp_path):
    """By hand: record every BatchNorm's inputs over the pass, then average."""
    cfg = tiny_config(
        market,
        tmp_path / 'bn',
        **{'model.backbone.frozen_stages': 0, 'model.backbone.drop_path_rate': 0.2},
    )
    runner = build_runner(cfg)
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    model = runner.model
    # Batches of unequal sizes: the last is cut by hand.
    loader = list(runner.train_dataloader)
    loader[-1] = {key: value[:3] for key, value in loader[-1].items()}

    class Loader(list):
        batch_sampler = runner.train_dataloader.batch_sampler

    runner._train_loop.dataloader = Loader(loader)
    recorded = {}
    hooks = [
        layer.register_forward_pre_hook(
            lambda _layer, inputs, name=name: recorded.setdefault(name, []).append(
                inputs[0].detach().double()
            )
        )
        for name, layer in model.named_modules()
        if isinstance(layer, _BatchNorm)
    ]
    momenta = {n: m.momentum for n, m in model.named_modules() if isinstance(m, _BatchNorm)}
    runner._train_loop._epoch = 2
    reestimate_bn(runner)
    assert Loader.batch_sampler.epoch == 2
    for hook in hooks:
        hook.remove()

    assert 'backbone.stem.norm' in recorded
    assert len(recorded) == len(momenta)
    for name, batches in recorded.items():
        sizes = torch.tensor([len(b) for b in batches], dtype=torch.float64)
        assert sizes[-1] == 3
        dims = [d for d in range(batches[0].dim()) if d != 1]
        means = torch.stack([b.mean(dim=dims) for b in batches])
        variances = torch.stack([b.var(dim=dims, unbiased=True) for b in batches])
        layer = model.get_submodule(name)
        for buffer, values in ((layer.running_mean, means), (layer.running_var, variances)):
            expected = (values * sizes[:, None]).sum(dim=0) / sizes.sum()
            torch.testing.assert_close(buffer.double(), expected, rtol=1e-4, atol=1e-6)
        assert layer.momentum == momenta[name]


def test_weights_stay_as_they_are(market, tmp_path):
    runner = build_runner(tiny_config(market, tmp_path / 'bn_weights'))
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    before = {name: p.detach().clone() for name, p in runner.model.named_parameters()}
    reestimate_bn(runner)
    assert all(torch.equal(before[name], p) for name, p in runner.model.named_parameters())
    assert all(p.grad is None for p in runner.model.parameters())
