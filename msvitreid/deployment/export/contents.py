"""What an exported file says of itself: the model's description, and what is in the graph.

Each format has room for named texts. Three are ours: ``msvitreid_digest``, see :mod:`.digest`, and,
as JSON, ``msvitreid``, the description of :mod:`msvitreid.checkpoints.model_file`, and
``msvitreid_export``:

===============  ===============================================================================
``format``       version of this layout, 1
``kind``         name of the format of the file
``include``      what is computed inside: ``preprocess``, ``flip``, ``normalize``
``precision``    ``float32``; ``half``, whose weights are rounded to float16; ``int8``
``model``        fingerprint of the model file that was exported
===============  ===============================================================================

The description's fingerprint is the model's own of a float32 file, whose embeddings can be
compared with the model's; of other precisions it is another one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from msvitreid.checkpoints.kinds import MalformedError, fields, integer, sequence, text
from msvitreid.checkpoints.model_file import (
    FORMAT,
    KEY,
    MAX_DESCRIPTION,
    check_description,
)
from msvitreid.checkpoints.safetensors_file import parse_json
from msvitreid.errors import CheckpointError, ConfigError
from msvitreid.utils.near_names import did_you_mean
from msvitreid.utils.versions import versions

from .digest import BLANK, DIGEST_KEY

EXPORT_KEY = 'msvitreid_export'
EXPORT_FORMAT = 1
TEXTS = (KEY, EXPORT_KEY, DIGEST_KEY)
INCLUDABLE = ('preprocess', 'flip', 'normalize')
PRECISIONS = ('float32', 'half', 'int8')
#: Another one when int8 files of the same images come to compute something else.
INT8_RECIPE = 2


@dataclass(frozen=True)
class Contents:
    """What a file has in it.

    Attributes:
        description: of the model, as in a model file.
        kind: the format's name.
        include: of :data:`INCLUDABLE`, in that order.
        precision: of :data:`PRECISIONS`.
        model: fingerprint of the model.
    """

    description: Mapping[str, Any]
    kind: str
    include: tuple[str, ...]
    precision: str
    model: str

    def as_texts(self) -> dict[str, str]:
        """By name, what the file keeps; the digest is filled in when it is written."""
        export = {
            'format': EXPORT_FORMAT,
            'kind': self.kind,
            'include': list(self.include),
            'precision': self.precision,
            'model': self.model,
        }
        return {
            KEY: json.dumps(self.description, allow_nan=False),
            EXPORT_KEY: json.dumps(export),
            DIGEST_KEY: BLANK,
        }


def contents_of(
    description: Mapping[str, Any],
    kind: str,
    include: Collection[str],
    precision: str,
    calibration: bytes = b'',
) -> Contents:
    """Contents of a new file of a model with this description.

    Args:
        calibration: the images that an int8 file is made with.
    """
    model = description['fingerprint']
    fingerprint = model
    if precision != 'float32':
        recipe = f'{precision} {INT8_RECIPE}' if precision == 'int8' else precision
        head = f'{model} {recipe} {kind} '.encode()
        fingerprint = hashlib.sha256(head + hashlib.sha256(calibration).digest()).hexdigest()
    stated = {
        'format': FORMAT,
        'versions': versions(),
        **description,
        'fingerprint': fingerprint,
    }
    ordered = tuple(name for name in INCLUDABLE if name in include)
    return Contents(stated, kind, ordered, precision, model)


def check_include(include: Collection[str] | None, flip: bool) -> tuple[str, ...]:
    """What is put into the graph of a model that is tested with ``flip``.

    Args:
        include: names; ``None`` is all that the model's embedding has.
        flip: whether mirrored images' features are added.

    Raises:
        ConfigError: a name is unknown, or a part cannot be inside without another one.
    """
    if include is None:
        return tuple(name for name in INCLUDABLE if flip or name != 'flip')
    for name in include:
        if name not in INCLUDABLE:
            raise ConfigError(
                f'--include has {name!r}{did_you_mean(name, INCLUDABLE)}; it takes '
                f'{", ".join(INCLUDABLE)}'
            )
    if 'flip' in include and not flip:
        raise ConfigError(
            'the model is used without its mirrored images; leave flip out of --include'
        )
    if 'normalize' in include and flip and 'flip' not in include:
        raise ConfigError(
            'mirrored images are added before embeddings get length 1; add flip to --include, or '
            'leave normalize out'
        )
    return tuple(name for name in INCLUDABLE if name in include)


def read_contents(
    texts: Mapping[str, str], kind: str, source: str | os.PathLike[str]
) -> Contents:
    """The contents by a file's texts, checked as a model file's are.

    Raises:
        CheckpointError: a text is missing or malformed.
    """
    if KEY not in texts or EXPORT_KEY not in texts:
        raise CheckpointError(
            f'{str(source)!r} does not say how its images are prepared: only files that msvitreid '
            'export wrote can be used'
        )
    try:
        for name in (KEY, EXPORT_KEY):
            if len(texts[name]) > MAX_DESCRIPTION:
                raise ValueError(f'{name} has more than {MAX_DESCRIPTION:,} characters')
        description = parse_json(texts[KEY], 'the description')
        check_description(description)
        export = parse_json(texts[EXPORT_KEY], EXPORT_KEY)
        _check_export(export, kind)
        if description['preprocessing']['image_size'] is None:
            raise ValueError('its images have no fixed size')
        include = check_include(export['include'], description['flip'])
    except RecursionError as error:
        raise refused(source, 'its description is nested too deeply') from error
    except (MalformedError, ValueError) as error:
        raise refused(source, str(error)) from error
    return Contents(description, kind, include, export['precision'], export['model'])


def refused(source: str | os.PathLike[str], reason: str) -> CheckpointError:
    """The error for a file that cannot be used."""
    return CheckpointError(
        f'{str(source)!r} cannot be used: {reason}; export the model again or use another file'
    )


def _check_export(export: Any, kind: str) -> None:
    fields(
        {
            'format': integer(EXPORT_FORMAT, EXPORT_FORMAT),
            'kind': text,
            'include': sequence(text),
            'precision': text,
            'model': text,
        }
    )(export, EXPORT_KEY)
    if export['kind'] != kind:
        raise MalformedError(f'{EXPORT_KEY}.kind', export['kind'], repr(kind))
    if export['precision'] not in PRECISIONS:
        allowed = f'one of {", ".join(PRECISIONS)}'
        raise MalformedError(f'{EXPORT_KEY}.precision', export['precision'], allowed)
