"""The image size, which a config states once, as ``image_size = (height, width)``."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from typing import Any

from msvitreid.datasets.transforms.output_size import output_size
from msvitreid.errors import ConfigError
from msvitreid.registry import MODELS

#: A value that stands for the image size: ``'{{image_size}}'`` is (height, width),
#: ``'{{image_size.wh}}'`` (width, height), ``'{{image_size.side}}'`` the side of a square image;
#: ``+32`` before the closing braces adds to each side.
REFERENCE = re.compile(
    r'\{\{\s*image_size(?:\.(?P<form>wh|side))?\s*(?:\+\s*(?P<more>\d+))?\s*\}\}'
)

#: What looks like one.
LIKELY = re.compile(r'\{\{\s*image_size.*\}\}')

Size = tuple[int, int]


def stated_image_size(cfg: Mapping[str, Any]) -> Size | None:
    """``image_size`` of a config, ``None`` if it states none.

    Raises:
        ConfigError: it is no pair of positive whole numbers.
    """
    size = cfg.get('image_size')
    if size is None:
        return None
    if (
        not isinstance(size, list | tuple)
        or len(size) != 2
        or not all(type(side) is int and side > 0 for side in size)
    ):
        raise ConfigError(
            f'image_size must be (height, width), two whole numbers from 1 on, got {size!r}'
        )
    return (size[0], size[1])


def fill_image_size(node: Any, size: Size | None) -> Any:
    """A copy of a config's part with numbers in place of references to the image size.

    Raises:
        ConfigError: a reference is misspelt, there is no size, or it is not square where one
            side is asked for.
    """
    if isinstance(node, dict):
        # Not items() of mmengine's dict, which imports what lazy configs name.
        filled = copy.copy(node)
        for key, value in dict.items(node):
            filled[key] = fill_image_size(value, size)
        return filled
    if type(node) in (list, tuple):
        return type(node)(fill_image_size(value, size) for value in node)
    return _value(node, size) if isinstance(node, str) else node


def refers_to_image_size(node: Any) -> bool:
    """Whether a reference is anywhere in a config's part."""
    if isinstance(node, dict):
        return any(refers_to_image_size(value) for value in dict.values(node))
    if isinstance(node, list | tuple):
        return any(refers_to_image_size(value) for value in node)
    return isinstance(node, str) and LIKELY.fullmatch(node) is not None


def _value(text: str, size: Size | None) -> Any:
    if not LIKELY.fullmatch(text):
        return text
    reference = REFERENCE.fullmatch(text)
    if reference is None:
        raise ConfigError(
            f"{text!r} is no reference to image_size; write '{{{{image_size}}}}' (height, width), "
            "'{{image_size.wh}}' (width, height) or '{{image_size.side}}' (of a square), with +N "
            'before the closing braces to add N to each side'
        )
    if size is None:
        raise ConfigError(f'{text!r}: the config states no image_size = (height, width)')
    height, width = (side + int(reference['more'] or 0) for side in size)
    if reference['form'] == 'side':
        if height != width:
            raise ConfigError(f'{text!r} needs a square image_size, got {size}')
        return height
    return (width, height) if reference['form'] == 'wh' else (height, width)


def made_sizes(loaders: Mapping[str, Any]) -> dict[str, Size]:
    """Heights and widths of the images that completed loaders' pipelines make.

    Args:
        loaders: configs by name; what is ``None`` or built is passed over.

    Returns:
        the sizes by name, without loaders whose images have no one size, or whose pipeline
        needs more than an image file.
    """
    sizes: dict[str, Size] = {}
    tried: list[tuple[Any, Size | None]] = []
    for name, loader in loaders.items():
        pipelines = (
            list(pipelines_in(loader.get('dataset'))) if isinstance(loader, dict) else []
        )
        made = set()
        for pipeline in pipelines:
            known = next((entry for entry in tried if entry[0] == pipeline), None)
            if known is None:
                known = (pipeline, _tried(pipeline))
                tried.append(known)
            made.add(known[1])
        (size,) = made if len(made) == 1 else (None,)
        if size is not None:
            sizes[name] = size
    return sizes


def check_made_sizes(model: Any, sizes: Mapping[str, Size]) -> None:
    """Have a model's backbone check the sizes of the images that it will be given.

    A backbone takes part by a ``check_image_size(height, width, **options)`` of its class, which
    gets the options of its config.

    Raises:
        ConfigError: the backbone cannot compute images of a size; the sentence names the loader.
    """
    backbone = model.get('backbone') if isinstance(model, Mapping) else None
    check = getattr(MODELS.component(backbone), 'check_image_size', None)
    if check is None or not isinstance(backbone, Mapping):
        return
    options = {key: value for key, value in backbone.items() if key not in ('type', '_scope_')}
    for name, (height, width) in sizes.items():
        try:
            check(height, width, **options)
        except ConfigError as error:
            raise ConfigError(f'{error} (images of {name})') from error


def pipelines_in(dataset: Any) -> Iterator[Any]:
    """The pipelines of a dataset's config; where datasets are joined or wrapped, of those."""
    if isinstance(dataset, Mapping):
        if dataset.get('pipeline'):
            yield dataset['pipeline']
            return
        members = dataset.get('datasets')
        for inner in (dataset.get('dataset'), *(members if isinstance(members, list) else ())):
            yield from pipelines_in(inner)


def _tried(pipeline: Any) -> Size | None:
    try:
        return output_size(pipeline)
    except Exception:
        # Transforms may need what only their dataset gives, and what is wrong with them is said
        # where they are built.
        return None
