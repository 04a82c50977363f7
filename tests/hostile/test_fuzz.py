"""Whatever a name or a file holds, it is read, or there is an error of ours."""

from __future__ import annotations

import io
import random
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from msvitreid.checkpoints import extract_state_dict, read_checkpoint
from msvitreid.datasets import LoadImage
from msvitreid.datasets.image_record import ImageRecord
from msvitreid.datasets.layouts.body_folders import parse_file_name, parse_folder_name
from msvitreid.datasets.layouts.market_style import parse_market_name
from msvitreid.datasets.readers.identity_folders import find_camera
from msvitreid.datasets.readers.listed_values import path_below
from msvitreid.datasets.readers.spellings import number_names
from msvitreid.errors import CheckpointError, DatasetError

from .lists import HEADERS, annotations, read_released, write_released
from .mutation import mutated_bytes, mutated_names

FOLDER = Path('/data/x')
NUMBERS = 10**18

VALID_NAMES = (
    '0002_c1s1_000451_03.jpg',
    '-1_c6s3_077417_04.jpg',
    '0000_c15_f0046182.png',
    '0001_c001_00016450_0.jpg',
    '0042',
    '001_002.tif',
    '0000/0000_000_01_0303morning_0015_0.jpg',
    'img/WOMEN/Dresses/id_00000002/02_1_front.jpg',
    'x_c12_0.JPEG',
)


def check_numbers(*numbers: int) -> None:
    assert all(type(number) is int and -1 <= number < NUMBERS for number in numbers)


def parse_with_every_parser(name: str) -> Counter[str]:
    """How many parsers took the name, and how many refused it in their own way."""
    outcome: Counter[str] = Counter()
    parsers = {
        'market': lambda: parse_market_name(FOLDER, name)[1:],
        'body folder': lambda: (parse_folder_name(FOLDER, name),),
        'body file': lambda: (parse_file_name(FOLDER, name),),
        'camera': lambda: (find_camera(FOLDER / name, r'_c(\d+)'),),
        'first digit': lambda: (find_camera(FOLDER / name, r'^(.)'),),
    }
    for kind, parse in parsers.items():
        try:
            check_numbers(*parse())
            outcome[kind] += 1
        except DatasetError:
            outcome['refused'] += 1
    try:
        assert path_below(FOLDER, name).startswith('/data/x/')
        outcome['path'] += 1
    except ValueError:
        outcome['refused'] += 1
    return outcome


def test_a_hundred_thousand_names():
    outcome: Counter[str] = Counter()
    names = list(mutated_names(random.Random(0), VALID_NAMES, 100_000))
    for name in names:
        outcome += parse_with_every_parser(name)
    # Not all are refused: there is something to be parsed in them.
    assert len(outcome) == 7
    assert min(outcome.values()) > 500
    assert outcome['refused'] > 100_000
    numbers = number_names(names)
    assert sorted(numbers.values()) == list(range(len(set(names))))


@given(st.text() | st.from_regex(r'-?\d+_c\d+.*', fullmatch=True) | st.from_regex(r'\d+_?\w*'))
@settings(deadline=None)
def test_any_name(name):
    parse_with_every_parser(name)


# --- lists --------------------------------------------------------------------------------

FIELDS = ('0_0_01_x.jpg', 'a.jpg', '../b.jpg', '/c.jpg', '1', '2', '101', '-1', '9' * 30, 'id_7',
          'id_', 'query', 'gallery', 'train', '\0', '\ufeff', '٣', '\u2028', '\x85', ' ', '\t',
          '\r', '\n', '\n', ' ', ' ')  # fmt: skip
lists = st.binary(max_size=80) | st.lists(st.sampled_from(FIELDS), max_size=30).map(
    lambda parts: ''.join(parts).encode()
)


@pytest.mark.parametrize('name', ['MSMT17', 'VehicleID', 'SOP', 'In-shop', 'CUB'])
@given(content=lists)
@settings(
    deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_list(name, content, tmp_path):
    path = write_released(name, tmp_path, HEADERS.get(name, '').encode() + content)
    try:
        records = read_released(name, path)
    except DatasetError:
        return
    for record in records:
        assert isinstance(record, ImageRecord)
        check_numbers(record.pid, record.camid)
        assert record.img_path.startswith(f'{tmp_path}/')
        assert '..' not in record.img_path.split('/')


# --- files --------------------------------------------------------------------------------


def images() -> list[bytes]:
    gradient = Image.linear_gradient('L').resize((16, 24)).convert('RGB')
    frames = [Image.new('RGB', (16, 16), color) for color in ('red', 'blue')]
    exif = Image.Exif()
    exif[0x0112] = 6
    written = []

    def write(image: Image.Image, kind: str, **how: object) -> None:
        file = io.BytesIO()
        image.save(file, kind, **how)
        written.append(file.getvalue())

    for kind in ('BMP', 'GIF', 'JPEG', 'PNG', 'TIFF', 'WEBP'):
        write(gradient, kind)
    write(gradient, 'JPEG', progressive=True, exif=exif)
    write(gradient.convert('CMYK'), 'JPEG')
    write(gradient, 'TIFF', compression='tiff_lzw')
    for kind in ('GIF', 'PNG', 'WEBP'):
        write(frames[0], kind, save_all=True, append_images=frames[1:])
    return written


# Pillow's, of damaged TIFF and of a size that is refused anyway.
@pytest.mark.filterwarnings('ignore::UserWarning', 'ignore::RuntimeWarning')
def test_damaged_images(tmp_path):
    load = LoadImage()
    outcome: Counter[str] = Counter()
    for data in mutated_bytes(random.Random(0), images(), 3000):
        (tmp_path / 'x').write_bytes(data)
        try:
            image = load.transform({'img_path': str(tmp_path / 'x')})['img']
            assert image.ndim == 3
            outcome['read'] += 1
        except DatasetError:
            outcome['refused'] += 1
    assert min(outcome['read'], outcome['refused']) > 500


def test_damaged_tables(tmp_path):
    outcome: Counter[str] = Counter()
    rows = [(f'car_ims/{number:06d}.jpg', 99 + number) for number in range(3)]
    originals = [annotations(*rows), annotations(*rows, names=np.eye(2), compress=True)]
    for data in mutated_bytes(random.Random(0), originals, 1500):
        path = write_released('Cars', tmp_path, data)
        try:
            for record in read_released('Cars', path):
                check_numbers(record.pid)
                assert record.img_path.startswith(f'{tmp_path}/')
            outcome['read'] += 1
        except DatasetError:
            outcome['refused'] += 1
    assert min(outcome['read'], outcome['refused']) > 200


def test_damaged_checkpoints(tmp_path):
    content = {
        'meta': {'epoch': 3},
        'state_dict': torch.nn.BatchNorm1d(3).state_dict(),
        'optimizer': [1, 2.5, 'x', torch.ones(2, 2, dtype=torch.float16)],
    }
    originals = []
    for legacy in (False, True):
        file = io.BytesIO()
        torch.save(content, file, _use_new_zipfile_serialization=not legacy)
        originals.append(file.getvalue())
    outcome: Counter[str] = Counter()
    for data in mutated_bytes(random.Random(0), originals, 1500):
        (tmp_path / 'x').write_bytes(data)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter('ignore')  # torch's, of what it is about to refuse
                extract_state_dict(read_checkpoint(tmp_path / 'x'), 'x')
            outcome['read'] += 1
        except CheckpointError:
            outcome['refused'] += 1
    assert min(outcome['read'], outcome['refused']) > 50
