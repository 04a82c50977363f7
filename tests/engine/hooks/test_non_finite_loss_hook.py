import logging
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import Hook

from msvitreid.checkpoints import write_checkpoint
from msvitreid.engine import NonFiniteLossHook
from msvitreid.errors import ConfigError, ReIDError
from msvitreid.models import ReIDModel
from msvitreid.registry import HOOKS, MODELS
from msvitreid.structures import ReIDDataSample
from tests.engine.tiny_run import build_runner, tiny_config
from tests.processes import run_ranks

#: Batches of an epoch of the miniature set.
BATCHES = 4


@MODELS.register_module(force=True)
class SometimesNaN(ReIDModel):
    """A net whose loss is ``value`` in some steps, counted from 0.

    ``harmless`` says so without a consequence for the weights.
    """

    def __init__(self, steps=(), value=float('nan'), harmless=True, **options):
        super().__init__(**options)
        self.steps, self.value, self.harmless = steps, value, harmless
        self.taken = 0

    def train_step(self, data, optim_wrapper):
        losses = super().train_step(data, optim_wrapper)
        if self.harmless and self.taken in self.steps:
            losses['loss'] = losses['loss'] * self.value
        self.taken += 1
        return losses

    def forward(self, inputs, data_samples=None, mode='tensor'):
        outputs = super().forward(inputs, data_samples, mode)
        if mode == 'loss' and not self.harmless and self.taken in self.steps:
            outputs['loss'] = outputs['loss'] * self.value
        return outputs


@HOOKS.register_module(force=True)
class NoteFiles(Hook):
    def __init__(self):
        self.files = []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.files.append([sample.img_path for sample in data_batch['data_samples']])


@HOOKS.register_module(force=True)
class Spoil(Hook):
    """Makes a tensor of the net NaN, in the last step of the second epoch by default."""

    def __init__(self, tensor, at=(1, BATCHES - 1)):
        self.tensor = tensor
        self.at = tuple(at)

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if (runner.epoch, batch_idx) == self.at:
            runner.model.state_dict()[self.tensor].view(-1)[0] = float('nan')


@pytest.fixture
def prepare(market, tmp_path):
    def prepare(patience=2, custom_hooks=(), **model):
        cfg = tiny_config(market, tmp_path, **{'train_cfg.max_epochs': 2})
        cfg.model.update(type='SometimesNaN', **model)
        cfg.custom_hooks = [
            dict(type='NonFiniteLossHook', patience=patience),
            dict(type='NoteFiles'),
            *custom_hooks,
        ]
        for key in ('val_dataloader', 'val_cfg', 'val_evaluator'):
            cfg[key] = None
        return build_runner(cfg)

    return prepare


@pytest.mark.parametrize('steps', [(2,), (1, 3, 5, 7), (3,), (7,)])
def test_single_steps_do_not_stop(prepare, steps):
    runner = prepare(patience=2, steps=steps)
    runner.train()
    assert runner.model.taken == 2 * BATCHES
    assert not (Path(runner.work_dir) / 'non_finite_loss.txt').exists()


def test_the_sentence(prepare):
    runner = prepare(patience=2, steps=(5, 6))
    with pytest.raises(ReIDError) as caught:
        runner.train()
    (noted,) = [hook for hook in runner.hooks if isinstance(hook, NoteFiles)]
    files = noted.files[5] + noted.files[6]
    listed = Path(runner.work_dir) / 'non_finite_loss.txt'
    good = Path(runner.work_dir) / 'epoch_1.pth'
    assert str(caught.value) == (
        'the loss was not finite in 2 steps in a row, epoch 2 iteration 2 to epoch 2 iteration 3; '
        f'the 16 images of the steps with loss nan ({", ".join(files[:3])}, ...) are listed in '
        f'{listed}; '
        f'last good checkpoint: {good}; look at the images, and resume from that checkpoint by '
        '--resume --accept-changes with a lower optim_wrapper.optimizer.lr or with clipped '
        'gradients (--cfg-options optim_wrapper.clip_grad.max_norm=5)'
    )
    assert listed.read_text().splitlines() == [
        '# epoch 2 iteration 2, rank 0, loss nan',
        *noted.files[5],
        '# epoch 2 iteration 3, rank 0, loss nan',
        *noted.files[6],
    ]


def test_infinity_counts_too(prepare):
    with pytest.raises(ReIDError, match=r'loss -inf .*checkpoint: none'):
        prepare(patience=1, steps=(0,), value=float('-inf')).train()


def test_a_step_is_read_when_the_next_is_taken(prepare):
    runner = prepare(patience=1, steps=(1,))
    with pytest.raises(ReIDError, match='epoch 1 iteration 2'):
        runner.train()
    assert runner.model.taken == 3


def test_the_last_step_of_an_epoch_is_read_before_its_checkpoint(prepare):
    runner = prepare(patience=2, steps=(6, 7))
    with pytest.raises(ReIDError, match=r'epoch 2 iteration 4.*epoch_1\.pth'):
        runner.train()
    assert not (Path(runner.work_dir) / 'epoch_2.pth').exists()


def test_a_row_may_span_epochs_and_its_checkpoints_do_not_count(prepare):
    runner = prepare(patience=2, steps=(3, 4))
    with pytest.raises(ReIDError, match=r'iteration 4 to epoch 2 .*checkpoint: none'):
        runner.train()
    assert (Path(runner.work_dir) / 'epoch_1.pth').exists()


def test_a_nan_that_reaches_the_weights(prepare):
    """Later losses are NaN by themselves."""
    runner = prepare(patience=3, steps=(4,), harmless=False)
    with pytest.raises(ReIDError, match=r'epoch 2 iteration 1 to epoch 2 .*epoch_1\.pth'):
        runner.train()


@pytest.mark.parametrize('tensor', ['head.linears.0.weight', 'head.norms.1.running_var'])
def test_a_net_that_is_not_finite_is_never_saved(prepare, tensor):
    runner = prepare(patience=3, custom_hooks=[dict(type='Spoil', tensor=tensor)])
    with pytest.raises(ReIDError, match=rf'epoch 2 .*{tensor}\).*epoch_1\.pth'):
        runner.train()
    assert not (Path(runner.work_dir) / 'epoch_2.pth').exists()
    assert not (Path(runner.work_dir) / 'non_finite_loss.txt').exists()


def test_a_net_that_is_not_finite_is_not_saved_by_iterations_either(market, tmp_path):
    cfg = tiny_config(market, tmp_path)
    cfg.train_cfg = dict(by_epoch=False, max_iters=4, val_interval=9)
    for key in ('val_dataloader', 'val_cfg', 'val_evaluator'):
        cfg[key] = None
    cfg.param_scheduler = None
    cfg.default_hooks.checkpoint = dict(type='CheckpointHook', by_epoch=False, interval=1)
    cfg.custom_hooks = [
        dict(type='NonFiniteLossHook'),
        dict(type='Spoil', tensor='head.linears.0.weight', at=(0, 2)),
    ]
    with pytest.raises(ReIDError, match=r'after iteration 3 .*iter_2\.pth'):
        build_runner(cfg).train()
    assert not (tmp_path / 'iter_3.pth').exists()


def test_the_steps_before_a_broken_net_are_listed(prepare):
    runner = prepare(patience=3, steps=(7,), harmless=False)
    with pytest.raises(
        ReIDError,
        match=r'after epoch 2 .*the 8 images',
    ):
        runner.train()
    listed = (Path(runner.work_dir) / 'non_finite_loss.txt').read_text()
    assert listed.startswith('# epoch 2 iteration 4, rank 0, loss nan\n')


def test_other_buffers_may_be_infinite(prepare):
    runner = prepare()
    runner.model.register_buffer('mask', torch.tensor(float('-inf')))
    runner.train()


@pytest.mark.parametrize('patience', [0, -1, 1.5, '3'])
def test_patience_is_a_number_of_steps(patience):
    with pytest.raises(ConfigError, match='patience: expected'):
        NonFiniteLossHook(patience=patience)


def test_all_ranks_stop_after_the_same_step(tmp_path):
    """Only rank 1 meets a loss that is not finite."""
    write_checkpoint({'state_dict': {'weight': torch.ones(1)}}, tmp_path / 'epoch_1.pth')

    def train():
        rank = torch.distributed.get_rank()
        hook = NonFiniteLossHook(patience=2)
        runner = SimpleNamespace(
            epoch=1, work_dir=str(tmp_path), logger=logging.getLogger('ranks')
        )
        for batch in range(9):
            loss = torch.tensor(float('nan') if rank == 1 and batch in (1, 3, 4) else 1.0)
            sample = ReIDDataSample(metainfo=dict(img_path=f'/data/{rank}/{batch}.jpg'))
            try:
                hook.after_train_iter(runner, batch, {'data_samples': [sample]}, {'loss': loss})
            except ReIDError as error:
                return batch, str(error)
        return None

    (batch, sentence), other = run_ranks(train, 2)
    assert (batch, sentence) == other
    assert batch == 5
    assert 'epoch 2 iteration 4 to epoch 2 iteration 5; the 2 images' in sentence
    assert (tmp_path / 'non_finite_loss.txt').read_text().splitlines() == [
        '# epoch 2 iteration 4, rank 1, loss nan',
        '/data/1/3.jpg',
        '# epoch 2 iteration 5, rank 1, loss nan',
        '/data/1/4.jpg',
    ]


def test_ranks_agree_on_a_broken_net(tmp_path):
    def end_epoch():
        model = torch.nn.BatchNorm1d(2)
        model.running_mean[0] = float('nan') if torch.distributed.get_rank() == 1 else 0.0
        runner = SimpleNamespace(
            epoch=0, work_dir=str(tmp_path), model=model, train_dataloader=[1, 2]
        )
        try:
            NonFiniteLossHook().after_train_epoch(runner)
        except ReIDError as error:
            return str(error)

    sentences = run_ranks(end_epoch, 2)
    assert 'the first is running_mean' in sentences[0]
    assert sentences[0] == sentences[1]
