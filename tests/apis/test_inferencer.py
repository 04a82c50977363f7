"""One image, one embedding, by any door; class of faults: a door with its own pipeline."""

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from msvitreid.apis import ReIDInferencer
from msvitreid.demo.drawn import make_synthetic
from msvitreid.errors import CheckpointError, ConfigError, DatasetError

from .tiny_model import tiny_cfg, write_tiny_model, write_weights


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Twelve drawn images of other sizes than the net's."""
    root = tmp_path_factory.mktemp('drawn') / 'set'
    counts = dict(num_train_ids=2, num_test_ids=4, num_cams=2, images_per_id=2)
    make_synthetic(root, **counts, gallery_per_id=3, queries_per_id=1, size=(96, 40), workers=1)
    return root / 'Occluded_Duke' / 'bounding_box_test'


@pytest.fixture(scope='module')
def model_file(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp('model'))


@pytest.fixture(scope='module')
def inferencer(model_file):
    return ReIDInferencer(model_file, device='cpu')


def by_files(paths, inferencer):
    return inferencer(paths)


def by_rgb(paths, inferencer):
    return inferencer([np.array(Image.open(path)) for path in paths], color='rgb')


def by_bgr(paths, inferencer):
    return inferencer([cv2.imread(path) for path in paths], color='bgr')


def by_pillow(paths, inferencer):
    return inferencer([Image.open(path) for path in paths])


def by_tensors(paths, inferencer):
    tensors = [torch.from_numpy(cv2.imread(path)).permute(2, 0, 1) for path in paths]
    return inferencer(tensors, color='bgr')


def by_boxes(paths, inferencer):
    frames = [(path, Image.open(path)) for path in paths]
    found = [inferencer.embed_boxes(p, [[0, 0, im.width, im.height]]) for p, im in frames]
    return np.concatenate([one.embeddings for one in found])


def by_generator(paths, inferencer):
    return inferencer(path for path in paths)


def one_by_one(paths, inferencer):
    return inferencer(paths, batch_size=1)


def by_workers(paths, inferencer):
    return inferencer.embed(paths, batch_size=5, workers=1).embeddings


DOORS = (
    by_rgb,
    by_bgr,
    by_pillow,
    by_tensors,
    by_boxes,
    by_generator,
    one_by_one,
    by_workers,
)


def assert_agree(found, expected):
    assert found.shape == expected.shape == (12, 80)
    assert float((found * expected).sum(axis=1).min()) >= 0.9999
    rankings = [np.argsort(-(e @ e.T), axis=1, kind='stable') for e in (found, expected)]
    np.testing.assert_array_equal(*rankings)


@pytest.mark.parametrize('door', DOORS)
def test_all_doors_agree(door, folder, inferencer):
    paths = sorted(map(str, folder.iterdir()))
    assert_agree(door(paths, inferencer), by_files(paths, inferencer))


def test_backends_and_config_with_weights_agree(folder, inferencer, model_file, tmp_path):
    pytest.importorskip('openvino')
    expected = inferencer(folder)
    assert_agree(ReIDInferencer(model_file, backend='openvino')(folder), expected)
    of_config = ReIDInferencer(tiny_cfg(), write_weights(tmp_path), device='cpu')
    assert_agree(of_config(folder), expected)
    assert of_config.fingerprint == inferencer.fingerprint


def test_the_wrong_order_of_channels_is_another_embedding(folder, inferencer):
    path = str(next(folder.iterdir()))
    right = inferencer(cv2.imread(path), color='bgr')
    wrong = inferencer(cv2.imread(path), color='rgb')
    assert float((right * wrong).sum()) < 0.9999


def test_it_gives_what_the_model_gives_for_the_test_pipeline(folder, inferencer, tmp_path):
    from msvitreid.apis import get_model

    path = str(sorted(folder.iterdir())[0])
    image = cv2.resize(cv2.imread(path)[:, :, ::-1], (32, 64))
    model = get_model(tiny_cfg(), write_weights(tmp_path))
    with torch.no_grad():
        batch = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255
        expected = model.embed(batch).numpy()
    np.testing.assert_allclose(inferencer(path), expected, atol=1e-5)
    with torch.no_grad():
        without = model.embed(batch, flip=False).numpy()
    np.testing.assert_allclose(inferencer(path, flip=False), without, atol=1e-5)


def test_the_orientation_of_exif_data_is_applied(inferencer, tmp_path, folder):
    image = Image.open(sorted(folder.iterdir())[0])
    exif = Image.Exif()
    exif[0x0112] = 6
    image.rotate(90, expand=True).save(tmp_path / 'turned.png', exif=exif)
    turned = Image.open(tmp_path / 'turned.png')
    expected = inferencer(image)
    for door in (str(tmp_path / 'turned.png'), turned):
        assert float((inferencer(door) * expected).sum()) >= 0.9999


def test_folders_patterns_and_nothing(folder, inferencer, tmp_path):
    whole = inferencer.embed(folder)
    assert whole.paths == sorted(map(str, folder.iterdir()))
    assert inferencer.embed(folder.parent).paths[:12] == whole.paths
    some = inferencer.embed(str(folder / '*_c1_*'))
    assert 0 < len(some) < 12
    assert set(some.paths) < set(whole.paths)
    assert inferencer([]).shape == (0, 80)
    assert inferencer(iter(())).shape == (0, 80)
    with pytest.raises(DatasetError, match='no images'):
        inferencer(tmp_path)
    with pytest.raises(DatasetError, match='zz'):
        inferencer(str(tmp_path / 'zz*.jpg'))
    with pytest.raises(DatasetError, match=r'gone\.jpg'):
        inferencer('gone.jpg')


def test_an_iterator_is_read_a_batch_at_a_time(inferencer):
    read = []

    def frames():
        for i in range(10):
            read.append(i)
            yield np.full((8, 8, 3), i, np.uint8) if i < 5 else 'gone.jpg'

    with pytest.raises(DatasetError, match=r'gone\.jpg'):
        inferencer(frames(), batch_size=2, color='rgb')
    assert read == [0, 1, 2, 3, 4, 5]


def test_mixed_inputs_keep_their_order_and_failures_are_listed(folder, inferencer, tmp_path):
    (tmp_path / 'broken.jpg').write_bytes(b'no image')
    path = str(sorted(folder.iterdir())[0])
    gray = np.zeros((5, 5), np.uint8)
    inputs = [path, tmp_path / 'broken.jpg', Image.open(path), gray, cv2.imread(path)]
    found = inferencer.embed(inputs, color='bgr', on_error='skip', progress=False)
    assert found.paths == [path, '[2]', '[4]']
    assert set(found.failed) == {str(tmp_path / 'broken.jpg'), '[3]'}
    assert 'not an image' in found.failed[str(tmp_path / 'broken.jpg')]
    assert found.fingerprint == inferencer.fingerprint
    assert found.embeddings.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found.embeddings, axis=1), 1, atol=1e-5)
    with pytest.raises(DatasetError, match=r'broken\.jpg'):
        inferencer(inputs, color='bgr')


@pytest.mark.parametrize(
    ('image', 'match'),
    [
        (np.zeros((4, 4, 3), np.float32), 'uint8'),
        (np.zeros((4, 4, 4), np.uint8), r'\(H, W, 3\)'),
        (np.zeros((2, 4, 4, 3), np.uint8), r'\(H, W, 3\)'),
        (np.zeros((0, 4, 3), np.uint8), 'no pixels'),
        (torch.zeros(4, 4, 3, dtype=torch.uint8), r'\(3, H, W\)'),
        (torch.zeros(3, 4, 4), 'uint8'),
        (Image.new('F', (4, 4)), 'mode F'),
    ],
)
def test_images_that_are_none(image, match, inferencer):
    with pytest.raises(DatasetError, match=match):
        inferencer(image, color='rgb')


@pytest.mark.parametrize(
    ('inputs', 'options', 'match'),
    [
        (np.zeros((4, 4, 3), np.uint8), {}, 'color'),
        ([torch.zeros(3, 4, 4, dtype=torch.uint8)], {'on_error': 'skip'}, 'color'),
        ([], {'color': 'gray'}, 'color'),
        (None, {}, 'NoneType'),
        (b'a.jpg', {}, 'bytes'),
        ({'a': 1}, {}, 'dict'),
        ([3], {}, 'int'),
        ([], {'batch_size': 0}, 'batch_size'),
        ([], {'on_error': 'ignore'}, 'on_error'),
        ([], {'flip': 'yes'}, 'flip'),
        ([], {'workers': -1}, 'workers'),
    ],
)
def test_options_and_inputs_that_are_none(inputs, options, match, inferencer):
    with pytest.raises(ConfigError, match=match):
        inferencer(inputs, **options)


def test_boxes_are_clipped_and_empty_ones_reported(folder, inferencer):
    frame = cv2.imread(str(sorted(folder.iterdir())[0]))
    boxes = [
        [-5, -5, 20, 60],
        [3, 3, 3, 9],
        [0, 0, 20, 60],
        [90, 90, 95, 99],
        [np.nan, 0, 9, 9],
    ]
    found = inferencer.embed_boxes(frame, boxes, color='bgr')
    assert found.paths == ['[0]', '[2]']
    assert set(found.failed) == {'[1]', '[3]', '[4]'}
    np.testing.assert_allclose(found.embeddings[0], found.embeddings[1], atol=1e-6)
    np.testing.assert_allclose(
        inferencer(frame[:60, :20], color='bgr')[0], found.embeddings[0], atol=1e-6
    )
    assert inferencer.embed_boxes(frame, [], color='bgr').embeddings.shape == (0, 80)
    assert len(inferencer.embed_boxes(frame, torch.tensor([[0, 0, 9, 9.5]]), color='rgb')) == 1
    assert (
        len(inferencer.embed_boxes(frame, torch.tensor([[0, 0, 9, 9]]).bfloat16(), color='rgb'))
        == 1
    )
    sparse, masked = torch.eye(4).to_sparse(), np.ma.masked_array(np.eye(4), mask=True)
    for boxes in ([[1, 2, 3]], [1, 2, 3, 4], 'abc', None, 3, sparse, masked, 1j * np.eye(4)):
        with pytest.raises(DatasetError, match='boxes must'):
            inferencer.embed_boxes(frame, boxes, color='bgr')
    with pytest.raises(ConfigError, match='color'):
        inferencer.embed_boxes(frame, [[0, 0, 9, 9]])
    with pytest.raises(DatasetError, match='no pixel'):
        inferencer.embed_boxes(frame, [[0, 0, 0, 0]], color='bgr', on_error='raise')


@pytest.mark.parametrize('value', [0.0, float('nan'), float('inf')])
def test_no_useless_embedding_leaves_it(value, model_file, monkeypatch):
    inferencer = ReIDInferencer(model_file, device='cpu')
    embed = inferencer._net.model.embed

    def spoiled(images, flip):
        embeddings = embed(images, flip=flip)
        embeddings[1] = value
        return embeddings

    monkeypatch.setattr(inferencer._net.model, 'embed', spoiled)
    images = [np.full((9, 9, 3), shade, np.uint8) for shade in (10, 90, 200)]
    found = inferencer.embed(images, color='rgb', on_error='skip')
    assert found.paths == ['[0]', '[2]']
    assert 'cannot be used' in found.failed['[1]']
    with pytest.raises(DatasetError, match=r'\[1\]'):
        inferencer(images, color='rgb')


def test_a_pipeline_that_keeps_sizes_takes_several_in_a_batch(tmp_path):
    keep = [dict(type='LoadImage'), dict(type='PackReIDInputs')]
    cfg = tiny_cfg()
    cfg.test_pipeline = keep
    inferencer = ReIDInferencer(cfg, write_weights(tmp_path), device='cpu')
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (h, 32, 3), np.uint8) for h in (64, 96, 64)]
    alone = np.concatenate([inferencer(image, color='rgb') for image in images])
    np.testing.assert_allclose(inferencer(images, color='rgb'), alone, atol=1e-5)


def test_progress_is_shown_on_stderr(folder, inferencer, capsys):
    inferencer.embed(folder, progress=True)
    shown = capsys.readouterr()
    assert shown.out == ''
    assert '12/12' in shown.err
    assert 'ETA' in shown.err


def test_it_describes_itself(inferencer):
    facts = inferencer.describe()
    assert facts['dimension'] == 80
    assert facts['preprocessing']['image_size'] == [64, 32]
    assert facts['device'] == 'cpu'
    assert facts['backend'] == 'torch'
    assert len(facts['fingerprint']) == 64


def test_options_that_cannot_be(model_file, tmp_path):
    weights = write_weights(tmp_path)
    for arguments, options, match in (
        ((model_file,), {'precision': 'int4'}, 'int4'),
        ((model_file,), {'precision': 'float16', 'device': 'cpu'}, 'GPU'),
        ((model_file,), {'backend': 'abacus'}, 'abacus'),
        ((model_file,), {'backend': 'openvino-int8'}, 'calibrated'),
        ((model_file,), {'device': 'tpu?'}, 'tpu'),
        ((model_file,), {'device': 'cuda:99'}, 'cuda:99'),
        ((model_file, weights), {}, 'own weights'),
        ((weights,), {}, 'config'),
        ((tiny_cfg(),), {}, 'weights'),
        (('no-such-config', weights), {}, 'no-such-config'),
    ):
        with pytest.raises(ConfigError, match=match):
            ReIDInferencer(*arguments, **options)
    with pytest.raises(CheckpointError, match='does not exist'):
        ReIDInferencer(tmp_path / 'gone.safetensors')


def test_no_more_workers_than_batches(folder, inferencer, monkeypatch):
    """The class: a number that takes the machine down. A million processes were started."""
    started = []

    def loader(images, batch_size, num_workers, **options):
        started.append(num_workers)
        return []

    monkeypatch.setattr('msvitreid.apis.image_stream.DataLoader', loader)
    files = sorted(folder.iterdir())
    inferencer(files[:1], workers=10**6)
    inferencer(files[:3], batch_size=2, workers=10**6)
    assert started == [1, 2]
