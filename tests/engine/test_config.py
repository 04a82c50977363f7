import pytest
from mmengine.config import Config

from msvitreid.engine import complete_config, load_config
from msvitreid.errors import ConfigError


def test_shared_options_reach_every_dataset_that_has_none():
    cfg = complete_config(
        Config(
            dict(
                data_root='/data',
                on_count_mismatch='warn',
                train_dataloader=dict(
                    batch_size=24,
                    num_workers=2,
                    sampler=dict(type='IdentitySampler', num_instances=4),
                    dataset=dict(
                        type='ConcatDataset',
                        datasets=[
                            dict(type='Market1501'),
                            dict(type='RepeatDataset', dataset=dict(type='MSMT17')),
                            dict(type='mmpretrain.ImageNet'),
                        ],
                    ),
                ),
                val_dataloader=None,
                test_dataloader=dict(
                    batch_size=8,
                    sampler=dict(type='DefaultSampler'),
                    dataset=dict(type='Market1501', data_root='/other'),
                ),
            )
        )
    )
    market, repeated, foreign = cfg.train_dataloader.dataset.datasets
    assert market == dict(type='Market1501', data_root='/data', on_count_mismatch='warn')
    assert repeated.dataset.data_root == '/data'
    assert 'data_root' not in repeated
    # mmpretrain's datasets take the root only.
    assert foreign == dict(type='mmpretrain.ImageNet', data_root='/data')
    assert cfg.train_dataloader.sampler.batch_size == 24
    assert cfg.train_dataloader.persistent_workers is True
    assert cfg.test_dataloader.dataset.data_root == '/other'
    assert 'batch_size' not in cfg.test_dataloader.sampler
    assert cfg.test_dataloader.persistent_workers is False


def test_given_values_stay():
    loader = dict(batch_size=24, pin_memory='mine', dataset=dict(type='A'))
    cfg = complete_config(Config(dict(train_dataloader=loader)))
    assert cfg.train_dataloader.pin_memory == 'mine'


def test_two_batch_sizes_are_refused():
    sampler = dict(type='msvitreid.IdentitySampler', batch_size=12)
    loader = dict(batch_size=24, sampler=sampler, dataset=dict(type='A'))
    with pytest.raises(ConfigError, match=r'sampler\.batch_size is 12 but .* is 24; leave out'):
        complete_config(Config(dict(train_dataloader=loader)))


def test_our_scope_may_be_written_out():
    loader = dict(batch_size=24, dataset=dict(type='msvitreid.Market1501'))
    cfg = complete_config(Config(dict(data_root='/data', train_dataloader=loader)))
    assert cfg.train_dataloader.dataset.data_root == '/data'


def test_a_mistyped_section_is_refused(tmp_path):
    (tmp_path / 'a.py').write_text('optim_wrapper = dict(lr=1)\n')
    with pytest.raises(ConfigError, match=r"'optim_wraper\.lr' names no .* 'optim_wrapper'\?"):
        load_config(tmp_path / 'a.py', {'optim_wraper.lr': 0.1})
    assert load_config(tmp_path / 'a.py', {'compile': True}).compile is True


def test_options_override(tmp_path):
    (tmp_path / 'a.py').write_text('a = dict(b=1, c=[dict(d=2)])\n')
    cfg = load_config(tmp_path / 'a.py', {'a.b': 5, 'a.c.0.d': 6, 'compile.f': 7})
    assert (cfg.a.b, cfg.a.c[0].d, cfg.compile.f) == (5, 6, 7)


@pytest.mark.parametrize(
    ('text', 'sentence'),
    [
        ('a = (', r"a\.py' cannot be read"),
        ("_base_ = 'gone.py'", r"a\.py' names a base that is missing.*gone\.py"),
        ('a = b', r"a\.py' cannot be read: name 'b' is not defined"),
    ],
)
def test_broken_configs(tmp_path, text, sentence):
    (tmp_path / 'a.py').write_text(text)
    with pytest.raises(ConfigError, match=sentence):
        load_config(tmp_path / 'a.py')


@pytest.mark.parametrize(
    ('module', 'content', 'reason'),
    [
        ('my_lost_reid.zoo', None, "No module named 'my_lost_reid'"),
        ('my_found_reid', 'import my_needs', "No module named 'my_needs'"),
    ],
)
def test_custom_imports_that_fail(module, content, reason, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    if content is not None:
        (tmp_path / f'{module}.py').write_text(content)
    path = tmp_path / 'a.py'
    path.write_text(f'custom_imports = dict(imports=["os", "{module}"])\n')
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(caught.value) == (
        f"config '{path}': cannot import '{module}' ({reason}); install the package or set "
        'PYTHONPATH to the folder that holds it'
    )


def test_workers_written_as_text_are_left_to_the_check(tmp_path):
    (tmp_path / 'a.py').write_text("train_dataloader = dict(num_workers='2')\n")
    assert load_config(tmp_path / 'a.py').train_dataloader.num_workers == '2'


def test_missing_config(tmp_path):
    with pytest.raises(ConfigError, match=r"gone\.py' does not exist"):
        load_config(tmp_path / 'gone.py')


def test_an_option_that_cannot_be_set(tmp_path):
    (tmp_path / 'a.py').write_text('a = [1]\n')
    with pytest.raises(ConfigError, match=r'a\.7'):
        load_config(tmp_path / 'a.py', {'a.7': 5})


def test_the_config_a_run_leaves_takes_options_again(tmp_path):
    sampler = dict(type='IdentitySampler')
    loader = dict(batch_size=8, num_workers=2, sampler=sampler, dataset=dict(type='Market1501'))
    left = complete_config(Config(dict(data_root='/old', train_dataloader=loader)))
    left.dump(tmp_path / 'left.py')
    options = {
        'data_root': '/new',
        'train_dataloader.batch_size': 4,
        'train_dataloader.num_workers': 0,
    }
    cfg = complete_config(load_config(tmp_path / 'left.py', options)).train_dataloader
    assert cfg.dataset.data_root == '/new'
    assert cfg.sampler.batch_size == 4
    assert cfg.persistent_workers is False
