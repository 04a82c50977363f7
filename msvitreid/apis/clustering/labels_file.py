"""Clusters as a CSV list of images, which is a training set."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path

from msvitreid.datasets.readers.csv_list import read_csv
from msvitreid.datasets.readers.id_names import IdNames
from msvitreid.datasets.readers.listed_values import path_below
from msvitreid.errors import DatasetError
from msvitreid.utils.files import atomic_write
from msvitreid.utils.printable import printable
from msvitreid.utils.spreadsheets import is_formula

#: Paths are judged by their text alone, wherever the images are.
ANY_ROOT = Path(os.path.abspath(os.sep))


def write_list(
    path: str | os.PathLike[str],
    image_paths: Sequence[str],
    pids: Sequence[str],
    cameras: Sequence[str],
) -> None:
    """Write a list with the columns path, pid and camid, and read it once as a dataset does.

    No cell is a formula to a spreadsheet, whatever names images and cameras have: such a path
    begins with ``./``, the name of such a camera with an apostrophe.

    Args:
        path: of the list; its folder must exist.
        image_paths: of the images, relative to the folder of the images or absolute.
        pids: names of the clusters.
        cameras: names of the cameras, '' for an unknown one.

    Raises:
        DatasetError: a dataset could not read it, such as for an image whose name is no path
            or for two spellings of one camera, or a pid is a formula; nothing is written.
        OutputError: it cannot be written.
    """
    if formulas := [pid for pid in pids if is_formula(pid)]:
        raise DatasetError(
            f'{path}: the identity {printable(formulas[0])!r} is a formula to a spreadsheet; '
            'give it another name'
        )
    image_paths = [f'./{one}' if is_formula(one) else one for one in image_paths]
    cameras = [f"'{one}" if is_formula(one) else one for one in cameras]
    with atomic_write(path) as temporary:
        with open(temporary, 'w', encoding='utf-8', newline='') as file:
            try:
                writer = csv.writer(file)
                writer.writerow(['path', 'pid', 'camid'])
                writer.writerows(zip(image_paths, pids, cameras, strict=True))
            except UnicodeEncodeError as error:
                raise DatasetError(
                    f'{path}: the line {str(error.object).strip()!r} is no Unicode text; rename '
                    'the image or its camera'
                ) from error
        try:
            read_csv(temporary, ANY_ROOT, 'train')
        except DatasetError as error:
            raise DatasetError(str(error).replace(str(temporary), str(path))) from error


def read_list(path: str | os.PathLike[str]) -> dict[str, str]:
    """The names of clusters by the paths of their images, of a list that was written before.

    Paths are in the form of :func:`list_path`.

    Raises:
        DatasetError: the list cannot be read; names the file and line.
    """
    names = IdNames()
    records = read_csv(Path(path), ANY_ROOT, 'train', names)['train']
    return {record.img_path: names.full_pid(record.pid) for record in records}


def list_path(image_path: str) -> str:
    """A path of a list in a form in which it can be compared.

    Raises:
        DatasetError: it is none that a list can have.
    """
    try:
        return path_below(ANY_ROOT, image_path.strip())
    except ValueError as error:
        raise DatasetError(
            f'the gallery has an id that is no path of a file: {error}'
        ) from None
