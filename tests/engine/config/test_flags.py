import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import EMAHook, Hook
from mmengine.logging import MMLogger
from mmengine.optim import OptimWrapper

from msvitreid.engine import (
    default_test_dir,
    default_work_dir,
    load_config,
    require_sections,
    start_new_run,
    use_amp,
    use_bootstrap,
    use_rerank,
    use_resume,
    use_test_only,
)
from msvitreid.engine.hooks import WeightAverageHook
from msvitreid.errors import CheckpointError, ConfigError
from msvitreid.evaluation import EmbeddingMetric
from msvitreid.registry import HOOKS, METRICS


@HOOKS.register_module()
class Mine(Hook):
    """A stranger's hook."""


class MyEMAHook(EMAHook):
    """A stranger's hook that averages."""


class MyStatisticsHook(Hook):
    """A stranger's hook for training alone."""

    only_trains = True


@METRICS.register_module()
class MyMetric(EmbeddingMetric):
    """A stranger's metric."""

    def __init__(self, rerank: dict | None = None, **kwargs) -> None:
        super().__init__(**kwargs)


def config(tmp_path, **more):
    return Config(
        dict(
            work_dir=str(tmp_path),
            model=dict(type='ReIDModel', pretrained='pretrain/msvit_s.pth'),
            optim_wrapper=dict(type='OptimWrapper'),
            custom_hooks=[dict(type='WeightAverageHook', begin=1), dict(type='Mine')],
            test_evaluator=dict(type='ReIDMetric'),
            **more,
        )
    )


def test_default_work_dir():
    assert default_work_dir('configs/msvit/msvit-s_duke.py') == 'work_dirs/msvit-s_duke'


@pytest.mark.parametrize('trace', ['last_checkpoint', '20260102_030405/'])
def test_a_test_s_log_goes_to_the_run_of_its_checkpoint(trace, tmp_path):
    """It went to a folder named after the config, which runs with other work dirs shared."""
    cfg = Config(dict(work_dir='of_the_config'))
    checkpoint = tmp_path / 'averaged.pth'
    assert default_test_dir(cfg, 'a/b.py', checkpoint) == 'of_the_config/test'
    assert default_test_dir(Config(), 'a/b.py', checkpoint) == 'work_dirs/b/test'
    assert default_test_dir(Config(), 'a/b.py', tmp_path / 'gone' / 'a.pth').endswith('b/test')
    if trace.endswith('/'):
        (tmp_path / trace).mkdir()
    else:
        (tmp_path / trace).touch()
    assert default_test_dir(cfg, 'a/b.py', checkpoint) == str(tmp_path / 'test')


def test_a_test_s_log_goes_elsewhere_if_the_run_s_directory_is_read_only(tmp_path, monkeypatch):
    (tmp_path / 'last_checkpoint').touch()
    monkeypatch.setattr('os.access', lambda path, mode: str(path) != str(tmp_path))
    assert default_test_dir(Config(), 'b.py', tmp_path / 'a.pth') == 'work_dirs/b/test'
    (tmp_path / 'test').mkdir()
    assert default_test_dir(Config(), 'b.py', tmp_path / 'a.pth') == str(tmp_path / 'test')


def test_amp(tmp_path, monkeypatch):
    cfg = config(tmp_path)
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    with pytest.raises(ConfigError, match='--amp needs a CUDA device'):
        use_amp(cfg)
    MMLogger.get_current_instance()  # asks for the device's number when it is made
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    use_amp(cfg)
    assert cfg.optim_wrapper == dict(type='AmpOptimWrapper', loss_scale='dynamic')
    cfg.optim_wrapper.type = type('MyWrapper', (OptimWrapper,), {})
    with pytest.raises(ConfigError, match="'MyWrapper'"):
        use_amp(cfg)


def test_resume_without_a_checkpoint_starts_anew_from_the_pretrained_weights(tmp_path):
    cfg = config(tmp_path, load_from='start.pth')
    use_resume(cfg, None)
    assert not cfg.get('resume')
    assert cfg.load_from == 'start.pth'
    assert cfg.model.pretrained == 'pretrain/msvit_s.pth'


def test_resume_does_not_need_the_pretrained_weights(tmp_path):
    checkpoint = tmp_path / 'epoch_1.pth'
    torch.save({'state_dict': {}}, checkpoint)
    cfg = config(tmp_path)
    use_resume(cfg, None)
    assert cfg.resume is True
    assert cfg.load_from == str(tmp_path / 'epoch_1.pth')
    assert cfg.model.pretrained is None

    cfg = config(tmp_path)
    use_resume(cfg, checkpoint)
    assert cfg.load_from == str(checkpoint)
    assert cfg.model.pretrained is None
    with pytest.raises(CheckpointError, match=r"gone\.pth' does not exist"):
        use_resume(cfg, tmp_path / 'gone.pth')


def test_test_only_needs_no_training_data(tmp_path):
    cfg = config(tmp_path, train_dataloader=dict(a=1), train_cfg=dict(b=2), resume=True)
    use_test_only(cfg, 'a.pth')
    assert cfg.train_dataloader is cfg.train_cfg is cfg.optim_wrapper is None
    assert cfg.custom_hooks == [dict(type='Mine')]
    assert cfg.load_from == 'a.pth'
    assert cfg.resume is False
    assert cfg.model.pretrained is None


@pytest.mark.parametrize(
    'kind',
    ['EMAHook', 'mmengine.EMAHook', EMAHook, WeightAverageHook, MyEMAHook, MyStatisticsHook],
)
def test_no_weights_are_averaged_in_a_test(kind, tmp_path):
    cfg = config(tmp_path)
    cfg.custom_hooks = [dict(type=kind), dict(type='Mine')]
    use_test_only(cfg, 'a.pth')
    assert cfg.custom_hooks == [dict(type='Mine')]


def test_rerank(tmp_path):
    cfg = config(tmp_path)
    use_rerank(cfg)
    assert cfg.test_evaluator.rerank == dict(k1=20, k2=6, lambda_value=0.3)
    cfg.test_evaluator = dict(type='MyMetric')
    use_rerank(cfg)
    assert cfg.test_evaluator.rerank['k1'] == 20
    cfg.test_evaluator = dict(type='RetrievalMetric')
    with pytest.raises(ConfigError, match=r'test_evaluator with .* ReIDMetric'):
        use_rerank(cfg)


def test_bootstrap(tmp_path):
    cfg = config(tmp_path)
    use_bootstrap(cfg, 200)
    assert cfg.test_evaluator.bootstrap == 200
    cfg.test_evaluator = [dict(type='RetrievalMetric'), dict(type='MyMetric')]
    use_bootstrap(cfg, 50)
    assert [evaluator.bootstrap for evaluator in cfg.test_evaluator] == [50, 50]
    with pytest.raises(ConfigError, match='from 1 on, got 0'):
        use_bootstrap(cfg, 0)
    cfg.test_evaluator = dict(type='TopKAccuracy')
    with pytest.raises(ConfigError, match='--bootstrap needs a test_evaluator'):
        use_bootstrap(cfg, 50)


def test_a_base_is_not_a_whole_config(tmp_path):
    (tmp_path / 'base.py').write_text('model = dict()\n')
    cfg = load_config(tmp_path / 'base.py')
    require_sections(cfg, 'model')
    with pytest.raises(ConfigError, match=r"base\.py' .*train_cfg, optim_wrapper"):
        require_sections(cfg, 'model', 'train_cfg', 'optim_wrapper')


def test_a_resumed_runs_config_starts_anew(tmp_path, capsys):
    cfg = config(tmp_path, resume=True, load_from='epoch_3.pth')
    start_new_run(cfg)
    assert cfg.resume is False
    assert cfg.load_from is None
    assert capsys.readouterr().out == ''
    cfg = config(tmp_path, load_from='start.pth')
    start_new_run(cfg)
    assert cfg.load_from == 'start.pth'


def test_a_used_work_dir_is_refused(tmp_path):
    (tmp_path / 'epoch_1.pth').touch()
    with pytest.raises(ConfigError, match=r'earlier run .*epoch_1\.pth'):
        start_new_run(config(tmp_path))


@pytest.mark.parametrize(
    'name',
    ['averaged.pth', 'best_mAP_epoch_3.pth', 'mine.pth', 'model.safetensors', 'my.safetensors'],
)
def test_a_result_is_not_replaced(name, tmp_path):
    """Class of faults: a run replaces what an earlier one left in its work directory."""
    cfg = config(tmp_path)
    cfg.custom_hooks[0].filename = 'mine.pth'
    cfg.default_hooks = dict(model_file=dict(type='ModelFileHook', filename='my.safetensors'))
    start_new_run(cfg)
    (tmp_path / 'abandoned_averaged.pth').touch()
    (tmp_path / name).touch()
    with pytest.raises(ConfigError, match=f'holds {name} of an earlier run'):
        start_new_run(cfg)
    with pytest.raises(ConfigError, match=f'holds {name} of an earlier run'):
        use_resume(cfg, None)
