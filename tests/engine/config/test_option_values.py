import pytest
from mmengine.config import Config

from msvitreid.engine import complete_config
from msvitreid.engine.config.option_values import check_option_values
from msvitreid.errors import ConfigError

TRAINING = {'train_cfg': dict(by_epoch=True, max_epochs=3)}


def check(**options):
    check_option_values(Config({**TRAINING, **options}))


@pytest.mark.parametrize(
    'options',
    [
        {},
        dict(sync_bn=None, compile=None, find_unused_parameters=None),
        dict(sync_bn='torch', compile=True, find_unused_parameters=True),
        dict(compile=False, find_unused_parameters=False),
        dict(compile=dict(backend='eager')),
        dict(compile=dict(mode='reduce-overhead', dynamic=True)),
        dict(optim_wrapper=dict(accumulative_counts=4)),
        dict(train_cfg=dict(max_epochs=1)),
        dict(train_cfg=dict(max_epochs=1, val_interval=1)),
        dict(train_dataloader=dict(batch_size=1, num_workers=0), val_dataloader=None),
        dict(randomness=dict(seed=None)),
        dict(randomness=dict(seed=2**32 - 1)),
        dict(train_cfg=dict(by_epoch=False, max_iters=100)),
        dict(env_cfg=dict(cudnn_benchmark=True)),
        dict(env_cfg=dict(dist_cfg=None)),
        dict(
            env_cfg=dict(
                dist_cfg=dict(backend='gloo', init_backend='torch', port=29501, timeout=0.5)
            )
        ),
        dict(load_except=['head'], load_from='a.pth'),
        dict(load_except=['head'], resume=True),
        dict(load_except=['head'], train_cfg=None, optim_wrapper=None),
        dict(load_except=[]),
    ],
    ids=str,
)
def test_what_may_be(options):
    check(**options)


@pytest.mark.parametrize('value', [True, 'Torch', 'mmcv', 1, ['torch']])
def test_sync_bn_is_torch(value):
    with pytest.raises(ConfigError, match=r"^sync_bn must be 'torch' or None, got "):
        check(sync_bn=value)


def test_sync_bn_can_be_switched_off():
    check(sync_bn=False)


@pytest.mark.parametrize('value', ['yes', 1, 0, []])
def test_find_unused_parameters_is_a_bool(value):
    with pytest.raises(ConfigError, match='find_unused_parameters must be True or False'):
        check(find_unused_parameters=value)


@pytest.mark.parametrize('value', ['max-autotune', 1, ['eager']])
def test_compile_is_a_bool_or_options(value):
    with pytest.raises(ConfigError, match=r'^compile must be True, False or a dict'):
        check(compile=value)


@pytest.mark.parametrize(
    ('options', 'reason'),
    [
        (dict(mode='fastest'), 'fastest'),
        (dict(modus='default'), "unexpected keyword argument 'modus'"),
        (dict(backend='eagre'), 'eagre'),
        (dict(options=dict(speed=2)), 'speed'),
    ],
    ids=str,
)
def test_what_torch_compile_does_not_take(options, reason):
    with pytest.raises(ConfigError, match=r'^compile=.*torch\.compile refuses it') as caught:
        check(compile=options)
    assert reason in str(caught.value).partition('refuses it')[2]
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize('value', [0, -1, 2.0, True, '3', None])
@pytest.mark.parametrize(
    ('section', 'key'),
    [
        ('optim_wrapper', 'accumulative_counts'),
        ('train_cfg', 'max_epochs'),
        ('train_dataloader', 'batch_size'),
    ],
)
def test_counts_are_whole_numbers(section, key, value):
    with pytest.raises(ConfigError) as caught:
        check(**{section: {key: value}})
    wanted = f'{section}.{key} must be a whole number from 1 on, got {value!r}'
    assert str(caught.value) == wanted


@pytest.mark.parametrize('value', [-1, 0.5, '2', None])
@pytest.mark.parametrize('loader', ['train', 'val', 'test'])
def test_workers_are_counted_from_none_on(loader, value):
    with pytest.raises(
        ConfigError, match=rf'^{loader}_dataloader\.num_workers .* from 0 on, got'
    ):
        check(**{f'{loader}_dataloader': dict(num_workers=value)})


@pytest.mark.parametrize('value', ['abc', -1, 2**32, 1.5])
def test_the_seed_is_one_that_numpy_takes(value):
    with pytest.raises(ConfigError, match=r'^randomness\.seed .* from 0 to 4294967295, got'):
        check(randomness=dict(seed=value))


def test_validation_is_not_switched_off_by_its_interval():
    with pytest.raises(ConfigError) as caught:
        check(train_cfg=dict(max_epochs=3, val_interval=0))
    assert str(caught.value) == (
        'train_cfg.val_interval must be a whole number from 1 on, got 0; val_dataloader=None '
        'val_cfg=None val_evaluator=None trains without validation'
    )


def test_options_of_the_process_group():
    with pytest.raises(
        ConfigError, match=r"env_cfg\.dist_cfg\.timeuot.*did you mean 'timeout'"
    ):
        check(env_cfg=dict(dist_cfg=dict(timeuot=3)))
    with pytest.raises(ConfigError, match=r'env_cfg\.dist_cfg must be a dict'):
        check(env_cfg=dict(dist_cfg='nccl'))


@pytest.mark.parametrize(
    'seconds', [0, -5, '600', None, True, float('inf'), float('nan'), 1e15]
)
def test_the_timeout_is_seconds(seconds):
    with pytest.raises(ConfigError, match=r'env_cfg\.dist_cfg\.timeout must be seconds'):
        check(env_cfg=dict(dist_cfg=dict(timeout=seconds)))


def test_nothing_is_left_out_of_what_is_not_loaded():
    with pytest.raises(
        ConfigError, match=r"load_except=\['head'\] has no effect without load_"
    ):
        check(load_except=['head'])


def test_a_config_is_checked_when_it_is_completed():
    # Before what is completed depends on it.
    with pytest.raises(ConfigError, match='num_workers must be a whole number'):
        complete_config(Config(dict(train_dataloader=dict(num_workers='two'))))
    with pytest.raises(ConfigError, match='sync_bn'):
        complete_config(Config(dict(sync_bn=True)))
