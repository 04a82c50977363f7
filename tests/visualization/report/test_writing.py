from __future__ import annotations

import json
import re
import resource
from pathlib import Path

import pytest

from msvitreid.errors import ConfigError, OutputError
from msvitreid.visualization.report import Report, measure_run, write_report
from msvitreid.visualization.report.data import as_plain
from msvitreid.visualization.report.thumbnails import LEVELS
from msvitreid.visualization.report.writing import render

from .made import SCRIPT, Page, made_run


@pytest.fixture(scope='module')
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp('data')
    runs = [measure_run(made_run(folder, name=name), resamples=10) for name in ('a', 'b')]
    return Report(runs)


@pytest.fixture(scope='module')
def written(report, tmp_path_factory):
    return write_report(report, tmp_path_factory.mktemp('out') / 'new' / 'r.html')


def test_the_page_is_whole_and_needs_nothing_else(written):
    text = written[0].read_text()
    page = Page(text)
    for attribute in ('src', 'href', 'xlink:href', 'srcset', 'poster', 'action', 'data'):
        values = [a[attribute] for _, a in page.elements if attribute in a]
        assert all(value.startswith(('data:image/jpeg;base64,', '#')) for value in values)
    tags = {tag for tag, _ in page.elements}
    assert not tags & {'link', 'iframe', 'object', 'embed', 'base', 'form'}
    assert len(page.all('script')) == 1
    style = re.search('<style>(.*?)</style>', text, re.DOTALL)[1]
    assert 'url(' not in style
    assert '@import' not in style
    assert len(page.of_class('chart')) == 5  # three of all runs, and a histogram for each


def test_names_with_markup_are_text(written):
    """Hostile names: of files, identities, cameras and in the config."""
    text = written[0].read_text()
    page = Page(text)
    assert SCRIPT not in text
    assert '<img src=http' not in text
    assert page.text.count(SCRIPT) > 4
    assert '_<b>&.png' in page.text
    assert page.all('b') == [{}] * len(page.all('b'))
    policy = next(a['content'] for a in page.all('meta') if 'http-equiv' in a)
    assert "default-src 'none'" in policy
    assert "script-src 'sha256-" in policy


def test_figures_stand_in_the_page_and_in_the_json(report, written):
    page, numbers = Page(written[0].read_text()), json.loads(written[1].read_text())
    assert written[1].name == 'r.json'
    cells = [float(a['data-value']) for a in page.all('td') if 'data-label' in a]
    for run in report.runs:
        assert {figure.value for figure in run.figures.values()} <= set(cells)
        assert f'{100 * run.figures["mAP"].value:.1f}' in page.text
    assert numbers['runs'] == [as_plain(run) for run in report.runs]
    assert numbers['runs'][0]['figures']['mAP']['value'] == report.runs[0].figures['mAP'].value


def test_places_of_this_machine_are_in_neither(report, written):
    folder = str(Path(report.runs[0].lists['best'][0].file).parents[1])
    assert all(folder not in path.read_text() for path in written)


def test_right_and_wrong_differ_by_shape_too(written):
    page = Page(written[0].read_text())
    for kind, sign in (('right', '✓'), ('wrong', '✕'), ('left-out', '–')):
        assert page.of_class(kind)
        assert sign in page.text


def test_a_missing_image_is_a_gray_tile(tmp_path):
    run = made_run(tmp_path)
    facts = measure_run(run, resamples=0)
    Path(run.files[0]).unlink()
    Path(run.files[6]).write_text('no image')
    page = Page(render(Report([facts]), LEVELS[0]))
    assert page.text.count('no image') == len(page.of_class('no-image')) > 1


def test_the_size_is_kept_by_fewer_thumbnails(report, tmp_path):
    sizes = [len(render(report, level).encode()) for level in LEVELS]
    assert sizes[-1] < sizes[0]
    limit = (sizes[-1] + 10) / 1e6
    page, _ = write_report(report, tmp_path / 'r.html', max_mb=limit)
    assert page.stat().st_size <= limit * 1e6
    with pytest.raises(ConfigError, match='--max-mb'):
        write_report(report, tmp_path / 'none' / 'r.html', max_mb=(sizes[-1] - 10) / 1e6)
    assert not (tmp_path / 'none').exists()


def test_another_ending_is_refused(report, tmp_path):
    with pytest.raises(ConfigError, match=r'r\.json'):
        write_report(report, tmp_path / 'r.json')


def test_a_full_disk_leaves_both_files_of_before(report, tmp_path):
    """Class of faults: of two files that belong together one is new, or gone, after a failure."""
    files = write_report(report, tmp_path / 'r.html')
    least, most = sorted(file.stat().st_size for file in files)
    for file in files:
        file.write_text('before')
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((least + most) // 2, limits[1]))
    try:
        with pytest.raises(OutputError, match=r'r\.(html|json)'):
            write_report(report, tmp_path / 'r.html')
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        'r.html': 'before',
        'r.json': 'before',
    }
