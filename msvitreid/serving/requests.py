"""Reading requests: JSON, or a form with an uploaded image, checked by the same models."""

from __future__ import annotations

import json
import math
from typing import Annotated, Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from python_multipart.exceptions import FormParserError
from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException, MultiPartParser

from msvitreid.errors import ConfigError
from msvitreid.utils.printable import printable

MOST_FIELDS = 100
LONGEST_FIELD = 64 * 1024
#: Bytes of a body without an image: enough for 10,000 ids. One of 20 MB takes seconds to parse,
#: in which nobody else is answered.
LONGEST_TEXT = 2 * 2**20
#: Values of a list that no other limit is set for.
MOST_VALUES = 5000

#: The number of an entry of the log. SQLite counts no further.
EntryNumber = Annotated[int, Field(ge=1, lt=2**63)]

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
            values = json.loads(await read_text(request), object_pairs_hook=_object)
        except ConfigError:
            raise
        except (ValueError, RecursionError):
            raise ConfigError('the body is no JSON') from None
    elif kind in ('multipart/form-data', 'application/x-www-form-urlencoded'):
        values = {}
        form = await _form(request, kind, len(files))
        try:
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
        finally:
            await form.close()
    else:
        raise ConfigError(
            'the body must be application/json'
            + (' or, with an image, multipart/form-data' if files else '')
        )
    try:
        return model.model_validate(values), uploaded
    except ValidationError as error:
        raise ConfigError(sentence_of(error.errors())) from None


async def read_text(request: Request) -> bytes:
    """A body without an image.

    Raises:
        ConfigError: it is longer than any that is meant.
    """
    body = await request.body()
    if len(body) > LONGEST_TEXT:
        raise ConfigError(
            f'a body without an image may have at most {LONGEST_TEXT:,} bytes; split the request'
        )
    return body


class _InMemory(MultiPartParser):
    """Keeps uploads in memory, where Starlette writes those above 1 MB to a temporary file.

    The size of a request is limited before.
    """

    spool_max_size = 0  # Of ``SpooledTemporaryFile``: never to the disk.


async def _form(request: Request, kind: str, files: int) -> FormData:
    if kind != 'multipart/form-data':
        await read_text(request)  # kept by the request, which parses it below
        return await request.form(max_fields=MOST_FIELDS, max_part_size=LONGEST_FIELD)
    parser = _InMemory(
        request.headers,
        request.stream(),
        max_files=files,
        max_fields=MOST_FIELDS,
        max_part_size=LONGEST_FIELD,
    )
    try:
        return await parser.parse()
    except (MultiPartException, FormParserError) as error:  # Starlette 0.49 passes some through
        reason = getattr(error, 'message', str(error))
        raise ConfigError(f'the form cannot be read: {printable(reason)}') from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object. Of a name that is there twice nobody knows which value is meant."""
    if len(pairs) > MOST_FIELDS:
        raise ConfigError(f'an object of the body has more than {MOST_FIELDS} values')
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name in values:
            raise ConfigError(f'{printable(name)!r} is given twice')
        values[name] = value
    return values


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
