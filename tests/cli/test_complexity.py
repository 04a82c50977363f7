"""The nets' sizes as published, and what the tool writes."""

from __future__ import annotations

import csv
import json

import pytest

from tests.apis.tiny_model import write_tiny_model
from tests.models.tiny import tiny_tested_net
from tests.tools.user import REPOSITORY, leaf, options, run

TOOL = 'analysis_tools/get_complexity.py'
# Of a 1000-class net on 224x224 images: parameters, and MACs within 1 %.
CLASSIFIERS = {'s': (7_715_624, 1.216e9), 'l': (15_695_352, 2.490e9)}


def config(name):
    return str(REPOSITORY / 'configs' / f'{name}.py')


def count(tmp_path, *arguments):
    out = tmp_path / 'out.json'
    outcome = run(TOOL, *arguments, '--out', out)
    assert outcome.code == 0, outcome.err
    return json.loads(out.read_text())


@pytest.mark.parametrize('size', ['s', 'l'])
def test_the_classifier_has_the_published_size(size, tmp_path):
    found = count(tmp_path, config(f'pretrain/msvit-{size}_8xb128_in1k'))
    parameters, macs = CLASSIFIERS[size]
    assert found['image_size'] == [224, 224]
    assert found['total']['parameters'] == parameters
    assert found['total']['macs'] == pytest.approx(macs, rel=0.01)
    for key in ('parameters', 'macs'):
        assert found['total'][key] == sum(part[key] for part in found['parts'])


@pytest.mark.parametrize(
    ('size', 'classes', 'parameters'),
    [('s', None, 10_782_632), ('s', 702, 12_579_752), ('l', 702, 23_517_880)],
)
def test_the_reid_net_has_the_published_size(size, classes, parameters, tmp_path):
    given = [] if classes is None else ['--num-classes', classes]
    found = count(tmp_path, leaf(f'msvit-{size}_occluded-duke'), *given)
    assert found['total']['parameters'] == parameters
    assert (found['num_classes'], found['image_size']) == (classes, [384, 128])


def test_the_table():
    outcome = run(TOOL, leaf('msvit-s_cub200'))
    first, header, *rows = outcome.out.splitlines()
    assert first.endswith('msvit-s_cub200.py: one 224x224 image')
    assert header.split() == ['part', 'parameters', 'MACs']
    assert rows[0].split() == ['backbone.stem', '464', '5,419,008']
    assert rows[-1].split()[:2] == ['total', '10,782,632']
    assert len({len(row) for row in [header, *rows]}) == 1


def test_shape_options_and_csv(tmp_path):
    out = tmp_path / 'out.csv'
    small = options({'model.backbone.num_branches': 1})
    run(TOOL, leaf('msvit-s_market1501'), '--shape', 256, 128, '--out', out, *small)
    with out.open(newline='') as file:
        rows = {row['part']: row for row in csv.DictReader(file)}
    assert rows['backbone.stem'] == {
        'part': 'backbone.stem',
        'parameters': '464',
        'macs': str(128 * 64 * 3 * 9 * 16),
    }
    assert 'backbone.branches.1' not in rows
    whole = sum(int(row['macs']) for part, row in rows.items() if part != 'total')
    assert rows['total']['macs'] == str(whole)


def test_another_backbone_and_no_weights(tmp_path):
    # timm's weights are named in the config and not there.
    found = count(tmp_path, config('swap/backbone-timm'), '--shape', 64, 32)
    # ConvNeXt-T as published, without its classifier.
    backbone = [part for part in found['parts'] if part['name'].startswith('backbone')]
    assert sum(part['parameters'] for part in backbone) == 28_589_128 - 769_000
    assert len(backbone) > 2


@pytest.mark.parametrize(
    ('arguments', 'sentence'),
    [
        (
            [leaf('msvit-s_market1501'), '--shape', 230, 128],
            'stage 1 of MSViT has a 58x32 map for a 230x128 image, which does not divide by '
            'split_size 8x8; use an image whose sides are multiples of 128x128 or another '
            'split_size',
        ),
        (
            [config('_base_/models/msvit-s')],
            f'the size of the images is unknown, because the test pipeline of '
            f"'{config('_base_/models/msvit-s')}' is missing; give it by --shape H W",
        ),
        (
            [config('_base_/default_runtime')],
            f"config '{config('_base_/default_runtime')}' has no model; is it a base to "
            'inherit from?',
        ),
    ],
)
def test_what_cannot_be_counted_is_one_sentence(arguments, sentence):
    outcome = run(TOOL, *arguments)
    assert (outcome.code, outcome.err) == (2, f'error: {sentence}\n')


@pytest.mark.parametrize(
    ('arguments', 'sentence'),
    [
        (['--shape', 0, 128], "argument --shape: '0' is no whole number from 1 on"),
        (['--num-classes', 0], "argument --num-classes: '0' is no whole number from 1 on"),
        (['--out', 'a.txt'], "--out must name a .json or .csv file, got 'a.txt'"),
    ],
)
def test_wrong_arguments(arguments, sentence):
    outcome = run(TOOL, leaf('msvit-s_market1501'), *arguments)
    assert outcome.code == 2
    assert outcome.err.endswith(f'error: {sentence}\n')


def test_the_size_is_the_configs_where_the_pipeline_does_not_say(tmp_path):
    outcome = run(TOOL, config('demo/msvit-demo'), '--out', tmp_path / 'net.json')
    assert outcome.code == 0, outcome.err
    assert json.loads((tmp_path / 'net.json').read_text())['image_size'] == [128, 64]


def test_a_model_file(tmp_path):
    found = count(tmp_path, write_tiny_model(tmp_path))
    assert found['image_size'] == [64, 32]
    assert found['total']['parameters'] == sum(
        p.numel() for p in tiny_tested_net().parameters()
    )
    for given in (['--num-classes', 3], ['--cfg-options', 'a=1']):
        outcome = run(TOOL, tmp_path / 'model.safetensors', *given)
        assert outcome.code == 2
        assert given[0] in outcome.err
