from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from msvitreid.errors import ConfigError

from .node import Node, read_yaml


class Result(NamedTuple):
    """A config's dataset and, where somebody published them, figures on it.

    Attributes:
        test: how the dataset is tested; empty for figures.
        published_by: whose the figures are; empty where there are none.
        metrics: figures by their names, with the digits of the file.
    """

    dataset: str
    test: str
    published_by: str
    metrics: dict[str, str]


class Entry(NamedTuple):
    """A config, what its net costs at its size of image, and its results."""

    name: str
    config: str
    image_size: str
    parameters: int
    macs: int
    results: tuple[Result, ...]


class MetaFile(NamedTuple):
    """All entries of one file, in its order.

    Attributes:
        path: of the file, relative to the repository.
        page: the page whose tables are written from it, relative to the repository.
    """

    path: Path
    page: Path
    entries: tuple[Entry, ...]


def read_index(root: Path) -> list[MetaFile]:
    """The metafiles that ``model-index.yml`` names, in its order.

    Raises:
        ConfigError: it does not name all of ``configs/*/metafile.yml`` and nothing else, or
            see :func:`read_metafile`.
    """
    named = read_yaml(root, Path('model-index.yml')).texts('Import')
    found = [str(path.relative_to(root)) for path in root.glob('configs/*/metafile.yml')]
    for path in sorted({*named, *found}):
        if path not in named:
            raise ConfigError(f'model-index.yml does not name {path}; add it there')
        if path not in found:
            raise ConfigError(f'model-index.yml names {path}, which does not exist')
    return [read_metafile(root, Path(path)) for path in named]


def read_metafile(root: Path, path: Path) -> MetaFile:
    """Read and check a metafile, ``path`` below ``root``.

    Raises:
        ConfigError: it lacks something, a value is not what it has to be, figures are no
            numbers or nobody's, its collections name several pages, or its entries are not
            those of the configs in its folder.
    """
    content = read_yaml(root, path)
    pages = {item.text('Name'): item.text('README') for item in content.nodes('Collections')}
    if len(set(pages.values())) > 1:
        raise ConfigError(
            f"{path}: its collections must have one 'README', not {' and '.join(pages.values())}"
        )
    entries = [_entry(path, model, list(pages)) for model in content.nodes('Models')]
    _require_all_configs(root, path, entries)
    return MetaFile(path, Path(next(iter(pages.values()))), tuple(entries))


def _entry(path: Path, model: Node, collections: Sequence[str]) -> Entry:
    name = model.text('Name')
    model = model.renamed(f'{path}: the entry {name!r}')
    config, collection = model.text('Config'), model.text('In Collection')
    if Path(config).stem != name or Path(config).parent != path.parent:
        raise ConfigError(f'{model.where} names {config}, not {path.parent / f"{name}.py"}')
    if collection not in collections:
        raise ConfigError(
            f'{model.where} is in collection {collection!r}, which the file does not have'
        )
    cost = model.node('Metadata')
    return Entry(
        name,
        config,
        cost.text('Image Size'),
        cost.count('Parameters'),
        cost.count('MACs'),
        tuple(map(_result, model.nodes('Results'))),
    )


def _result(result: Node) -> Result:
    dataset = result.text('Dataset')
    # What is not published has a protocol, what is has an author.
    if 'Metrics' not in result.value:
        return Result(dataset, result.text('Test'), '', {})
    metrics = result.node('Metrics')
    for metric in metrics.value:
        if not _is_percentage(metrics.text(metric)):
            raise metrics.wrong(metric, 'a number from 0 to 100')
    return Result(dataset, '', result.text('Published By'), metrics.value)


def _is_percentage(text: str) -> bool:
    try:
        return 0 <= float(text) <= 100
    except ValueError:
        return False


def _require_all_configs(root: Path, path: Path, entries: Sequence[Entry]) -> None:
    named = [entry.config for entry in entries]
    configs = [str(file.relative_to(root)) for file in (root / path.parent).glob('*.py')]
    for config in sorted({*named, *configs}):
        if config not in configs:
            raise ConfigError(f'{path} has an entry for {config}, which does not exist')
        if config not in named:
            raise ConfigError(f'{path} has no entry for {config}; add one')
        if named.count(config) > 1:
            raise ConfigError(f'{path} has {named.count(config)} entries for {config}')
