"""Charts as SVG elements that stand in the page; colors and dashes are classes of its CSS."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from msvitreid.evaluation.robustness import CONDITIONS, Curve

#: Runs have so many colors and dashes; further ones begin again.
SERIES = 6

#: Narrow enough for its letters to be legible on a phone.
WIDTH, HEIGHT = 360, 250
LEFT, RIGHT, TOP, BOTTOM = 54, 16, 12, 40

#: Rates below it are drawn at it, as 0 has no place on a logarithmic axis.
LOWEST = 1e-5

Point = tuple[float, float]


@dataclass(frozen=True)
class Axis:
    """One axis: where values lie, and what is written at it."""

    label: str
    low: float
    high: float
    ticks: Sequence[float]
    text: Callable[[float], str] = '{:g}'.format
    log: bool = False

    def share(self, value: float) -> float:
        """Where a value lies, from 0 to 1; values outside are drawn at the end."""
        low, high = self.low, self.high
        value = min(max(value, low), high)
        if self.log:
            return math.log(value / low) / math.log(high / low)
        return (value - low) / (high - low)


def per_cent(value: float) -> str:
    """A share as a tick of an axis in per cent."""
    return f'{100 * value:g}'


SHARE = Axis('', 0, 1, (0, 0.2, 0.4, 0.6, 0.8, 1), per_cent)


def cmc_chart(curves: Iterable[Sequence[Point]]) -> Markup:
    """Share of queries with a match among the first k."""
    lines = [*curves]
    lowest = min((y for line in lines for _, y in line), default=0)
    low = min(0.8, math.floor(lowest * 5) / 5)
    ticks = [low + step * (1 - low) / 5 for step in range(6)]
    y = Axis('queries with a match, %', low, 1, ticks, lambda value: f'{100 * value:.3g}')
    x = Axis('first k places', 1, 50, (1, 10, 20, 30, 40, 50))
    return line_chart('Cumulative match curve', lines, x, y)


def precision_recall_chart(curves: Iterable[Sequence[Point]]) -> Markup:
    """Precision over recall, both from 0 to 1."""
    x = Axis('recall, %', 0, 1, SHARE.ticks, per_cent)
    y = Axis('precision, %', 0, 1, SHARE.ticks, per_cent)
    return line_chart('Precision over recall', [*curves], x, y)


def det_chart(curves: Iterable[Sequence[Point]]) -> Markup:
    """False non-match rate over false match rate, both logarithmic."""
    lines = [*curves]
    lows = [_lowest_power([point[side] for line in lines for point in line]) for side in (0, 1)]
    axes = [
        Axis(
            f'false {kind} rate, %',
            low,
            1,
            [10.0**power for power in range(round(math.log10(low)), 1)],
            per_cent,
            True,
        )
        for kind, low in zip(('match', 'non-match'), lows, strict=True)
    ]
    start = max(lows)
    diagonal = Markup('<path class="diagonal" d="M{} {}L{} {}"/>').format(
        _x(axes[0], start), _y(axes[1], start), WIDTH - RIGHT, TOP
    )
    return line_chart('Detection error trade-off', lines, axes[0], axes[1], diagonal)


def histogram(edges: Sequence[float], same: Sequence[int], different: Sequence[int]) -> Markup:
    """Similarities of pairs of one identity and of two, each as shares of their kind."""
    shares = [[n / (sum(kind) or 1) for n in kind] for kind in (same, different)]
    used = [i for kind in shares for i, value in enumerate(kind) if value]
    first, last = min(used, default=0), max(used, default=len(edges) - 2) + 1
    low, high = edges[first], edges[last]
    highest = max(map(max, shares)) or 1
    step = _step(highest / 5)
    x_step = _step((high - low) / 5)
    start = math.ceil(low / x_step - 1e-9)
    x_ticks = [k * x_step for k in range(start, math.floor(high / x_step + 1e-9) + 1)]
    y_ticks = [k * step for k in range(math.floor(highest / step) + 1)]
    x = Axis('cosine similarity', low, high, x_ticks)
    y = Axis('share of pairs, %', 0, highest * 1.05, y_ticks, lambda v: f'{100 * v:.3g}')
    shapes = Markup()
    for name, kind in zip(('different', 'same'), reversed(shares), strict=True):
        d = [f'M{_x(x, low)} {_y(y, 0)}']
        for i in range(first, last):
            d.append(f'V{_y(y, kind[i])}H{_x(x, edges[i + 1])}')
        d.append(f'V{_y(y, 0)}Z')
        shapes += Markup('<path class="bars {}" d="{}"/>').format(name, ''.join(d))
    return _chart('Similarity of pairs of one identity and of two', x, y, shapes)


def robustness_chart(nets: Sequence[tuple[int, Curve]]) -> Markup:
    """MAP over the levels of a condition, with bands; levels are equally far apart.

    Args:
        nets: of each, the number of its color and its curve; of one condition.
    """
    curve = nets[0][1]
    condition = CONDITIONS[curve.condition]
    shown = ['none', *(condition.shown(one.level) for one in curve.levels[1:])]
    ticks = range(len(shown))
    x = Axis(condition.quantity, 0, len(shown) - 1, ticks, lambda value: shown[round(value)])
    y = Axis('mAP, %', 0, 1, SHARE.ticks, per_cent)
    shapes = Markup()
    for number, one in nets:
        figures = [level.figures['mAP'] for level in one.levels]
        low = [(_x(x, i), _y(y, f.low)) for i, f in enumerate(figures) if f.low is not None]
        high = [(_x(x, i), _y(y, f.high)) for i, f in enumerate(figures) if f.high is not None]
        line = [(_x(x, i), _y(y, f.value)) for i, f in enumerate(figures)]
        if low:
            band = Markup('<path class="band s{}" d="{}Z"/>')
            shapes += band.format(number % SERIES, _path([*low, *reversed(high)]))
        shapes += Markup('<path class="line s{}" d="{}"/>').format(number % SERIES, _path(line))
    return _chart(f'mAP, {condition.title}', x, y, shapes)


def reliability_chart(probabilities: Sequence[float], shares: Sequence[float]) -> Markup:
    """The share of pairs of one identity over their probability, of a calibration card's bins."""
    x = Axis('probability of “same”, %', 0, 1, SHARE.ticks, per_cent)
    y = Axis('pairs of one identity, %', 0, 1, SHARE.ticks, per_cent)
    points = [(_x(x, p), _y(y, share)) for p, share in zip(probabilities, shares, strict=True)]
    shapes = Markup('<path class="diagonal" d="M{} {}L{} {}"/>').format(
        LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, TOP
    )
    if points:
        shapes += Markup('<path class="line s0" d="{}"/>').format(_path(points))
    for a, b in points:
        shapes += Markup('<circle class="dot" cx="{}" cy="{}" r="3.5"/>').format(a, b)
    return _chart('Reliability of probabilities', x, y, shapes)


def _path(points: Iterable[Point]) -> str:
    return 'M' + 'L'.join(f'{a} {b}' for a, b in points)


def line_chart(
    title: str, lines: Sequence[Sequence[Point]], x: Axis, y: Axis, behind: Markup | None = None
) -> Markup:
    """Curves, one for each run, in the order of the runs; an empty one is not drawn.

    Args:
        title: for those who hear the page.
        lines: ``(x, y)`` of each.
        x, y: axes.
        behind: drawn below the curves.
    """
    shapes = behind or Markup()
    for number, line in enumerate(lines):
        if points := _thinned([(_x(x, a), _y(y, b)) for a, b in line if b == b]):
            d = _path(points)
            shapes += Markup('<path class="line s{}" d="{}"/>').format(number % SERIES, d)
    return _chart(title, x, y, shapes)


def _chart(title: str, x: Axis, y: Axis, shapes: Markup) -> Markup:
    parts = [
        Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(
            WIDTH, HEIGHT, title
        )
    ]
    for tick in y.ticks:
        parts.append(
            Markup(
                '<path class="grid" d="M{} {}H{}"/><text x="{}" y="{}" class="y">{}</text>'
            ).format(LEFT, _y(y, tick), WIDTH - RIGHT, LEFT - 6, _y(y, tick) + 4, y.text(tick))
        )
    for tick in x.ticks:
        parts.append(
            Markup(
                '<path class="tick" d="M{} {}v4"/><text x="{}" y="{}" class="x">{}</text>'
            ).format(
                _x(x, tick), HEIGHT - BOTTOM, _x(x, tick), HEIGHT - BOTTOM + 16, x.text(tick)
            )
        )
    middle = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(
        Markup(
            '<path class="axis" d="M{} {}H{}"/><text x="{}" y="{}" class="x name">{}</text>'
            '<text class="x name" transform="translate(11 {}) rotate(-90)">{}</text>'
        ).format(
            LEFT,
            HEIGHT - BOTTOM,
            WIDTH - RIGHT,
            (LEFT + WIDTH - RIGHT) / 2,
            HEIGHT - 6,
            x.label,
            middle,
            y.label,
        )
    )
    return Markup('').join([*parts, shapes, Markup('</svg>')])


def _x(axis: Axis, value: float) -> float:
    return round(LEFT + axis.share(value) * (WIDTH - LEFT - RIGHT), 1)


def _y(axis: Axis, value: float) -> float:
    return round(HEIGHT - BOTTOM - axis.share(value) * (HEIGHT - TOP - BOTTOM), 1)


def _thinned(points: Sequence[Point]) -> list[Point]:
    """Without points that lie within half a pixel of the one before."""
    kept = list(points[:1])
    for point in points[1:]:
        if math.dist(point, kept[-1]) >= 0.5:
            kept.append(point)
    return kept


def _step(least: float) -> float:
    """The smallest of 1, 2 and 5 times a power of ten that is at least so large."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(k * power for k in (1, 2, 5, 10) if k * power >= least * (1 - 1e-9))


def _lowest_power(values: Sequence[float]) -> float:
    """The power of ten at or below all values above 0, and not below ``LOWEST``."""
    smallest = min((value for value in values if value > 0), default=0.1)
    return max(LOWEST, min(0.1, 10.0 ** math.floor(math.log10(smallest))))
