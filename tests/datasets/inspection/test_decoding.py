from __future__ import annotations

import os
import struct
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from msvitreid.datasets.inspection import unreadable_findings
from msvitreid.datasets.transforms.image_header import PNG_START
from tests.hostile.limits import limits

from .contents import contents, entry

NOISE = np.random.default_rng(0).integers(0, 255, (64, 32, 3), dtype=np.uint8)


@pytest.fixture
def image(tmp_path):
    def write(name: str, cut: int = 0, tail: bytes = b'', **how: object) -> str:
        path = tmp_path / name
        Image.fromarray(NOISE).save(path, **how)
        content = path.read_bytes()
        path.write_bytes(content[: len(content) - cut] + tail)
        return str(path)

    return write


def reasons(paths: list[str], **how: bool) -> dict[str, str]:
    entries = [entry('train', 1, path=path) for path in paths]
    return {
        item.paths[0].rpartition('/')[2]: item.note
        for finding in unreadable_findings([contents(entries)], **how)
        for item in finding.items
    }


def test_whole_images(image):
    names = ['a.jpg', 'b.png', 'c.bmp', 'd.tif', 'e.JPEG']
    paths = [image(name) for name in names]
    paths.append(image('progressive.jpg', progressive=True))
    paths.append(image('padded.jpg', tail=bytes(20)))
    paths.append(image('appended.jpg', tail=b'a note after the end of the image'))
    assert reasons(paths) == {}


# Of a JPEG's two last bytes, which mark its end, the pixels do not depend.
@pytest.mark.parametrize('cut', [3, 40, 1000])
@pytest.mark.parametrize(
    ('name', 'reason'),
    [
        ('a.jpg', 'the image is cut short'),
        ('b.png', 'the image is cut short'),
        ('d.bmp', 'the file is not an image that OpenCV can decode'),
    ],
)
def test_images_that_are_cut_short(name, reason, cut, image):
    assert reasons([image(name, cut)]) == {name: reason}


def test_other_faults(tmp_path, image):
    (tmp_path / 'empty.jpg').write_bytes(b'')
    (tmp_path / 'text.jpg').write_text('text')
    header = struct.pack('>II', 20000, 20000).join((PNG_START, bytes(9)))
    (tmp_path / 'bomb.png').write_bytes(header)
    names = ['empty.jpg', 'text.jpg', 'bomb.png', 'missing.jpg']
    paths = [*(f'{tmp_path}/{name}' for name in names), image('good.jpg')]
    assert reasons(paths) == {
        'empty.jpg': 'empty file',
        'text.jpg': 'the file is not an image of a kind that is read '
        '(AVIF, BMP, GIF, JPEG, PNG, PNM, TIFF, WEBP)',
        'bomb.png': 'the image claims more than 67,108,864 pixels (20000x20000)',
        'missing.jpg': 'No such file or directory',
    }
    assert reasons(paths, decode=False) == {
        'empty.jpg': 'empty file',
        'missing.jpg': 'No such file or directory',
    }


def test_opencv_does_not_speak_into_the_progress_bar(image, capfd, monkeypatch):
    monkeypatch.setattr(sys.stderr, 'isatty', lambda: True)
    paths = [image('cut.tif', 500), image('cut.png', 500)]
    unreadable_findings([contents([entry('train', 1, path=p) for p in paths])], progress=True)
    err = capfd.readouterr().err
    assert 'decoding 2 images' in err
    assert '2/2' in err
    assert 'ETA' in err
    assert 'WARN' not in err
    assert 'ERROR' not in err


def test_an_image_of_two_splits_is_a_finding_of_each(tmp_path):
    entries = [entry(split, 1, path=f'{tmp_path}/x.jpg') for split in ('train', 'query')]
    found = unreadable_findings([contents(entries)])
    assert [finding.where for finding in found] == ['Market1501 train', 'Market1501 query']


def depth(values: list[np.ndarray], tmp_path, **options) -> list:
    entries = []
    for number, array in enumerate(values):
        path = tmp_path / f'{number}.png'
        Image.fromarray(array).save(path)
        entries.append(entry('train', 1, path=str(path)))
    one = replace(contents(entries), **options)
    return [found for found in unreadable_findings([one]) if found.kind == 'bit_depth']


def test_images_that_use_a_part_of_16_bits(tmp_path):
    """Bit depth: 10 or 12 bits in 16 turn black where the upper 8 are taken."""
    ten, twelve = (np.full((4, 4), value, np.uint16) for value in (1023, 4095))
    whole, eight = np.full((4, 4), 40_000, np.uint16), np.full((4, 4), 9, np.uint8)
    (found,) = depth([ten, twelve, whole, eight], tmp_path)
    assert found.is_fault
    assert 'value_range=(0, 4095)' in found.what
    assert [item.note for item in found.items] == ['highest value 1,023', 'highest value 4,095']
    # One dark image of several may be of a dark place.
    (found,) = depth([ten, whole], tmp_path)
    assert not found.is_fault
    assert depth([whole, eight], tmp_path) == []
    assert depth([ten], tmp_path, value_range=(0, 1023)) == []


@pytest.mark.parametrize('decode', [True, False])
def test_special_files_are_not_opened(decode, tmp_path):
    """Special files among the images: pipes, devices, and files of /proc that never end."""
    os.mkfifo(tmp_path / 'pipe.jpg')
    for name, target in (('device', '/dev/zero'), ('log', '/proc/kmsg')):
        (tmp_path / f'{name}.jpg').symlink_to(target)
    with limits():
        found = reasons(
            [f'{tmp_path}/{n}.jpg' for n in ('pipe', 'device', 'log')], decode=decode
        )
    special = 'a pipe, socket, device or folder, not a file'
    assert found == {'pipe.jpg': special, 'device.jpg': special, 'log.jpg': 'empty file'}
