"""``msvitreid robustness``, and its result in a report."""

from __future__ import annotations

import csv
import json
import re
import shutil

import pytest
from PIL import Image

from tests.cli.test_calibrate import msvitreid
from tests.tools.user import options, run
from tests.visualization.report.made import Page

FAST = ['--device', 'cpu', '--workers', '0', '--resamples', '20']
CONDITIONS = ['--conditions', 'occlusion-bottom-gray', 'jpeg']


@pytest.fixture(scope='module')
def measured(tiny_set, tmp_path_factory):
    """Two nets, of which the second is the same as a model file; the folder and the output."""
    out = tmp_path_factory.mktemp('robustness') / 'new' / 'out'
    nets = [tiny_set.config, tiny_set.weights, tiny_set.config, tiny_set.model]
    given = [*nets, '--names', 'one', 'two', '--out', out, *CONDITIONS, *FAST]
    outcome = msvitreid('robustness', *given)
    assert outcome.code == 0, outcome.err
    return out, outcome


def test_clean_is_the_plain_test_to_the_last_digit(tiny_set, measured, tmp_path):
    result = tmp_path / 't.json'
    given = [tiny_set.config, tiny_set.weights, '--out', result, '--work-dir', tmp_path / 'w']
    scope = options({'default_scope': 'msvitreid', 'runner_type': 'ReIDRunner'})
    outcome = run('test.py', *given, '--bootstrap', 20, *scope)
    assert outcome.code == 0, outcome.err
    expected = json.loads(result.read_text())['metrics']
    written = json.loads((measured[0] / 'robustness.json').read_text())
    for net in written['nets']:
        for curve in net['curves']:
            clean = curve['levels'][0]
            for name in ('mAP', 'rank-1'):
                ends = [expected[f'{name}-ci95-{end}'] for end in ('low', 'high')]
                assert clean[name] == [expected[name], *ends]
    assert 0 < expected['mAP'] < 1


def test_table_files_and_progress(measured):
    out, outcome = measured
    written = [str(out / f'robustness.{kind}') for kind in ('json', 'csv', 'png')]
    assert outcome.out.split()[-3:] == written
    one, two = re.findall(r'^occlusion-bottom-gray (.*)$', outcome.out, re.MULTILINE)
    assert one == two
    assert len(one.split()) == 1 + 6 + 2
    assert '[11/11]' in outcome.err, '6 levels of occlusion, 5 of JPEG'
    assert ' left' in outcome.err
    assert Image.open(written[2]).size[0] > 600
    rows = list(csv.DictReader((out / 'robustness.csv').open()))
    assert len(rows) == 2 * (8 + 7)
    assert {row['net'] for row in rows} == {'one', 'two'}


def test_going_on_where_it_stopped(tiny_set, measured, tmp_path):
    """All conditions are done, so that no image is embedded; the order may be another."""
    shutil.copytree(measured[0] / 'parts', tmp_path / 'parts')
    given = [tiny_set.config, tiny_set.weights, '--out', tmp_path, *FAST]
    outcome = msvitreid('robustness', *given, '--conditions', 'jpeg', 'occlusion-bottom-gray')
    assert outcome.code == 0, outcome.err
    assert '[' not in outcome.err


def test_a_model_file_on_a_folder(tiny_set, tmp_path):
    """A folder of query and gallery, and one per identity, whose images search each other."""
    for place, count in (('', 6), ('gallery', 18)):
        images = f'{tiny_set.config.rsplit("/", 1)[0]}/set/{place}'
        given = [
            tiny_set.model,
            images,
            '--out',
            tmp_path / f'o{place}',
            '--conditions',
            'jpeg',
        ]
        outcome = msvitreid('robustness', *given, *FAST)
        assert outcome.code == 0, outcome.err
        written = json.loads((tmp_path / f'o{place}' / 'robustness.json').read_text())
        assert written['images']['queries'] == count


def test_the_conditions_are_listed():
    outcome = msvitreid('robustness', '--list')
    assert outcome.code == 0
    assert re.search(r'^\* jpeg +quality: 25, 18, 15, 10, 7$', outcome.out, re.MULTILINE)


def test_refusals(tiny_set, measured, tmp_path):
    net = [tiny_set.config, tiny_set.weights]
    out = ['--out', tmp_path / 'o']
    (tmp_path / 'file').write_text('')
    for arguments, word in [
        ([tiny_set.config, *out], 'NET'),
        ([*net, *out, '--conditions', 'fog'], 'fog'),
        ([*net, *out, '--names', 'a', 'b'], '--names'),
        ([*net, *net, *out, '--names', 'a', 'a', *CONDITIONS, *FAST], "'a'"),
        ([*net, *out, '--apply-to', 'all'], '--apply-to'),
        ([*net, *out, '--seed', '-1'], '--seed'),
        ([*net, *out, '--batch-size', '0'], '--batch-size'),
        ([*net, *out, '--device', 'tpu'], 'tpu'),
        ([*net, '--out', tmp_path / 'file'], 'file'),
        ([tiny_set.model, '/nowhere', *out], '/nowhere'),
        ([tiny_set.model, tmp_path, *out, '--cfg-options', 'a=1'], '--cfg-options'),
    ]:
        outcome = msvitreid('robustness', *arguments)
        assert (outcome.code, word in outcome.err) == (2, True), outcome.err
    assert not (tmp_path / 'o').exists()


def test_a_report_shows_it(tiny_set, measured, tmp_path):
    """From --robustness, and from the run's folder; of another model it is refused."""
    result = measured[0] / 'robustness.json'
    folder = tmp_path / 'run'
    folder.mkdir()
    shutil.copy(tiny_set.config, folder)
    shutil.copy(tiny_set.weights, folder)
    html = tmp_path / 'r.html'
    given = ['report', folder, '--out', html, '--resamples', '0', '--device', 'cpu']
    outcome = msvitreid(*given)
    assert outcome.code == 0, outcome.err
    assert 'id="robustness"' not in html.read_text()
    (folder / 'robustness').mkdir()
    (folder / 'robustness' / 'robustness.json').write_text(result.read_text())
    for more in ([], ['--robustness', result]):
        outcome = msvitreid(*given, *more)
        assert outcome.code == 0, outcome.err
        page = Page(html.read_text())
        numbers = json.loads(html.with_suffix('.json').read_text())
        sections = 2 if more else 1
        assert numbers['robustness'] == [json.loads(result.read_text())] * sections
        # Two conditions of two nets, each a curve with its band.
        assert len(page.of_class('band')) == 4 * sections
        clean = numbers['robustness'][0]['nets'][0]['curves'][0]['levels'][0]['mAP'][0]
        assert f'{100 * clean:.1f}' in page.text
        assert 'By covered area' in page.text
        assert 'Images a second' in page.text
    other = json.loads(result.read_text())
    for net in other['nets']:
        net['fingerprint'] = '0' * 64
    result = tmp_path / 'other.json'
    result.write_text(json.dumps(other))
    outcome = msvitreid(*given, '--robustness', result)
    assert (outcome.code, 'other.json' in outcome.err) == (2, True)


def test_a_report_by_groups_of_queries(tiny_set, tmp_path):
    """A table with the occlusion level of each query; one without any query is refused."""
    folder = tmp_path / 'run'
    folder.mkdir()
    shutil.copy(tiny_set.config, folder)
    shutil.copy(tiny_set.weights, folder)
    table, html = tmp_path / 'levels.csv', tmp_path / 'r.html'
    lines = [
        f'query/p{row}/{row}0_c1.png,{"<b>heavy" if row % 2 else "none"}' for row in range(6)
    ]
    table.write_text('\n'.join(['path,occlusion', *lines]) + '\n')
    given = ['report', folder, '--out', html, '--resamples', '20', '--device', 'cpu']
    outcome = msvitreid(*given, '--groups', table)
    assert outcome.code == 0, outcome.err
    numbers = json.loads(html.with_suffix('.json').read_text())['runs'][0]
    (written,) = numbers['groups']
    assert [(row['label'], row['queries']) for row in written['rows']] == [
        ('<b>heavy', 3),
        ('none', 3),
    ]
    means = [row['figures']['mAP']['value'] for row in written['rows']]
    assert sum(means) / 2 == pytest.approx(numbers['figures']['mAP']['value'])
    assert 'by occlusion' in Page(html.read_text()).text
    table.write_text('path,occlusion\nother.png,none\n')
    outcome = msvitreid(*given, '--groups', table)
    assert (outcome.code, 'levels.csv' in outcome.err) == (2, True)
