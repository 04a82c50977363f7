"""Class of faults: a page that runs what a name says, or needs another server."""

import re
from html.parser import HTMLParser

import pytest

from msvitreid.serving.routes.page import STATIC

PAGES = ('index.html', 'login.html', 'review.html')
SCRIPTS = {path.name: path.read_text(encoding='utf-8') for path in STATIC.glob('*.js')}


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


@pytest.mark.parametrize('name', SCRIPTS)
def test_names_are_set_as_text_only(name):
    for way in (
        'innerHTML',
        'outerHTML',
        'insertAdjacentHTML',
        'document.write',
        'eval(',
        '://',
    ):
        assert way not in SCRIPTS[name]
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


def scripts_of(entry):
    """The module and those that it imports, directly or through others."""
    found, waiting = {}, [entry]
    while waiting:
        name = waiting.pop()
        found[name] = SCRIPTS[name]
        waiting += [
            other
            for other in re.findall(r"from '\./(\w+\.js)'", SCRIPTS[name])
            if other not in found
        ]
    return found


@pytest.mark.parametrize(('page', 'entry'), [('index', 'page'), ('review', 'review')])
def test_the_scripts_use_ids_of_their_page(page, entry):
    ids = {attributes.get('id') for _, attributes in Parsed(f'{page}.html').tags}
    scripts = scripts_of(f'{entry}.js')
    used = set(re.findall(r"\$\('([\w-]+)'\)", ' '.join(scripts.values())))
    assert len(used) > 30
    assert used <= ids
    assert len(scripts) > 6


def test_the_page_and_its_parts_are_served(client):
    for path, kind in (
        ('/', 'text/html'),
        ('/login', 'text/html'),
        ('/review', 'text/html'),
        ('/static/page.js', 'text/javascript'),
        ('/static/style.css', 'text/css'),
    ):
        answer = client.get(path)
        assert answer.status_code == 200
        assert answer.headers['content-type'].startswith(kind)
