"""``tools/test.py --backend``."""

import json

import pytest
import torch

from msvitreid.deployment import Backend
from msvitreid.deployment.backends import OpenVINOInt8Backend
from msvitreid.engine import complete_config, load_config, use_backend
from msvitreid.engine.hooks import inference_net_hook
from msvitreid.engine.hooks.inference_net_hook import calibration_images
from msvitreid.errors import ConfigError
from msvitreid.registry import BACKENDS, MODELS
from tests.miniature import TreeShape, write_market1501
from tests.tools.user import SMALL, leaf, options, run

MARKET = leaf('msvit-s_market1501')
SIZES = {
    **SMALL,
    # A quarter of the area.
    'image_size': (192, 64),
    'model.backbone.split_size': (4, 4),
}


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """A data root, and a checkpoint of a net that has seen nothing yet."""
    root = tmp_path_factory.mktemp('data')
    write_market1501(root, TreeShape(train_identities=3, test_identities=3, images=3))
    torch.manual_seed(0)
    model = MODELS.build(load_config(MARKET, SIZES).model)
    model.init_weights()
    torch.save(model.state_dict(), root / 'net.pth')
    return root


def evaluate(root, work, *flags, **changes):
    given = [root / 'net.pth', '--work-dir', work, '--out', work / 'result.json', *flags]
    changes = {**SIZES, 'data_root': root, **changes}
    return run('test.py', MARKET, *given, *options(changes))


def test_float32_gives_the_same_figures(trained, tmp_path):
    pytest.importorskip('openvino')
    results = {}
    for backend in ('torch', 'openvino'):
        outcome = evaluate(trained, tmp_path / backend, '--backend', backend)
        assert outcome.code == 0, outcome.err
        results[backend] = json.loads((tmp_path / backend / 'result.json').read_text())
        assert results[backend]['backend'] == backend
        assert ('openvino' in results[backend]['versions']) == (backend == 'openvino')
        # The float net is computed without it.
        assert 'nncf' not in results[backend]['versions']
    assert results['openvino']['metrics'] == pytest.approx(results['torch']['metrics'])


def test_int8_calibrates_with_training_images(trained, tmp_path, monkeypatch):
    pytest.importorskip('nncf')
    seen = []
    monkeypatch.setattr(OpenVINOInt8Backend, 'calibration_images', 5)
    monkeypatch.setattr(
        inference_net_hook,
        'calibration_images',
        lambda *args: seen.append(calibration_images(*args)) or seen[0],
    )
    outcome = evaluate(trained, tmp_path, '--backend', 'openvino-int8')
    assert outcome.code == 0, outcome.err
    assert json.loads((tmp_path / 'result.json').read_text())['backend'] == 'openvino-int8'
    assert [tuple(images.shape) for images in seen] == [(5, 3, 192, 64)]
    assert 0 <= seen[0].min() < seen[0].max() <= 1


def test_the_chosen_images_are_the_same_every_time(trained):
    cfg = load_config(MARKET, {**SIZES, 'data_root': str(trained)})
    use_backend(cfg, 'openvino-int8')
    calibration = cfg.default_hooks.inference_net.calibration
    assert calibration['pipeline'] == complete_config(cfg).test_pipeline
    assert calibration['split'] == 'train'
    model = MODELS.build(cfg.model)
    first, again = (calibration_images(model, calibration, 64) for _ in '12')
    assert torch.equal(first, again)
    # All of them, as they are fewer than 64.
    assert len(first) == 12


def test_int8_needs_training_data():
    cfg = load_config(MARKET)
    cfg.train_dataloader = None
    with pytest.raises(ConfigError, match='--backend openvino-int8 calibrates'):
        use_backend(cfg, 'openvino-int8')
    with pytest.raises(ConfigError, match='calibration'):
        inference_net_hook.InferenceNetHook('openvino-int8')


def test_an_unknown_backend_is_named(trained, tmp_path):
    outcome = evaluate(trained, tmp_path, '--backend', 'openvno')
    assert outcome.code == 2
    assert "unknown backend 'openvno'" in outcome.err
    assert 'openvino' in outcome.err


@pytest.fixture
def doubled():
    """A stranger's backend, for as long as the test runs."""

    @BACKENDS.register_module(name='doubled')
    class Doubled(Backend):
        packages = ('missing-one',)

        def convert(self, model, images=None):
            return model

    yield 'doubled'
    del BACKENDS.module_dict['doubled']


def test_a_backend_of_ones_own_computes_a_test(doubled, trained, tmp_path):
    outcome = evaluate(trained, tmp_path, '--backend', doubled)
    assert outcome.code == 0, outcome.err
    result = json.loads((tmp_path / 'result.json').read_text())
    assert result['backend'] == 'doubled'
    assert result['versions']['missing-one'] == 'not installed'


def test_a_missing_package_is_one_sentence(trained, tmp_path, monkeypatch):
    monkeypatch.setattr('msvitreid.deployment.openvino_net.find_spec', lambda name: None)
    outcome = evaluate(trained, tmp_path, '--backend', 'openvino')
    assert outcome.code == 2
    assert outcome.err.strip().splitlines()[-1] == (
        'error: OpenVINO needs the package openvino, which is not installed: '
        "pip install 'msvitreid[openvino]'"
    )
