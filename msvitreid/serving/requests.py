"""Reading requests: JSON, or a form with an uploaded image, checked by the same models."""

from __future__ import annotations

import json
import math
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ConfigDict, ValidationError

from msvitreid.errors import ConfigError
from msvitreid.utils.printable import printable

MOST_FIELDS = 100
LONGEST_FIELD = 64 * 1024

M = TypeVar('M', bound=BaseModel)


class Strict(BaseModel):
    """Values of a request; one that is not asked for is refused."""

    model_config = ConfigDict(extra='forbid', allow_inf_nan=False)


async def read_request(
    request: Request, model: type[M], files: tuple[str, ...] = ()
) -> tuple[M, dict[str, bytes]]:
    """The values of a JSON object or of a form, and the files of the form.

    Args:
        request: of which the body is read.
        model: of the values.
        files: names of fields that may be files.

    Raises:
        ConfigError: the body is neither, or a value is wrong; the sentence names it.
    """
    kind = request.headers.get('content-type', '').partition(';')[0].strip().lower()
    uploaded: dict[str, bytes] = {}
    values: Any
    if kind == 'application/json':
        try:
            values = json.loads(await request.body())
        except (ValueError, RecursionError):
            raise ConfigError('the body is no JSON') from None
    elif kind in ('multipart/form-data', 'application/x-www-form-urlencoded'):
        values = {}
        options = {'max_files': len(files), 'max_fields': MOST_FIELDS}
        async with request.form(**options, max_part_size=LONGEST_FIELD) as form:
            for name, value in form.multi_items():
                if not isinstance(value, str):
                    if name not in files or name in uploaded:
                        raise ConfigError(
                            f'{printable(name)!r} is no file that is asked for, or given twice'
                        )
                    uploaded[name] = await value.read()
                elif _is_list(model, name):
                    values.setdefault(name, []).append(value)
                elif name in values:
                    raise ConfigError(f'{printable(name)!r} is given twice')
                else:
                    values[name] = value
    else:
        raise ConfigError(
            'the body must be application/json'
            + (' or, with an image, multipart/form-data' if files else '')
        )
    try:
        return model.model_validate(values), uploaded
    except ValidationError as error:
        raise ConfigError(sentence_of(error.errors())) from None


def read_box(text: str | None) -> tuple[float, float, float, float] | None:
    """A box from its text.

    Raises:
        ConfigError: it is not four finite numbers.
    """
    if text is None or not text.strip():
        return None
    try:
        left, top, right, bottom = map(float, text.split(','))
    except ValueError:
        left = top = right = bottom = math.nan
    if not all(map(math.isfinite, (left, top, right, bottom))):
        raise ConfigError(f'box must be left,top,right,bottom, got {printable(text, 80)!r}')
    return left, top, right, bottom


def sentence_of(errors: Any) -> str:
    """What pydantic found, as one sentence that names the fields."""
    parts = []
    for one in list(errors)[:5]:
        place = '.'.join(str(part) for part in one['loc'] if part not in ('body', 'query'))
        parts.append(f'{printable(place, 80)}: {one["msg"]}' if place else one['msg'])
    return printable('; '.join(parts), 500)


def documented(model: type[BaseModel], files: tuple[str, ...] = ()) -> dict[str, Any]:
    """The body of a request for OpenAPI."""
    schema = model.model_json_schema()
    content = {'application/json': {'schema': schema}}
    if files:
        parts = {name: {'type': 'string', 'format': 'binary'} for name in files}
        form = {**schema, 'properties': {**parts, **schema['properties']}}
        content['multipart/form-data'] = {'schema': form}
    return {'requestBody': {'required': True, 'content': content}}


def _is_list(model: type[BaseModel], name: str) -> bool:
    field = model.model_fields.get(name)
    return field is not None and isinstance(field.default, list)
