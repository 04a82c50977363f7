"""Files read back, and what is refused; class of faults: a file that does more than compute."""

import io
import shutil
import zipfile

import numpy as np
import pytest
import torch

from msvitreid.deployment.export import (
    ExportedNet,
    contents_of,
    export_formats,
    load_exported,
)
from msvitreid.deployment.export.digest import BLANK, DIGEST_KEY, digest_of, sealed
from msvitreid.deployment.export.onnx_file import halve_weights
from msvitreid.errors import CheckpointError, ConfigError

NAMES = ['onnx', 'openvino', 'torchscript']
IMAGES = np.random.default_rng(0).integers(0, 256, (3, 3, 64, 32), dtype=np.uint8)


def expected(tiny, flip):
    model, _ = tiny
    with torch.no_grad():
        batch = model.data_preprocessor({'inputs': torch.from_numpy(IMAGES)})['inputs']
        return model.embed(batch, flip=flip).numpy()


@pytest.mark.parametrize('name', [*NAMES, 'torch-export'])
def test_any_number_of_images_gives_the_models_embeddings(name, tiny, export):
    net = load_exported(export(name), trusted=True)
    assert net.description['fingerprint'] == tiny[1]['fingerprint']
    for batch in (IMAGES, IMAGES[:1]):
        found = net.embed(batch, flip=True)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected(tiny, True)[: len(batch)], atol=1e-5)
    with pytest.raises(ConfigError, match='flip=False'):
        net.embed(IMAGES, flip=False)


@pytest.mark.parametrize('include', [(), ('preprocess',)])
@pytest.mark.parametrize('flip', [True, False])
def test_what_is_not_inside_is_done_outside(include, flip, tiny, export):
    net = load_exported(export('torchscript', include))
    found = net.embed(IMAGES, flip)
    np.testing.assert_allclose(found, expected(tiny, flip), atol=1e-5)


def test_half_the_size_in_openvino(tiny, export):
    sizes = {
        precision: export('openvino', precision=precision).with_suffix('.bin').stat().st_size
        for precision in ('float32', 'half')
    }
    assert sizes['half'] < 0.6 * sizes['float32']
    found = load_exported(export('openvino', precision='half')).embed(IMAGES, True)
    assert (found * expected(tiny, True)).sum(1).min() > 0.99


def test_half_the_size_in_onnx(tiny, export, tmp_path):
    onnx = pytest.importorskip('onnx')
    model = onnx.load(export('onnx'))
    halve_weights(model.graph)
    path = tmp_path / 'net.onnx'
    seal_again(model, path)
    # A net so small has as many bytes of nodes.
    assert path.stat().st_size < 0.7 * export('onnx').stat().st_size
    found = load_exported(path).embed(IMAGES, True)
    assert (found * expected(tiny, True)).sum(1).min() > 0.99


def test_no_path_of_this_machine_is_in_the_file(export):
    text = export('onnx').read_bytes()
    assert b'site-packages' not in text
    assert b'whole_net.py' not in text


def seal_again(model, path, head=b''):
    """Write a changed ONNX model as one who means to would, with a new digest."""
    for entry in model.metadata_props:
        if entry.key == DIGEST_KEY:
            entry.value = BLANK
    path.write_bytes(sealed({'': head + model.SerializeToString()})[''])


@pytest.mark.parametrize('name', NAMES)
def test_a_graph_that_was_exchanged(name, export, tmp_path):
    """Class of faults: another net's numbers under a description that vouches for them."""
    path = copied(export(name), tmp_path)
    if name == 'onnx':
        onnx = pytest.importorskip('onnx')
        model = onnx.load(path)
        weight = max(model.graph.initializer, key=lambda one: len(one.raw_data))
        weight.raw_data = bytes(len(weight.raw_data))
        path.write_bytes(model.SerializeToString())
    elif name == 'openvino':
        weights = path.with_suffix('.bin')
        numbers = bytearray(weights.read_bytes())
        numbers[len(numbers) // 2] ^= 1
        weights.write_bytes(numbers)
    else:
        with zipfile.ZipFile(export(name)) as source, zipfile.ZipFile(path, 'w') as new:
            for entry in source.namelist():
                text = source.read(entry)
                is_weight = '/constants/' in entry and len(text) > 1000
                new.writestr(entry, bytes(len(text)) if is_weight else text)
    with pytest.raises(CheckpointError, match=f'{path.name}.*changed'):
        load_exported(path)


@pytest.mark.parametrize('name', NAMES)
def test_a_digest_that_was_removed(name, export, tmp_path):
    path = copied(export(name), tmp_path)
    data = path.read_bytes()
    key = DIGEST_KEY.encode()
    assert data.count(key)
    if name != 'torchscript':
        path.write_bytes(data.replace(key, key[::-1]))
    else:
        with zipfile.ZipFile(export(name)) as source, zipfile.ZipFile(path, 'w') as new:
            for entry in source.namelist():
                if DIGEST_KEY not in entry:
                    new.writestr(entry, source.read(entry))
    with pytest.raises(CheckpointError, match=f'{path.name}.*digest'):
        load_exported(path)


def test_a_digest_is_as_long_as_its_place():
    assert len(BLANK) == 64
    found = sealed({'a': b'x' + BLANK.encode(), 'b': b'y'})
    stated = found['a'][1:].decode()
    assert digest_of(found, stated) == stated
    assert digest_of({**found, 'b': b'z'}, stated) != stated
    assert digest_of({'a': found['a'] + b'y', 'b': b''}, stated) != stated


def copied(path, folder):
    for file in path.parent.iterdir():
        shutil.copy(file, folder)
    return folder / path.name


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize('share', [0, 0.01, 0.5, 0.99])
def test_a_file_cut_short(name, share, export, tmp_path):
    path = copied(export(name), tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(CheckpointError, match=path.name):
        load_exported(path)


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize('other', [*NAMES, 'text'])
def test_a_file_of_another_kind(name, other, export, tmp_path):
    if name == other:
        pytest.skip('is its own kind')
    path = copied(export(name), tmp_path)
    path.write_bytes(b'hello' if other == 'text' else export(other).read_bytes())
    with pytest.raises(CheckpointError, match=path.name):
        load_exported(path)


@pytest.mark.parametrize('name', NAMES)
def test_a_missing_file_and_a_folder(name, export, tmp_path):
    export(name)  # skips a format that is not installed
    suffix = export_formats()[name].suffix
    with pytest.raises(CheckpointError, match='missing'):
        load_exported(tmp_path / f'missing{suffix}')
    (tmp_path / f'folder{suffix}').mkdir()
    with pytest.raises(CheckpointError, match='folder'):
        load_exported(tmp_path / f'folder{suffix}')


def test_the_weights_of_openvino_are_missing_or_cut(export, tmp_path):
    path = copied(export('openvino'), tmp_path)
    weights = path.with_suffix('.bin')
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match=r'net\.xml'):
        load_exported(path)
    weights.unlink()
    with pytest.raises(CheckpointError, match=r'net\.bin'):
        load_exported(path)


def test_onnx_that_names_other_files(export, tmp_path):
    onnx = pytest.importorskip('onnx')
    path = copied(export('onnx'), tmp_path)
    secret = tmp_path.parent / 'secret'
    secret.write_bytes(bytes(10**6))
    model = onnx.load(path)
    weight = model.graph.initializer[0]
    weight.ClearField('raw_data')
    weight.data_location = onnx.TensorProto.EXTERNAL
    weight.external_data.add(key='location', value='../secret')
    path.write_bytes(model.SerializeToString())
    with pytest.raises(CheckpointError, match='other files'):
        load_exported(path)


@pytest.mark.parametrize('domain', ['com.microsoft', 'evil'])
def test_onnx_with_operators_of_a_library(domain, export, tmp_path):
    onnx = pytest.importorskip('onnx')
    path = copied(export('onnx'), tmp_path)
    model = onnx.load(path)
    # In a branch of a condition.
    inner = onnx.helper.make_node('EPContext', [], ['inner'], domain=domain)
    value = onnx.helper.make_tensor_value_info('inner', onnx.TensorProto.FLOAT, [1])
    branch = onnx.helper.make_graph([inner], 'branch', [], [value])
    model.graph.node.append(
        onnx.helper.make_node('If', ['x'], ['y'], then_branch=branch, else_branch=branch)
    )
    path.write_bytes(model.SerializeToString())
    with pytest.raises(CheckpointError, match='EPContext'):
        load_exported(path)


class Writes(torch.nn.Module):
    def forward(self, images: torch.Tensor):
        torch.save(images, 'written')
        return images


class Reads(torch.nn.Module):
    def forward(self, images: torch.Tensor):
        return torch.from_file('/etc/passwd', False, 10)


class Loops(torch.nn.Module):
    def forward(self, images: torch.Tensor):
        while bool(images.sum() > -1):
            images = images + 1
        return images


@pytest.mark.parametrize(
    ('code', 'match'), [(Writes, 'code'), (Reads, 'from_file'), (Loops, 'code')]
)
@pytest.mark.filterwarnings('ignore')
def test_torchscript_that_does_more_than_compute(code, match, tmp_path):
    path = tmp_path / 'net.torchscript'
    torch.jit.save(torch.jit.script(code()), str(path))
    with pytest.raises(CheckpointError, match=match):
        load_exported(path)


@pytest.mark.parametrize(
    ('line', 'match'),
    [
        ('    add = torch.save(images, "written")', 'save'),
        ('    int = torch.from_file\n    images1 = int("/etc/passwd")', 'Name'),
        ('    images1 = images.from_file("/etc/passwd")', 'from_file'),
        ('    images1 = ops.aten.from_file("/etc/passwd")', 'from_file'),
        ('    images1 = (torch.save)(images, "written")', 'save'),
        (
            '    def __setstate__(self, state: Tensor) -> None:\n      return None',
            'FunctionDef',
        ),
        ('    images1 = "unfinished', 'checked'),
    ],
)
def test_torchscript_with_a_line_more(line, match, export, tmp_path):
    path = tmp_path / 'net.torchscript'
    with zipfile.ZipFile(export('torchscript')) as source, zipfile.ZipFile(path, 'w') as new:
        for name in source.namelist():
            text = source.read(name)
            if name.endswith('.py'):
                head, found, tail = text.partition(b'Tensor:\n')
                text = head + found + line.encode() + b'\n' + tail
            new.writestr(name, text)
    with pytest.raises(CheckpointError, match=match):
        load_exported(path)


@pytest.mark.parametrize('is_twice', [False, True])
@pytest.mark.parametrize('folder', ['CODE', 'Code'])
def test_torchscript_whose_code_only_torch_finds(folder, is_twice, export, tmp_path):
    """Entries that are code to torch, which ignores case, and none to a check that does not."""
    path = tmp_path / 'net.torchscript'
    with zipfile.ZipFile(export('torchscript')) as source, zipfile.ZipFile(path, 'w') as new:
        for name in source.namelist():
            text = source.read(name)
            if name.endswith('.py'):
                head, found, tail = text.partition(b'Tensor:\n')
                line = f'    torch.save(1, "{tmp_path}/written")\n'.encode()
                evil = name.replace('/code/', f'/{folder}/')
                new.writestr(evil, head + found + line + tail)
                name = name if is_twice else f'{name.partition("/")[0]}/code/other.py'
                text = text if is_twice else b''
            new.writestr(name, text)
    with pytest.raises(CheckpointError, match=r'net\.torchscript'):
        load_exported(path).embed(IMAGES, flip=True)
    assert not (tmp_path / 'written').exists()


def test_onnx_that_is_another_format_to_its_runtime(export, tmp_path):
    """The parser that computes must be the one whose input was checked.

    ONNX Runtime takes bytes with ORTM at the fourth for its own format, whatever they are else.
    """
    path = copied(export('onnx'), tmp_path)
    head = b'\x7a\x86\x80\x00ORTM\0\0'
    seal_again(pytest.importorskip('onnx').load(path), path, head)
    assert path.read_bytes().startswith(head)
    assert load_exported(path).backend == 'onnx'


@pytest.mark.parametrize('kind', ['S', 'U', 'O', '?', 'i8', 'c8'])
def test_graphs_that_give_no_floats(kind, tiny):
    net = ExportedNet(
        contents_of(tiny[1], 'onnx', [], 'float32'),
        lambda images: np.ones((len(images), 80)).astype(kind),
        'net.onnx',
    )
    with pytest.raises(CheckpointError, match=r'net\.onnx'):
        net.embed(np.zeros((1, 3, 64, 32), np.uint8), flip=False)


def test_a_bomb_of_an_archive(tmp_path):
    data = io.BytesIO()
    with zipfile.ZipFile(data, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('net/code/a.py', bytes(10**8))
    path = tmp_path / 'net.torchscript'
    path.write_bytes(data.getvalue())
    with pytest.raises(CheckpointError, match='larger'):
        load_exported(path)


def test_what_would_be_unpickled_is_refused(export, tmp_path):
    path = tmp_path / 'net.pt2'
    path.write_bytes(b'whatever')
    with pytest.raises(CheckpointError, match='trusted=True'):
        load_exported(path)


def test_another_suffix():
    with pytest.raises(ConfigError, match=r'\.onnx'):
        load_exported('net.engine')


def test_a_missing_package_is_named(export, monkeypatch):
    monkeypatch.setattr('msvitreid.deployment.export.formats.find_spec', lambda name: None)
    with pytest.raises(ConfigError, match=r'onnx.*msvitreid\[export\]'):
        load_exported('net.onnx')
