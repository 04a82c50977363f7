"""Class of faults: a page that runs what a name says, or needs another server."""

import re
from html.parser import HTMLParser

import pytest

from msvitreid.serving.routes.page import STATIC

PAGES = ('index.html', 'login.html')


class Parsed(HTMLParser):
    def __init__(self, name):
        super().__init__()
        self.tags = []
        self.feed((STATIC / name).read_text(encoding='utf-8'))

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.tags and self.tags[-1][0] in ('script', 'style'):
            assert not data.strip(), 'the policy of the page forbids it inline'


@pytest.mark.parametrize('name', PAGES)
def test_nothing_is_inline_and_nothing_from_elsewhere(name):
    for tag, attributes in Parsed(name).tags:
        assert tag != 'style'
        for key, value in attributes.items():
            assert not key.startswith('on')
            assert key != 'style'
            if key in ('src', 'href', 'action'):
                assert value == 'data:,' or (value[0] in '/#' and value[:2] != '//')


def test_names_are_set_as_text_only():
    script = (STATIC / 'page.js').read_text(encoding='utf-8')
    for way in (
        'innerHTML',
        'outerHTML',
        'insertAdjacentHTML',
        'document.write',
        'eval(',
        '://',
    ):
        assert way not in script
    assert '://' not in (STATIC / 'style.css').read_text(encoding='utf-8')


@pytest.mark.parametrize('name', PAGES)
def test_every_input_has_a_label_and_every_id_is_one(name):
    tags = Parsed(name).tags
    ids = [attributes['id'] for _, attributes in tags if 'id' in attributes]
    assert len(ids) == len(set(ids))
    labels = {attributes.get('for') for tag, attributes in tags if tag == 'label'}
    unlabeled = [
        attributes
        for tag, attributes in tags
        if tag == 'input'
        and attributes['id'] not in labels
        and attributes['type'] != 'checkbox'
    ]
    assert unlabeled == []
    for _, attributes in tags:
        for key in ('aria-labelledby', 'aria-describedby', 'for'):
            assert attributes.get(key, ids[0]) in ids


def test_the_script_uses_ids_of_the_page():
    script = (STATIC / 'page.js').read_text(encoding='utf-8')
    ids = {attributes.get('id') for _, attributes in Parsed('index.html').tags}
    used = set(re.findall(r"\$\('([\w-]+)'\)", script))
    assert len(used) > 30
    assert used <= ids


def test_the_page_and_its_parts_are_served(client):
    for path, kind in (
        ('/', 'text/html'),
        ('/login', 'text/html'),
        ('/static/page.js', 'text/javascript'),
        ('/static/style.css', 'text/css'),
    ):
        answer = client.get(path)
        assert answer.status_code == 200
        assert answer.headers['content-type'].startswith(kind)
