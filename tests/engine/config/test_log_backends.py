import importlib.util
import json

import pytest
from mmengine.visualization import WandbVisBackend

from msvitreid.engine.config import log_backends
from msvitreid.engine.config.log_backends import PACKAGES, require_packages
from msvitreid.errors import ConfigError
from tests.engine.tiny_run import build_runner, tiny_config

LOCAL = dict(type='LocalVisBackend')


def visualizer(kind):
    return dict(type='Visualizer', vis_backends=[LOCAL, dict(type=kind)])


@pytest.fixture
def nothing_installed(monkeypatch):
    monkeypatch.setattr(log_backends, 'find_spec', lambda name: None)


@pytest.mark.parametrize(
    ('kind', 'sentence'),
    [
        (
            'TensorboardVisBackend',
            r"needs the package tensorboard: pip install 'msvitreid\[tensorboard\]'$",
        ),
        ('WandbVisBackend', r"needs the package wandb: pip install 'msvitreid\[wandb\]'$"),
        ('mmengine.WandbVisBackend', r'needs the package wandb'),
        ('MLflowVisBackend', r'needs the package mlflow: pip install mlflow$'),
    ],
)
def test_a_missing_package_is_a_sentence(kind, sentence, market, tmp_path, nothing_installed):
    cfg = tiny_config(market, tmp_path / 'lacking', visualizer=visualizer(kind))
    with pytest.raises(ConfigError, match=sentence):
        build_runner(cfg)


def test_the_usual_log_needs_nothing(nothing_installed):
    require_packages(None)
    require_packages(dict(type='Visualizer', vis_backends=[LOCAL]))
    require_packages(dict(type='Visualizer', vis_backends=None))
    require_packages(dict(type='Visualizer', vis_backends=dict(type='LocalVisBackend')))
    require_packages(dict(type='Visualizer', vis_backends=[object()]))


def test_a_backend_given_as_a_class_is_checked(nothing_installed):
    with pytest.raises(ConfigError, match=r'WandbVisBackend.* wandb'):
        require_packages(visualizer(WandbVisBackend))


def test_an_installed_package_passes(monkeypatch):
    asked = []
    monkeypatch.setattr(log_backends, 'find_spec', lambda name: asked.append(name) or 'found')
    require_packages(visualizer('WandbVisBackend'))
    assert asked == ['wandb']


def test_the_names_are_mmengines():
    from mmengine.registry import VISBACKENDS

    assert all(VISBACKENDS.get(kind) is not None for kind in PACKAGES)


@pytest.mark.skipif(importlib.util.find_spec('tensorboard') is None, reason='needs tensorboard')
def test_tensorboard_gets_what_the_log_has(market, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    work_dir = tmp_path / 'board'
    cfg = tiny_config(market, work_dir, visualizer=visualizer('TensorboardVisBackend'))
    build_runner(cfg).train()
    (folder,) = work_dir.glob('*/vis_data')
    lines = [json.loads(line) for line in (folder / 'scalars.json').read_text().splitlines()]
    logged = {
        (name, line['step']): value
        for line in lines
        for name, value in line.items()
        if name != 'step'
    }
    events = EventAccumulator(str(folder))
    events.Reload()
    written = {
        (name, event.step): event.value
        for name in events.Tags()['scalars']
        for event in events.Scalars(name)
    }
    assert {'loss', 'lr', 'mAP', 'averaged/mAP'} <= {name for name, _ in written}
    # TensorBoard keeps 32 bits.
    assert written == pytest.approx(logged, rel=1e-6)
