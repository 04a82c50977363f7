"""``msvitreid report`` as a user calls it."""

from __future__ import annotations

import contextlib
import io
import json
import shutil

import pytest

from msvitreid.cli import main as cli
from msvitreid.cli.running import run_tool
from tests.apis.verification.sample_card import sample_card
from tests.tools.user import Outcome, _forget_run, options, run
from tests.visualization.report.made import Page
from tests.visualization.runs import write_result


def report(*arguments) -> Outcome:
    out, err, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            run_tool(lambda _: cli.main(['report', *map(str, arguments)]))
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            _forget_run()
    return Outcome(code, out.getvalue(), err.getvalue())


@pytest.fixture(scope='module')
def written(trained, tmp_path_factory):
    """Page and numbers of a run and of the test of its checkpoint."""
    folder = tmp_path_factory.mktemp('report')
    before = sorted(path.name for path in trained.iterdir())
    result = folder / 'tested.json'
    config = trained / 'msvit-s_market1501.py'
    given = ['--work-dir', folder / 'work', '--out', result, '--bootstrap', 20]
    assert run('test.py', config, trained / 'averaged.pth', *given).code == 0
    outcome = report(trained, result, '--out', folder / 'r.html', '--resamples', 20)
    assert outcome.code == 0, outcome.err
    assert outcome.out == f'{folder}/r.html\n{folder}/r.json\n'
    assert sorted(path.name for path in trained.iterdir()) == before
    return (folder / 'r.html').read_text(), json.loads((folder / 'r.json').read_text())


def test_figures_of_a_run_are_those_of_its_test(written):
    of_run, of_test = (one['figures'] for one in written[1]['runs'])
    assert of_test.keys() == {'mAP', 'mINP', 'rank-1', 'rank-5', 'rank-10'}
    for name, figure in of_test.items():
        assert of_run[name] == pytest.approx(figure, abs=1e-6), name


def test_what_was_tested_is_said(written, trained, data_root):
    page, tested = Page(written[0]), written[1]['runs'][0]['tested']
    assert tested['Checkpoint'] == 'averaged.pth'
    assert tested['Config'] == 'msvit-s_market1501.py'
    assert tested['Average precision'] == 'trapezoid'
    assert all(value in page.text for value in tested.values())
    assert written[1]['runs'][0]['queries'][0]['path'].startswith('query/')
    for place in (trained, data_root):
        assert str(place) not in written[0]
        assert str(place) not in json.dumps(written[1])


def test_a_test_result_alone_says_what_gives_the_rest(tmp_path):
    file = write_result(tmp_path / 'a.json', tmp_path / 'run' / 'averaged.pth', {'mAP': 0.5})
    outcome = report(file, '--out', tmp_path / 'r.html', '--names', '<b>')
    assert outcome.code == 0, outcome.err
    page = Page((tmp_path / 'r.html').read_text())
    assert 'msvitreid report run --out report.html' in page.text
    assert '<b>' in page.text


def test_a_card_of_another_model_is_refused(trained, tmp_path):
    sample_card().save(tmp_path / 'card.json')
    given = ['--out', tmp_path / 'r.html', '--card', tmp_path / 'card.json']
    outcome = report(trained, *given, '--resamples', 0)
    assert (outcome.code, 'another model' in outcome.err) == (2, True), outcome.err
    assert not (tmp_path / 'r.html').exists()
    file = write_result(tmp_path / 'a.json', tmp_path / 'run' / 'averaged.pth', {'mAP': 0.5})
    assert report(file, *given).code == 0
    page = Page((tmp_path / 'r.html').read_text())
    assert 'Calibration card' in page.text
    assert len(page.of_class('dot')) == len(sample_card().reliability.bins)


def test_the_last_checkpoint_counts_where_nothing_was_averaged(trained, tmp_path):
    for name in ('msvit-s_market1501.py', 'epoch_1.pth'):
        shutil.copy(trained / name, tmp_path)
    outcome = report(tmp_path, '--out', tmp_path / 'r.html', '--resamples', 0)
    assert outcome.code == 0, outcome.err
    (facts,) = json.loads((tmp_path / 'r.json').read_text())['runs']
    assert facts['tested']['Checkpoint'] == 'epoch_1.pth'
    assert facts['figures']['mAP']['low'] is None


def test_bad_input_is_one_sentence_and_leaves_nothing(tmp_path):
    config = "_base_ = 'msvitreid::msvit/msvit-s_market1501.py'\n"
    for name, copies in (('empty', 0), ('one', 1), ('two', 2)):
        (tmp_path / name).mkdir()
        for number in range(copies):
            (tmp_path / name / f'{number}.py').write_text(config)
    result = write_result(tmp_path / 'a.json', tmp_path / 'averaged.pth', {'mAP': 0.5})
    out = tmp_path / 'new' / 'r.html'
    for arguments, words in [
        ((tmp_path / 'empty', '--out', out), 'no config'),
        ((tmp_path / 'two', '--out', out), '2 configs'),
        ((tmp_path / 'one', '--out', out), 'no checkpoint'),
        ((tmp_path / 'none', '--out', out), 'none'),
        ((result, '--out', tmp_path / 'r.json'), '.html'),
        ((result, '--out', tmp_path / 'a.html'), 'overwrite'),
        ((result, '--out', tmp_path / 'c.html', '--card', tmp_path / 'c.json'), 'overwrite'),
        ((result, '--out', out, '--robustness', result), 'a.json'),
        ((result, result, '--out', out), '--names'),
        ((result, '--out', out, '--max-mb', '0.001'), '--max-mb'),
        ((result, '--out', out, '--card', result), 'a.json'),
    ]:
        outcome = report(*arguments)
        assert (outcome.code, outcome.err.count('\n')) == (2, 1), outcome.err
        assert words in outcome.err
    assert not out.parent.exists()


@pytest.mark.parametrize(
    'arguments',
    [('--max-mb', 'nan'), ('--max-mb', '0'), ('--batch-size', '0'), ('--resamples', '-1')],
)
def test_usage_errors(arguments, tmp_path):
    outcome = report('run', '--out', tmp_path / 'r.html', *arguments)
    assert outcome.code == 2
    assert arguments[0] in outcome.err


def test_options_reach_the_config(trained, tmp_path):
    outcome = report(trained, '--out', tmp_path / 'r.html', *options({'data_root': '/nowhere'}))
    assert outcome.code == 2
    assert '/nowhere' in outcome.err
