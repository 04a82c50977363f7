import pytest
import torch

from msvitreid.checkpoints import keys_below
from msvitreid.engine import use_test_only
from msvitreid.errors import CheckpointError, ConfigError
from tests.engine.tiny_run import build_runner, tiny_config

KEYS = ['head.classifiers.0.weight', 'head.classifiers_old.weight', 'head.norms.0.bias']


@pytest.mark.parametrize(
    ('name', 'below'),
    [
        ('head', KEYS),
        ('head.classifiers', KEYS[:1]),
        ('head.classifiers.0', KEYS[:1]),
        ('head.norms.0.bias', KEYS[2:]),
    ],
)
def test_names_end_at_dots(name, below):
    assert keys_below([name], KEYS) == set(below)


def test_several_names_and_none():
    assert keys_below(['head.norms', 'head.classifiers'], KEYS) == {KEYS[0], KEYS[2]}
    assert keys_below([], KEYS) == set()


@pytest.mark.parametrize('name', ['head.classifier', 'head.norms.', '', 'head.norms.0.bias.x'])
def test_a_name_that_is_nowhere_is_an_error(name):
    with pytest.raises(ConfigError, match='no module or weight'):
        keys_below(['head', name], KEYS)


def test_near_names_are_suggested():
    with pytest.raises(ConfigError, match=r"did you mean 'head\.classifiers'"):
        keys_below(['head.clasifiers'], KEYS)


@pytest.fixture(scope='module')
def trained(market, tmp_path_factory):
    """A checkpoint of a net with 9 classes, where the data have 6."""
    work_dir = tmp_path_factory.mktemp('runs') / 'trained'
    cfg = tiny_config(
        market, work_dir, **{'train_cfg.max_epochs': 1, 'model.head.num_classes': 9}
    )
    build_runner(without_extras(cfg)).train()
    return work_dir / 'epoch_1.pth'


def fine_tuning(market, work_dir, checkpoint, names, **changes):
    """A run that starts from ``checkpoint`` and changes nothing: its learning rate is 0."""
    cfg = tiny_config(
        market,
        work_dir,
        **{
            'train_cfg.max_epochs': 1,
            'optim_wrapper.optimizer.lr': 0.0,
            'load_from': str(checkpoint),
            'load_except': names,
            **changes,
        },
    )
    return without_extras(cfg)


def without_extras(cfg):
    cfg.custom_hooks = []
    for key in ('val_dataloader', 'val_cfg', 'val_evaluator'):
        cfg[key] = None
    return cfg


@pytest.mark.parametrize('names', [['head.classifiers'], 'head.classifiers'])
def test_fine_tuning_with_other_classes(market, tmp_path, trained, names):
    runner = build_runner(fine_tuning(market, tmp_path / 'tuned', trained, names))
    messages = []
    runner.logger.info = messages.append
    runner.train()
    source = torch.load(trained, weights_only=True)['state_dict']
    for name, weight in runner.model.named_parameters():
        if 'classifiers' in name:
            # As initialized: of standard deviation 0.001.
            assert weight.shape == (6, 16)
            assert 0 < weight.abs().max() < 0.01
        else:
            assert torch.equal(weight, source[name]), name
    (line,) = [line for line in messages if 'tensors loaded' in line]
    assert f'{len(source) - 5} tensors loaded from {trained} (sha256 ' in line
    assert 'left out: 5 keys (head.classifiers.0.weight, head.classifiers.1.weight' in line


def test_what_fits_is_left_out_too(market, tmp_path, trained):
    """Otherwise an accident of numbers would decide what is loaded."""
    cfg = fine_tuning(
        market, tmp_path / 'fits', trained, ['head'], **{'model.head.num_classes': 9}
    )
    runner = build_runner(cfg)
    runner.train()
    source = torch.load(trained, weights_only=True)['state_dict']
    own = runner.model.state_dict()
    assert torch.equal(own['backbone.stem.conv.weight'], source['backbone.stem.conv.weight'])
    assert not torch.equal(own['head.linears.0.weight'], source['head.linears.0.weight'])
    assert own['head.classifiers.0.weight'].shape == source['head.classifiers.0.weight'].shape
    assert not torch.equal(
        own['head.classifiers.0.weight'], source['head.classifiers.0.weight']
    )


def test_all_else_must_fit(market, tmp_path, trained):
    cfg = fine_tuning(
        market,
        tmp_path / 'strict',
        trained,
        ['head.classifiers'],
        **{'model.neck.num_parts': 3},
    )
    with pytest.raises(CheckpointError, match=r'5 keys .*head\.linears\.5\.weight'):
        build_runner(cfg).train()


def test_other_classes_without_it_are_an_error_that_says_so(market, tmp_path, trained):
    cfg = fine_tuning(market, tmp_path / 'without', trained, None)
    with pytest.raises(CheckpointError, match=r"load_except=\['head\.classifiers'\]"):
        build_runner(cfg).train()


def test_a_misspelt_name_is_an_error(market, tmp_path, trained):
    cfg = fine_tuning(market, tmp_path / 'misspelt', trained, ['head.clasifiers'])
    with pytest.raises(ConfigError, match=r"did you mean 'head\.classifiers'"):
        build_runner(cfg).train()


def test_a_test_fills_the_whole_net(market, tmp_path, trained):
    half = torch.load(trained, weights_only=True)['state_dict']
    half = {name: weight for name, weight in half.items() if 'linears' not in name}
    torch.save(half, tmp_path / 'half.pth')
    cfg = fine_tuning(market, tmp_path / 'test', tmp_path / 'half.pth', ['head'])
    with pytest.raises(CheckpointError, match='5 keys are missing'):
        build_runner(cfg).test()
    use_test_only(cfg, tmp_path / 'half.pth')
    cfg.experiment_name += '_again'
    with pytest.raises(CheckpointError, match='5 keys are missing'):
        build_runner(cfg).test()


def test_the_same_config_resumes_whole(market, tmp_path, trained):
    work_dir = tmp_path / 'resumed'
    cfg = fine_tuning(market, work_dir, trained, ['head.classifiers'])
    build_runner(cfg).train()
    saved = torch.load(work_dir / 'epoch_1.pth', weights_only=True)['state_dict']
    cfg = fine_tuning(
        market,
        work_dir,
        work_dir / 'epoch_1.pth',
        ['head.classifiers'],
        resume=True,
        randomness=dict(seed=1),
        accept_changes=['randomness.seed'],
    )
    cfg.experiment_name += '_again'
    runner = build_runner(cfg)
    runner.train()
    own = runner.model.state_dict()
    for i in range(5):
        name = f'head.classifiers.{i}.weight'
        assert torch.equal(own[name], saved[name])
