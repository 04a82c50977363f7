"""The folder of a run: made when it starts, kept for it alone, removed if nothing came of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from msvitreid.checkpoints.checkpoint_names import remove_leftovers
from msvitreid.checkpoints.run_lock import run_lock
from msvitreid.errors import ConfigError

#: Where the launchers say which process this is.
RANK_NAMES = {'pytorch': 'RANK', 'slurm': 'SLURM_PROCID', 'mpi': 'OMPI_COMM_WORLD_RANK'}


@contextmanager
def made_work_dir(path: str | os.PathLike[str]) -> Iterator[None]:
    """Make the folder that a command writes into; an error removes it again if it is empty.

    Raises:
        ConfigError: it cannot be made.
    """
    folder = Path(path).absolute()
    new = [above for above in (folder, *folder.parents) if not above.exists()]
    _make(path)
    try:
        yield
    except BaseException:
        with suppress(OSError):
            for made in new:
                made.rmdir()
        raise


@contextmanager
def own_work_dir(path: str | os.PathLike[str], launcher: str = 'none') -> Iterator[None]:
    """Make a run's folder and keep other runs out of it until the block ends.

    Of several processes the first one does so for all. What killed runs left of files that
    they were writing is removed.

    Raises:
        ConfigError: it cannot be made, or another run is using it.
        OutputError: nothing can be written there.
    """
    if os.environ.get(RANK_NAMES.get(launcher, ''), '0') != '0':
        # The first process cleans up: one that fails early must not remove its folder.
        _make(path)
        yield
        return
    with made_work_dir(path), run_lock(path):
        remove_leftovers(path)
        yield


def _make(path: str | os.PathLike[str]) -> None:
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f'work_dir {str(path)!r} cannot be made ({error.strerror}); choose another folder'
        ) from error
