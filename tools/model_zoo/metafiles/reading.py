from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from msvitreid.errors import ConfigError

Text = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(gt=0)]
Kind = TypeVar('Kind', bound=BaseModel)


def _percentage(text: str) -> str:
    if not 0 <= float(text) <= 100:
        raise ValueError('not a number from 0 to 100')
    return text


class Part(BaseModel):
    """A mapping of a YAML file, whose keys are titles: ``In Collection``."""

    model_config = ConfigDict(alias_generator=lambda name: name.replace('_', ' ').title())


class Collection(Part):
    name: Text
    page: Text = Field(alias='README')


class Cost(Part):
    image_size: Text
    parameters: Count
    macs: Count = Field(alias='MACs')


class Figures(Part):
    """Published figures, by their names, with the digits of the file."""

    dataset: Text
    published_by: Text
    metrics: Annotated[
        dict[str, Annotated[str, AfterValidator(_percentage)]], Field(min_length=1)
    ]


class Protocol(Part):
    """How a dataset is tested on which nobody published figures."""

    dataset: Text
    test: Text
    metrics: None = None


class Entry(Part):
    """A config, what its net costs at its size of image, and its results."""

    name: Text
    in_collection: Text
    config: Text
    metadata: Cost
    results: Annotated[list[Figures | Protocol], Field(min_length=1)]


class Content(Part):
    collections: Annotated[list[Collection], Field(min_length=1)]
    models: Annotated[list[Entry], Field(min_length=1)]


class Index(BaseModel):
    files: Annotated[list[Text], Field(alias='Import', min_length=1)]


class MetaFile(NamedTuple):
    """All entries of one file, in its order.

    Attributes:
        path: of the file, relative to the repository.
        page: the page whose tables are written from it, relative to the repository.
    """

    path: Path
    page: Path
    entries: Sequence[Entry]


def read_index(root: Path) -> list[MetaFile]:
    """The metafiles that ``model-index.yml`` names, in its order.

    Raises:
        ConfigError: it does not name all of ``configs/*/metafile.yml`` and nothing else, or
            see :func:`read_metafile`.
    """
    named = _read(root, Path('model-index.yml'), Index).files
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
    content = _read(root, path, Content)
    pages = {item.name: item.page for item in content.collections}
    if len(set(pages.values())) > 1:
        raise ConfigError(
            f"{path}: its collections must have one 'README', not {' and '.join(pages.values())}"
        )
    for entry in content.models:
        where = f'{path}: the entry {entry.name!r}'
        wanted = path.parent / f'{entry.name}.py'
        if Path(entry.config) != wanted:
            raise ConfigError(f'{where} names {entry.config}, not {wanted}')
        if entry.in_collection not in pages:
            raise ConfigError(
                f'{where} is in collection {entry.in_collection!r}, which the file does not have'
            )
    _require_all_configs(root, path, [entry.config for entry in content.models])
    return MetaFile(path, Path(next(iter(pages.values()))), content.models)


def _read(root: Path, path: Path, kind: type[Kind]) -> Kind:
    if not (root / path).is_file():
        raise ConfigError(f'{path} does not exist in {str(root)!r}')
    try:
        # Of the safe loaders the one that leaves numbers as they are written.
        content: Any = yaml.load((root / path).read_bytes(), yaml.BaseLoader)
        return kind.model_validate(content or {})
    except yaml.YAMLError as error:
        raise ConfigError(f'{path} is no YAML: {" ".join(str(error).split())}') from error
    except ValidationError as error:
        first = error.errors()[0]
        place = '.'.join(map(str, first['loc'])) or 'the file'
        raise ConfigError(f'{path}: {place}: {first["msg"]}') from error


def _require_all_configs(root: Path, path: Path, named: Sequence[str]) -> None:
    configs = [str(file.relative_to(root)) for file in (root / path.parent).glob('*.py')]
    for config in sorted({*named, *configs}):
        if config not in configs:
            raise ConfigError(f'{path} has an entry for {config}, which does not exist')
        if config not in named:
            raise ConfigError(f'{path} has no entry for {config}; add one')
        if named.count(config) > 1:
            raise ConfigError(f'{path} has {named.count(config)} entries for {config}')
