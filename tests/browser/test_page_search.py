"""Class of faults: a way to ask that works in the script's head but not in a browser."""

from __future__ import annotations

import base64
import re

import pytest
from PIL import Image
from playwright.sync_api import expect

from msvitreid.gallery import open_gallery
from tests.apis.verification.sample_card import sample_card

from .conftest import NARROW
from .looks import check_looks, check_no_horizontal_scroll

ITEMS = 24


def chosen(page, crowd, number=0):
    """Search with an image that is not in the gallery; waits for the hits."""
    with page.expect_response('**/api/search'):
        page.set_input_files('#file', crowd.queries[number])
    expect(page.locator('#list .hit')).to_have_count(ITEMS)
    return page


def wait_for_hits(page, condition):
    """Until the answer of a search is shown and all hits fit: JavaScript of ``hit``."""
    page.wait_for_function(
        f"""() => /^(\\d+ hits?, |Nothing)/.test(document.querySelector('#status').textContent)
            && [...document.querySelectorAll('.hit')].every((hit) => {condition})"""
    )


def ids(page):
    return page.locator('.hit-id').all_text_contents()


def test_the_page_before_a_query(page):
    expect(page.locator('#facts')).to_contain_text('24 images')
    expect(page.locator('#status')).to_have_text('No query yet.')
    check_looks(page, 'page_start')


def test_a_file_is_chosen(page, crowd):
    with page.expect_file_chooser() as chooser:
        page.get_by_text('Choose a file').click()
    chooser.value.set_files(crowd.queries[0])
    expect(page.locator('#list .hit')).to_have_count(ITEMS)
    expect(page.locator('#status')).to_contain_text('24 hits')
    expect(page.locator('#query-name')).to_have_text(crowd.queries[0].name)
    expect(page.locator('#latency')).to_contain_text('exact')
    similarities = [float(text) for text in page.locator('.hit strong').all_text_contents()]
    assert similarities == sorted(similarities, reverse=True)
    sizes = page.locator('.hit img').evaluate_all('all => all.map((one) => one.naturalWidth)')
    assert min(sizes[:6]) > 0
    check_looks(page, 'page_hits')


@pytest.mark.parametrize(
    ('event', 'holder', 'target'),
    [('drop', 'dataTransfer', '#results'), ('paste', 'clipboardData', 'body')],
)
def test_a_file_is_dropped_or_pasted(page, crowd, event, holder, target):
    content = base64.b64encode(crowd.queries[1].read_bytes()).decode()
    kind = {'drop': 'DragEvent', 'paste': 'ClipboardEvent'}[event]
    page.evaluate(
        f"""([target, content]) => {{
            const bytes = Uint8Array.from(atob(content), (one) => one.charCodeAt(0));
            const data = new DataTransfer();
            data.items.add(new File([bytes], 'given.jpg', {{ type: 'image/jpeg' }}));
            const values = {{ {holder}: data, bubbles: true, cancelable: true }};
            document.querySelector(target).dispatchEvent(new {kind}('{event}', values));
        }}""",
        [target, content],
    )
    expect(page.locator('#list .hit')).to_have_count(ITEMS)
    expect(page.locator('#query-name')).to_have_text('given.jpg')
    dropped = ids(page)
    assert dropped == ids(chosen(page, crowd, 1))


def test_a_dragged_box_is_what_is_searched(page, crowd):
    chosen(page, crowd)
    whole = page.locator('.hit strong').all_text_contents()
    place = page.locator('#canvas').bounding_box()
    with page.expect_response('**/api/search'):
        page.mouse.move(place['x'] + place['width'] / 4, place['y'] + place['height'] / 4)
        page.mouse.down()
        page.mouse.move(place['x'] + place['width'], place['y'] + place['height'] / 2, steps=3)
        page.mouse.up()
    # Of the image of 64x128 pixels, whatever the size that it is shown in.
    expect(page.locator('#box')).to_have_value('16, 32, 64, 64')
    with Image.open(crowd.queries[0]) as image:
        part = crowd.inferencer.embed(image.crop((16, 32, 64, 64))).embeddings[0]
    with open_gallery(crowd.gallery, readonly=True) as gallery:
        expected = gallery.search(part[None], ITEMS, normalize=True)
    expect(page.locator('.hit-id')).to_have_text(list(expected.ids[0]))
    assert page.locator('.hit strong').first.text_content() != whole[0]
    page.get_by_text('Box in numbers').click()
    page.locator('#whole').click()
    expect(page.locator('.hit strong').first).to_have_text(whole[0])
    expect(page.locator('#whole')).to_be_hidden()


def test_a_box_in_numbers(page, crowd):
    chosen(page, crowd)
    page.get_by_text('Box in numbers').click()
    page.locator('#box').fill('1, 2, 3')
    page.locator('#box').press('Tab')
    expect(page.get_by_role('alert')).to_contain_text('four numbers')
    page.locator('#box').fill('0, 0, 32, 128')
    with page.expect_response('**/api/search') as answer:
        page.locator('#box').press('Tab')
    assert answer.value.ok
    expect(page.get_by_role('alert')).to_be_hidden()


def test_an_image_of_the_gallery_is_picked(page):
    page.get_by_role('button', name='From the gallery').click()
    picker = page.get_by_role('dialog')
    expect(picker.locator('li')).to_have_count(24)
    picker.get_by_label('Conditions').fill('pid=0004; camera=c3')
    picker.get_by_label('Conditions').press('Enter')
    expect(picker.locator('li')).to_have_count(2)
    check_looks(page, 'page_picker', 'dialog[open]')
    picker.get_by_role('button', name='0004_c3_f0080440.jpg').click()
    expect(picker).to_be_hidden()
    expect(page.locator('#query-name')).to_have_text('0004_c3_f0080440.jpg')
    # Without the query itself, nor its copies.
    expect(page.locator('#list .hit')).to_have_count(23)
    page.get_by_label("not the query's own camera").check()
    expect(page.locator('#status')).to_contain_text(re.compile(r'^1\d hits'))
    assert not any('_c3_' in one for one in ids(page))


def test_a_wrong_condition_of_the_picker_is_a_sentence(page, faults):
    faults.allow('/api/items')
    page.get_by_role('button', name='From the gallery').click()
    picker = page.get_by_role('dialog')
    picker.get_by_label('Conditions').fill('clothes=red')
    picker.get_by_label('Conditions').press('Enter')
    expect(picker.get_by_role('status')).to_contain_text('clothes')
    expect(picker.get_by_role('button', name='More')).to_be_hidden()


def test_images_are_listed_from_a_name_on(page):
    """An image of a large gallery is found by its name, of which the beginning is enough."""
    page.get_by_role('button', name='From the gallery').click()
    picker = page.get_by_role('dialog')
    expect(picker.locator('li')).to_have_count(24)
    last = picker.locator('li').last.text_content()
    picker.get_by_label('Names from').fill(last)
    picker.get_by_label('Names from').press('Enter')
    expect(picker.locator('li')).to_have_count(1)
    picker.get_by_label('Names from').fill(last[:4])
    picker.get_by_role('button', name='Show').click()
    expect(picker.locator('li')).to_have_count(4)
    picker.get_by_label('Names from').fill('zzz')
    picker.get_by_role('button', name='Show').click()
    expect(picker.get_by_role('status')).to_contain_text('No image')


def test_what_can_be_asked_of_this_gallery_is_suggested(page):
    """Examples of conditions name columns that the gallery has."""
    expect(page.locator('#where')).to_have_attribute('placeholder', 'camera=c1')
    expect(page.locator('#where-hint')).to_contain_text('camera')
    expect(page.locator('#where-hint')).to_contain_text('id')


def test_filters(page, crowd, faults):
    chosen(page, crowd)
    page.get_by_label('c1', exact=True).check()
    wait_for_hits(page, 'hit.textContent.includes("_c1_")')
    assert len(ids(page)) == 8
    page.get_by_label('Conditions').first.fill('pid=0003,0005; time>=83279')
    page.get_by_label('Conditions').first.press('Tab')
    expect(page.locator('#status')).to_contain_text('3 hits')
    page.get_by_label('Hits at most').fill('2')
    page.get_by_label('Hits at most').press('Tab')
    expect(page.locator('#status')).to_contain_text('2 hits')
    faults.allow('/api/search')
    page.get_by_label('Conditions').first.fill('clothes=red')
    page.get_by_label('Conditions').first.press('Tab')
    expect(page.get_by_role('alert')).to_contain_text('clothes')
    # What was found before is no answer to this.
    expect(page.locator('#list .hit')).to_have_count(0)


def test_the_threshold_moves_along_similarities_without_a_card(page, crowd):
    chosen(page, crowd)
    third = float(page.locator('.hit strong').nth(2).text_content())
    slider = page.get_by_label('Threshold')
    expect(page.locator('#threshold-text')).to_have_text('none: all hits')
    assert slider.get_attribute('max') == '100'
    slider.fill(str(int(100 * third)))
    expect(page.locator('#threshold-text')).to_contain_text(f'similarity 0.{int(100 * third)}0')
    slider.focus()
    page.keyboard.press('ArrowRight')
    least = int(100 * third + 1) / 100
    wait_for_hits(page, f'hit.querySelector("strong").textContent >= {least}')
    assert 0 < len(ids(page)) < 4


def test_the_threshold_moves_along_false_match_rates_of_a_card(serve, open_page, crowd):
    card = sample_card(fingerprint=crowd.inferencer.fingerprint)
    page = open_page(serve(card=card))
    chosen(page, crowd)
    expect(page.locator('.hit').first).to_contain_text('card:')
    slider = page.get_by_label('Threshold')
    slider.focus()
    rates = []
    for _ in range(int(slider.get_attribute('max'))):
        page.keyboard.press('ArrowRight')
        rates.append(page.locator('#threshold-text').text_content())
    # Rates of the card's points, which the sample has at similarities 0.4, 0.6, 0.7 and 0.75.
    assert 'similarity 0.750' in rates[-1]
    assert 'false matches 1 in 2,000, missed matches 30.0 %' in rates[-1]
    assert slider.get_attribute('aria-valuetext') == rates[-1]
    wait_for_hits(page, 'hit.querySelector("strong").textContent >= 0.75')
    assert 0 < len(ids(page)) < ITEMS
    check_looks(page, 'page_card', '#query')


def test_a_phone(crowd, open_page, serve):
    phone = open_page(serve(), NARROW, has_touch=True, is_mobile=True)
    chosen(phone, crowd)
    check_no_horizontal_scroll(phone)
    phone.locator('.hit').first.get_by_role('button', name='Same').tap()
    expect(phone.locator('#status')).to_have_text('Result 1 marked: same.')
