"""Fill the tables of docs/evidence.md and others with the figures of docs/benchmarks/evidence.

A table of a page stands between two lines:

    <!-- table pku_short: base no-parts dense -->
    <!-- end -->

and gets those variants of ``docs/benchmarks/evidence/pku_short/summary.csv``, which ``msvitreid
experiments`` wrote. ``table pku_short with intervals: ...`` also has the 95 % intervals of mAP.
"""

from __future__ import annotations

import argparse
import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / 'docs' / 'evidence.md', ROOT / 'docs' / 'benchmarks' / 'demo_variants.md')
FIGURES = ROOT / 'docs' / 'benchmarks' / 'evidence'

TABLE = re.compile(
    r'(?P<begin><!-- table (?P<name>\w+)(?P<intervals> with intervals)?: '
    r'(?P<variants>[\w. -]+?) -->\n)'
    r'.*?(?P<end><!-- end -->)',
    re.DOTALL,
)

Row = Mapping[str, str]


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--page', type=Path, nargs='+', default=PAGES)
    parser.add_argument('--figures', type=Path, default=FIGURES)
    args = parser.parse_args(argv)
    for page in args.page:
        text = page.read_text(encoding='utf-8')
        page.write_text(filled(text, args.figures), encoding='utf-8')


def filled(page: str, figures: Path) -> str:
    """The page with its tables made from the CSV files below ``figures``."""

    def table(found: re.Match[str]) -> str:
        with open(
            figures / found['name'] / 'summary.csv', encoding='utf-8', newline=''
        ) as file:
            rows = list(csv.DictReader(file))
        lines = table_lines(rows, found['variants'].split(), bool(found['intervals']))
        return '\n'.join([found['begin'].rstrip('\n'), '', *lines, '', found['end']])

    return TABLE.sub(table, page)


def table_lines(
    rows: Sequence[Row], variants: Sequence[str], intervals: bool = False
) -> list[str]:
    """A table in Markdown: mean and standard deviation, and the difference to the base.

    Args:
        rows: of a ``summary.csv``.
        variants: those shown, in this order.
        intervals: with those of mAP.

    Raises:
        KeyError: no row is of such a variant.
    """
    tests = list(dict.fromkeys(row['test'] for row in rows))
    found = {(row['variant'], row['test']): row for row in rows}
    heads = ['', 'runs']
    for test in tests:
        heads += [f'{test}: mAP (%)', 'rank-1 (%)', 'mAP against the base']
    lines = [f'| {" | ".join(heads)} |', '|---|' + '---:|' * (len(heads) - 1)]
    for variant in variants:
        first = found[variant, tests[0]]
        cells = [first['title'], first['runs']]
        for test in tests:
            row = found[variant, test]
            mean = _spread(row, 'mAP')
            if intervals:
                mean += f' ({_percent(row, "mAP_low")} to {_percent(row, "mAP_high")})'
            cells += [mean, _spread(row, 'rank-1'), _difference(row)]
        lines.append(f'| {" | ".join(cells)} |')
    return lines


def _spread(row: Row, figure: str) -> str:
    mean = _percent(row, figure)
    return mean if int(row['runs']) < 2 else f'{mean} ± {_percent(row, f"{figure}_std")}'


def _percent(row: Row, figure: str) -> str:
    return f'{100 * float(row[figure]):.1f}'


def _difference(row: Row) -> str:
    """Bold where the interval is without 0."""
    if not row['mAP_difference']:
        return 'base'
    difference, low, high = (100 * float(row[key]) for key in ('mAP_difference', 'low', 'high'))
    text = f'{difference:+.1f} ({low:+.1f} to {high:+.1f})'
    return f'**{text}**' if low > 0 or high < 0 else text


if __name__ == '__main__':
    main()
