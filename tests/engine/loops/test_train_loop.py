import pytest
import torch

from msvitreid.engine import use_resume
from msvitreid.errors import CheckpointError
from tests.engine.tiny_run import build_runner, tiny_config
from tests.processes import run_ranks


def train(market, work_dir, checkpoint=None, **changes):
    cfg = tiny_config(market, work_dir, **changes)
    if checkpoint is not None:
        use_resume(cfg, checkpoint)
    runner = build_runner(cfg)
    runner.train()
    return torch.load(work_dir / 'epoch_3.pth', weights_only=True)['state_dict']


@pytest.mark.parametrize('seed', [None, 3])
def test_a_resumed_run_goes_on_with_the_seed_of_its_checkpoint(seed, market, tmp_path):
    whole = train(market, tmp_path / 'whole', **{'randomness.seed': seed})
    again = {'randomness.seed': None}
    resumed = train(market, tmp_path / 'cut', tmp_path / 'whole' / 'epoch_1.pth', **again)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_a_sampler_keeps_the_seed_that_the_config_gives_it(market, tmp_path):
    own = {'train_dataloader.sampler.seed': 5}
    whole = train(market, tmp_path / 'whole', **own, **{'randomness.seed': 0})
    checkpoint = tmp_path / 'whole' / 'epoch_1.pth'
    resumed = train(market, tmp_path / 'cut', checkpoint, **own, **{'randomness.seed': None})
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_ranks_that_find_different_checkpoints_are_an_error(market, tmp_path):
    train(market, tmp_path / 'whole')

    def resume():
        mine = tmp_path / 'whole' if torch.distributed.get_rank() == 0 else tmp_path / 'empty'
        cfg = tiny_config(
            market, mine, **{'train_dataloader.batch_size': 4, 'launcher': 'pytorch'}
        )
        cfg.experiment_name = 'resumed'
        use_resume(cfg, None)
        with pytest.raises(CheckpointError) as error:
            build_runner(cfg).train()
        return str(error.value)

    assert all('different checkpoints' in sentence for sentence in run_ranks(resume, 2))
