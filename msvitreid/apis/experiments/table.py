"""What an experiment runs, as one file says it."""

from __future__ import annotations

import json
import os
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from msvitreid.engine.config.flags import without_effect
from msvitreid.errors import ConfigError
from msvitreid.utils.config_values import parse_value
from msvitreid.utils.near_names import did_you_mean
from msvitreid.utils.printable import printable
from msvitreid.utils.regular_file import read_regular_file

#: Names become names of folders and files.
Name = Annotated[str, Field(pattern=r'^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$')]
Options = dict[str, Any]
Seed = Annotated[int, Field(ge=0, lt=2**32)]

#: No table that a person writes is larger.
MAX_BYTES = 2**20

_STRICT = ConfigDict(extra='forbid', strict=True, frozen=True)


class Variant(BaseModel):
    """One row of the table.

    Attributes:
        config: path or name of its config; by default that of the table.
        options: as of ``--cfg-options``, after those of the table.
        title: what tables and pictures call it; by default its name.
        join: names of variants above whose nets of the same seed are joined, in place of training
            one; then there are no options, and config names the one of the test set (by default
            that of the first).
    """

    model_config = _STRICT

    config: str = ''
    options: Options = {}
    title: str = ''
    join: Annotated[list[Name], Field(min_length=2)] | None = None


class ExperimentTable(BaseModel):
    """Variants, seeds and tests.

    Attributes:
        config: path or name of the config of variants that name none.
        options: as of ``--cfg-options``, for all variants.
        seeds: ``randomness.seed`` of the runs of a variant.
        tests: options for the test alone, by the test's name.
        variants: by name.
        base: the variant that the others are compared with; by default the first.
    """

    model_config = _STRICT

    config: str = ''
    options: Options = {}
    seeds: Annotated[list[Seed], Field(min_length=1)] = [0]
    tests: Annotated[dict[Name, Options], Field(min_length=1)] = {'test': {}}
    variants: Annotated[dict[Name, Variant], Field(min_length=1)]
    base: str = ''

    @property
    def compared_with(self) -> str:
        """The name of the base."""
        return self.base or next(iter(self.variants))

    def title(self, name: str) -> str:
        """What a variant is called where people read it."""
        return self.variants[name].title or name

    def config_of(self, name: str) -> str:
        """Path or name of a variant's config."""
        variant = self.variants[name]
        joined = self.variants[variant.join[0]].config if variant.join else ''
        return variant.config or joined or self.config

    def options_of(self, name: str, seed: int) -> Options:
        """All options of one run."""
        return {**self.options, **self.variants[name].options, 'randomness.seed': seed}


def read_table(path: str | os.PathLike[str]) -> ExperimentTable:
    """Read a table of experiments, YAML or JSON. Nothing in it is executed.

    Raises:
        ConfigError: it cannot be read or is wrong; all faults are named with their keys.
    """
    where = printable(os.fspath(path))
    try:
        content = yaml.load(_text(path), _Loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = ' '.join(str(error).split())[:300]
        raise ConfigError(f'{where} is no table in YAML or JSON: {reason}') from error
    try:
        table = ExperimentTable.model_validate(content)
    except ValidationError as error:
        faults = [_sentence(fault) for fault in error.errors()[:20]]
        raise ConfigError(f'{where}: {"; ".join(faults)}') from error
    if faults := _faults(table):
        raise ConfigError(f'{where}: {"; ".join(faults)}')
    return table


def option_texts(options: Options) -> list[str]:
    """``KEY=VALUE`` for ``--cfg-options``.

    Raises:
        ValueError: a value cannot be written so.
    """
    return [f'{key}={_option_text(key, value)}' for key, value in options.items()]


def _option_text(key: str, value: Any) -> str:
    for text in (value if isinstance(value, str) else repr(value), repr(value)):
        try:
            read = parse_value(text)
        except ValueError:
            continue
        if type(read) is type(value) and read == value:
            return str(text)
    raise ValueError(f'{key} cannot be given as an option: {value!r}')


def _text(path: str | os.PathLike[str]) -> str:
    content = read_regular_file(path)
    if len(content) > MAX_BYTES:
        raise ValueError(f'{len(content):,} bytes, more than {MAX_BYTES:,}')
    return content.decode('utf-8-sig')


def _faults(table: ExperimentTable) -> list[str]:
    """What no single field can say."""
    faults = []
    if table.compared_with not in table.variants:
        hint = did_you_mean(table.base, list(table.variants))
        faults.append(f'base: no variant is called {table.base!r}{hint}')
    if len(set(table.seeds)) < len(table.seeds):
        faults.append(f'seeds: {table.seeds} has one twice')
    lower = [name.lower() for name in table.variants]
    faults += [
        f'variants: {name!r} would share a folder with another on some file systems'
        for name in table.variants
        if lower.count(name.lower()) > 1
    ]
    for name, variant in table.variants.items():
        if variant.join is not None:
            faults += _faults_of_join(table, name, variant)
            continue
        if not table.config_of(name):
            faults.append(f'variants.{name}.config: neither it nor the table names a config')
        if 'randomness.seed' in {**table.options, **variant.options}:
            faults.append(f'variants.{name}: randomness.seed is what "seeds" says')
    if any(variant.join for variant in table.variants.values()):
        faults += [
            f'tests.{name}.{key}: nets that are joined state their own net and preprocessing'
            for name, options in table.tests.items()
            for key in without_effect(options)
        ]
    groups = {
        'options': table.options,
        **{f'variants.{name}.options': one.options for name, one in table.variants.items()},
        **{f'tests.{name}': options for name, options in table.tests.items()},
    }
    for where, options in groups.items():
        try:
            option_texts(options)
        except ValueError as error:
            faults.append(f'{where}.{error}')
    return faults


def _faults_of_join(table: ExperimentTable, name: str, variant: Variant) -> list[str]:
    above = list(table.variants)[: list(table.variants).index(name)]
    trained = [other for other in above if table.variants[other].join is None]
    faults = [
        f'variants.{name}.join: no trained variant above it is called {other!r}'
        + did_you_mean(other, trained)
        for other in variant.join or ()
        if other not in trained
    ]
    if len(set(variant.join or ())) < len(variant.join or ()):
        faults.append(f'variants.{name}.join: one variant is named twice')
    if variant.options:
        faults.append(f'variants.{name}.options: nets that are joined are not trained again')
    return faults


def _sentence(fault: Any) -> str:
    keys = '.'.join(printable(str(key)) for key in fault['loc'])
    if fault['type'] == 'extra_forbidden':
        known = Variant if 'variants' in fault['loc'] else ExperimentTable
        hint = did_you_mean(str(fault['loc'][-1]), list(known.model_fields))
        return f'{keys}: no such key{hint}'
    if fault['type'] == 'string_pattern_mismatch':
        return f'{keys}: names are letters, digits, ".", "_" and "-", at most 64'
    if fault['type'] == 'missing':
        return f'{keys} is missing'
    got = printable(json.dumps(fault['input'], default=str), 60)
    return f'{keys}: {fault["msg"][0].lower()}{fault["msg"][1:]}, got {got}'.removeprefix(': ')


class _Loader(yaml.SafeLoader):
    """Refuses a key that is stated twice, of which the last would count, and references."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError('references (*name) are not read; write the values')
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        keys = [key.value for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                line = node.start_mark.line + 1
                raise yaml.YAMLError(f'{key!r} is stated twice in the block of line {line}')
        return super().construct_mapping(node, deep)
