"""Experiments run once. Class of faults: a result that is lost, made twice, or another's."""

import json
from contextlib import ExitStack
from types import SimpleNamespace

import pytest

from msvitreid.apis.experiments import (
    Experiment,
    ExperimentTable,
    finished_tests,
    run_experiment,
    training,
)
from msvitreid.apis.experiments import running as module
from msvitreid.apis.experiments.testing import QueryFigures
from msvitreid.checkpoints.run_lock import run_lock
from msvitreid.errors import PREEMPTED, ConfigError, ReIDError


def table(**values):
    variants = {'one': {}, 'two': {'options': {'model.backbone.sparse_ratio': 1.0}}}
    return ExperimentTable(
        **{'config': 'msvit-demo', 'seeds': [0, 1], 'variants': variants, **values}
    )


@pytest.fixture
def trainings(monkeypatch):
    """Trainings that were started, which take no time; ``codes`` has those that fail."""
    seen = SimpleNamespace(commands=[], environments=[], codes={}, tests=[])

    def train(command, stdout, env, **_):
        seen.commands.append(command[3:])
        seen.environments.append(env)
        stdout.write(b'the last line\n')
        return SimpleNamespace(returncode=seen.codes.get(len(seen.commands), 0))

    def open_run(folder, options, device):
        seen.tests.append((folder.parent.parent.name, folder.parent.name, options, device))
        return options

    def open_tested(config, checkpoint, options, device):
        assert checkpoint.name == 'model.safetensors'
        return open_run(checkpoint.parent, options, device)

    def test(options):
        value = options.get('model.backbone.sparse_ratio', 0.3) / 2
        return QueryFigures({'mAP': value}, ['q'], ['p'], [value], 'images: 1', 'c', 'f')

    monkeypatch.setattr(training.subprocess, 'run', train)
    for function in (open_run, open_tested):
        monkeypatch.setattr(module, function.__name__, function)
    monkeypatch.setattr(module, 'query_figures', test)
    return seen


def test_every_variant_and_seed_once(trainings, tmp_path):
    experiment = Experiment(table(), tmp_path)
    lines = []
    found = run_experiment(experiment, follow=lines.append)
    assert [(one.variant, one.seed) for one in found] == [
        ('one', 0),
        ('one', 1),
        ('two', 0),
        ('two', 1),
    ]
    assert [one.figures.metrics['mAP'] for one in found] == [0.15, 0.15, 0.5, 0.5]
    # Seed by seed, so that all variants are there early.
    assert [(name, seed) for name, seed, *_ in trainings.tests] == [
        ('one', 'seed-0'),
        ('two', 'seed-0'),
        ('one', 'seed-1'),
        ('two', 'seed-1'),
    ]
    first = trainings.commands[1]
    assert first[:2] == ['train', 'msvit-demo']
    assert first[2:] == [
        *('--work-dir', str(tmp_path / 'two/seed-0/train'), '--resume', '--cfg-options'),
        *('model.backbone.sparse_ratio=1.0', 'randomness.seed=0'),
    ]
    assert lines[-1].startswith('two, seed 1: test mAP 50.0; ')
    assert '4 of 4 runs' in lines[-1]
    again = run_experiment(experiment, follow=lines.append)
    assert (again, len(trainings.commands)) == (found, 4)
    assert lines[-1] == '4 runs of 4 were done before'


def test_a_new_test_or_variant_is_added(trainings, tmp_path):
    run_experiment(Experiment(table(seeds=[0]), tmp_path))
    tests = {'test': {}, 'flipped': {'model.flip_test': False}}
    more = table(seeds=[0], tests=tests, variants={**table().variants, 'three': {}})
    found = run_experiment(Experiment(more, tmp_path))
    assert [(one.variant, one.test) for one in found] == [
        (name, test) for name in ('one', 'two', 'three') for test in tests
    ]
    assert [one[2] for one in trainings.tests[2:4]] == [
        {'randomness.seed': 0, 'model.flip_test': False},
        {
            'model.backbone.sparse_ratio': 1.0,
            'randomness.seed': 0,
            'model.flip_test': False,
        },
    ]


def test_a_failed_training_stops_and_is_continued(trainings, tmp_path):
    trainings.codes = {2: 2}
    experiment = Experiment(table(), tmp_path)
    with pytest.raises(ReIDError, match=r'two, seed 0 failed with code 2: the last line'):
        run_experiment(experiment)
    assert len(trainings.commands) == 2
    assert len(finished_tests(experiment)) == 1
    run_experiment(experiment)
    assert len(trainings.commands) == 5


def test_a_preempted_training_says_so(trainings, tmp_path):
    trainings.codes = {1: PREEMPTED}
    with pytest.raises(ReIDError, match='one, seed 0 was stopped and has saved'):
        run_experiment(Experiment(table(), tmp_path))


def test_minutes_of_all_starts_count(trainings, tmp_path, monkeypatch):
    now = iter(range(0, 10_000, 90))
    monkeypatch.setattr(training.time, 'monotonic', lambda: next(now))
    trainings.codes = {1: PREEMPTED}
    experiment = Experiment(table(seeds=[0], variants={'one': {}}), tmp_path)
    with pytest.raises(ReIDError):
        run_experiment(experiment)
    (found,) = run_experiment(experiment)
    assert found.minutes == pytest.approx(3.0)


def test_results_of_other_settings_are_refused(trainings, tmp_path):
    """Class of faults: figures of another option under the same name."""
    run_experiment(Experiment(table(seeds=[0]), tmp_path))
    other = table(seeds=[0], options={'optim_wrapper.optimizer.lr': 0.1})
    with pytest.raises(ConfigError, match='result of other settings than one, seed 0'):
        run_experiment(Experiment(other, tmp_path))
    assert len(trainings.commands) == 2


@pytest.mark.parametrize('content', ['', '{}', '[1', '{"variant": 1}'])
def test_damaged_results(trainings, tmp_path, content):
    experiment = Experiment(table(seeds=[0]), tmp_path)
    run_experiment(experiment)
    (tmp_path / 'one/seed-0/test.json').write_text(content)
    with pytest.raises(ConfigError, match=r'test.json is no result of an experiment'):
        finished_tests(experiment)


def test_a_figure_that_is_no_number(trainings, tmp_path):
    experiment = Experiment(table(seeds=[0]), tmp_path)
    run_experiment(experiment)
    file = tmp_path / 'one/seed-0/test.json'
    content = json.loads(file.read_text())
    content['figures']['metrics']['mAP'] = float('nan')
    file.write_text(json.dumps(content))
    with pytest.raises(ConfigError, match=r'test\.json'):
        finished_tests(experiment)


@pytest.mark.parametrize(
    ('values', 'key'),
    [
        ({'config': 'msvit-demos'}, "variant 'one'.*msvit-demo"),
        ({'options': {'model.backbone.sparse_ratios': 1}}, "variant 'one'.*sparse_ratios"),
    ],
)
def test_wrong_options_are_found_before_anything_runs(trainings, tmp_path, values, key):
    with pytest.raises(ConfigError, match=key):
        run_experiment(Experiment(table(**values), tmp_path))
    assert not trainings.commands


def test_one_run_at_a_time_on_each_device(trainings, tmp_path):
    run_experiment(Experiment(table(), tmp_path), ['cuda:0', 'cuda:3'])
    visible = {env['CUDA_VISIBLE_DEVICES'] for env in trainings.environments}
    assert visible <= {'0', '3'}
    assert len(trainings.commands) == 4
    assert {device for *_, device in trainings.tests} <= {'cuda:0', 'cuda:3'}


def test_nets_are_joined_after_they_are_trained(trainings, tmp_path, monkeypatch):
    joined = []

    def join(files, out):
        assert all(file.is_file() for file in files)
        joined.append((*(file.relative_to(tmp_path).parts[0] for file in files), out))

    monkeypatch.setattr(training, 'join_model_files', join)
    variants = {'one': {}, 'two': {}, 'both': {'join': ['one', 'two']}, 'three': {}}
    experiment = Experiment(table(variants=variants), tmp_path)
    with pytest.raises(ReIDError, match=r'both, seed 0: one, seed 0 left no .*model_file'):
        run_experiment(experiment)
    for run in experiment.runs:
        run.work_dir.mkdir(parents=True, exist_ok=True)
        run.model_file.touch()
        (run.folder / 'train_seconds.txt').write_text('60')
    found = run_experiment(experiment)
    assert [one.variant for one in found][4:6] == ['both', 'both']
    assert [one.minutes for one in found][4:6] == [2, 2]
    assert joined == [
        ('one', 'two', tmp_path / f'both/seed-{seed}/train/model.safetensors')
        for seed in (0, 1)
    ]
    assert found[4].command == (
        f'msvitreid join {tmp_path}/one/seed-0/train/model.safetensors '
        f'{tmp_path}/two/seed-0/train/model.safetensors '
        f'--out {tmp_path}/both/seed-0/train/model.safetensors'
    )
    assert len(trainings.commands) == 6
    # Trained again, so that what was joined is of another net.
    experiment.runs[0].model_file.write_bytes(b'other')
    with pytest.raises(ConfigError, match='both, seed 0'):
        finished_tests(experiment)


def test_a_training_that_outlives_a_killed_start_is_waited_for(
    trainings, tmp_path, monkeypatch
):
    """Class of faults: after a kill the next start fails, as the old training holds its lock."""
    monkeypatch.setattr(module, 'POLL_SECONDS', 0.01)
    experiment, lines = Experiment(table(seeds=[0]), tmp_path), []
    work_dir = tmp_path / 'one' / 'seed-0' / 'train'
    work_dir.mkdir(parents=True)
    lock = ExitStack()
    lock.enter_context(run_lock(work_dir))

    def follow(line):
        lines.append(line)
        if 'waiting' in line:
            assert trainings.commands == []
            lock.close()

    found = run_experiment(experiment, follow=follow)
    assert lines[0] == 'one, seed 0: waiting for another process that trains it'
    assert (len(lines), len(found), len(trainings.commands)) == (3, 2, 2)


def test_a_failure_ends_the_waiting(trainings, tmp_path, monkeypatch):
    """One device waits for ever, the other's training fails."""
    trainings.codes = {1: 2}
    work_dir = tmp_path / 'one' / 'seed-0' / 'train'
    work_dir.mkdir(parents=True)
    experiment = Experiment(table(seeds=[0]), tmp_path)
    with run_lock(work_dir), pytest.raises(ReIDError, match='two, seed 0 failed'):
        run_experiment(experiment, ['cpu', 'cuda:0'])
