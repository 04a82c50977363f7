"""Model files joined. Class of faults: a net that is fed or weighted otherwise than by itself."""

import shutil

import pytest
import torch

from msvitreid.checkpoints import write_model_file
from msvitreid.errors import CheckpointError, ConfigError
from msvitreid.models import FeatureHead
from msvitreid.models.joining import join_model_files
from msvitreid.models.model_description import architecture_of, load_model
from msvitreid.registry import MODELS
from msvitreid.structures import ReIDDataSample
from tests.cli.command import command
from tests.models.test_model_description import PREPROCESSING, description
from tests.models.tiny import joined_reid_model, tiny_tested_net

MEAN, STD = [0.5, 0.4, 0.3], [0.2, 0.25, 0.5]


@pytest.fixture
def written(tmp_path):
    """Writes a model file; nets of different seeds have other weights."""

    def write(name, seed, **changes):
        torch.manual_seed(seed)
        net = tiny_tested_net()
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.mul_(1 + torch.rand_like(parameter) * seed)
        path = tmp_path / f'{name}.safetensors'
        write_model_file(path, net, {**description(), **changes})
        return path

    return write


@pytest.fixture
def normalized(written):
    """A net with a mean and deviation of its own."""
    preprocessor = {'type': 'ReIDDataPreprocessor', 'mean': MEAN, 'std': STD}
    return written(
        'other',
        1,
        architecture=description(data_preprocessor=preprocessor)['architecture'],
        preprocessing={**PREPROCESSING, 'mean': MEAN, 'std': STD},
        training_data=[{'name': 'Market1501', 'images': 3}],
        license='for research',
    )


def test_similarities_are_the_mean_of_the_nets(written, normalized, tmp_path):
    plain = written('plain', 0)
    join_model_files([plain, normalized], tmp_path / 'both.safetensors')
    model, found = load_model(tmp_path / 'both.safetensors')
    assert found['dimension'] == 160
    assert found['flip'] is True
    assert found['training_data'] == [{'name': 'Market1501', 'images': 3}]
    assert found['license'] == 'for research'
    images = torch.randint(0, 256, (3, 3, 64, 32), dtype=torch.uint8)
    similarities = []
    with torch.no_grad():
        for net in (model, load_model(plain)[0], load_model(normalized)[0]):
            batch = net.data_preprocessor({'inputs': images})['inputs']
            embeddings = net.embed(batch, flip=False)
            similarities.append(embeddings @ embeddings.T)
    both, one, other = similarities
    assert not torch.allclose(one, other, atol=1e-3)
    torch.testing.assert_close(both, (one + other) / 2)


def test_joining_step_by_step_is_joining_at_once(written, normalized, tmp_path):
    plain, third = written('plain', 0), written('third', 2)
    both, three, at_once = (
        tmp_path / f'{n}.safetensors' for n in ('both', 'new/three', 'once')
    )
    join_model_files([plain, normalized], both)
    assert join_model_files([both, third], three) == join_model_files(
        [plain, normalized, third], at_once
    )
    _, found = load_model(three)
    assert found['dimension'] == 240
    assert found['license'] == 'for research'
    assert len(found['architecture']['backbone']['nets']) == 3
    with pytest.raises(ConfigError, match=r'three\.safetensors.* the same net as .*third'):
        join_model_files([third, three], tmp_path / 'out.safetensors')


def test_a_file_that_only_resembles_a_joined_one_is_one_net(written, tmp_path):
    """What is around its nets counts: here another pooling."""
    config = joined_reid_model()
    config['neck'] = {'type': 'GlobalPoolingNeck', 'pooling': 'max'}
    strange = tmp_path / 'strange.safetensors'
    described = {**description(), 'architecture': architecture_of(config), 'dimension': 160}
    write_model_file(strange, MODELS.build(config).eval(), described)
    out = tmp_path / 'out.safetensors'
    join_model_files([strange, written('plain', 0)], out)
    backbone, plain = load_model(out)[1]['architecture']['backbone']['nets']
    assert backbone['neck'] == config['neck']
    assert plain['backbone']['type'] == 'MSViT'


def test_one_net_in_two_precisions_is_one_net(written, tmp_path):
    plain = written('plain', 0)
    half, rounded = tmp_path / 'half.safetensors', tmp_path / 'rounded.safetensors'
    model, described = load_model(plain)
    write_model_file(half, model.half(), {**described})
    write_model_file(rounded, model.float(), {**described})
    with pytest.raises(ConfigError, match='the same net as'):
        join_model_files([half, rounded], tmp_path / 'out.safetensors')


def test_notes_are_kept_whole(written, tmp_path):
    notes = 'CC BY-NC 4.0; no faces', 'MIT; no faces'
    files = [written(f'net{seed}', seed, license=note) for seed, note in enumerate(notes)]
    join_model_files(files, tmp_path / 'out.safetensors')
    assert load_model(tmp_path / 'out.safetensors')[1]['license'] == '; '.join(notes)


def test_nets_that_cannot_be_joined(written, tmp_path):
    out = tmp_path / 'out.safetensors'
    plain = written('plain', 0)
    copy = shutil.copy(plain, tmp_path / 'copy.safetensors')
    larger = written('larger', 1, preprocessing={**PREPROCESSING, 'image_size': [128, 64]})
    unflipped = written('unflipped', 1, flip=False)
    longer = written('longer', 1, dimension=81)
    resized = written('resized', 1, pipeline=[{'type': 'Resize', 'scale': [32, 64]}])
    (tmp_path / 'damaged.safetensors').write_bytes(plain.read_bytes()[:-9])
    for too_few in ([plain], plain, str(plain)):
        with pytest.raises(ConfigError, match='two model files or more'):
            join_model_files(too_few, out)
    many = [written(f'net{seed}', seed) for seed in range(17)]
    with pytest.raises(ConfigError, match='at most 16 nets'):
        join_model_files(many, out)
    for other, error, words in (
        (copy, ConfigError, r'copy\.safetensors.* the same net as .*plain'),
        (larger, ConfigError, r'image_size: \[64, 32\] and \[128, 64\]'),
        (resized, ConfigError, 'pipeline'),
        (unflipped, ConfigError, r'flip: True and False; set model\.flip_test'),
        (longer, CheckpointError, r'161 numbers .* give 160'),
        (tmp_path / 'damaged.safetensors', CheckpointError, 'damaged'),
    ):
        with pytest.raises(error, match=words):
            join_model_files([plain, other], out)
    with pytest.raises(ConfigError, match='one of the files to join'):
        join_model_files([plain, resized], resized)
    assert not out.exists()


def test_the_command(written, tmp_path):
    files = written('one', 0), written('two', 1)
    out = tmp_path / 'both.safetensors'
    found = command('join', *files, '--out', out)
    assert (found.code, found.err) == (0, '')
    assert found.out.startswith(f'2 nets joined in {out}; fingerprint ')
    for arguments in ((files[0], '--out', out), (*files, '--out', tmp_path / 'both.pth')):
        assert command('join', *arguments).code == 2
    missing = command('join', files[0], tmp_path / 'none.safetensors', '--out', out)
    assert missing.code == 2
    assert 'none.safetensors' in missing.err
    assert len(missing.err.splitlines()) == 1


@pytest.mark.parametrize('nets', [[], [{'type': 'ReLU'}], [{}] * 17, 'a', [1]])
def test_nets_of_a_config(nets):
    with pytest.raises(ConfigError, match='nets'):
        MODELS.build({'type': 'JoinedNets', 'nets': nets})


def test_what_is_joined_is_not_trained():
    head = FeatureHead()
    vectors = [torch.rand(2, 3)]
    assert head(vectors)[0] is vectors[0]
    with pytest.raises(ConfigError, match='FeatureHead has no classifier'):
        head.loss(vectors, [ReIDDataSample(), ReIDDataSample()])
