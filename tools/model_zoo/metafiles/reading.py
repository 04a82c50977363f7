from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from msvitreid.errors import ConfigError


class Result(NamedTuple):
    """A config's dataset and, where somebody published them, figures on it.

    Attributes:
        test: how the dataset is tested; empty beside figures.
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
    """All entries of one file, in its order; ``path`` is relative to the repository."""

    path: Path
    entries: tuple[Entry, ...]


def read_index(root: Path) -> list[MetaFile]:
    """The metafiles that ``model-index.yml`` names, in its order.

    Raises:
        ConfigError: it does not name all of ``configs/*/metafile.yml`` and nothing else, or
            see :func:`read_metafile`.
    """
    named = _load(root, Path('model-index.yml')).get('Import', [])
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
        ConfigError: it lacks something, figures are no numbers or nobody's, or its entries
            are not those of the configs in its folder.
    """
    content = _load(root, path)
    collections = {item.get('Name') for item in content.get('Collections', [])}
    entries = []
    for model in content.get('Models', []):
        entry = _entry(path, model)
        if model.get('In Collection') not in collections:
            raise ConfigError(
                f'{path}: {entry.name} is in collection {model.get("In Collection")!r}, which '
                'the file does not have'
            )
        entries.append(entry)
    _require_all_configs(root, path, entries)
    return MetaFile(path, tuple(entries))


def _load(root: Path, path: Path) -> dict[str, Any]:
    if not (root / path).is_file():
        raise ConfigError(f'{path} does not exist in {str(root)!r}')
    try:
        # Of the safe loaders the one that leaves numbers as they are written.
        return yaml.load((root / path).read_text(encoding='utf-8'), yaml.BaseLoader) or {}
    except yaml.YAMLError as error:
        raise ConfigError(f'{path} is no YAML: {" ".join(str(error).split())}') from error


def _entry(path: Path, model: Mapping[str, Any]) -> Entry:
    name = model.get('Name')
    where = f'{path}: the entry {name!r}'
    config = _get(model, 'Config', where)
    if Path(config).stem != name or Path(config).parent != path.parent:
        raise ConfigError(f'{where} names {config}, not {path.parent / f"{name}.py"}')
    cost = _get(model, 'Metadata', where)
    return Entry(
        name,
        config,
        _get(cost, 'Image Size', where),
        int(_get(cost, 'Parameters', where)),
        int(_get(cost, 'MACs', where)),
        tuple(_result(result, where) for result in _get(model, 'Results', where)),
    )


def _result(result: Mapping[str, Any], where: str) -> Result:
    metrics = dict(result.get('Metrics', {}))
    for metric, value in metrics.items():
        if not _is_percentage(value):
            raise ConfigError(f'{where} has {metric} {value!r}, not a number from 0 to 100')
    # What is not published has a protocol, what is has an author.
    told = 'Published By' if metrics else 'Test'
    _get(result, told, where)
    return Result(
        _get(result, 'Dataset', where),
        result.get('Test', ''),
        result.get('Published By', ''),
        metrics,
    )


def _get(node: Mapping[str, Any], key: str, where: str) -> Any:
    if not node.get(key):
        raise ConfigError(f'{where} has no {key!r}; add it')
    return node[key]


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
