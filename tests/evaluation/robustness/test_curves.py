"""Curves and their file. Class of faults: a figure that is not that of the ranking."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import torch

from msvitreid.errors import ConfigError
from msvitreid.evaluation.functional import bootstrap_intervals, rank_metrics
from msvitreid.evaluation.robustness import (
    Curve,
    Figure,
    Level,
    NetRobustness,
    Ranking,
    RobustnessResult,
    TestedImages,
    make_curve,
    read_result,
    result_csv,
    result_json,
)


def test_figures_are_those_of_rank_metrics():
    rng = np.random.default_rng(0)
    features = torch.nn.functional.normalize(torch.from_numpy(rng.normal(size=(30, 6))), dim=1)
    query, gallery = features[:10].float(), features[10:].float()
    labels = (np.arange(10) % 4, np.arange(20) % 5, np.arange(10) % 2, np.arange(20) % 3)
    values = Ranking(*labels).values(query, gallery)
    expected = rank_metrics(query, gallery, *labels, per_query=True)
    np.testing.assert_array_equal(values['mAP'], expected['AP'])
    curve = make_curve('blur', {0: values, 0.01: values}, labels[0], 50)
    ends = bootstrap_intervals(values, labels[0], 50)
    for name in ('mAP', 'rank-1'):
        assert curve.levels[0].figures[name] == (expected[name], *ends[name])
        assert curve.area[name].value == pytest.approx(expected[name], abs=1e-12)


def test_queries_without_a_match():
    """Left out of the means, or 0 where the protocol counts them."""
    features = torch.eye(3)
    labels = (np.array([0, 9]), np.array([0]))
    for counted, mean in ((False, 1.0), (True, 0.5)):
        ranking = Ranking(*labels, unmatched_count=counted)
        values = ranking.values(features[:2], features[:1])
        assert make_curve('blur', {0: values}, labels[0]).levels[0].figures['mAP'][0] == mean


def test_the_area_is_the_mean_from_clean_to_strongest():
    """1.0, 0.5 and 0.0 at equal steps: area 0.5; of 0.8, 0.4, 0.4 it is 0.5, 0.625 kept."""
    for figures, area, kept in (((1.0, 0.5, 0.0), 0.5, 0.5), ((0.8, 0.4, 0.4), 0.5, 0.625)):
        values = {
            float(level): dict.fromkeys(('mAP', 'rank-1'), np.full(4, figure))
            for level, figure in enumerate(figures)
        }
        curve = make_curve('darkness', values, np.arange(4), 20)
        assert curve.area['mAP'].value == pytest.approx(area)
        assert curve.area['mAP'].low == pytest.approx(area)
        assert curve.kept('mAP') == pytest.approx(kept)


def made_result(nets=2, condition='darkness', fingerprint='f' * 64) -> RobustnessResult:
    def figures(value):
        return {name: Figure(value, value - 0.05, value + 0.05) for name in ('mAP', 'rank-1')}

    def curve(start):
        levels = [Level(float(level), figures(start - 0.1 * level)) for level in range(6)]
        return Curve(condition, levels, figures(start - 0.25))

    images = TestedImages('Made', 20, 60, {'images': '80 (sha256 0)'}, 'query', 3, 100)
    names = ('first <b>', 'second')[:nets]
    return RobustnessResult(
        images,
        [
            NetRobustness(
                name, fingerprint[number:] + 'a' * number, [curve(0.9 - 0.1 * number)]
            )
            for number, name in enumerate(names)
        ],
    )


def test_a_file_says_what_was_written(tmp_path):
    result = made_result()
    file = tmp_path / 'r.json'
    file.write_text(result_json(result))
    assert read_result(file) == result
    rows = list(csv.DictReader(result_csv(result).splitlines()))
    assert len(rows) == 2 * 7
    assert rows[1]['level'] == '1.0'
    assert float(rows[1]['mAP']) == result.nets[0].curves[0].levels[1].figures['mAP'].value
    assert rows[6]['level'] == 'area'


@pytest.mark.parametrize(
    'change',
    [
        lambda one: one.update(kind='other'),
        lambda one: one.pop('images'),
        lambda one: one.update(nets=[]),
        lambda one: one['nets'].append(one['nets'][0]),
        lambda one: one['nets'][0].update(curves=[]),
        lambda one: one['nets'][0].update(name=7),
        lambda one: one['nets'][0]['curves'][0].update(condition='fog'),
        lambda one: one['nets'][0]['curves'][0]['levels'].pop(0),
        lambda one: one['nets'][0]['curves'][0]['levels'][1].update(mAP=[1.5, None, None]),
        lambda one: one['nets'][0]['curves'][0]['levels'][1].update(mAP=[True, None, None]),
        lambda one: one['nets'][0]['curves'][0]['levels'][1].update(mAP=0.5),
        lambda one: one['nets'][0]['curves'][0]['levels'][1].update(level='1'),
        lambda one: one['images'].update(queries=-1),
        lambda one: one['images'].update(apply_to='all'),
    ],
)
def test_a_file_that_is_something_else(tmp_path, change):
    content = json.loads(result_json(made_result()))
    change(content)
    file = tmp_path / 'r.json'
    file.write_text(json.dumps(content))
    with pytest.raises(ConfigError, match=r'r\.json'):
        read_result(file)


@pytest.mark.parametrize('text', ['', '[]', '[' * 100_000, '{"kind": NaN}', '\x00'])
def test_a_file_that_is_no_json(tmp_path, text):
    (tmp_path / 'r.json').write_text(text)
    with pytest.raises(ConfigError, match=r'r\.json'):
        read_result(tmp_path / 'r.json')
    with pytest.raises(ConfigError, match=r'none\.json'):
        read_result(tmp_path / 'none.json')
