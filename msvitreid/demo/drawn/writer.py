"""Writing a sample dataset with several processes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from mmengine.utils import track_iter_progress

from msvitreid.errors import ConfigError, DatasetError
from msvitreid.utils.cpus import available_cpus

from .camera import Camera, draw_cameras
from .identity import Identity, draw_identities
from .plan import FOLDER, QUERY, Parameters, Picture, SyntheticStatistics, plan_identity
from .shot import take_shot
from .stamp import appearing, check_existing, occupied

# Streams of the seed that belong to no picture; pids begin at 1.
IDENTITY_STREAM, CAMERA_STREAM = (0, 1), (0, 2)


class _Job(NamedTuple):
    """All pictures of one identity."""

    folder: Path
    identity: Identity
    cameras: list[Camera]
    pictures: list[Picture]
    parameters: Parameters


def make_synthetic(
    root: str | os.PathLike[str],
    *,
    num_train_ids: int = 100,
    num_test_ids: int = 40,
    num_cams: int = 6,
    images_per_id: int = 20,
    gallery_per_id: int = 12,
    queries_per_id: int = 4,
    occluded_share: float = 0.3,
    size: tuple[int, int] = (128, 64),
    seed: int = 0,
    workers: int | None = None,
    progress: bool = False,
) -> SyntheticStatistics:
    """Make a dataset of drawn pedestrians in the layout of Occluded-Duke.

    The files are ``<pid>_c<cam>_f<frame>.jpg`` in the folders ``bounding_box_train``, ``query``
    and ``bounding_box_test`` of ``root/Occluded_Duke``, and ``root/synthetic.json``, which holds
    the parameters. The same parameters give the same bytes (from one version of Pillow and
    NumPy), whatever ``workers`` is. ``root`` appears only when it is complete.

    Args:
        root: Folder to make; a complete sample dataset of the same parameters is reused.
        num_train_ids: Identities to train on, pids from 1.
        num_test_ids: Other identities, the pids that follow, in query and gallery.
        num_cams: Cameras, each of which may see any identity.
        images_per_id: Pictures of each training identity.
        gallery_per_id: Gallery pictures of each test identity.
        queries_per_id: Queries of each test identity, all with 20-60 % of the body hidden.
        occluded_share: Share of training and gallery pictures that are so hidden too.
        size: (height, width) of the pictures in pixels.
        seed: Draws everything.
        workers: Processes; None takes one for each CPU at hand.
        progress: Whether to show a bar with the time left on stderr.

    Returns:
        What is in the set.

    Raises:
        ConfigError: An option is out of its range.
        DatasetError: ``root`` holds something else, a set of other parameters or one with files
            missing, or it cannot be written.
    """
    parameters = Parameters(
        num_train_ids=num_train_ids,
        num_test_ids=num_test_ids,
        num_cams=num_cams,
        images_per_id=images_per_id,
        gallery_per_id=gallery_per_id,
        queries_per_id=queries_per_id,
        occluded_share=occluded_share,
        size=size,
        seed=seed,
    )
    if workers is None:
        workers = available_cpus()
    if workers < 1:
        raise ConfigError(f'workers is {workers}, give at least 1')
    root = Path(root)
    try:
        if not occupied(root):
            with appearing(root, parameters) as partial:
                _draw_all(_plan(partial / FOLDER, parameters), workers, progress)
        return check_existing(root, parameters)
    except OSError as error:
        raise DatasetError(
            f'{root} cannot be made ({error.strerror or error}): choose another folder'
        ) from error


def _plan(folder: Path, parameters: Parameters) -> list[_Job]:
    identities = draw_identities(
        (parameters.num_train_ids, parameters.num_test_ids),
        np.random.default_rng([parameters.seed, *IDENTITY_STREAM]),
    )
    cameras = draw_cameras(
        parameters.num_cams, np.random.default_rng([parameters.seed, *CAMERA_STREAM])
    )
    return [
        _Job(folder, identity, cameras, plan_identity(parameters, pid), parameters)
        for pid, identity in enumerate([*identities[0], *identities[1]], start=1)
    ]


def _draw_all(jobs: list[_Job], workers: int, progress: bool) -> None:
    if min(workers, len(jobs)) == 1:
        _follow(map(_draw_job, jobs), len(jobs), progress)
        return
    with ProcessPoolExecutor(min(workers, len(jobs))) as pool:
        try:
            _follow(pool.map(_draw_job, jobs), len(jobs), progress)
        except BaseException:
            # An error or an interrupt: what has not begun is not to be waited for.
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _follow(results: Iterable[None], total: int, progress: bool) -> None:
    for _ in track_iter_progress((results, total), file=sys.stderr) if progress else results:
        pass


def _draw_job(job: _Job) -> None:
    for picture in job.pictures:
        # Seeded by its own name, a picture is the same whoever draws it and when.
        rng = np.random.default_rng(
            [job.parameters.seed, picture.pid, picture.camid, picture.frame]
        )
        hidden = picture.folder == QUERY or rng.random() < job.parameters.occluded_share
        camera = job.cameras[picture.camid - 1]
        shot = take_shot(job.identity, camera, job.parameters.size, hidden, rng)
        path = job.folder / picture.folder / picture.name
        path.write_bytes(camera.encode(shot.image))
