from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from .reading import Entry, Figures, MetaFile, Protocol

#: How figures, and sizes of nets, are set in a table's column.
RIGHT, LEFT = '---:', '---'


def tables_of(metafile: MetaFile) -> dict[str, str]:
    """A metafile's tables, by name; one without rows is left out."""
    tables = {
        'sizes': _sizes(metafile.entries),
        'figures': '\n\n'.join(_figures(metafile)),
        'no figures': _no_figures(metafile),
    }
    return {name: table for name, table in tables.items() if table}


def _sizes(entries: Sequence[Entry]) -> str:
    """A row for every net and size of image. Nets are named by the first part of a config's."""
    rows = dict.fromkeys(
        (
            entry.name.partition('_')[0],
            entry.metadata.image_size,
            f'{entry.metadata.parameters / 1e6:.2f}',
            f'{entry.metadata.macs / 1e9:.2f}',
        )
        for entry in entries
    )
    header = {'net': LEFT, 'image': LEFT, 'parameters (M)': RIGHT, 'MACs (G)': RIGHT}
    nets = [net for net, *_ in rows]
    return _table(header, sorted(rows, key=lambda row: nets.index(row[0])))


def _figures(metafile: MetaFile) -> list[str]:
    """A table for every set of measures, a row for every config."""
    rows: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for entry in metafile.entries:
        for result in entry.results:
            if isinstance(result, Figures):
                row = (
                    result.dataset,
                    _link(entry, metafile.page),
                    *result.metrics.values(),
                    result.published_by,
                )
                rows.setdefault(tuple(result.metrics), []).append(row)
    return [
        _table(
            {
                'dataset': LEFT,
                'config': LEFT,
                **dict.fromkeys(metrics, RIGHT),
                'published by': LEFT,
            },
            found,
        )
        for metrics, found in rows.items()
    ]


def _no_figures(metafile: MetaFile) -> str:
    """A row for every dataset and protocol, with all configs that have it."""
    links: dict[tuple[str, str], list[str]] = {}
    for entry in metafile.entries:
        for result in entry.results:
            if isinstance(result, Protocol):
                link = _link(entry, metafile.page)
                links.setdefault((result.dataset, result.test), []).append(link)
    header = {'dataset': LEFT, 'configs': LEFT, 'test': LEFT}
    return _table(
        header, [(data, ', '.join(found), test) for (data, test), found in links.items()]
    )


def _link(entry: Entry, page: Path) -> str:
    return f'[{entry.name}]({os.path.relpath(entry.config, page.parent)})'


def _table(header: dict[str, str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ''
    return '\n'.join(f'| {" | ".join(row)} |' for row in (header, header.values(), *rows))
