"""The page and its JSON, on the disk."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from msvitreid.errors import ConfigError
from msvitreid.evaluation.robustness import CONDITIONS
from msvitreid.utils.files import atomic_write, make_folder, require_suffix
from msvitreid.utils.printable import counted
from msvitreid.version import __version__
from msvitreid.visualization.run_table import is_share

from . import charts
from .data import Figure, Report, as_plain
from .robustness import shown_robustness
from .thumbnails import LEVELS, Level, Thumbnails

HERE = Path(__file__).parent

#: Of a query table, so many rows stand in the page; the JSON has all.
MOST_QUERIES = 200

TITLES = {'hardest': 'Hardest queries', 'best': 'Best queries', 'random': 'Random queries'}

#: Figures that stand first in the table.
FIRST = ('mAP', 'rank-1', 'rank-5', 'rank-10', 'mINP')


def write_report(report: Report, out: str | Path, max_mb: float = 20) -> list[Path]:
    """Write the page, and its numbers under the same name with ``.json``.

    Args:
        report: what to say.
        out: a name that ends with ``.html``; its folder is made if need be.
        max_mb: the page has at most so many megabytes (millions of bytes); thumbnails become
            fewer and smaller until it does.

    Returns:
        Both files.

    Raises:
        ConfigError: ``out`` has another ending, or the page cannot be so small.
        OutputError: a file cannot be written.
    """
    out = Path(out)
    require_suffix(out, ['.html'], '--out')
    page = fitting_page(report, max_mb)
    numbers = {'format': 1, 'msvitreid': __version__, **as_plain(report)}
    numbers_file = out.with_suffix('.json')
    text = json.dumps(numbers, indent=1, allow_nan=False) + '\n'
    make_folder(out.parent)
    # Both are complete before one of them gets its name.
    with atomic_write(out) as page_file, atomic_write(numbers_file) as json_file:
        page_file.write_text(page, encoding='utf-8')
        json_file.write_text(text, encoding='utf-8')
    return [out, numbers_file]


def fitting_page(report: Report, max_mb: float) -> str:
    """The page with the most and largest thumbnails that fit.

    Raises:
        ConfigError: it does not fit with the fewest and smallest.
    """
    for level in LEVELS:
        page = render(report, level)
        size = len(page.encode('utf-8'))
        if size <= max_mb * 1e6:
            return page
    raise ConfigError(
        f'the report has {size / 1e6:.2f} MB with the fewest and smallest thumbnails, more than '
        f'--max-mb {max_mb:g}; raise it or report fewer runs'
    )


def render(report: Report, level: Level) -> str:
    """The page with thumbnails of one kind."""
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        'per_cent': lambda value: '–' if value is None else f'{100 * value:.1f}',
        'rate': lambda value: f'{value:.2e}' if 0 < value < 1e-3 else f'{value:.4f}',
        'figure': shown_figure,
        'interval': shown_interval,
        'counted': counted,
    }
    script, style = ((HERE / f'page.{kind}').read_text('utf-8') for kind in ('js', 'css'))
    names = report.figure_names
    return environment.get_template('page.html.jinja').render(
        report=report,
        figure_names=[*(n for n in FIRST if n in names), *(n for n in names if n not in FIRST)],
        level=level,
        thumbnail=Thumbnails(level).uri,
        charts=charts,
        robustness=[shown_robustness(one, report.runs) for one in report.robustness],
        conditions=CONDITIONS,
        lines=lambda kind: [getattr(run.curves, kind, []) for run in report.runs],
        titles=TITLES,
        hardest_first=hardest_first,
        heat=heat,
        most_queries=MOST_QUERIES,
        script=script,
        style=style,
        # No other script runs, whatever names of files hold.
        script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        version=__version__,
    )


def shown_figure(figure: Figure, name: str) -> str:
    """A figure as the page has it: shares in per cent."""
    return _shown(figure.value, name)


def shown_interval(figure: Figure, name: str) -> str:
    """Both ends of its interval, or ''."""
    if figure.low is None or figure.high is None:
        return ''
    return f'{_shown(figure.low, name)} to {_shown(figure.high, name)}'


def _shown(value: float, name: str) -> str:
    if value != value:
        return '–'
    is_rate = name == 'EER' or name.startswith('TPR@FPR=')
    return f'{100 * value:.1f}' if is_rate or is_share(name) else f'{value:.4g}'


def hardest_first(queries: Any) -> Any:
    """Queries by ascending average precision, those without a match last."""
    return sorted(
        queries, key=lambda q: 2.0 if q.average_precision is None else q.average_precision
    )


def heat(table: Any) -> Any:
    """Where each value lies between the lowest and the highest, ``None`` for none."""
    known = [value for row in table.mean_ap for value in row if value is not None]
    low, high = min(known, default=0.0), max(known, default=1.0)
    span = (high - low) or 1.0
    return {
        'low': low,
        'high': high,
        'rows': [
            [None if v is None else (v - low) / span for v in row] for row in table.mean_ap
        ],
    }
