"""Values of ``--cfg-options`` as mmengine's ``DictAction`` reads them, and dicts."""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

#: A dict, or a list or tuple that begins with one: the forms that ``DictAction`` lacks.
HOLDS_DICT = re.compile(r'[\[(\s]*(\{|dict\()')

#: A text in quotes with a space or a comma, such as a path; not a list or tuple, whose quotes a
#: script passed on that were meant for a shell.
QUOTED = re.compile(r'"(?!\s*[\[(])[^"]*[ ,][^"]*"|\'(?!\s*[\[(])[^\']*[ ,][^\']*\'')


def parse_value(text: str) -> Any:
    """Read the right side of ``KEY=VALUE``.

    Numbers, ``true``, ``false``, ``None``, texts without quotes, lists ``a,b`` and ``[a,b]``,
    tuples ``(a,b)``, nested ones, as ``mmengine.config.DictAction`` reads them. Dicts,
    ``{'a': 1}`` or ``dict(a=1)``, lists of dicts, and a text in quotes, which may have spaces and
    commas, as Python reads literals.

    Raises:
        ValueError: brackets do not match, or a dict is no Python literal.
    """
    if HOLDS_DICT.match(text) and text.rstrip().endswith(('}', ')', ']')):
        try:
            return _literal(ast.parse(text.strip(), mode='eval').body)
        except (ValueError, SyntaxError) as error:
            raise ValueError(
                f'{text!r} is not a Python literal ({error}); put texts in it in quotes'
            ) from error
    if QUOTED.fullmatch(text):
        # Whole, with its spaces and commas, which mmengine would drop or split at.
        with suppress(ValueError, SyntaxError):
            quoted = ast.literal_eval(text)
            if isinstance(quoted, str):
                return quoted
    # Importing mmengine takes half a second, which --help need not wait for.
    from mmengine.config import DictAction

    parsed = argparse.Namespace()
    try:
        DictAction([], 'options')(argparse.ArgumentParser(), parsed, [f'value={text}'])
        return parsed.options['value']
    except AssertionError as error:
        raise ValueError(f'the brackets of {text!r} do not match') from error
    except RecursionError as error:
        raise ValueError(f'put brackets around the whole list {text!r}') from error


def _literal(node: ast.expr) -> Any:
    """The value of a literal in which dicts may be written ``dict(a=1)``."""
    if isinstance(node, ast.Call):
        if not (isinstance(node.func, ast.Name) and node.func.id == 'dict') or node.args:
            raise ValueError('a call other than dict(key=value)')
        if any(keyword.arg is None for keyword in node.keywords):
            raise ValueError('** in a dict')
        return _as_dict([(keyword.arg, keyword.value) for keyword in node.keywords])
    if isinstance(node, ast.Dict):
        if None in node.keys:
            raise ValueError('** in a dict')
        keys = [ast.literal_eval(key) for key in node.keys if key is not None]
        return _as_dict(list(zip(keys, node.values, strict=True)))
    if isinstance(node, ast.List):
        return [_literal(item) for item in node.elts]
    if isinstance(node, ast.Tuple):
        return tuple(_literal(item) for item in node.elts)
    return ast.literal_eval(node)


def _as_dict(items: Sequence[tuple[Any, ast.expr]]) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for key, value in items:
        if key in found:
            # Python takes the last one without a word.
            raise ValueError(f'the key {key!r} is there twice')
        found[key] = _literal(value)
    return found
