import errno
import os
import sys
import tempfile

import pytest

from msvitreid.engine import load_config
from msvitreid.errors import ConfigError, OutputError


def test_a_mistyped_section_is_refused(tmp_path):
    (tmp_path / 'a.py').write_text('optim_wrapper = dict(lr=1)\n')
    with pytest.raises(ConfigError, match=r"'optim_wraper\.lr' .* 'optim_wrapper'"):
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
        (
            "_base_ = 'mmpretrain::resnet/resnet18.py'",
            r"a\.py'.*mmpretrain::resnet.*copy the file",
        ),
        ("import os\n_base_ = 'b.py'", r"a\.py' begins with an import.*above its imports"),
        ('_base_ = "b.py"\nc = 1\nc[0]', r"a\.py'"),
    ],
)
def test_broken_configs(tmp_path, text, sentence):
    (tmp_path / 'a.py').write_text(text)
    (tmp_path / 'b.py').write_text('b = 1\n')
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


@pytest.mark.parametrize(
    'option',
    [
        {'custom_imports': {'imports': ['reid_zoo_of_an_option']}},
        {'custom_imports.imports': 'reid_zoo_of_an_option'},
        {'custom_imports.imports': ('reid_zoo_of_an_option',)},
    ],
)
def test_modules_that_an_option_names_are_imported(option, tmp_path, monkeypatch):
    """Options that are read only while the file is: ``custom_imports`` has to wait for them."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, 'reid_zoo_of_an_option', raising=False)
    (tmp_path / 'reid_zoo_of_an_option.py').write_text('')
    (tmp_path / 'a.py').write_text('a = 1\n')
    load_config(tmp_path / 'a.py', option)
    assert 'reid_zoo_of_an_option' in sys.modules


def test_an_option_can_switch_imports_off(tmp_path):
    (tmp_path / 'a.py').write_text("custom_imports = dict(imports=['gone_reid'])\n")
    assert load_config(tmp_path / 'a.py', {'custom_imports': None}).custom_imports is None


@pytest.mark.parametrize('value', ['os', ['os'], {'imports': 3}, {'import': ['os']}])
def test_custom_imports_of_another_form(value, tmp_path):
    (tmp_path / 'a.py').write_text('a = 1\n')
    with pytest.raises(ConfigError, match='custom_imports must be a dict'):
        load_config(tmp_path / 'a.py', {'custom_imports': value})


DATA = """
data_root = '/old'
train_dataloader = dict(
    batch_size=8,
    sampler=dict(type='IdentitySampler', batch_size=8),
    dataset=dict(datasets=[
        dict(type='Market1501', data_root='/old'),
        dict(type='MSMT17', data_root='/other'),
    ]),
)
"""


def test_an_option_reaches_what_repeats_its_value(tmp_path):
    """Configs of mmengine's runner repeat the data root, as older versions' dumped ones do."""
    (tmp_path / 'a.py').write_text(DATA)
    options = {'data_root': '/new', 'train_dataloader.batch_size': 4}
    loader = load_config(tmp_path / 'a.py', options).train_dataloader
    assert [dataset.data_root for dataset in loader.dataset.datasets] == ['/new', '/other']
    assert loader.sampler.batch_size == loader.batch_size == 4


def test_what_a_config_repeats_is_not_forgotten(tmp_path):
    (tmp_path / 'a.py').write_text(DATA)
    loader = load_config(tmp_path / 'a.py').train_dataloader
    assert loader.dataset.datasets[0].data_root == '/old'
    assert loader.sampler.batch_size == 8


def test_a_full_disk_is_not_the_configs_fault(tmp_path, monkeypatch):
    """Class of faults: "the config cannot be read: no space left", though nothing is wrong in it.

    mmengine copies a config to the folder of temporary files before it reads it.
    """
    (tmp_path / 'a.py').write_text('a = 1\n')

    def fail(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, 'NamedTemporaryFile', fail)
    with pytest.raises(OutputError, match=f"'{tempfile.gettempdir()}' .*free some space"):
        load_config(tmp_path / 'a.py')
