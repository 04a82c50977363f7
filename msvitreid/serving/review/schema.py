"""The tables of a file of marks, made or upgraded in one transaction."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from msvitreid.errors import ReviewError

from .entries import ANSWERS, NOTE_ACTIONS

#: Says, in the header of the file, that it is one of marks.
APPLICATION, FORMAT = 0x4D53524D, 2

FIRST_SCHEMA = {
    'log': 'CREATE TABLE log (number INTEGER PRIMARY KEY, time TEXT NOT NULL, '
    "action TEXT NOT NULL CHECK (action IN ('mark', 'undo')), query TEXT NOT NULL, "
    'hit TEXT NOT NULL, one TEXT NOT NULL, other TEXT NOT NULL, '
    "answer TEXT NOT NULL CHECK (answer IN ('same', 'different', 'cannot tell')), "
    'reviewer TEXT NOT NULL, undoes INTEGER UNIQUE REFERENCES log (number))',
    'log_one': 'CREATE INDEX log_one ON log (one)',
    'log_other': 'CREATE INDEX log_other ON log (other)',
}
"""Of format 1, which had marks only."""


def _one_of(values: tuple[str, ...]) -> str:
    return ', '.join(f"'{value}'" for value in values)


SCHEMA = {
    # A note has one image: hit and other are ''. In answer stands its value.
    'log': 'CREATE TABLE log (number INTEGER PRIMARY KEY, time TEXT NOT NULL, '
    f'action TEXT NOT NULL CHECK (action IN ({_one_of(("mark", "undo", *NOTE_ACTIONS))})), '
    'query TEXT NOT NULL, hit TEXT NOT NULL, one TEXT NOT NULL, other TEXT NOT NULL, '
    'answer TEXT NOT NULL '
    f"CHECK (action <> 'mark' OR answer IN ({_one_of(ANSWERS)})), "
    'reviewer TEXT NOT NULL, undoes INTEGER UNIQUE REFERENCES log (number), '
    'change INTEGER NOT NULL REFERENCES log (number))',
    'log_of': 'CREATE INDEX log_of ON log (one, other, action)',
    'log_change': 'CREATE INDEX log_change ON log (change)',
}


#: What holds of every row that this program writes. SQLite itself takes any type in any column.
_SOUND = ' AND '.join(
    [
        *(
            f"typeof({name}) = 'text'"
            for name in ('time', 'query', 'hit', 'one', 'other', 'answer', 'reviewer')
        ),
        f'number BETWEEN 1 AND {2**62}',
        "typeof(change) = 'integer'",
        "(action = 'undo') = (undoes IS NOT NULL)",
        "(undoes IS NULL OR typeof(undoes) = 'integer' AND undoes < number)",
        "CASE WHEN hit = '' THEN action <> 'mark' AND one = query AND other = '' "
        "ELSE action IN ('mark', 'undo') AND query <> hit AND one = min(query, hit) "
        'AND other = max(query, hit) END',
    ]
)


def prepare(database: sqlite3.Connection, path: Path) -> None:
    """Make the tables of an empty file, or upgrade those of format 1; in a transaction.

    Raises:
        ReviewError: the file is another one, or of a later version, or another program wrote
            into it.
    """
    _prepare_tables(database, path)
    query = f'SELECT number FROM log WHERE ({_SOUND}) IS NOT 1 LIMIT 1'
    if found := database.execute(query).fetchone():
        raise ReviewError(
            f'entry {found[0]} of the file of marks {str(path)!r} was changed by another '
            'program; restore a copy of the file'
        )


def _prepare_tables(database: sqlite3.Connection, path: Path) -> None:
    run = database.execute
    # A trigger is one whatever its name.
    query = (
        "SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite^_%' ESCAPE '^' "
        "OR type IN ('trigger', 'view')"
    )
    found = dict(run(query))
    kind = run('PRAGMA application_id').fetchone()[0]
    version = run('PRAGMA user_version').fetchone()[0]
    if kind == APPLICATION and version == FORMAT and found == SCHEMA:
        return
    if kind == APPLICATION and version == 1 and found == FIRST_SCHEMA:
        run('ALTER TABLE log RENAME TO log_of_format_1')
    elif found or kind != 0:
        raise ReviewError(
            f'{str(path)!r} is no file of marks of this version; give another one'
        )
    for statement in SCHEMA.values():
        run(statement)
    if found:
        columns = 'number, time, action, query, hit, one, other, answer, reviewer, undoes'
        run(
            f'INSERT INTO log ({columns}, change) SELECT {columns}, number FROM log_of_format_1'
        )
        run('DROP TABLE log_of_format_1')
    run(f'PRAGMA application_id = {APPLICATION}')
    run(f'PRAGMA user_version = {FORMAT}')
