"""Class of faults: a page for whoever asks, or one that runs what others wrote."""

from __future__ import annotations

import shutil

import pytest
from playwright.sync_api import expect

from .crowd import make_gallery
from .looks import check_looks

TOKEN = 'a token of the tests'
HOSTILE = '<img src=x onerror=alert(1)>&amp;\'"_0001_c1_f7.jpg'
SCRIPT = '"><script>alert(2)</script>'


def test_the_token_is_asked_for_once(serve, open_page, faults, crowd):
    url = serve(token=TOKEN)
    page = open_page(url)
    assert page.url == f'{url}login'
    expect(page.get_by_role('alert')).to_be_hidden()
    check_looks(page, 'login')
    page.get_by_label('Token').fill('not the token here')
    page.keyboard.press('Enter')
    expect(page.get_by_role('alert')).to_be_visible()
    check_looks(page, 'login_failed', '#failed')
    page.get_by_label('Token').fill(TOKEN)
    page.get_by_role('button', name='Log in').click()
    expect(page.locator('#facts')).to_contain_text('24 images')
    page.set_input_files('#file', crowd.queries[0])
    expect(page.locator('#list .hit')).to_have_count(24)
    # The cookie is no script's.
    assert page.evaluate('document.cookie') == ''
    page.reload()
    expect(page.locator('#facts')).to_contain_text('24 images')


def test_a_cookie_that_ended_leads_to_the_login(serve, open_page, faults):
    faults.allow('401')
    url = serve(token=TOKEN)
    page = open_page(url)
    page.get_by_label('Token').fill(TOKEN)
    page.keyboard.press('Enter')
    expect(page.locator('#facts')).to_contain_text('24 images')
    page.context.clear_cookies()
    page.get_by_role('button', name='From the gallery').click()
    page.wait_for_url('**/login')


@pytest.fixture
def hostile(crowd, tmp_path):
    (tmp_path / 'images').mkdir()
    shutil.copy(crowd.queries[0], tmp_path / 'images' / HOSTILE)
    shutil.copy(crowd.queries[1], tmp_path / 'images' / 'plain_0002_c2_f8.jpg')
    values = {'camera': SCRIPT, 'note': SCRIPT}
    return make_gallery(tmp_path / 'hostile', tmp_path / 'images', crowd.inferencer, **values)


def test_names_and_metadata_with_markup_are_text(serve, open_page, hostile, crowd):
    page = open_page(serve(hostile))
    page.on('dialog', lambda dialog: pytest.fail(f'the page ran {dialog.message}'))
    page.get_by_role('button', name='From the gallery').click()
    picked = page.get_by_role('dialog').locator('li', has_text=HOSTILE)
    expect(picked).to_have_count(1)
    assert picked.locator('button').get_attribute('title').count(SCRIPT) == 2
    picked.locator('button').click()
    expect(page.locator('#query-name')).to_have_text(HOSTILE)
    page.set_input_files('#file', crowd.queries[0])
    expect(page.locator('.hit-id').first).to_have_text(HOSTILE)
    expect(page.locator('.hit').first).to_contain_text(f'note {SCRIPT}')
    expect(page.locator('#camera-list')).to_contain_text(SCRIPT)
    page.locator('#camera-list').get_by_role('checkbox').check()
    expect(page.locator('#status')).to_contain_text('2 hits')
    page.locator('.hit').first.get_by_role('button', name='Same').click()
    expect(page.locator('#mark-counts')).to_contain_text('1 same')
    page.locator('#bulk').get_by_role('button', name='Same').click()
    expect(page.get_by_role('dialog')).to_be_visible()
    page.get_by_role('button', name='Mark them').click()
    expect(page.locator('#mark-counts')).to_contain_text('2 same')
    check_looks(page, 'page_hostile')
    page.reload()
    assert page.locator('script').count() == 1


@pytest.mark.parametrize(
    ('name', 'content'),
    [
        ('empty.jpg', b''),
        ('page.jpg', b'<html><script>alert(1)</script></html>'),
        ('<img src=x onerror=alert(1)>.png', b'\x89PNG\r\n\x1a\n' + bytes(100)),
        ('big.png', bytes(21 * 2**20)),
    ],
)
def test_a_hostile_upload_is_a_sentence(page, faults, crowd, tmp_path, name, content):
    """Expected: the alert says why, and no hit of the query before is left to be marked."""
    faults.allow('/api/search')
    page.set_input_files('#file', crowd.queries[0])
    expect(page.locator('#list .hit')).to_have_count(24)
    (tmp_path / name).write_bytes(content)
    page.set_input_files('#file', tmp_path / name)
    expect(page.get_by_role('alert')).to_be_visible()
    expect(page.locator('#query-name')).to_contain_text(f'{name} (no preview)')
    expect(page.locator('#list .hit')).to_have_count(0)
    page.set_input_files('#file', crowd.queries[0])
    expect(page.locator('#list .hit')).to_have_count(24)
    expect(page.get_by_role('alert')).to_be_hidden()


def test_a_server_that_ended_is_a_sentence(page, faults, crowd):
    faults.allow('/api/search')
    page.context.set_offline(True)
    page.set_input_files('#file', crowd.queries[0])
    expect(page.get_by_role('alert')).to_have_text('The server cannot be reached.')
