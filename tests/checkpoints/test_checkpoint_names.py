import multiprocessing
import os
import socket

from msvitreid.checkpoints.checkpoint_names import (
    checkpoint_name,
    remove_leftovers,
    remove_overtaken,
    saved_checkpoints,
)

HOST = socket.gethostname()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_one_that_got_farthest_comes_last(tmp_path):
    for name in ('epoch_10', 'epoch_9', 'epoch_9_batch_30', 'epoch_9_batch_4'):
        (tmp_path / f'{name}.pth').touch()
    for name in ('averaged', 'best_mAP_epoch_12', 'epoch_x', 'abandoned_epoch_11'):
        (tmp_path / f'{name}.pth').touch()
    assert [(s.epoch, s.batch) for s in saved_checkpoints(tmp_path)] == [
        (9, 0),
        (9, 4),
        (9, 30),
        (10, 0),
    ]


def test_names():
    assert checkpoint_name(3) == 'epoch_3.pth'
    assert checkpoint_name(3, 20) == 'epoch_3_batch_20.pth'


def test_only_checkpoints_of_overtaken_epochs_go(tmp_path):
    for name in ('epoch_3', 'epoch_2_batch_7', 'epoch_3_batch_1', 'best_mAP_epoch_1'):
        (tmp_path / f'{name}.pth').touch()
    remove_overtaken(tmp_path)
    assert names(tmp_path) == ['best_mAP_epoch_1.pth', 'epoch_3.pth', 'epoch_3_batch_1.pth']


def test_checkpoints_of_iterations_are_not_overtaken(tmp_path):
    for name in ('iter_300', 'epoch_3'):
        (tmp_path / f'{name}.pth').touch()
    assert [(s.epoch, s.batch) for s in saved_checkpoints(tmp_path)] == [(0, 300), (3, 0)]
    remove_overtaken(tmp_path)
    assert names(tmp_path) == ['epoch_3.pth', 'iter_300.pth']


def test_leftovers_of_dead_processes_go(tmp_path):
    """Class of faults: a start removes what another process is still writing."""
    dead = multiprocessing.get_context('fork').Process(target=int)
    dead.start()
    dead.join()
    for host, pid in ((HOST, dead.pid), (HOST, os.getpid()), ('other.host', os.getppid())):
        (tmp_path / f'.epoch_4.pth.{host}.{pid}.0123abcd.tmp').touch()
    (tmp_path / f'.last_checkpoint.{HOST}.{dead.pid}.0123abcd.tmp').touch()
    # An export into the work directory has a folder.
    (tmp_path / f'.net.xml.{HOST}.{dead.pid}.0123abcd.tmp' / 'a').mkdir(parents=True)
    kept = [
        f'.averaged.pth.{HOST}.{os.getppid()}.0123abcd.tmp',
        f'.result.json.{HOST}.{os.getppid()}.0123abcd.tmp',
        '.mine.pth.tmp',
        'epoch_3.pth',
    ]
    for name in kept:
        (tmp_path / name).touch()
    remove_leftovers(tmp_path)
    assert names(tmp_path) == sorted(kept)
