"""The file of a robustness test: JSON to keep and compare, CSV for a spreadsheet."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from msvitreid.errors import ConfigError
from msvitreid.utils.printable import printable
from msvitreid.utils.spreadsheets import csv_text
from msvitreid.version import __version__

from .conditions import CONDITIONS
from .curves import FIGURES, Curve, Figure, Level

APPLY_TO = ('query', 'gallery', 'both')

KIND = 'msvitreid robustness'

#: A file with more than this is none of ours.
MOST_BYTES = 64_000_000


@dataclass(frozen=True)
class TestedImages:
    """What was tested on, the same for all nets of a result.

    Attributes:
        name: of the dataset.
        queries, gallery: how many images.
        digest: of the listing, by what it counts; see :func:`listing_digest`.
        apply_to: which images are corrupted, one of :data:`APPLY_TO`.
        seed: of the corruptions' draws.
        resamples: of identities, for intervals.
    """

    # pytest would collect it.
    __test__ = False

    name: str
    queries: int
    gallery: int
    digest: dict[str, str]
    apply_to: str = 'query'
    seed: int = 0
    resamples: int = 0


@dataclass(frozen=True)
class NetRobustness:
    """The curves of one net, whose model has the ``fingerprint``."""

    name: str
    fingerprint: str
    curves: list[Curve] = field(default_factory=list)

    def curve(self, condition: str) -> Curve | None:
        """The curve of a condition, if it was tested."""
        return next((one for one in self.curves if one.condition == condition), None)


@dataclass(frozen=True)
class RobustnessResult:
    """Nets on one test set under the same conditions."""

    images: TestedImages
    nets: list[NetRobustness]

    @property
    def conditions(self) -> list[str]:
        """Of all nets, in the order in which they come."""
        return list(dict.fromkeys(one.condition for net in self.nets for one in net.curves))

    def named(self, names: list[str]) -> RobustnessResult:
        """The same with other names of the nets."""
        nets = zip(self.nets, names, strict=True)
        return replace(self, nets=[replace(net, name=name) for net, name in nets])


def result_json(result: RobustnessResult) -> str:
    """The text of a file that :func:`read_result` reads; numbers are not rounded."""
    return json.dumps(result_dict(result), indent=1, allow_nan=False) + '\n'


def result_dict(result: RobustnessResult) -> dict[str, Any]:
    """What :func:`result_json` writes."""
    return {
        'kind': KIND,
        'format': 1,
        'msvitreid': __version__,
        'images': vars(result.images),
        'nets': [
            {
                'name': net.name,
                'fingerprint': net.fingerprint,
                'curves': [_curve_dict(one) for one in net.curves],
            }
            for net in result.nets
        ],
    }


def result_csv(result: RobustnessResult) -> str:
    """One line for each net, condition and level; areas have the level ``area``."""
    ends = [f'{name}{end}' for name in FIGURES for end in ('', '_low', '_high')]
    lines: list[list[object]] = [['net', 'condition', 'level', *ends]]
    for net in result.nets:
        for curve in net.curves:
            rows = [*((str(one.level), one.figures) for one in curve.levels)]
            for level, figures in [*rows, ('area', curve.area)]:
                cells = [value for name in FIGURES for value in figures[name]]
                lines.append([net.name, curve.condition, level, *cells])
    return csv_text(lines)


def read_result(path: Path) -> RobustnessResult:
    """Read a file of :func:`result_json`.

    Raises:
        ConfigError: it cannot be read, or is no such file.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ConfigError(f'{str(path)!r} is too large to be a robustness result')
        content = json.loads(path.read_text(encoding='utf-8'))
        if content['kind'] != KIND or content['format'] != 1:
            raise ValueError('another kind or format')
        images = _images_of(content['images'])
        nets = [_net_of(one) for one in content['nets']]
        if not nets or any(not net.curves for net in nets):
            raise ValueError('no curve')
        if len({net.name for net in nets}) < len(nets):
            raise ValueError('two nets have one name')
        return RobustnessResult(images, nets)
    except OSError as error:
        raise ConfigError(f'{str(path)!r} cannot be read ({error.strerror})') from error
    except ConfigError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ConfigError(
            f'{str(path)!r} is no result of msvitreid robustness of this version '
            f'({printable(f"{type(error).__name__}: {error}", 100)}); test again'
        ) from error


def _curve_dict(curve: Curve) -> dict[str, Any]:
    return {
        'condition': curve.condition,
        'quantity': CONDITIONS[curve.condition].quantity,
        'levels': [
            {'level': level, **_figure_dict(figures)} for level, figures in curve.levels
        ],
        'area': _figure_dict(curve.area),
        'kept': {name: _finite(curve.kept(name)) for name in FIGURES},
    }


def _figure_dict(figures: Mapping[str, Figure]) -> dict[str, list[float | None]]:
    return {name: [*map(_finite, figures[name])] for name in FIGURES}


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _images_of(content: Any) -> TestedImages:
    digest = {_text(key): _text(one) for key, one in content['digest'].items()}
    if content['apply_to'] not in APPLY_TO:
        raise ValueError('apply_to')
    counts = {
        name: _count(content[name]) for name in ('queries', 'gallery', 'seed', 'resamples')
    }
    return TestedImages(
        name=_text(content['name']), digest=digest, apply_to=content['apply_to'], **counts
    )


def _net_of(content: Any) -> NetRobustness:
    curves = [_curve_of(one) for one in content['curves']]
    if len({one.condition for one in curves}) < len(curves):
        raise ValueError('a condition stands twice')
    return NetRobustness(_text(content['name']), _text(content['fingerprint']), curves)


def _curve_of(content: Any) -> Curve:
    condition = CONDITIONS[content['condition']]
    levels = [Level(_number(one['level']), _figures_of(one)) for one in content['levels']]
    if len(levels) < 2 or levels[0].level != condition.clean:
        raise ValueError('levels')
    return Curve(condition.name, levels, _figures_of(content['area']))


def _figures_of(content: Any) -> dict[str, Figure]:
    return {name: _figure_of(content[name]) for name in FIGURES}


def _figure_of(content: Any) -> Figure:
    value, low, high = content
    ends = [None if end is None else _share(end) for end in (low, high)]
    return Figure(_share(value), *ends)


def _share(value: Any) -> float:
    if not 0 <= _number(value) <= 1:
        raise ValueError(f'{value} is no share')
    return float(value)


def _number(value: Any) -> float:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not math.isfinite(value)
    ):
        raise ValueError('a number is missing')
    return float(value)


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError('a count is missing')
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError('a text is missing')
    return printable(value)
