"""Class of faults: a decision of the review that the page shows and the server does not have."""

from __future__ import annotations

import csv
import re
from dataclasses import replace

import pytest
from playwright.sync_api import expect

from tests.apis.verification.sample_card import sample_card

from .conftest import NARROW
from .looks import check_looks

#: Until what is computed is there; scikit-learn is imported for the first of it.
COMPUTED = 60_000
SEARCHED = '0004_c3_f0080440.jpg'


@pytest.fixture
def review(serve, open_page):
    """The page of the review."""
    return open_page(serve() + 'review')


@pytest.fixture
def review_with_card(serve, open_page, crowd):
    """With a card at whose threshold every image is unlike its identity."""
    card = sample_card(fingerprint=crowd.inferencer.fingerprint)
    return open_page(serve(card=replace(card, same_threshold=1.5)) + 'review')


def part(page, name):
    page.get_by_role('navigation', name='Parts of the review').get_by_role(
        'link', name=name
    ).click()


def join(page, *groups):
    """Mark the images of each group as the same, as another person would."""
    for first, *others in groups:
        body = {'query': first, 'hits': others, 'answer': 'same'}
        assert page.request.post('/api/marks/bulk', data=body).ok


def log(page):
    """What the server has, oldest first: action, value and reviewer of each entry."""
    entries = page.request.get('/api/review/log?limit=200').json()['entries'][::-1]
    return [(one['action'], one['value'], one['reviewer']) for one in entries]


def names(page):
    """Ids of the gallery."""
    return [one['id'] for one in page.request.get('/api/items').json()['items']]


def test_wrong_references_are_decided_by_keys(review_with_card):
    page = review_with_card
    expect(page.locator('.outlier')).to_have_count(24, timeout=COMPUTED)
    check_looks(page, 'review_outliers', '#panel-outliers')
    page.get_by_label('Reviewer').fill('Ann <b>')
    first = [
        page.locator('.outlier').nth(n).locator('.hit-id').first.text_content()
        for n in range(2)
    ]
    page.locator('.outlier').first.focus()
    page.keyboard.press('f')
    expect(page.locator('.outlier')).to_have_count(23)
    expect(page.locator('#status')).to_have_text(f'{first[0]} is fine.')
    expect(page.locator('.outlier').first).to_be_focused()
    page.keyboard.press('ArrowDown')
    expect(page.locator('.outlier').nth(1)).to_be_focused()
    page.keyboard.press('ArrowUp')
    page.keyboard.press('x')
    expect(page.locator('#status')).to_have_text(f'{first[1]} is set aside.')
    expect(page.locator('.outlier')).to_have_count(22)
    expect(page.locator('.outlier').first).to_be_focused()
    page.keyboard.press('o')
    expect(page.locator('#status')).to_contain_text('is split off from pid')
    assert [(action, reviewer) for action, _, reviewer in log(page)] == [
        ('fine', 'Ann <b>'),
        ('aside', 'Ann <b>'),
        ('mark', 'Ann <b>'),
        ('detached', 'Ann <b>'),
    ]
    expect(page.locator('.outlier').first).to_be_focused()
    # The second key is about the change before, though the first one has no answer yet.
    for _ in range(3):
        page.keyboard.press('u')
    expect(page.locator('.outlier')).to_have_count(24)
    expect(page.get_by_role('button', name='Undo')).to_be_disabled()
    page.get_by_role('button', name='Compute again').click()
    expect(page.locator('#outlier-count')).to_have_text('24 images.', timeout=COMPUTED)


def test_a_group_is_confirmed_without_an_image_that_is_removed(review):
    page = review
    part(page, 'Groups')
    page.get_by_label('Threshold').press('Home')
    page.get_by_role('button', name='Show groups').click()
    title = page.locator('#group-title')
    expect(title).to_contain_text('Group 1 of', timeout=COMPUTED)
    tiles = page.locator('#group-list .tile')
    expect(tiles.first).to_be_focused()
    count = tiles.count()
    page.keyboard.press('ArrowRight')
    expect(tiles.nth(1)).to_be_focused()
    page.keyboard.press('x')
    expect(tiles.nth(1)).to_have_attribute('aria-pressed', 'false')
    expect(page.locator('#status')).to_contain_text('removed')
    check_looks(page, 'review_groups', '#panel-groups')
    page.keyboard.press('x')
    page.keyboard.press('Space')
    expect(tiles.nth(1)).to_have_attribute('aria-pressed', 'false')
    page.keyboard.press('y')
    expect(page.locator('#status')).to_contain_text(f'{count - 1} images confirmed')
    marked = page.request.get('/api/marks').json()['counts']
    assert marked == {'same': count - 2, 'different': 1, 'cannot tell': 0}
    # Until the next group is there, decisions are about none.
    expect(title).not_to_contain_text(f': {count} images')
    page.keyboard.press('u')
    expect(page.locator('#status')).to_contain_text(f'Undone, with {count - 1} entries')
    expect(title).to_contain_text(f': {count} images')
    page.get_by_role('button', name='Not one identity').click()
    expect(page.locator('#status')).to_have_text('The group is not one identity.')
    assert [action for action, *_ in log(page)][-1] == 'rejected'


def test_a_group_for_later_comes_back_after_the_others(review):
    page = review
    ids = names(page)
    part(page, 'Groups')
    page.get_by_label('Threshold').fill('0')
    page.get_by_role('button', name='Show groups').click()
    expect(page.locator('#group-list .tile').first).to_be_focused(timeout=COMPUTED)
    before = page.locator('#group-title').text_content()
    total = int(re.search(r'of (\d+)', before)[1])
    for number in range(total):
        page.keyboard.press('l')
        if number + 1 < total:
            expect(page.locator('#group-title')).to_contain_text(f'Group {number + 2} of')
            expect(page.locator('#group-list .tile').first).to_be_focused()
    expect(page.locator('#group-title')).to_have_text(before)
    page.get_by_role('button', name='Later').click()
    assert log(page) == []
    assert len(ids) == 24


def test_identities_are_named_merged_and_split_by_their_scope(review, faults):
    faults.allow('409')
    page = review
    a, b, c, d, e = names(page)[:5]
    join(page, [a, b], [c, d, e])
    part(page, 'Identities')
    rows = page.locator('.identity')
    expect(rows).to_have_count(2)
    check_looks(page, 'review_identities', '#panel-identities')
    merge = page.get_by_role('button', name='Merge the chosen identities')
    expect(merge).to_be_disabled()
    for number in range(2):
        rows.nth(number).get_by_role('checkbox').check()
    merge.click()
    dialog = page.get_by_role('dialog')
    expect(dialog).to_contain_text('5 images and 1 mark are touched')
    expect(dialog).to_contain_text(f'{a} and {c}: same')
    assert len(log(page)) == 3
    dialog.get_by_label('Name').fill('-1')
    dialog.get_by_role('button', name='Confirm').click()
    faults_shown = dialog.get_by_role('alert')
    expect(faults_shown).to_contain_text('another name')
    dialog.get_by_label('Name').fill('<i>Ada</i>')
    check_looks(page, 'review_merge', '#scope')
    dialog.get_by_role('button', name='Confirm').click()
    expect(dialog).to_be_hidden()
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text('<i>Ada</i>')
    page.get_by_role('button', name='Open <i>Ada</i>').click()
    expect(page.locator('#identity-title')).to_be_focused()
    images = page.locator('#identity-images li')
    expect(images).to_have_count(5)
    images.filter(has_text=d).get_by_role('checkbox').check()
    check_looks(page, 'review_identity', '#identity')
    page.get_by_role('button', name='Split off').click()
    expect(dialog).to_contain_text('different')
    dialog.get_by_label('Name').fill('Dan')
    page.keyboard.press('Enter')
    expect(rows).to_have_count(2)
    page.locator('#identity-form').get_by_label('Name').fill('dan')
    page.keyboard.press('Enter')
    expect(rows).to_have_count(1)
    page.get_by_role('button', name='Open Dan').click()
    page.locator('#name-form').get_by_label('Name').fill('Dora')
    page.keyboard.press('Enter')
    expect(page.locator('#identity-title')).to_contain_text('Dora: 1 image')
    with page.expect_download() as download:
        page.get_by_role('link', name='Training list').click()
    with open(download.value.path(), encoding='utf-8', newline='') as file:
        rows_of_list = list(csv.DictReader(file))
    assert {row['pid'] for row in rows_of_list} == {'<i>Ada</i>'}
    assert [row['path'] for row in rows_of_list] == sorted([a, b, c, e])


def test_a_scope_that_changed_meanwhile_is_not_confirmed(review, faults):
    faults.allow('409')
    page = review
    a, b, c, d, e = names(page)[:5]
    join(page, [a, b], [c, d])
    part(page, 'Identities')
    for number in range(2):
        page.locator('.identity').nth(number).get_by_role('checkbox').check()
    page.get_by_role('button', name='Merge the chosen identities').click()
    expect(page.get_by_role('dialog')).to_contain_text('4 images')
    join(page, [c, e])
    page.get_by_role('dialog').get_by_role('button', name='Confirm').click()
    expect(page.locator('#scope-problem')).to_contain_text('not what was shown')
    assert len(log(page)) == 3
    # What is there by now is shown, and can be confirmed.
    expect(page.get_by_role('dialog')).to_contain_text('5 images')
    page.get_by_role('dialog').get_by_role('button', name='Confirm').click()
    expect(page.locator('#status')).to_contain_text('merged')
    assert len(log(page)) == 4


def test_a_name_that_is_taken_can_be_corrected_where_it_was_typed(review, faults):
    """Refusals of a dialog: it stays open, says why, and takes another name."""
    faults.allow('409')
    page = review
    a, b, c, d, e = names(page)[:5]
    join(page, [a, b], [c, d], [d, e])
    part(page, 'Identities')
    page.get_by_role('button', name=f'Open Identity of {a}').click()
    page.locator('#name-form').get_by_label('Name').fill('Ada')
    page.get_by_role('button', name='Save the name').click()
    expect(page.locator('#identity-title')).to_contain_text('Ada: 2 images')
    page.get_by_role('button', name='All identities').click()
    page.get_by_role('button', name=f'Open Identity of {c}').click()
    page.locator('#identity-images').get_by_label(e).check()
    page.get_by_role('button', name='Split off').click()
    dialog = page.get_by_role('dialog')
    dialog.get_by_role('textbox').fill('Ada')
    dialog.get_by_role('button', name='Confirm').click()
    expect(page.locator('#scope-problem')).to_contain_text("'Ada'")
    expect(page.locator('#problem')).to_be_hidden()
    dialog.get_by_role('textbox').fill('Berta')
    dialog.get_by_role('button', name='Confirm').click()
    expect(dialog).to_be_hidden()
    expect(page.locator('#status')).to_contain_text('split off')


def test_an_image_is_set_aside_from_the_results_and_brought_back(page):
    page.get_by_role('button', name='From the gallery').click()
    page.get_by_role('button', name=SEARCHED).click()
    hits = page.locator('#list .hit')
    expect(hits).to_have_count(23)
    first = hits.first.locator('.hit-id').text_content()
    hits.first.focus()
    page.keyboard.press('x')
    expect(hits).to_have_count(22)
    expect(hits.first).to_be_focused()
    expect(hits.first.locator('.hit-id')).not_to_have_text(first)
    page.keyboard.press('u')
    expect(hits).to_have_count(23)
    hits.first.get_by_role('button', name='Set aside').click()
    expect(hits).to_have_count(22)
    page.get_by_label('show images set aside').check()
    expect(hits).to_have_count(23)
    expect(hits.first).to_contain_text('set aside')
    check_looks(page, 'page_aside', '#list')
    page.get_by_role('link', name='Review').click()
    part(page, 'Set aside')
    tile = page.locator('#aside-list .tile')
    expect(tile).to_contain_text(first)
    check_looks(page, 'review_aside', '#panel-asides')
    page.get_by_role('button', name=f'Bring back {first}').click()
    expect(page.locator('#aside-count')).to_have_text('No image is set aside.')


def test_what_is_marked_different_is_said_and_can_be_hidden(page):
    a, b, c, d = names(page)[:4]
    join(page, [a, b], [c, d])
    body = {'query': b, 'hit': c, 'answer': 'different'}
    assert page.request.post('/api/marks', data=body).ok
    page.get_by_role('button', name='From the gallery').click()
    page.get_by_role('button', name=a).click()
    said = page.locator('.hit', has_text='marked different, through identities')
    expect(said).to_have_count(2)
    check_looks(page, 'page_different', '#list')
    page.get_by_label('hide what is marked different').check()
    expect(page.locator('#status')).to_contain_text('21 hits')
    expect(said).to_have_count(0)


def test_one_result_for_each_identity_says_which_image_matched(page):
    page.get_by_role('button', name='From the gallery').click()
    page.get_by_role('button', name=SEARCHED).click()
    page.get_by_label('One result for each').select_option('pid')
    expect(page.locator('#status')).to_contain_text('6 hits')
    expect(page.locator('.hit').first).to_contain_text('the best match of pid')
    # Keys that choose an option are no marks.
    page.get_by_label('One result for each').press('s')
    expect(page.locator('#mark-counts')).to_have_text('0 same, 0 different, 0 cannot tell')


def test_the_log_shows_everything_and_undoes_a_change(review):
    page = review
    a, b, c = names(page)[:3]
    join(page, [a, b, c])
    body = {'ids': [c], 'reason': '<b>bad</b> crop', 'reviewer': 'Bob'}
    assert page.request.post('/api/review/aside', data=body).ok
    part(page, 'Log')
    changes = page.locator('.change')
    expect(changes).to_have_count(2)
    expect(changes.first).to_contain_text(f'{c} set aside: <b>bad</b> crop')
    expect(changes.nth(1).locator('.plain li')).to_have_count(2)
    check_looks(page, 'review_log', '#panel-log')
    page.get_by_role('button', name='Undo change 1').click()
    expect(changes).to_have_count(3)
    expect(page.locator('.undone')).to_have_count(2)
    assert page.request.get('/api/marks').json()['counts']['same'] == 0


def test_the_review_by_keys_only_and_on_a_phone(serve, open_page):
    page = open_page(serve() + 'review', NARROW)
    page.keyboard.press('Tab')
    expect(page.get_by_role('link', name='Skip to the review')).to_be_focused()
    page.keyboard.press('Enter')
    page.keyboard.press('Tab')
    expect(page.get_by_role('link', name='Wrong references')).to_be_focused()
    for name in ('Groups', 'Identities', 'Set aside', 'Log'):
        page.keyboard.press('Tab')
        expect(page.get_by_role('link', name=name)).to_be_focused()
        page.keyboard.press('Enter')
        expect(page.get_by_role('link', name=name)).to_have_attribute('aria-current', 'true')
    page.get_by_role('link', name='Skip to the review').focus()
    page.keyboard.press('Enter')
    expect(page.locator('#panel-log')).to_be_visible()
    page.get_by_role('button', name='Keys').click()
    check_looks(page, 'review_keys', '#help')
