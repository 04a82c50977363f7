"""How many classes a net tells apart: as many as its data have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch.utils.data import Dataset

from msvitreid.errors import DatasetError
from msvitreid.registry import DATASETS, MODELS


def with_class_count(
    model: Mapping[str, Any], count: Callable[[], int | None]
) -> dict[str, Any]:
    """A model's config in which head and preprocessor are given the number of classes.

    A number that the config states stays, and goes to the preprocessor as well; mmpretrain's
    needs it to mix labels.
    """
    head = model.get('head')
    if not isinstance(head, Mapping):
        return dict(model)
    if 'num_classes' not in head:
        head = {**head, 'num_classes': count()}
    filled: dict[str, Any] = {**model, 'head': head}
    preprocessor = model.get('data_preprocessor')
    if isinstance(preprocessor, Mapping) and 'num_classes' in MODELS.parameters(preprocessor):
        filled['data_preprocessor'] = {'num_classes': head['num_classes'], **preprocessor}
    return filled


def needs_classes(model: Mapping[str, Any]) -> bool:
    """Whether the head cannot do without classifiers, as a re-identification head can.

    So a test has to know their number too.
    """
    head = model.get('head')
    if not isinstance(head, Mapping):
        return False
    parameter = MODELS.parameters(head).get('num_classes')
    return parameter is not None and parameter.default is not None


def build_dataset(cfg: Mapping[str, Any]) -> Dataset[Any]:
    """The dataset of a config, fully read.

    Raises:
        DatasetError: it cannot be read.
    """
    try:
        dataset = DATASETS.build(cfg)
        dataset.full_init()
    except (AssertionError, RuntimeError) as error:
        # mmpretrain's, of empty folders or another number of classes.
        raise DatasetError(
            f'{cfg["type"]} below data_root={str(cfg.get("data_root"))!r} cannot be read: '
            f'{" ".join(str(error).split())}'
        ) from error
    return dataset


def count_classes(dataset: Dataset[Any]) -> int | None:
    """How many classes a dataset has; ``None`` if it does not say.

    Our datasets give ``num_classes`` in their metainfo, mmpretrain's the names of ``classes``.
    """
    metainfo = dataset.metainfo  # type: ignore[attr-defined]
    names = metainfo.get('classes')
    return metainfo.get('num_classes', None if names is None else len(names))
