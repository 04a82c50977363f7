from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from msvitreid.datasets import About, SplitStatistics
from msvitreid.datasets.inspection import Finding, Item, as_json, as_text

from .contents import ROOT, contents, entry

CONTENTS = replace(
    contents(
        [
            *(entry('train', pid, camid) for pid in (1, 2) for camid in (1, 2, 3, 8)),
            *(entry('train', 3, 5) for _ in range(2)),
            entry('query', 4),
        ]
    ),
    expected={
        'train': SplitStatistics(images=10, identities=About(1_004), cameras=6),
        'query': SplitStatistics(),
    },
)


def test_table():
    lines = as_text([CONTENTS], []).splitlines()
    assert [' '.join(line.split()) for line in lines] == [
        'Market1501 in /data',
        '',
        'split images identities cameras camera ids ids with 1 image with 1 camera',
        'train 10 ok 3 about 1,004 5 differs from 6 1-3, 5, 8 0 1',
        'query 1 1 0 unknown 1 -',
        '',
        'ok: no faults',
    ]
    ends = {line.index('images') for line in lines if 'images' in line}
    assert lines[3].index('10') in ends


def test_findings_are_sorted_shortened_and_counted():
    many = tuple(Item((f'{ROOT}/{n}.jpg',), 'why') for n in range(7))
    stray = Finding('stray', False, 'Market1501', 'passed over', many)
    pair = Finding('x', True, 'Market1501', 'pairs', (Item(('/a', '/b'), ''),))
    note = Finding('y', True, 'Market1501', 'notes', (Item((), 'identity 3'),))
    text = as_text([CONTENTS], [stray, pair, note])
    assert text.partition('FAULTS\n')[2].splitlines() == [
        '  Market1501: pairs (1)',
        '      /a = /b',
        '  Market1501: notes (1)',
        '      identity 3',
        '',
        'FOR INFORMATION',
        '  Market1501: passed over (7)',
        *(f'      {n}.jpg (why)' for n in range(5)),
        '      and 2 more (all are in --json)',
        '',
        'differs: 2 faults',
    ]


def test_paths_are_shortened_at_their_beginning_only():
    one = replace(CONTENTS, root=Path('data'))
    items = (Item(('data/data/x.jpg', 'data/y.jpg', 'other/data/z.jpg'), 'not data/y.jpg'),)
    lines = as_text([one], [Finding('x', True, 'here', 'what', items)]).splitlines()
    assert '      data/x.jpg = y.jpg = other/data/z.jpg (not data/y.jpg)' in lines


def test_names_of_users_are_whole_in_json_and_say_where_they_are_cut_in_text():
    """Names and lists of names that ended in dots everywhere, or garbled the terminal."""
    names = ['north\ngate\x1b[31m', 'z' * 60, *(f'cam{n}' for n in range(2, 8))]
    entries = [{**entry('train', n, n), 'camid_name': name} for n, name in enumerate(names)]
    one = contents(entries)
    items = (Item(('/data/a\nb\u202e.jpg', '/data/\udcff.jpg'), f'identity {"y" * 300}'),)
    finding = Finding('x', True, 'here', 'what', items)
    text = as_text([one], [finding])
    assert (
        r'north\ngate\x1b[31m, ' + 'z' * 40 + '..., cam2, cam3, cam4 and 3 more (all are'
        in text
    )
    assert r'a\nb\u202e.jpg = \udcff.jpg (identity yyy' in text
    assert text.isascii()
    assert len(max(text.splitlines(), key=len)) < 300

    written = as_json([one], [finding])
    written.encode()
    report = json.loads(written)
    assert report['datasets'][0]['splits']['train']['camera_names'] == names
    assert report['findings'][0]['items'] == [
        {'paths': list(items[0].paths), 'note': items[0].note}
    ]


def test_json_holds_everything():
    many = tuple(Item((f'/{n}.jpg',), 'why') for n in range(7))
    report = json.loads(as_json([CONTENTS], [Finding('stray', False, 'here', 'what', many)]))
    assert report['ok'] is True
    (dataset,) = report['datasets']
    assert (dataset['name'], dataset['root']) == ('Market1501', '/data')
    assert dataset['splits']['train'] == {
        'images': {'found': 10, 'expected': 10, 'state': 'ok'},
        'identities': {'found': 3, 'expected': 1004, 'state': 'about'},
        'cameras': {'found': 5, 'expected': 6, 'state': 'differs'},
        'camera_ids': [1, 2, 3, 5, 8],
        'camera_names': ['1', '2', '3', '5', '8'],
        'identities_with_one_image': 0,
        'identities_with_one_camera': 1,
    }
    assert report['findings'] == [
        {
            'kind': 'stray',
            'fault': False,
            'where': 'here',
            'what': 'what',
            'items': [{'paths': [f'/{n}.jpg'], 'note': 'why'} for n in range(7)],
        }
    ]
    fault = Finding('x', True, 'here', 'what', many)
    assert json.loads(as_json([CONTENTS], [fault]))['ok'] is False
