from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from msvitreid.errors import ConfigError

KINDS: dict[type, str] = {dict: 'a mapping', list: 'a list'}


class Node:
    """A mapping of a YAML file. Its values are asked for by what they have to be.

    All that asks raises a ``ConfigError`` that names the file and the key, if the value is
    missing, empty or something else.

    Args:
        value: what the file has there.
        where: how errors name the place.
    """

    def __init__(self, value: Any, where: str) -> None:
        if not isinstance(value, dict):
            raise ConfigError(f'{where} is {_described(value)}, not a mapping')
        self.value = value
        self.where = where

    def renamed(self, where: str) -> Node:
        """The same, with another name in errors."""
        return Node(self.value, where)

    def text(self, key: str) -> str:
        """A text, a number's digits as the file has them."""
        value = self._get(key)
        if not isinstance(value, str):
            raise self.wrong(key, 'a text')
        return value

    def count(self, key: str) -> int:
        """A whole number from 1 on."""
        text = self._get(key)
        if not (isinstance(text, str) and text.isdecimal() and int(text) > 0):
            raise self.wrong(key, 'a whole number from 1 on')
        return int(text)

    def node(self, key: str) -> Node:
        """A mapping."""
        if not isinstance(self._get(key), dict):
            raise self.wrong(key, 'a mapping')
        return Node(self.value[key], self.where)

    def texts(self, key: str) -> list[str]:
        """A list of texts."""
        for item in self._list(key):
            if not isinstance(item, str):
                raise ConfigError(f'{self.where} has {_described(item)} in {key!r}, not a text')
        return self.value[key]

    def nodes(self, key: str) -> list[Node]:
        """A list of mappings, which are named by their place in it, counted from 1."""
        items = enumerate(self._list(key), start=1)
        return [Node(item, f'{self.where}: item {i} of {key!r}') for i, item in items]

    def wrong(self, key: str, wanted: str) -> ConfigError:
        """The error that says what the value should have been."""
        return ConfigError(
            f'{self.where} has {_described(self.value[key])} as {key!r}, not {wanted}'
        )

    def _list(self, key: str) -> list:
        if not isinstance(self._get(key), list):
            raise self.wrong(key, 'a list')
        return self.value[key]

    def _get(self, key: str) -> Any:
        if not self.value.get(key):
            raise ConfigError(f'{self.where} has no {key!r}; add it')
        return self.value[key]


def read_yaml(root: Path, path: Path) -> Node:
    """The mapping that a YAML file is; ``path`` below ``root``.

    Raises:
        ConfigError: there is no such file, or it is something else.
    """
    if not (root / path).is_file():
        raise ConfigError(f'{path} does not exist in {str(root)!r}')
    try:
        # Of the safe loaders the one that leaves numbers as they are written.
        content = yaml.load((root / path).read_bytes(), yaml.BaseLoader)
    except yaml.YAMLError as error:
        raise ConfigError(f'{path} is no YAML: {" ".join(str(error).split())}') from error
    return Node(content or {}, str(path))


def _described(value: Any) -> str:
    return KINDS.get(type(value)) or repr(value)
