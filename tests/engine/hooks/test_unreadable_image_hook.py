from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.dist import get_rank

from msvitreid.engine import UnreadableImageHook, load_config
from msvitreid.errors import ConfigError, DatasetError
from msvitreid.registry import HOOKS
from msvitreid.structures import ReIDDataSample
from tests.engine.tiny_run import build_runner, tiny_config
from tests.processes import run_ranks
from tests.tools.user import REPOSITORY

TREE = 'Market-1501-v15.09.15'
BROKEN = ('0002_c1s1_000000_00.jpg', '0006_c2s1_000001_00.jpg', '0006_c3s1_000002_00.jpg')
TRAINING_IMAGES = 39


@pytest.fixture
def data_root(market, tmp_path):
    """The miniature Market-1501 with three broken training images."""
    shutil.copytree(market, tmp_path / 'data')
    for name in BROKEN:
        (tmp_path / 'data' / TREE / 'bounding_box_train' / name).write_text('no image')
    return tmp_path / 'data'


def training_files(data_root: Path, *names: str) -> list[str]:
    return [str(data_root / TREE / 'bounding_box_train' / name) for name in names]


def config(data_root, work_dir, workers=0, **changes):
    return tiny_config(
        data_root,
        work_dir,
        **{
            'train_dataloader.dataset.on_unreadable': 'redraw',
            'train_dataloader.num_workers': workers,
            'default_hooks.unreadable_images': dict(type='UnreadableImageHook', max_share=0.1),
            'log_level': 'WARNING',
            # Runs of one name and second would share a log.
            'experiment_name': f'{work_dir.parent.name}_{work_dir.name}',
            **changes,
        },
    )


def run(cfg, action='train'):
    runner = build_runner(cfg)
    try:
        getattr(runner, action)()
    finally:
        # Left to the garbage collector, workers are not asked to end and waited for.
        iterator = getattr(runner, f'{action}_dataloader')._iterator
        if iterator is not None:
            iterator._shutdown_workers()


def warnings(work_dir: Path) -> list[str]:
    """Lines of all logs of a work directory that say that an image cannot be read."""
    lines = (line for log in work_dir.rglob('*.log') for line in log.read_text().splitlines())
    return [line for line in lines if 'cannot be read' in line]


def weights(path):
    return torch.load(path, weights_only=True)['state_dict']


def test_a_run_lists_every_file_once_and_workers_draw_as_the_main_process(data_root, tmp_path):
    for workers in (0, 2):
        work_dir = tmp_path / str(workers)
        run(config(data_root, work_dir, workers))
        listed = (work_dir / 'unreadable.txt').read_text().splitlines()
        assert listed == training_files(data_root, *BROKEN)
        logged = warnings(work_dir)
        assert len(logged) == 3
        assert all('WARNING' in line for line in logged)
        assert all(sum(path in line for line in logged) == 1 for path in listed)
        for count, line in enumerate(sorted(logged, key=lambda line: line[-30:]), start=1):
            assert line.endswith(f'; {count} of {TRAINING_IMAGES} training images so far')
    alone, two = (weights(tmp_path / workers / 'averaged.pth') for workers in '02')
    assert all(torch.equal(weight, two[name]) for name, weight in alone.items())


@pytest.mark.parametrize('workers', [0, 2])
def test_too_many_end_the_run_with_the_list_written(data_root, tmp_path, workers):
    changes = {'default_hooks.unreadable_images.max_share': 0.06}
    with pytest.raises(DatasetError) as error:
        run(config(data_root, tmp_path / 'run', workers, **changes))
    message = str(error.value)
    assert '3 of 39 training images, more than UnreadableImageHook max_share=0.06' in message
    assert any(message.startswith(path) for path in training_files(data_root, *BROKEN))
    listed = (tmp_path / 'run' / 'unreadable.txt').read_text().splitlines()
    assert listed == training_files(data_root, *BROKEN)


def test_by_default_the_first_ends_the_run(data_root, tmp_path):
    changes = {'train_dataloader.dataset.on_unreadable': 'error'}
    with pytest.raises(DatasetError, match='|'.join(BROKEN)):
        run(config(data_root, tmp_path / 'run', **changes))
    assert not (tmp_path / 'run' / 'unreadable.txt').exists()


def test_a_resumed_run_goes_on_counting(data_root, tmp_path):
    work_dir = tmp_path / 'run'
    run(config(data_root, work_dir, **{'train_cfg.max_epochs': 2}))
    checkpoint = torch.load(work_dir / 'epoch_2.pth', weights_only=True)
    assert checkpoint['unreadable_images'] == training_files(data_root, *BROKEN)
    (work_dir / 'unreadable.txt').unlink()

    cfg = config(data_root, work_dir, resume=True, accept_changes=True)
    cfg.experiment_name += '_again'
    run(cfg)
    listed = (work_dir / 'unreadable.txt').read_text().splitlines()
    assert listed == training_files(data_root, *BROKEN)
    assert len(warnings(work_dir)) == 3


def test_a_run_that_starts_from_a_runs_weights_counts_for_itself(data_root, market, tmp_path):
    run(config(data_root, tmp_path / 'first'))
    start = str(tmp_path / 'first' / 'epoch_3.pth')
    run(config(market, tmp_path / 'second', load_from=start))
    assert not (tmp_path / 'second' / 'unreadable.txt').exists()
    assert 'unreadable_images' not in torch.load(
        tmp_path / 'second' / 'epoch_3.pth', weights_only=True
    )


@pytest.mark.parametrize('workers', [0, 2])
@pytest.mark.parametrize(
    'name', ['query/0001_c1s1_000900_00.jpg', 'bounding_box_test/0003_c1s1_000000_00.jpg']
)
def test_an_evaluation_stops_at_a_broken_image(data_root, tmp_path, name, workers):
    broken = data_root / TREE / name
    broken.write_bytes(b'')
    cfg = config(data_root, tmp_path / 'run', **{'test_dataloader.num_workers': workers})
    with pytest.raises(DatasetError, match=str(broken)):
        run(cfg, 'test')


# --- the hook by itself -------------------------------------------------------------------


class Run:
    """Of a runner what the hook sees, with 100 training images."""

    def __init__(self, work_dir, resume=False):
        work_dir.mkdir(exist_ok=True)
        self.work_dir = str(work_dir)
        self.train_dataloader = SimpleNamespace(dataset=range(100))
        self.logged = []
        self.logger = SimpleNamespace(warning=self.logged.append)
        self._resume = resume

    def listed(self):
        return (Path(self.work_dir) / 'unreadable.txt').read_bytes().split(b'\n')


def batch(*unreadable):
    marked = [ReIDDataSample(metainfo={'unreadable': paths}) for paths in unreadable]
    return {'data_samples': [ReIDDataSample(), *marked]}


def test_the_limit_itself_is_allowed(tmp_path):
    hook, run = UnreadableImageHook(max_share=0.02), Run(tmp_path)
    hook.after_train_iter(run, 0, batch(('a', 'b'), ('b',)))
    hook.after_train_iter(run, 1, batch(('a',)))
    hook.after_train_epoch(run)
    assert [line.partition(':')[0] for line in run.logged] == ['a', 'b']
    assert run.listed() == [b'a', b'b', b'']
    with pytest.raises(DatasetError, match=r'^c: .* makes 3 of 100 training images'):
        hook.after_train_iter(run, 0, batch(('c',)))
    assert run.listed() == [b'a', b'b', b'c', b'']


def test_share_of_nought_allows_none(tmp_path):
    with pytest.raises(DatasetError, match='max_share=0 allows'):
        UnreadableImageHook(0).after_train_iter(Run(tmp_path), 0, batch(('a',)))


def test_a_name_need_not_be_text(tmp_path):
    hook, run = UnreadableImageHook(), Run(tmp_path)
    hook.after_train_iter(run, 0, batch(('/d/\udcff 行.jpg',)))
    hook.after_train_epoch(run)
    assert run.listed() == [b'/d/\xff \xe8\xa1\x8c.jpg', b'']


def test_nothing_is_written_where_all_is_well(tmp_path):
    hook, run, checkpoint = UnreadableImageHook(), Run(tmp_path), {}
    hook.after_train_iter(run, 0, batch())
    hook.after_train_iter(run, 1, {'inputs': [], 'data_samples': None})
    hook.after_train_iter(run, 2, {'inputs': []})
    hook.after_train_epoch(run)
    hook.before_save_checkpoint(run, checkpoint)
    assert checkpoint == {}
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_without_files_forgets_those_of_before(tmp_path):
    hook = UnreadableImageHook()
    hook.after_load_checkpoint(Run(tmp_path, resume=True), {'unreadable_images': ['a']})
    assert hook.files == {'a'}
    hook.after_load_checkpoint(Run(tmp_path), {'unreadable_images': ['b']})
    assert hook.files == {'a'}
    hook.after_load_checkpoint(Run(tmp_path, resume=True), {})
    assert hook.files == set()


MET = [('a', 'd'), (), ('b', 'c', 'a')]


def test_at_the_end_of_an_epoch_all_ranks_know_all_files(tmp_path):
    def epoch():
        hook, run = UnreadableImageHook(max_share=0.04), Run(tmp_path / str(get_rank()))
        hook.after_train_iter(run, 0, batch(MET[get_rank()]))
        own = set(hook.files)
        hook.after_train_epoch(run)
        return own, hook.files, [line.partition(':')[0] for line in run.logged]

    assert run_ranks(epoch, 3) == [
        ({'a', 'd'}, set('abcd'), ['a', 'd', 'b', 'c']),
        (set(), set('abcd'), ['a', 'b', 'c', 'd']),
        ({'a', 'b', 'c'}, set('abcd'), ['a', 'b', 'c', 'd']),
    ]
    assert [path.parent.name for path in tmp_path.rglob('unreadable.txt')] == ['0']
    assert (tmp_path / '0' / 'unreadable.txt').read_text() == 'a\nb\nc\nd\n'


def test_all_ranks_end_where_only_all_files_together_are_too_many(tmp_path):
    def epoch():
        hook, run = UnreadableImageHook(max_share=0.03), Run(tmp_path / str(get_rank()))
        hook.after_train_iter(run, 0, batch(MET[get_rank()]))
        with pytest.raises(DatasetError) as error:
            hook.after_train_epoch(run)
        return str(error.value)

    assert all('makes 4 of 100 training images' in message for message in run_ranks(epoch, 3))
    assert (tmp_path / '0' / 'unreadable.txt').read_text() == 'a\nb\nc\nd\n'


@pytest.mark.parametrize('max_share', [-0.1, 1.5, float('nan')])
def test_a_share_that_is_none(max_share):
    with pytest.raises(ConfigError, match=f'max_share: .* {max_share}'):
        HOOKS.build({'type': 'UnreadableImageHook', 'max_share': max_share})


def test_every_published_config_has_the_hook():
    cfg = load_config(REPOSITORY / 'configs' / 'msvit' / 'msvit-s_market1501.py')
    assert cfg.default_hooks.unreadable_images == dict(
        type='UnreadableImageHook', max_share=0.01
    )
