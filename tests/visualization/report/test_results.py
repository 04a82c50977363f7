from __future__ import annotations

import json

import pytest

from msvitreid.errors import ConfigError
from msvitreid.visualization.report import Report, read_result_facts
from msvitreid.visualization.report.data import Figure
from msvitreid.visualization.report.results import option_text
from msvitreid.visualization.report.thumbnails import LEVELS
from msvitreid.visualization.report.writing import render
from tests.visualization.runs import write_result

from .made import SCRIPT, Page

METRICS = {
    'mAP': 0.5,
    'mAP-ci95-low': 0.4,
    'mAP-ci95-high': 0.6,
    'rank-1': 0.75,
    'mAP/c1-c2': 0.25,
    'mAP/c2-c1': 0.5,
    'mAP/c1-c2-ci95-low': 0.2,
    'mAP/c1-c2-ci95-high': 0.3,
}


def test_a_result_has_figures_and_says_what_is_missing(tmp_path):
    file = write_result(tmp_path / 'market.json', tmp_path / 'run' / 'averaged.pth', METRICS)
    facts = read_result_facts(file)
    assert facts.figures == {'mAP': Figure(0.5, 0.4, 0.6), 'rank-1': Figure(0.75)}
    assert facts.cameras.mean_ap == [[None, 0.25], [0.5, None]]
    assert facts.missing.keys() == {'Curves', 'Queries'}
    assert 'msvitreid report run --out' in facts.missing['Curves']
    page = Page(render(Report([facts]), LEVELS[0]))
    assert page.text.count('msvitreid report run --out') == 2
    assert '40.0 to 60.0' in page.text
    assert str(tmp_path) not in page.text


def test_a_hostile_result_is_text(tmp_path):
    """Any JSON values where others are expected, with markup in all of them."""
    content = {
        'metrics': {SCRIPT: 0.5, 'mAP': float('nan'), 'x': 'text', 'y': True, 'z': 10**400},
        'checkpoint': {'path': f'/a/{SCRIPT}/b.pth', 'sha256': [SCRIPT]},
        'evaluator': {'type': {'a': SCRIPT}, 'ap': SCRIPT},
        'config': 7,
        'options': [SCRIPT],
        'versions': {SCRIPT: None},
        'backend': {},
    }
    file = tmp_path / f'{SCRIPT.replace("/", "")}.json'
    file.write_text(json.dumps(content))
    facts = read_result_facts(file)
    assert facts.figures.keys() == {SCRIPT, 'mAP', 'z'}
    text = render(Report([facts]), LEVELS[0])
    assert 'nan' not in Page(text).text
    assert SCRIPT not in text
    assert SCRIPT in Page(text).text


def test_options_do_not_show_folders_of_this_machine():
    assert option_text(('data_root', 'sets/here')) == 'data_root=…/here'
    assert option_text(('a.csv', '/home/me/list.csv')) == 'a.csv=…/list.csv'
    assert option_text(('a.b', [1, None])) == 'a.b=[1, null]'


@pytest.mark.parametrize('content', ['{}', 'text', '[1]', '{"metrics": {}, "checkpoint": {}}'])
def test_another_file_is_refused(content, tmp_path):
    (tmp_path / 'a.json').write_text(content)
    with pytest.raises(ConfigError, match=r'a\.json'):
        read_result_facts(tmp_path / 'a.json')


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r'none\.json'):
        read_result_facts(tmp_path / 'none.json')
