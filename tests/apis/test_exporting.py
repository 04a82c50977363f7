"""Exports are kept only if they rank as torch does; class of faults: a file that does not."""

import json
import resource

import numpy as np
import pytest
import torch

from msvitreid.apis import ReIDInferencer
from msvitreid.apis.exporting import export_model
from msvitreid.demo.drawn import make_synthetic
from msvitreid.deployment.export import by_threshold
from msvitreid.deployment.export.torchscript_file import TorchScriptFormat
from msvitreid.errors import CheckpointError, ConfigError, DatasetError, OutputError

from .tiny_model import write_tiny_model


@pytest.fixture(scope='module')
def model_file(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp('model'))


@pytest.fixture(scope='module')
def images(tmp_path_factory):
    """Sixteen drawn images of four people by two cameras."""
    root = tmp_path_factory.mktemp('drawn') / 'set'
    counts = dict(num_train_ids=2, num_test_ids=4, num_cams=2, images_per_id=2)
    make_synthetic(root, **counts, gallery_per_id=3, queries_per_id=1, size=(96, 40), workers=1)
    return root / 'Occluded_Duke'


@pytest.fixture
def checked(images):
    return [images / 'query', images / 'bounding_box_test']


@pytest.mark.parametrize(
    ('name', 'suffix', 'package'),
    [
        ('onnx', '.onnx', 'onnxscript'),
        ('openvino', '.xml', 'openvino'),
        ('torchscript', '.torchscript', 'torch'),
    ],
)
def test_a_file_alone_gives_the_models_rankings(
    name, suffix, package, model_file, images, checked, tmp_path
):
    pytest.importorskip(package)
    out = tmp_path / f'net{suffix}'
    report = export_model(model_file, out, checked, name)
    assert report.kept
    assert report.images == 16
    assert report.tie < 1e-4
    assert list(report.batches) == [1, 8]
    for measured in report.batches.values():
        assert measured.rankings_changed == 0
        assert measured.cosine_min > 0.99999
        assert measured.overlap_at_10 == 1
        assert measured.mean_ap == pytest.approx(report.reference[0], abs=1e-6)
    inferencer, reference = ReIDInferencer(out), ReIDInferencer(model_file, device='cpu')
    assert inferencer.fingerprint == reference.fingerprint
    assert inferencer.describe()['backend'] == name
    found = inferencer.embed(images / 'query', batch_size=3)
    expected = reference.embed(images / 'query')
    assert found.paths == expected.paths
    np.testing.assert_allclose(found.embeddings, expected.embeddings, atol=1e-5)
    # No temporary folder is left.
    assert {path.stem for path in tmp_path.iterdir()} == {'net'}


def test_without_anything_inside(model_file, checked, tmp_path):
    out = tmp_path / 'net.torchscript'
    assert export_model(model_file, out, checked, 'torchscript', include=[]).kept
    reference = ReIDInferencer(model_file, device='cpu')
    for flip in (True, False):
        found, expected = (one(checked, flip=flip) for one in (ReIDInferencer(out), reference))
        np.testing.assert_allclose(found, expected, atol=1e-5)


class OneKeyLess(TorchScriptFormat):
    @staticmethod
    def select(logits, k):
        return by_threshold(logits, k - 1)


@pytest.fixture
def broken(monkeypatch):
    monkeypatch.setattr('msvitreid.apis.exporting.find_format', lambda name: OneKeyLess())


def test_another_net_is_not_kept(broken, model_file, checked, tmp_path):
    out = tmp_path / 'net.torchscript'
    out.write_bytes(b'what was there before')
    report = export_model(model_file, out, checked, 'torchscript')
    assert not report.kept
    assert 'batch 1' in report.reason
    assert [path.name for path in tmp_path.iterdir()] == ['net.torchscript']
    assert out.read_bytes() == b'what was there before'
    assert json.loads(json.dumps(report.as_dict()))['batches']['1']['rankings_changed'] > 0


@pytest.mark.parametrize(
    ('name', 'suffix', 'package'),
    [('openvino', '.xml', 'nncf'), ('onnx', '.onnx', 'onnxscript')],
)
def test_int8_is_another_model(name, suffix, package, model_file, images, checked, tmp_path):
    pytest.importorskip(package)
    out = tmp_path / f'net{suffix}'
    options = dict(precision='int8', calibration=images / 'bounding_box_train', max_loss=1)
    assert export_model(model_file, out, checked, name, **options).kept
    found = ReIDInferencer(out)
    assert found.fingerprint != ReIDInferencer(model_file).fingerprint
    np.testing.assert_allclose(np.linalg.norm(found(checked), axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(('max_loss', 'kept'), [(0.2, False), (1, True)])
def test_an_inexact_file_within_a_stated_loss(
    max_loss, kept, model_file, checked, tmp_path, monkeypatch
):
    out = tmp_path / 'net.torchscript'
    monkeypatch.setattr(TorchScriptFormat, 'precisions', ('half',))
    monkeypatch.setattr('msvitreid.apis.exporting._loss', lambda *args: 0.5)
    report = export_model(
        model_file, out, checked, 'torchscript', precision='half', max_loss=max_loss
    )
    assert (report.kept, out.exists(), report.loss) == (kept, kept, 0.5)


@pytest.mark.parametrize(
    ('options', 'match'),
    [
        (dict(format='tflite'), 'tflite'),
        (dict(format='onnx', out='net.xml'), r'\.onnx'),
        (dict(format='torchscript', precision='half', out='net.torchscript'), 'half'),
        (dict(format='openvino', precision='int8', out='net.xml'), 'int8'),
        (dict(format='openvino', calibration='.', out='net.xml'), 'int8'),
        (dict(max_loss=2), '--max-loss'),
        (dict(include=['flop']), 'flip'),
        (dict(include=['normalize']), 'flip'),
    ],
)
def test_wrong_options(options, match, model_file, checked, tmp_path):
    pytest.importorskip('onnxscript')
    given = {'out': 'net.onnx', **options}
    out = tmp_path / given.pop('out')
    with pytest.raises(ConfigError, match=match):
        export_model(model_file, out, checked, **given)
    assert not any(tmp_path.iterdir())


def test_too_few_images_and_unreadable_ones(model_file, images, tmp_path):
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'broken.jpg').write_bytes(b'no image')
    out = tmp_path / 'net.torchscript'
    queries = sorted((images / 'query').iterdir())
    for given, match in (
        (tmp_path / 'empty', 'empty'),
        (queries[:3], 'at least 4'),
        ([*queries[:3], tmp_path / 'broken.jpg'], r'got 3; .*broken\.jpg'),
        (tmp_path / 'missing.jpg', r'missing\.jpg'),
    ):
        with pytest.raises(DatasetError, match=match):
            export_model(model_file, out, given, 'torchscript')
    assert not out.exists()


def test_one_unreadable_image_is_named_and_left_out(model_file, images, tmp_path):
    """Class of faults: a command on many images that stops at one of them."""
    broken = tmp_path / 'broken.jpg'
    broken.write_bytes(b'no image')
    given = [*sorted((images / 'query').iterdir())[:4], broken]
    report = export_model(model_file, tmp_path / 'net.torchscript', given, 'torchscript')
    assert (report.kept, report.images) == (True, 4)
    assert list(report.failed) == [str(broken)]
    assert 'broken.jpg' in report.failed[str(broken)]


def test_unreadable_images_of_the_ranges_are_left_out(model_file, images, checked, tmp_path):
    pytest.importorskip('onnxscript')
    broken = tmp_path / 'broken.jpg'
    broken.write_bytes(b'no image')
    options = dict(format='onnx', precision='int8', max_loss=1)
    with pytest.raises(DatasetError, match=r'int8.*broken\.jpg'):
        export_model(model_file, tmp_path / 'n.onnx', checked, calibration=[broken], **options)
    given = [*sorted((images / 'bounding_box_train').iterdir()), broken]
    report = export_model(
        model_file, tmp_path / 'n.onnx', checked, calibration=given, **options
    )
    assert (report.kept, list(report.failed)) == (True, [str(broken)])


def test_a_folder_that_is_missing_and_a_model_that_is_none(model_file, checked, tmp_path):
    with pytest.raises(OutputError, match='net'):
        export_model(model_file, tmp_path / 'no' / 'net.torchscript', checked, 'torchscript')
    broken = tmp_path / 'model.safetensors'
    broken.write_bytes(model_file.read_bytes()[:-10])
    with pytest.raises(CheckpointError, match=r'model\.safetensors'):
        export_model(broken, tmp_path / 'net.torchscript', checked, 'torchscript')


def test_a_missing_package(model_file, checked, tmp_path, monkeypatch):
    monkeypatch.setattr('msvitreid.deployment.export.formats.find_spec', lambda name: None)
    with pytest.raises(ConfigError, match=r'onnx.*msvitreid\[export\]'):
        export_model(model_file, tmp_path / 'net.onnx', checked)


@pytest.mark.parametrize(
    'options',
    [dict(weights='a.pth'), dict(backend='openvino'), dict(device='gpu')],
)
def test_an_exported_file_takes_no_other_runtime(options, model_file, checked, tmp_path):
    out = tmp_path / 'net.torchscript'
    export_model(model_file, out, checked, 'torchscript')
    with pytest.raises(ConfigError, match=next(iter(options))):
        ReIDInferencer(out, **options)


def test_names_without_identities_have_no_map(model_file, images, tmp_path):
    folder = tmp_path / 'unnamed'
    folder.mkdir()
    for index, path in enumerate(sorted((images / 'query').iterdir())):
        (folder / f'{index}.jpg').write_bytes(path.read_bytes())
    report = export_model(model_file, tmp_path / 'net.torchscript', folder, 'torchscript')
    assert report.kept
    assert report.reference[0] is None
    assert report.loss == 0


def test_torch_keeps_its_number_of_threads(model_file, checked, tmp_path):
    before = torch.get_num_threads()
    export_model(model_file, tmp_path / 'net.torchscript', checked, 'torchscript')
    assert torch.get_num_threads() == before


@pytest.mark.parametrize('name', ['openvino', 'torchscript'])
def test_a_full_disk_is_a_sentence_and_leaves_nothing(name, model_file, checked, tmp_path):
    """Libraries that end the process, or raise what is no OSError, where a write fails."""
    suffix = {'openvino': '.xml', 'torchscript': '.torchscript'}[name]
    if name == 'openvino':
        pytest.importorskip('openvino')
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(OutputError, match=f'net{suffix}'):
            export_model(model_file, tmp_path / f'net{suffix}', checked, name)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not any(tmp_path.iterdir())


def test_weights_of_something_else_are_not_replaced(model_file, checked, tmp_path):
    pytest.importorskip('openvino')
    (tmp_path / 'net.bin').write_bytes(b'precious')
    with pytest.raises(ConfigError, match=r'net\.bin'):
        export_model(model_file, tmp_path / 'net.xml', checked, 'openvino')
    assert (tmp_path / 'net.bin').read_bytes() == b'precious'
