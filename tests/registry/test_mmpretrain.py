"""mmpretrain's faults are still there, and do not reach a user."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from msvitreid.errors import ConfigError
from msvitreid.registry import MODELS
from msvitreid.registry.components import signature_of
from msvitreid.registry.mmpretrain import load_mmpretrain
from tests.test_import import OF_TORCH

pytestmark = pytest.mark.skipif(find_spec('mmpretrain') is None, reason='needs mmpretrain')

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def todays_transformers(tmp_path):
    """A folder with packages that have the names of multimodal ones and none of their parts."""
    for package, version in (('transformers', '5.0.0'), ('pycocotools', '2.0.9')):
        (tmp_path / package).mkdir()
        (tmp_path / package / '__init__.py').touch()
        metadata = tmp_path / f'{package}-{version}.dist-info' / 'METADATA'
        metadata.parent.mkdir()
        metadata.write_text(f'Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n')
    return tmp_path


def run_beside(folder, program):
    return subprocess.run(
        [sys.executable, '-c', f'import sys; sys.path.insert(0, {str(folder)!r})\n{program}'],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
    )


@pytest.mark.slow
def test_new_transformers_still_break_its_import(todays_transformers):
    """When this fails, ``_without_multimodal`` can go."""
    plain = run_beside(todays_transformers, 'import mmpretrain.models')
    assert "from 'transformers'" in plain.stderr.splitlines()[-1]


@pytest.mark.slow
def test_it_can_be_used_beside_new_transformers(todays_transformers):
    outcome = run_beside(
        todays_transformers,
        """
from msvitreid.registry import MODELS
print(MODELS.get('mmpretrain.ImageClassifier').__name__)
import importlib_metadata, mmpretrain.utils.dependency as dependency
print(importlib_metadata.version('pycocotools'), dependency.satisfy_requirement('pycocotools'))
""",
    )
    assert outcome.stdout == 'ImageClassifier\n2.0.9 True\n'
    assert OF_TORCH.sub('', outcome.stderr) == ''


@pytest.mark.parametrize('missing', ['mmpretrain', 'importlib_metadata'])
def test_without_it_the_sentence_says_what_to_install(missing, monkeypatch):
    load_mmpretrain.cache_clear()
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(
        ConfigError,
        match=rf"{missing} .*'msvitreid\[pretrain\]'",
    ):
        MODELS.get('mmpretrain.ImageClassifier')


def test_a_broken_install_is_reported(monkeypatch):
    load_mmpretrain.cache_clear()
    monkeypatch.delitem(sys.modules, 'mmpretrain', raising=False)
    monkeypatch.setattr('mmcv.__version__', '3.0.0')
    with pytest.raises(ConfigError, match=r'imported: MMCV==3\.0\.0'):
        MODELS.build(dict(type='ResNet', _scope_='mmpretrain', depth=18))


def test_an_unknown_name_suggests_its_own():
    with pytest.raises(ConfigError, match=r"'mmpretrain\.ResNett'.*mean '[^']*ResNet"):
        MODELS.get('mmpretrain.ResNett')


def test_options_of_timms_nets_are_not_refused():
    """``output_stride=16`` was "no such option", as no signature of the wrapper names it."""
    options = dict(type='mmpretrain.TIMMBackbone', model_name='test_convnext', output_stride=16)
    net = MODELS.build(options)
    net.eval()  # mmpretrain's gives None
    with torch.no_grad():
        (feature_map,) = net(torch.zeros(1, 3, 64, 64))
    assert feature_map.shape[-2:] == (4, 4)
    assert signature_of(MODELS.component(options)).is_open
    assert not signature_of(MODELS.component(dict(type='mmpretrain.ResNet'))).is_open
