import shutil

import pytest
import torch

from tests.tools.user import SMALL, leaf, options, run

MARKET = leaf('msvit-s_market1501')


def read(path):
    return torch.load(path, weights_only=True)


@pytest.fixture
def train(data_root, tmp_path):
    """Train on Market-1501 in ``tmp_path / 'work'``."""

    def train(*flags, epochs=1, **changes):
        small = {**SMALL, 'data_root': data_root, 'train_cfg.max_epochs': epochs}
        given = ['--work-dir', tmp_path / 'work', *flags, *options(small, changes)]
        outcome = run('train.py', MARKET, *given)
        assert outcome.code == 0, outcome.err
        return outcome

    return train


def test_what_a_run_leaves(trained):
    files = {path.name for path in trained.iterdir() if path.is_file()}
    assert files == {
        'averaged.pth',
        'epoch_1.pth',
        'last_checkpoint',
        'model.safetensors',
        'msvit-s_market1501.py',
    }


def test_progress_and_time_left_are_shown(train):
    out = train().out
    assert 'Epoch(train) [1][2/2]' in out
    assert 'eta: ' in out
    assert 'Market1501 train: 15 images, 4 identities' in out


def test_the_environment_names_the_data_root(data_root, tmp_path, monkeypatch):
    monkeypatch.setenv('MSVITREID_DATA_ROOT', str(data_root))
    one_epoch = options(SMALL, {'train_cfg.max_epochs': 1})
    outcome = run('train.py', MARKET, '--work-dir', tmp_path, *one_epoch)
    assert outcome.code == 0, outcome.err
    for split in ('train', 'query', 'gallery'):
        assert f'Market1501 {split}: ' in outcome.out
    assert str(data_root) in outcome.out


def test_an_option_outvotes_the_environment(train, monkeypatch):
    monkeypatch.setenv('MSVITREID_DATA_ROOT', '/nowhere')
    train()


def test_the_default_work_dir_is_named_after_the_config(data_root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(
        'train.py', MARKET, *options(SMALL, {'data_root': data_root, 'train_cfg.max_epochs': 1})
    )
    assert (tmp_path / 'work_dirs' / 'msvit-s_market1501' / 'averaged.pth').is_file()


def test_options_reach_the_net(train, tmp_path):
    train(**{'model.neck.num_parts': 3})
    weights = read(tmp_path / 'work' / 'averaged.pth')['state_dict']
    assert 'head.linears.5.weight' in weights


def test_worker_processes_train(train, tmp_path):
    train(**{'train_dataloader.num_workers': 1, 'val_dataloader.num_workers': 1})
    assert (tmp_path / 'work' / 'averaged.pth').is_file()


def test_resume_finds_the_newest_checkpoint(train, trained, tmp_path):
    shutil.copytree(trained, tmp_path / 'work')
    (tmp_path / 'work' / 'last_checkpoint').write_text(str(tmp_path / 'work' / 'epoch_1.pth'))
    # The weights are in the checkpoint, so a pretrained file that is not here is no matter.
    outcome = train(
        '--resume', '--accept-changes', epochs=2, **{'model.pretrained': 'pretrain/missing.pth'}
    )
    assert 'Epoch(train) [1]' not in outcome.out
    assert read(tmp_path / 'work' / 'epoch_2.pth')['meta']['epoch'] == 2


def test_a_resumed_run_with_other_options_is_refused(data_root, trained, tmp_path):
    small = {**SMALL, 'data_root': data_root, 'train_cfg.max_epochs': 2}
    resume = ['--work-dir', tmp_path / 'work', '--resume', trained / 'epoch_1.pth']
    outcome = run('train.py', MARKET, *resume, *options(small))
    assert outcome.code == 2
    assert 'train_cfg.max_epochs was 1 and is 2' in outcome.err
    assert '--accept-changes' in outcome.err


def test_resume_without_a_checkpoint_starts(train):
    assert 'Epoch(train) [1]' in train('--resume').out


def test_resume_from_a_named_checkpoint_takes_its_state(train, trained, tmp_path):
    outcome = train('--resume', trained / 'epoch_1.pth', '--accept-changes', epochs=2)
    assert 'Epoch(train) [1]' not in outcome.out
    # The second epoch of the warm-up: 0.05 * (0.01 + 0.99 * 2 / 5).
    assert 'lr: 2.0300e-02' in outcome.out
    optimizer = read(tmp_path / 'work' / 'epoch_2.pth')['optimizer']
    assert all('momentum_buffer' in state for state in optimizer['state'].values())
    assert read(tmp_path / 'work' / 'averaged.pth')['meta']['averaged_epochs'] == 2


def test_code_in_a_checkpoints_config_is_not_run(train, trained, tmp_path):
    checkpoint = read(trained / 'epoch_1.pth')
    marker = tmp_path / 'marker'
    checkpoint['meta']['config'] = checkpoint['meta']['cfg'] = f'open({str(marker)!r}, "w")\n'
    torch.save(checkpoint, tmp_path / 'epoch_1.pth')
    train('--resume', tmp_path / 'epoch_1.pth', '--accept-changes', epochs=2)
    assert (tmp_path / 'work' / 'averaged.pth').is_file()
    assert not marker.exists()


def test_load_from_takes_weights_but_no_state(train, trained, tmp_path):
    outcome = train(load_from=trained / 'averaged.pth', **{'optim_wrapper.optimizer.lr': 0.0})
    assert 'Epoch(train) [1]' in outcome.out
    name = 'head.linears.0.weight'
    started = read(tmp_path / 'work' / 'epoch_1.pth')['state_dict'][name]
    assert torch.equal(started, read(trained / 'averaged.pth')['state_dict'][name])
