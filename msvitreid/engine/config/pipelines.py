"""``train_pipeline`` and ``test_pipeline``, which a config states once for its datasets."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config

from msvitreid.datasets import PackReIDInputs, PrepareOnDevice
from msvitreid.errors import ConfigError
from msvitreid.registry import DATASETS, TRANSFORMS
from msvitreid.registry.type_names import of_mmpretrain

from .image_size import fill_image_size, refers_to_image_size, stated_image_size

#: The pipeline of each loader's dataset.
PIPELINES = {
    'train_dataloader': 'train_pipeline',
    'val_dataloader': 'test_pipeline',
    'test_dataloader': 'test_pipeline',
}


def resolved(cfg: Config) -> Config:
    """A copy of a config in which each dataset has its pipeline, and numbers are image sizes.

    Raises:
        ConfigError: see :func:`fill_pipelines` and
            :func:`~msvitreid.engine.config.image_size.fill_image_size`.
    """
    filled = copy.deepcopy(cfg)
    resolve(filled)
    return filled


def copied(node: Any) -> Any:
    """A copy of a config's dicts and lists; what was built already stays as it is."""
    if isinstance(node, Config):
        return copy.deepcopy(node)
    if isinstance(node, dict):
        filled = copy.copy(node)
        # Not items() of mmengine's dict, which imports what lazy configs name.
        for key, value in dict.items(node):
            filled[key] = copied(value)
        return filled
    if type(node) in (list, tuple):
        return type(node)(copied(value) for value in node)
    return node


def resolve(cfg: Config | dict[str, Any]) -> dict[str, str]:
    """As :func:`resolved`, in place; what :func:`fill_pipelines` returns."""
    filled = fill_pipelines(cfg)
    size = stated_image_size(cfg)
    for key in list(cfg.keys()):
        if refers_to_image_size(cfg[key]):
            cfg[key] = fill_image_size(cfg[key], size)
    return filled


def fill_pipelines(cfg: Config | dict[str, Any]) -> dict[str, str]:
    """Give the datasets of a config that state no pipeline the one of the top level.

    Returns:
        ``{'train_dataloader.dataset.pipeline': 'train_pipeline', ...}``, what was filled in.

    Raises:
        ConfigError: a pipeline of the top level is no list, or empty.
    """
    filled = {}
    for name, source in PIPELINES.items():
        for path in fill_pipeline(name, cfg.get(name), cfg):
            filled[path] = source
    return filled


def fill_pipeline(name: str, loader: Any, cfg: Mapping[str, Any] | Config) -> list[str]:
    """As :func:`fill_pipelines`, for one loader's config; the paths that were filled in.

    Where datasets are joined or wrapped it goes to the outermost that takes a pipeline.
    """
    source = PIPELINES[name]
    pipeline = cfg.get(source)
    if pipeline is None or not isinstance(loader, dict):
        return []
    if not isinstance(pipeline, list | tuple):
        raise ConfigError(f'{source} must be a list of transforms, got {pipeline!r}')
    if not pipeline:
        raise ConfigError(
            f'{source} is empty; it needs at least a transform that reads the image and '
            'PackReIDInputs'
        )
    paths = []
    for path, dataset in _takers(loader.get('dataset'), f'{name}.dataset'):
        if 'pipeline' not in dataset:
            dataset['pipeline'] = copy.deepcopy(pipeline)
            paths.append(f'{path}.pipeline')
    return paths


def prepare_on_device(name: str, loader: dict[str, Any]) -> None:
    """Leave what a loader's pipelines do after decoding to the device, in place.

    Raises:
        ConfigError: a dataset has no pipeline that ends with ``PackReIDInputs``.
    """
    for path, dataset in _takers(loader.get('dataset'), f'{name}.dataset'):
        pipeline = list(dataset.get('pipeline') or ())
        if len(pipeline) < 2 or TRANSFORMS.component(pipeline[-1]) is not PackReIDInputs:
            raise ConfigError(
                f'prepare_on_device: {path}.pipeline must begin with LoadImage and end with '
                'PackReIDInputs'
            )
        moves = pipeline[1:-1]
        if not moves or TRANSFORMS.component(moves[0]) is not PrepareOnDevice:
            pipeline[1:-1] = [{'type': 'PrepareOnDevice', 'transforms': moves}]
        dataset['pipeline'] = pipeline
    loader['collate_fn'] = {'type': 'msvitreid.collate_unprepared'}


def prepare_option(cfg: Config, key: str) -> None:
    """Before ``key`` of ``cfg`` is set: have pipelines stand where the option changes them.

    An option below a dataset's pipeline changes a copy of the top level's; one of the top
    level's reaches datasets that repeat it, as configs do that earlier versions have written.
    """
    parts = key.split('.')
    for name, source in PIPELINES.items():
        loader, pipeline = cfg.get(name), cfg.get(source)
        if pipeline is None or not isinstance(loader, dict):
            continue
        for path, dataset in list(_takers(loader.get('dataset'), f'{name}.dataset')):
            if key.startswith(f'{path}.pipeline.'):
                dataset.setdefault('pipeline', copy.deepcopy(pipeline))
            elif parts[0] == source and dataset.get('pipeline') == pipeline:
                del dataset['pipeline']


def require_effect(cfg: Config, keys: Mapping[str, Any]) -> None:
    """Refuse options of pipelines and image size that nothing in the config takes up.

    Raises:
        ConfigError: every dataset states a pipeline of its own, or no size is a reference.
    """
    sections = {key.split('.')[0]: key for key in keys}
    taken = set(fill_pipelines(copy.deepcopy(cfg)).values())
    for source in sections.keys() & set(PIPELINES.values()) - taken:
        names = [
            f'{name}.dataset.pipeline'
            for name, of in PIPELINES.items()
            if of == source and cfg.get(name)
        ]
        if names and cfg.get(source) is None:
            raise ConfigError(
                f'option {sections[source]!r} leaves {" and ".join(names)} without a pipeline; '
                'give a list of transforms'
            )
        if names:
            raise ConfigError(
                f'option {sections[source]!r} has no effect, as the datasets state their own '
                f'pipelines; set {" and ".join(names)} instead'
            )
    if 'image_size' in sections and not any(map(refers_to_image_size, cfg.values())):
        raise ConfigError(
            f'option {sections["image_size"]!r} has no effect, as no value of the config is '
            "'{{image_size}}'; set the sizes in the pipelines instead"
        )


def _takers(dataset: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The configs of the outermost datasets that take a pipeline, with their key paths."""
    if not isinstance(dataset, dict):
        return
    members = dataset.get('datasets')
    inner = {'dataset': dataset.get('dataset')} if 'dataset' in dataset else {}
    if isinstance(members, list | tuple):
        inner |= {f'datasets.{number}': member for number, member in enumerate(members)}
    if 'pipeline' in dataset or _takes_pipeline(dataset, bool(inner)):
        yield path, dataset
        return
    for name, node in inner.items():
        yield from _takers(node, f'{path}.{name}')


def _takes_pipeline(dataset: Mapping[str, Any], is_wrapper: bool) -> bool:
    if of_mmpretrain(dataset):
        return not is_wrapper
    try:
        return 'pipeline' in DATASETS.parameters(dataset)
    except ConfigError:
        # An unknown type is reported where the dataset is checked or built.
        return False
