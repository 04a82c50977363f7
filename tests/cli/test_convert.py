import shutil

import pytest
import torch

from msvitreid.apis import ReIDInferencer, get_model
from msvitreid.models.weights.official_names import to_official
from msvitreid.registry import MODELS
from tests.models.golden import official_shapes
from tests.tools.user import run

TOOL = 'model_converters/official_weights.py'


@pytest.fixture
def folder(tmp_path):
    """A folder that does not outlive the test: the files are large."""
    yield tmp_path
    shutil.rmtree(tmp_path)


def shapes_of_l(kind):
    """Official names and shapes of msvit_l, which no golden file lists."""
    if kind == 'classifier':
        parts = {
            'backbone': dict(type='MSViT', arch='l', num_branches=1, last_stride=2),
            'head': dict(type='ImageNetHead', num_classes=1000),
        }
    else:
        parts = {
            'backbone': dict(type='MSViT', arch='l'),
            'head': dict(type='BNNeckHead', num_classes=702),
        }
    ours = {
        f'{part}.{name}': tuple(value.shape)
        for part, cfg in parts.items()
        for name, value in MODELS.build(cfg).state_dict().items()
    }
    return to_official(ours, kind)


SHAPES = {
    ('classifier', 's'): lambda: official_shapes('official_msvit_s'),
    ('reid', 's'): lambda: official_shapes('official_reid_s'),
    ('classifier', 'l'): lambda: shapes_of_l('classifier'),
    ('reid', 'l'): lambda: shapes_of_l('reid'),
}


def random_weights(shapes):
    """Weights as the authors' files hold them: float32, counters int64."""
    generator = torch.Generator().manual_seed(0)
    return {
        name: torch.tensor(12345)
        if name.endswith('num_batches_tracked')
        else torch.randn(*shape, generator=generator)
        for name, shape in shapes.items()
    }


def read(path):
    return torch.load(path, weights_only=True)


def assert_bit_equal(found, expected):
    assert list(found) == list(expected)
    for name, value in expected.items():
        assert found[name].dtype == value.dtype
        assert torch.equal(found[name], value), name


def small_official():
    """A re-identification net of few, small weights."""
    return random_weights(
        {
            'stem.conv.weight': (4, 3, 3, 3),
            'layer1.2.sattn.att.logit_scale': (2, 1, 1),
            'branch_1.1.conv.weight': (8, 4, 1, 1),
            'branch_1.1.norm.num_batches_tracked': (),
            'feat_list.0.weight': (8, 8),
        }
    )


@pytest.mark.parametrize(('kind', 'size'), SHAPES)
def test_there_and_back_is_bit_equal(kind, size, folder):
    weights = random_weights(SHAPES[kind, size]())
    torch.save(weights, folder / 'official.pth')

    outcome = run(TOOL, folder / 'official.pth', folder / 'ours.pth')
    assert outcome.code == 0
    assert f'{kind}: {len(weights)} tensors' in outcome.out
    converted = read(folder / 'ours.pth')
    assert converted['meta']['kind'] == kind
    assert {name.split('.')[0] for name in converted['state_dict']} == {'backbone', 'head'}

    run(TOOL, folder / 'ours.pth', folder / 'back.pth', '--to-official')
    assert_bit_equal(read(folder / 'back.pth'), weights)


def test_converted_names_are_the_nets(folder):
    torch.save(random_weights(official_shapes('official_reid_s')), folder / 'official.pth')
    run(TOOL, folder / 'official.pth', folder / 'ours.pth')
    net = MODELS.build(
        dict(
            type='ReIDModel',
            backbone=dict(type='MSViT'),
            neck=dict(type='PartPoolingNeck'),
            head=dict(type='BNNeckHead', num_classes=20),
        )
    )
    net.load_state_dict(read(folder / 'ours.pth')['state_dict'], strict=True)


def test_the_prefix_of_a_wrapper_is_left_out(tmp_path):
    weights = small_official()
    wrapped = {f'module.{name}': value for name, value in weights.items()}
    torch.save(wrapped, tmp_path / 'wrapped.pth')
    run(TOOL, tmp_path / 'wrapped.pth', tmp_path / 'ours.pth')
    assert 'backbone.stem.conv.weight' in read(tmp_path / 'ours.pth')['state_dict']
    run(TOOL, tmp_path / 'ours.pth', tmp_path / 'back.pth', '--to-official')
    assert_bit_equal(read(tmp_path / 'back.pth'), weights)


def test_a_training_checkpoint_becomes_an_official_file(trained, tmp_path):
    outcome = run(TOOL, trained / 'epoch_1.pth', tmp_path / 'ema.pth', '--to-official')
    assert outcome.out.endswith('ema.pth (the weights as trained, there is no EMA)\n')
    assert 'branch_2.1.conv.weight' in read(tmp_path / 'ema.pth')
    assert run(TOOL, tmp_path / 'ema.pth', tmp_path / 'ours.pth').out.endswith('ours.pth\n')
    ours = read(tmp_path / 'ours.pth')['state_dict']
    assert_bit_equal(ours, read(trained / 'epoch_1.pth')['state_dict'])


def test_the_folder_of_the_result_is_made(tmp_path):
    torch.save(small_official(), tmp_path / 'official.pth')
    assert run(TOOL, tmp_path / 'official.pth', tmp_path / 'new' / 'ours.pth').code == 0
    assert [path.name for path in (tmp_path / 'new').iterdir()] == ['ours.pth']


@pytest.mark.parametrize(
    ('given', 'flags', 'expected'),
    [
        ('stranger', [], 'neither an MSViT classifier nor an MSViT ReID net'),
        ('unknown part', [], "'layer9.weight' belongs to no part"),
        ('official', ['--to-official'], "has the authors' names already; leave out"),
        ('ours', [], 'has our names already; give --to-official'),
    ],
)
def test_what_cannot_be_converted_leaves_an_old_result_alone(given, flags, expected, tmp_path):
    weights = small_official()
    torch.save(
        {
            'stranger': {'conv1.weight': torch.zeros(3)},
            'unknown part': {**weights, 'layer9.weight': torch.zeros(3)},
            'official': weights,
            'ours': {
                'backbone.stem.conv.weight': torch.zeros(3),
                'head.fc.weight': torch.zeros(3),
            },
        }[given],
        tmp_path / 'given.pth',
    )
    (tmp_path / 'result.pth').write_text('old')
    outcome = run(TOOL, tmp_path / 'given.pth', tmp_path / 'result.pth', *flags)
    assert outcome.code == 2
    assert outcome.err.startswith('error: ')
    assert outcome.err.count('\n') == 1
    assert expected in outcome.err
    assert (tmp_path / 'result.pth').read_text() == 'old'
    assert {path.name for path in tmp_path.iterdir()} == {'given.pth', 'result.pth'}


def test_a_checkpoint_becomes_a_model_file(tmp_path, monkeypatch):
    """Class of faults: a step of the walk from a run to a search that only Python can do."""
    monkeypatch.chdir(tmp_path)
    torch.save({'state_dict': get_model('msvit-demo').state_dict()}, 'averaged.pth')
    outcome = run(TOOL, 'averaged.pth', 'new/model.safetensors', '--config', 'msvit-demo')
    assert outcome.code == 0
    inferencer = ReIDInferencer('new/model.safetensors', device='cpu')
    assert inferencer.fingerprint in outcome.out
    assert inferencer.fingerprint == ReIDInferencer('msvit-demo', 'averaged.pth').fingerprint


@pytest.mark.parametrize(
    ('arguments', 'match'),
    [
        (['gone.pth', 'm.safetensors', '--config', 'msvit-demo'], 'gone.pth'),
        (['text.pth', 'm.safetensors', '--config', 'msvit-demo'], 'text.pth'),
        (['text.pth', 'm.safetensors', '--config', 'msvit-demi'], 'msvit-demi'),
        (['text.pth', 'm.pth', '--config', 'msvit-demo'], 'm.pth'),
        (['text.pth', 'm.safetensors'], '--config'),
        (['text.pth', 'm.pth', '--license', 'MIT'], '--config'),
        (['text.pth', 'm.safetensors', '--config', 'c', '--to-official'], '--to-official'),
    ],
)
def test_what_becomes_no_model_file(tmp_path, monkeypatch, arguments, match):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'text.pth').write_text('text')
    outcome = run(TOOL, *arguments)
    assert outcome.code == 2
    assert match in outcome.err
    assert [path.name for path in tmp_path.iterdir()] == ['text.pth']


def test_the_help_shows_both_uses():
    out = run(TOOL, '--help').out
    assert 'msvitreid convert averaged.pth model.safetensors --config' in out
    assert '--to-official' in out
