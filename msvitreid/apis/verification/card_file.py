"""Reading a calibration card from a file that may come from a stranger."""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from msvitreid.checkpoints.kinds import (
    Check,
    MalformedError,
    hexadecimal,
    integer,
    mapping,
    number,
    one_of,
    optional,
    sequence,
)
from msvitreid.checkpoints.kinds import fields as known_fields
from msvitreid.checkpoints.safetensors_file import parse_json
from msvitreid.errors import CalibrationError
from msvitreid.utils.printable import printable
from msvitreid.utils.regular_file import FLAGS, size_of_regular_file

from .card import (
    FORMAT,
    ROUNDING,
    CalibrationCard,
    CameraPair,
    CardData,
    DetPoint,
    GallerySize,
    Reliability,
    ReliabilityBin,
)

MAX_BYTES = 2**23
MAX_ITEMS = 20_000
MAX_TEXT = 1000


def read_card(path: str | os.PathLike[str]) -> CalibrationCard:
    """See :meth:`CalibrationCard.load`."""
    try:
        size = size_of_regular_file(path)
        if not 0 < size <= MAX_BYTES:
            raise _refused(path, f'it has {size:,} bytes, not 1 to {MAX_BYTES:,}')
        with open(os.open(path, FLAGS), 'rb') as file:
            content = file.read(MAX_BYTES).decode('utf-8')
        card = parse_json(content, 'the card')
    except FileNotFoundError as error:
        raise CalibrationError(
            f'there is no calibration card {str(path)!r}; msvitreid calibrate makes one of '
            'labeled images'
        ) from error
    except OSError as error:
        raise _refused(path, error.strerror or str(error)) from error
    except RecursionError as error:
        raise _refused(path, 'it is nested too deeply') from error
    except ValueError as error:
        if isinstance(error, CalibrationError):
            raise
        raise _refused(path, printable(str(error))) from error
    try:
        check_card(card)
    except MalformedError as error:
        raise _refused(path, str(error)) from error
    return _built(card)


def check_card(card: Any) -> None:
    """Check the plain values of a card.

    Raises:
        MalformedError: a key is missing, unknown or has a value that a card cannot have.
    """
    # First, so that a later version's card is not refused for its new keys.
    known_fields({'format': integer(FORMAT, FORMAT)})(card, 'card')
    CARD(card, 'card')
    _check_relations(card)


def _refused(path: str | os.PathLike[str], reason: str) -> CalibrationError:
    return CalibrationError(
        f'calibration card {str(path)!r} cannot be used: {reason}; copy it again or calibrate '
        'again'
    )


def _fields(required: Mapping[str, Check]) -> Check:
    """A dict with exactly these keys."""
    check_known = known_fields(required)

    def check(value: Any, path: str) -> None:
        check_known(value, path)
        for name, item in value.items():
            if name not in required:
                raise MalformedError(f'{path}.{name}', item, 'left out, as a card has none')

    return check


def _text(value: Any, path: str) -> None:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise MalformedError(path, value, f'a text of at most {MAX_TEXT} characters')


def _fingerprint(value: Any, path: str) -> None:
    _text(value, path)
    if not value:
        raise MalformedError(path, value, 'the text that names the model')


def _items(of: Check, low: int = 0) -> Check:
    def check(value: Any, path: str) -> None:
        if not isinstance(value, list) or not low <= len(value) <= MAX_ITEMS:
            raise MalformedError(path, value, f'a list of {low} to {MAX_ITEMS:,} items')
        sequence(of)(value, path)

    return check


def _interval(value: Any, path: str) -> None:
    sequence(rate, 2)(value, path)
    if value[0] > value[1]:
        raise MalformedError(path, f'{value[0]} to {value[1]}', 'ascending')


def _ascending(values: list[Any], path: str, strictly: bool = False) -> None:
    """Check an order; in ``path``, ``{}`` is the place of a value."""
    for index, (one, other) in enumerate(pairwise(values), start=1):
        if one > other or (strictly and one == other):
            expected = 'above' if strictly else 'at least'
            raise MalformedError(path.format(index), other, f'{expected} {one}, the one before')


rate = number(0, 1)
similarity = number(-1 - ROUNDING, 1 + ROUNDING)
count = integer(0)
some = integer(1)


def _point(value: Any, path: str) -> None:
    sequence(number(), 2)(value, path)
    similarity(value[0], f'{path}.0')
    rate(value[1], f'{path}.1')


CARD = _fields(
    {
        'format': integer(FORMAT, FORMAT),
        'fingerprint': _fingerprint,
        'data': _fields(
            {
                'name': _text,
                'digest': hexadecimal,
                'images': some,
                'identities': some,
                'cameras': _items(_text),
                'genuine': one_of('cross-camera', 'all'),
                'genuine_pairs': some,
                'impostor_pairs': some,
            }
        ),
        'fmr_asked': number(1e-12, 1),
        'same_threshold': similarity,
        'fmr': rate,
        'fmr_interval': _interval,
        'fnmr': rate,
        'fnmr_interval': _interval,
        'fnmr_asked': number(1e-12, 1),
        'different_threshold': similarity,
        'fpir_asked': number(1e-12, 1),
        'eer': rate,
        'det': _items(_fields({'threshold': similarity, 'fmr': rate, 'fnmr': rate}), 1),
        'probability': _items(_point, 1),
        'reliability': _fields(
            {
                'expected_error': rate,
                'bins': _items(
                    _fields({'probability': rate, 'share_same': rate, 'pairs': some})
                ),
            }
        ),
        'camera_pairs': _items(
            _fields(
                {
                    'cameras': sequence(_text, 2),
                    'genuine_pairs': count,
                    'impostor_pairs': count,
                    'threshold': optional(similarity),
                    'fmr': optional(rate),
                    'fnmr': optional(rate),
                }
            )
        ),
        'galleries': _items(
            _fields(
                {
                    'images': some,
                    'known_searches': count,
                    'new_searches': some,
                    'fpir': rate,
                    'fpir_interval': _interval,
                    'fnir': rate,
                    'threshold': similarity,
                    'fnir_at_threshold': rate,
                }
            )
        ),
        'versions': mapping(_text),
    }
)


def _check_relations(card: dict[str, Any]) -> None:
    """What values must be to each other."""
    det = card['det']
    _ascending([point['threshold'] for point in det], 'card.det.{}.threshold', strictly=True)
    for index, (one, other) in enumerate(pairwise(det), start=1):
        if other['fmr'] > one['fmr'] or other['fnmr'] < one['fnmr']:
            raise MalformedError(
                f'card.det.{index}',
                other,
                'of no higher fmr and no lower fnmr than the one before',
            )
    _ascending(
        [place for place, _ in card['probability']], 'card.probability.{}.0', strictly=True
    )
    _ascending([p for _, p in card['probability']], 'card.probability.{}.1')
    sizes = [one['images'] for one in card['galleries']]
    _ascending(sizes, 'card.galleries.{}.images', strictly=True)
    _ascending(card['data']['cameras'], 'card.data.cameras.{}', strictly=True)
    if card['fmr'] > card['fmr_asked']:
        raise MalformedError('card.fmr', card['fmr'], f'at most fmr_asked, {card["fmr_asked"]}')
    same, different = card['same_threshold'], card['different_threshold']
    if different > same:
        raise MalformedError(
            'card.different_threshold', different, f'at most same_threshold, {same}'
        )
    pairs = [tuple(one['cameras']) for one in card['camera_pairs']]
    _ascending(pairs, 'card.camera_pairs.{}.cameras', strictly=True)
    for index, pair in enumerate(pairs):
        if pair[0] > pair[1] or not set(pair) <= set(card['data']['cameras']):
            raise MalformedError(
                f'card.camera_pairs.{index}.cameras',
                ' and '.join(pair),
                'two cameras of the data, sorted',
            )


def _built(card: dict[str, Any]) -> CalibrationCard:
    """The card of checked values."""
    values = {key: value for key, value in card.items() if key != 'format'}
    reliability = values['reliability']
    return CalibrationCard(
        **{
            **values,
            'data': CardData(**{**values['data'], 'cameras': tuple(values['data']['cameras'])}),
            'fmr_interval': tuple(values['fmr_interval']),
            'fnmr_interval': tuple(values['fnmr_interval']),
            'det': tuple(DetPoint(**point) for point in values['det']),
            'probability': tuple(map(tuple, values['probability'])),
            'reliability': Reliability(
                reliability['expected_error'],
                tuple(ReliabilityBin(**one) for one in reliability['bins']),
            ),
            'camera_pairs': tuple(
                CameraPair(**{**one, 'cameras': tuple(one['cameras'])})
                for one in values['camera_pairs']
            ),
            'galleries': tuple(
                GallerySize(**{**one, 'fpir_interval': tuple(one['fpir_interval'])})
                for one in values['galleries']
            ),
        }
    )
