"""Drawn people in a gallery."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from msvitreid.apis import ReIDInferencer
from msvitreid.apis.indexing import index_images, list_image_files, open_or_create_gallery


class Crowd(NamedTuple):
    """A gallery, the folder of its images, the inferencer, and images that are not in it."""

    gallery: Path
    images: Path
    inferencer: ReIDInferencer
    queries: list[Path]


def make_gallery(
    path: Path, folder: Path, inferencer: ReIDInferencer, **columns: object
) -> Path:
    """The gallery of a folder's images, with camera, pid and time from names ``PID_cCAM_fTIME``.

    ``columns`` are the same for all images.
    """
    listed = list_image_files([folder])
    metadata = {}
    for image in listed.files:
        pid, camera, time = image.id.removesuffix('.jpg').split('_')[-3:]
        metadata[image.id] = {'camera': camera, 'pid': pid, 'time': int(time[1:]), **columns}
    names = inferencer.dimension, inferencer.fingerprint
    with open_or_create_gallery(path, *names) as gallery:
        index_images(gallery, inferencer, listed, metadata)
    return path
