from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import Image

from msvitreid.datasets.inspection import unreadable_findings
from msvitreid.datasets.transforms.image_header import PNG_START

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


def test_opencv_does_not_speak_into_the_progress_bar(image, capfd):
    paths = [image('cut.tif', 500), image('cut.png', 500)]
    unreadable_findings([contents([entry('train', 1, path=p) for p in paths])], progress=True)
    err = capfd.readouterr().err
    assert 'decoding 2 images' in err
    assert '2/2' in err
    assert 'WARN' not in err
    assert 'ERROR' not in err


def test_an_image_of_two_splits_is_a_finding_of_each(tmp_path):
    entries = [entry(split, 1, path=f'{tmp_path}/x.jpg') for split in ('train', 'query')]
    found = unreadable_findings([contents(entries)])
    assert [finding.where for finding in found] == ['Market1501 train', 'Market1501 query']
