"""Class of faults: a report that needs JavaScript, a network, a mouse or a wide screen."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from msvitreid.visualization.report import Report, measure_run, write_report
from tests.apis.verification.sample_card import sample_card
from tests.visualization.report.made import SCRIPT, made_run

from .conftest import NARROW
from .looks import check_looks, check_no_horizontal_scroll


@pytest.fixture(scope='module')
def report(tmp_path_factory):
    """Two runs of 6 queries and 18 gallery images, and a card."""
    folder = tmp_path_factory.mktemp('data')
    runs = [measure_run(made_run(folder, name=name), resamples=20) for name in ('a', 'b')]
    return Report(runs, sample_card())


@pytest.fixture(scope='module')
def file(report, tmp_path_factory):
    return write_report(report, tmp_path_factory.mktemp('out') / 'report.html')[0]


@pytest.fixture
def page(file, open_page):
    return open_page(file.as_uri())


def column(table, number):
    """The texts of a column's visible cells."""
    cells = table.locator(f'tbody tr:visible > :nth-child({number})')
    return [text.strip() for text in cells.all_text_contents()]


def test_the_file_opens_by_itself(page):
    assert page.url.startswith('file://')
    expect(page.locator('h1')).to_have_text('a, b')
    assert page.locator('svg.chart').count() == 6
    widths = page.evaluate(
        """() => Promise.all([...document.querySelectorAll('.ranking img')].map(async (one) => {
            one.loading = 'eager';
            await one.decode();
            return one.naturalWidth;
        }))"""
    )
    assert min(widths) > 0
    page.locator('details').evaluate_all('all => all.forEach((one) => (one.open = true))')
    check_looks(page, 'report')


def test_runs_stand_side_by_side(page, report):
    figures = page.locator('.figures')
    assert column(figures, 1) == ['a', 'b']
    for run, row in zip(report.runs, figures.locator('tbody tr').all(), strict=True):
        expect(row).to_contain_text(f'{100 * run.figures["mAP"].value:.1f}')
    names = page.locator('#curves .legend').first.locator('li').all_text_contents()
    assert [name.strip() for name in names] == ['a', 'b']


def test_a_click_and_a_key_sort(page):
    summary = page.get_by_text('All queries').first
    summary.focus()
    page.keyboard.press('Enter')
    table = page.locator('table.filterable').first
    expect(table).to_be_visible()
    values = list(map(float, column(table, 1)))
    assert values == sorted(values)
    heading = table.get_by_role('columnheader', name='AP, %')
    heading.get_by_role('button').click()
    expect(heading).to_have_attribute('aria-sort', 'descending')
    assert list(map(float, column(table, 1))) == values[::-1]
    page.keyboard.press('Enter')
    expect(heading).to_have_attribute('aria-sort', 'ascending')
    assert list(map(float, column(table, 1))) == values
    table.get_by_role('columnheader', name='image').get_by_role('button').click()
    paths = column(table, 5)
    assert paths == sorted(paths, reverse=True)
    assert heading.get_attribute('aria-sort') is None


def test_a_field_filters(page):
    page.get_by_text('All queries').first.click()
    table = page.locator('table.filterable').first
    field = page.get_by_role('searchbox').first
    field.fill('query/3_')
    assert column(table, 5) == ['query/3_<b>&.png']
    field.fill('nothing of the kind')
    assert column(table, 5) == []
    field.fill('')
    assert len(column(table, 5)) == 6


@pytest.mark.parametrize('way', ['click', 'Enter', 'Space'])
def test_a_thumbnail_is_shown_large(page, way):
    image = page.locator('.ranking .places img').first
    small = image.bounding_box()['height']
    if way == 'click':
        image.click()
    else:
        image.focus()
        page.keyboard.press(way)
    large = page.get_by_role('dialog').locator('img')
    expect(large).to_be_visible()
    assert large.bounding_box()['height'] > 2 * small
    expect(page.get_by_role('dialog').locator('p')).to_have_text(image.get_attribute('alt'))
    if way == 'click':
        check_looks(page, 'report_zoom', 'dialog[open]')
    page.keyboard.press('Escape')
    expect(page.get_by_role('dialog')).to_be_hidden()
    expect(image).to_be_focused()


def test_names_with_markup_are_text(page):
    page.on('dialog', lambda dialog: pytest.fail(f'the page ran {dialog.message}'))
    expect(page.locator('#tested dd').filter(has_text=SCRIPT).first).to_be_visible()
    assert page.locator('script').count() == 1


def test_without_javascript_all_is_there(file, open_page, report):
    page = open_page(file.as_uri(), java_script_enabled=False)
    figures = page.locator('.figures').inner_text()
    for run in report.runs:
        assert f'{100 * run.figures["mAP"].value:.1f}' in figures
    assert page.locator('svg.chart').count() == 6
    expect(page.locator('.ranking img').first).to_be_visible()
    page.get_by_text('All queries').first.click()
    assert len(column(page.locator('table.filterable').first, 1)) == 6
    assert page.get_by_role('searchbox').count() == 0


def test_it_prints(page):
    """Expected on paper: every list of queries open, no field, no navigation, black on white."""
    page.emulate_media(media='print', color_scheme='dark')
    page.evaluate('dispatchEvent(new Event("beforeprint"))')
    for list_ in page.locator('.kind-of-list').all():
        expect(list_.locator('.ranking').first).to_be_visible()
    expect(page.get_by_role('navigation')).to_be_hidden()
    expect(page.get_by_role('searchbox').first).to_be_hidden()
    style = 'getComputedStyle(document.body)'
    assert page.evaluate(f'{style}.backgroundColor') == 'rgb(255, 255, 255)'
    assert page.evaluate(f'{style}.color') == 'rgb(0, 0, 0)'
    assert page.pdf().startswith(b'%PDF')


def test_a_phone(file, open_page):
    page = open_page(file.as_uri(), NARROW, has_touch=True, is_mobile=True)
    closed = page.locator('details:not([open]) > summary')
    while closed.count():
        closed.first.tap()
    check_no_horizontal_scroll(page)
    page.locator('.ranking .places img').first.tap()
    expect(page.get_by_role('dialog')).to_be_visible()
