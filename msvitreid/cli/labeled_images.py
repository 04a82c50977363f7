"""Images with identities and cameras, from whatever a user's data are."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msvitreid.errors import ConfigError, DatasetError
from msvitreid.utils.printable import printable

from .running import quiet_log

if TYPE_CHECKING:
    from msvitreid.datasets import ReIDDataset

SPLIT_FOLDERS = ('query', 'gallery', 'test')


@dataclass(frozen=True)
class LabeledImages:
    """Images in the order of their paths.

    Attributes:
        name: of the data.
        paths: of the files.
        pids: what the user calls the identity of each.
        camids: the same of cameras; '' for unknown.
        distractors: images that were left out, as they are of many people under one number.
        left_out: files that the dataset passes over, for people; '' if there are none.
    """

    name: str
    paths: list[str]
    pids: list[str]
    camids: list[str]
    distractors: int
    left_out: str


def read_labeled_images(
    target: str, root: str | None = None, camera_pattern: str | None = None
) -> LabeledImages:
    """The test images of a dataset.

    Args:
        target: a CSV list; a folder with a folder per identity, or ``query`` and ``gallery`` or
            ``test`` with such in them, or of a dataset with a layout; or a dataset's or config's
            name, as ``msvitreid check-data`` takes it.
        root: with a name, the dataset's folder or that of all datasets; with a list, the folder
            that its paths are relative to (default: the list's).
        camera_pattern: of a folder per identity, a regular expression whose first group is the
            camera's number in a file's name.

    Raises:
        ConfigError: there is no such data, or an option does not fit it.
        DatasetError: they cannot be read.
    """
    # The command says itself what it has read.
    quiet_log('labeled_images', 'ERROR')
    dataset = labeled_dataset(target, root, camera_pattern)
    entries = [dataset.get_data_info(index) for index in range(len(dataset))]
    queries = {entry['pid'] for entry in entries if entry['split'] == 'query'}
    distractor = dataset.distractor_pid
    kept = [one for one in entries if one['pid'] != distractor or distractor in queries]
    names = dataset.id_names
    return LabeledImages(
        f'{dataset.name} ({target})',
        [one['img_path'] for one in kept],
        [names.full_pid(one['pid']) for one in kept],
        [names.full_camid(one['camid']) if one['camid'] >= 0 else '' for one in kept],
        len(entries) - len(kept),
        str(dataset.left_out),
    )


def labeled_dataset(target: str, root: str | None, camera_pattern: str | None) -> ReIDDataset:
    """The dataset that :func:`read_labeled_images` reads, with the same arguments and errors."""
    from msvitreid.datasets import ReIDDataset
    from msvitreid.datasets.readers.image_files import list_folders

    if target.lower().endswith('.csv'):
        if camera_pattern is not None:
            raise ConfigError('--camera-pattern is for folders; state cameras in column camid')
        folder = os.path.dirname(target) if root is None else root
        return ReIDDataset(folder or '.', 'test', csv=os.path.abspath(target))
    if os.path.isdir(target):
        if root is not None:
            raise ConfigError(f'{target!r} is a folder already; leave out {root!r}')
        if camera_pattern is None and (kind := _layout_of(Path(target))):
            return kind(target, 'test', on_count_mismatch='ignore')
        if not any(entry.is_dir() for entry in os.scandir(target)):
            raise DatasetError(
                f'{target!r} has no labels: it is no dataset and has no folder per identity; sort '
                'its images into such folders, or give a CSV list with the columns path and pid'
            )
        has_splits = any(os.path.isdir(os.path.join(target, name)) for name in SPLIT_FOLDERS)
        # A folder per identity by itself is read as images to train with.
        split: Any = 'test' if has_splits else 'train'
        dataset = ReIDDataset(target, split, camera_pattern=camera_pattern)
        if has_splits:
            # Those next to the folders of the parts; the dataset looks into these only.
            list_folders(Path(target), dataset.left_out)
        return dataset
    return _named(target, root)


def _layout_of(folder: Path) -> Any:
    """The dataset class whose folder it is by its name or, else, by what lies in it."""
    from msvitreid.cli.check_data import dataset_classes

    classes = [kind for kind in dataset_classes().values() if kind.markers]
    name = folder.resolve().name.lower()
    for kind in classes:
        if any((folder / marker).exists() for marker in kind.markers) and (
            name in map(str.lower, kind.folder_names)
        ):
            return kind
    for kind in classes:
        if any((folder / marker).exists() for marker in kind.markers):
            return kind
    for kind in classes:
        if any((folder / one).is_dir() for one in kind.folder_names):
            return kind
    return None


def _named(target: str, root: str | None) -> Any:
    from msvitreid.cli.check_data import find_configs
    from msvitreid.datasets.dataset_root import resolve_data_root
    from msvitreid.registry import DATASETS

    configs = [one for one in find_configs(target, {}) if one.get('split') != 'train']
    if len(configs) != 1:
        raise ConfigError(
            f'{target!r} has {len(configs)} test sets; name the dataset to calibrate on'
        )
    folder = resolve_data_root(configs[0].get('data_root') if root is None else root)
    if not os.path.isdir(folder):
        raise ConfigError(
            f'the images of {target!r} are not in {printable(folder)!r}, which is no folder; give '
            f'their folder after the name, as in msvitreid calibrate MODEL {target} FOLDER'
        )
    config = {
        **configs[0],
        'data_root': folder,
        'pipeline': [],
        'on_count_mismatch': 'ignore',
    }
    return DATASETS.build(config)
