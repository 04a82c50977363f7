"""Class of faults: a mark that the page shows and the server does not have, or the reverse."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from msvitreid.datasets import ReIDDataset

from .looks import check_accessible, check_looks

SEARCHED = '0004_c3_f0080440.jpg'


@pytest.fixture
def page(page):
    """The hits of an image of the gallery."""
    page.get_by_role('button', name='From the gallery').click()
    page.get_by_role('button', name=SEARCHED).click()
    expect(page.locator('#list .hit')).to_have_count(23)
    return page


def hit(page, number):
    return page.locator('.hit').nth(number)


def marks(page):
    """What the server has, oldest first: (answer, reviewer, hit)."""
    kept = page.request.get('/api/marks').json()['marks'][::-1]
    return [(one['answer'], one['reviewer'], one['hit']) for one in kept]


def test_marks_by_keys_go_on_to_the_next_result(page):
    page.get_by_label('Reviewer').fill('Ann <b>')
    hit(page, 0).focus()
    for number, (key, kind) in enumerate(
        [('s', 'same'), ('d', 'different'), ('c', 'cannot-tell')]
    ):
        page.keyboard.press(key)
        expect(hit(page, number)).to_have_class(f'hit {kind}')
        expect(hit(page, number + 1)).to_be_focused()
    expect(page.locator('#status')).to_have_text('Result 3 marked: cannot tell.')
    expect(page.locator('#mark-counts')).to_have_text('1 same, 1 different, 1 cannot tell')
    ids = page.locator('.hit-id').all_text_contents()
    assert marks(page) == [
        ('same', 'Ann <b>', ids[0]),
        ('different', 'Ann <b>', ids[1]),
        ('cannot tell', 'Ann <b>', ids[2]),
    ]
    check_looks(page, 'page_marks', '#list li:nth-child(-n+3)')


def test_undo_takes_back_the_last_and_then_the_one_before(page):
    hit(page, 0).focus()
    page.keyboard.press('s')
    expect(hit(page, 1)).to_be_focused()
    page.keyboard.press('ArrowLeft')
    page.keyboard.press('d')
    expect(hit(page, 0)).to_have_class('hit different')
    page.keyboard.press('u')
    expect(hit(page, 0)).to_have_class('hit same')
    expect(hit(page, 0)).to_be_focused()
    expect(page.locator('#status')).to_contain_text('was marked different')
    page.get_by_role('button', name='Undo').click()
    expect(hit(page, 0)).to_have_class('hit')
    expect(page.get_by_role('button', name='Undo')).to_be_disabled()
    assert marks(page) == []


def test_a_mark_stays_when_the_page_is_loaded_again(page, pages):
    hit(page, 1).get_by_role('button', name='Different').click()
    expect(hit(page, 1)).to_have_class('hit different')
    page.reload()
    page.get_by_role('button', name='From the gallery').click()
    page.get_by_role('button', name=SEARCHED).click()
    expect(hit(page, 1)).to_have_class('hit different')
    pressed = hit(page, 1).get_by_role('button', name='Different')
    expect(pressed).to_have_attribute('aria-pressed', 'true')


def test_arrows_move_between_results(page):
    tops = page.locator('.hit').evaluate_all('all => all.map((one) => one.offsetTop)')
    across = tops.count(tops[0])
    assert across > 1
    hit(page, 0).focus()
    for key, number in [
        ('ArrowLeft', 0),
        ('ArrowRight', 1),
        ('ArrowDown', 1 + across),
        ('ArrowUp', 1),
        ('ArrowUp', 1),
        ('ArrowLeft', 0),
    ]:
        page.keyboard.press(key)
        expect(hit(page, number)).to_be_focused()


def test_keys_are_text_in_a_field(page):
    page.get_by_label('Reviewer').press_sequentially('such')
    expect(page.get_by_label('Reviewer')).to_have_value('such')
    assert marks(page) == []


def test_bulk_shows_what_it_covers_before_it_is_done(page):
    page.get_by_label('Hits at most').fill('4')
    page.get_by_label('Hits at most').press('Tab')
    expect(page.locator('#list .hit')).to_have_count(4)
    ids = page.locator('.hit-id').all_text_contents()
    hit(page, 1).get_by_role('button', name='Same').click()
    expect(hit(page, 1)).to_have_class('hit same')
    bulk = page.locator('#bulk')
    bulk.get_by_role('button', name='Different').click()
    sure = page.get_by_role('dialog')
    assert sure.locator('li').all_text_contents() == [ids[0], ids[2], ids[3]]
    check_looks(page, 'page_bulk', 'dialog[open]')
    sure.get_by_role('button', name='Cancel').click()
    assert len(marks(page)) == 1
    bulk.get_by_role('button', name='Different').click()
    page.keyboard.press('Escape')
    assert len(marks(page)) == 1
    bulk.get_by_role('button', name='Different').click()
    sure.get_by_role('button', name='Mark them').click()
    expect(page.locator('#mark-counts')).to_have_text('1 same, 3 different, 0 cannot tell')
    assert [one[2] for one in marks(page)[1:]] == [ids[0], ids[2], ids[3]]
    page.get_by_role('button', name='Undo').click()
    expect(page.locator('#mark-counts')).to_have_text('1 same, 0 different, 0 cannot tell')


def test_the_training_list_opens_as_a_dataset(page, crowd, tmp_path):
    for number in (0, 1):
        hit(page, number).get_by_role('button', name='Same').click()
        expect(hit(page, number)).to_have_class('hit same')
    with page.expect_download() as download:
        page.get_by_text('Training list').click()
    assert download.value.suggested_filename == 'marks.csv'
    download.value.save_as(tmp_path / 'marks.csv')
    dataset = ReIDDataset(str(crowd.images), csv=str(tmp_path / 'marks.csv'), split='train')
    images = [Path(dataset.get_data_info(i)['img_path']) for i in range(len(dataset))]
    assert all(image.is_file() for image in images)
    ids = page.locator('.hit-id').all_text_contents()
    assert sorted(image.name for image in images) == sorted([SEARCHED, *ids[:2]])
    expect(page.locator('#status')).to_contain_text(
        'The training list is downloaded as marks.csv'
    )


def test_a_list_that_contradicts_itself_is_a_sentence(page, faults):
    """Expected: two of three images that marks join are marked as different."""
    faults.allow('/api/marks/export.csv')
    first, second = page.locator('.hit-id').all_text_contents()[:2]
    for number in (0, 1):
        hit(page, number).get_by_role('button', name='Same').click()
        expect(hit(page, number)).to_have_class('hit same')
    answer = page.request.post(
        '/api/marks', data={'query': first, 'hit': second, 'answer': 'different'}
    )
    assert answer.ok
    page.get_by_text('Training list').click()
    expect(page.get_by_role('alert')).to_contain_text(first)
    expect(page.get_by_role('alert')).to_contain_text(second)
    check_accessible(page, '#problem')


def test_a_walk_by_keyboard_only(page):
    """From the top of the page to a mark, its undo, and a search with a hit."""
    page.reload()
    reached = []

    def tab_to(name):
        for _ in range(60):
            page.keyboard.press('Tab')
            shown = page.evaluate(
                """() => {
                    const node = document.activeElement;
                    const style = getComputedStyle(node);
                    const ring = style.outlineStyle !== 'none' ? style.outlineWidth : '';
                    const label = node.labels?.[0] ?? node;
                    return [node.id || label.textContent.trim(), ring];
                }"""
            )
            reached.append(shown)
            if shown[0] == name:
                return
        raise AssertionError(f'{name} is not reached by the Tab key: {reached}')

    tab_to('pick')
    page.keyboard.press('Enter')
    tab_to('picker-where')
    page.keyboard.type('pid=0004')
    page.keyboard.press('Enter')
    expect(page.locator('#picker-list li')).to_have_count(4)
    tab_to(SEARCHED)
    page.keyboard.press('Enter')
    expect(page.locator('#list .hit')).to_have_count(23)
    hits = page.locator('.hit')
    for _ in range(60):
        page.keyboard.press('Tab')
        if page.evaluate("document.activeElement.matches('.hit')"):
            break
    expect(hits.first).to_be_focused()
    page.keyboard.press('ArrowRight')
    page.keyboard.press('s')
    expect(hits.nth(1)).to_have_class('hit same')
    expect(hits.nth(2)).to_be_focused()
    page.keyboard.press('u')
    expect(hits.nth(1)).to_have_class('hit')
    wanted = page.locator('.hit-id').nth(1).text_content()
    page.keyboard.press('Enter')
    expect(page.locator('#query-name')).to_have_text(wanted)
    assert [name for name, ring in reached if not ring] == []


def test_the_keys_are_listed(page):
    page.get_by_role('button', name='Keys').click()
    expect(page.get_by_role('dialog')).to_contain_text(re.compile('undo the last mark'))
    check_accessible(page, 'dialog[open]')
    page.keyboard.press('Escape')
    expect(page.get_by_role('dialog')).to_be_hidden()
    expect(page.get_by_role('button', name='Keys')).to_be_focused()
