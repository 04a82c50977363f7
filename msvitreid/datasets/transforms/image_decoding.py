"""An image file as RGB, the same for every part of the toolkit that looks at images."""

from __future__ import annotations

import io
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageOps

from msvitreid.errors import DatasetError
from msvitreid.utils.regular_file import read_regular_file

from .image_header import PNM_STARTS, fault_before_decoding, is_heif, open_heif
from .netpbm import decode_pnm, read_pnm_header

# In any depth, and with the orientation of the EXIF data.
_ANY_DEPTH = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH
_TIFF_STARTS = (b'II*\0', b'MM\0*', b'II+\0', b'MM\0+')
# OpenCV reads GIF from 4.12 on only.
_FOR_PILLOW = (*_TIFF_STARTS, b'GIF8')
# A tag of TIFF.
BITS_PER_SAMPLE = 258
# OpenCV multiplies their colors with the alpha channel.
_ALPHA_MODES = ('RGBA', 'RGBa', 'LA', 'La', 'PA')


class DecodedImage(NamedTuple):
    """Pixels as a file holds them.

    Attributes:
        values: ``(H, W, 3)`` RGB, uint8 or uint16.
        white: the value of full brightness: 255, 65,535, of a TIFF file of 12 bits 4,095, or
            what a PNM file says.
    """

    values: np.ndarray
    white: int


def read_image(path: str, value_range: tuple[int, int] | None = None) -> np.ndarray:
    """Decode an image file to ``(H, W, 3)`` uint8 RGB.

    The orientation that the file's EXIF data give is applied; gray, CMYK and palettes become
    RGB; alpha is left out, so that the color stored for a transparent pixel shows; of several
    frames the first is taken.

    Args:
        path: a file of one of :data:`~msvitreid.datasets.readers.image_kinds.KINDS`.
        value_range: values of a 16-bit file that become 0 and 255; ``None`` takes the upper 8
            bits, and of a PNM file or a TIFF file of 12 bits the range that it states.

    Raises:
        DatasetError: the file is missing, empty, no regular file, not an image, cut short,
            or claims more pixels than any image of a person or a product has.
    """
    return to_8_bits(decode_image(path), value_range)


def decode_image(path: str) -> DecodedImage:
    """Decode an image file in the depth that it has; see :func:`read_image`.

    Raises:
        DatasetError: see :func:`read_image`.
    """
    try:
        content = read_regular_file(path)
    except OSError as error:
        raise DatasetError(
            f'{path}: the image cannot be read ({error.strerror}); restore the file or take '
            'it out of the dataset'
        ) from error
    image = _decoded_or_fault(content)
    if isinstance(image, DecodedImage):
        return image
    raise DatasetError(f'{path}: {image}; download it again or take it out of the dataset')


def decode_content(content: bytes, name: str) -> DecodedImage:
    """:func:`decode_image` of the content of a file, such as an upload.

    Raises:
        DatasetError: it is no such image; ``name`` is in the sentence.
    """
    image = _decoded_or_fault(content)
    if isinstance(image, DecodedImage):
        return image
    raise DatasetError(f'{name}: {image}; give another image')


def to_8_bits(image: DecodedImage, value_range: tuple[int, int] | None = None) -> np.ndarray:
    """``(H, W, 3)`` uint8: 16-bit values mapped linearly, others as they are.

    Args:
        image: what was decoded.
        value_range: see :func:`read_image`.
    """
    values, white = image
    if values.dtype == np.uint8:
        return values
    if value_range is None:
        if white == 65535:
            return (values >> 8).astype(np.uint8)
        value_range = (0, white)
    low, high = value_range
    table = (np.arange(65536) - low) * (255 / (high - low))
    return np.rint(table).clip(0, 255).astype(np.uint8)[values]


def _decoded_or_fault(content: bytes) -> DecodedImage | str:
    """The image, or what is wrong with it, which is looked for before anything is decoded."""
    fault = fault_before_decoding(content) if content else 'the image file is empty'
    return fault or _decode(content)


def _decode(content: bytes) -> DecodedImage | str:
    """The image, or what is wrong with it."""
    if content.startswith(PNM_STARTS):
        return _decode_pnm(content)
    if (
        content[4:8] == b'ftyp'
        or content.startswith(_FOR_PILLOW)
        or _is_webp_with_exif(content)
        or _is_animated_png(content)
    ):
        try:
            values = _decode_with_pillow(content)
        except Exception:  # Pillow and its decoders raise whatever they stumble over
            return 'the file is not an image that Pillow can decode'
        if values is not None:
            return DecodedImage(values, 255)
    try:
        values = cv2.imdecode(np.frombuffer(content, np.uint8), _ANY_DEPTH)
    except cv2.error:  # of sizes that OpenCV refuses by itself, where it is not None
        values = None
    if values is None or values.ndim != 3:
        return 'the file is not an image that OpenCV can decode'
    if values.dtype == np.int16:
        values = values.clip(0).astype(np.uint16)
    if values.dtype not in (np.uint8, np.uint16):
        return f'its values are {values.dtype}, and those of 8 or 16 bits are read'
    values = cv2.cvtColor(values, cv2.COLOR_BGR2RGB, dst=values)
    if values.dtype == np.uint8:
        return DecodedImage(values, 255)
    bits = _tiff_bits(content) if content.startswith(_TIFF_STARTS) else 16
    # OpenCV shifts 12 bits to the upper ones of 16; a range is stated in the file's values.
    return DecodedImage(np.right_shift(values, 16 - bits), 2**bits - 1)


def _is_webp_with_exif(content: bytes) -> bool:
    """Whether it may have an orientation, which OpenCV 4 does not apply in WebP."""
    is_extended = content.startswith(b'RIFF') and content[8:16] == b'WEBPVP8X'
    return is_extended and bool(content[20:21]) and bool(content[20] & 0x08)


def _is_animated_png(content: bytes) -> bool:
    """Whether it has frames, a damaged one of which ends the process in OpenCV 4.11."""
    return content.startswith(b'\x89PNG') and b'acTL' in content[: content.find(b'IDAT')]


def _tiff_bits(content: bytes) -> int:
    """Bits of a value in a TIFF file that was decoded to 16: 12 or 16."""
    with Image.open(io.BytesIO(content), formats=['TIFF']) as image:
        bits = int(image.tag_v2[BITS_PER_SAMPLE][0])
    return bits if 8 < bits < 16 else 16


def _decode_pnm(content: bytes) -> DecodedImage | str:
    header = read_pnm_header(content)
    try:
        values = decode_pnm(content, header)
    except ValueError:
        return 'the image is cut short, or a value is out of range'
    white = header.white
    if white < 255:
        scale = np.rint(np.arange(white + 1) * (255 / white)).astype(np.uint8)
        values, white = scale[values], 255
    if header.channels == 1:
        values = np.repeat(values, 3, axis=2)
    return DecodedImage(values, white)


def _decode_with_pillow(content: bytes) -> np.ndarray | None:
    """What some OpenCV cannot decode, or decodes otherwise; None where it is TIFF without alpha."""
    image = (
        open_heif(content).to_pillow() if is_heif(content) else Image.open(io.BytesIO(content))
    )
    with image:
        if image.format == 'TIFF' and image.mode not in _ALPHA_MODES:
            return None
        return rgb_of_pillow(image)


def rgb_of_pillow(image: Image.Image) -> np.ndarray:
    """An image of Pillow's, of 8 bits, as ``(H, W, 3)`` uint8 RGB; see :func:`read_image`."""
    # A premultiplied or indexed image has its colors after one step more.
    straight = {'RGBa': 'RGBA', 'La': 'LA', 'PA': 'RGBA'}.get(image.mode)
    plain = image.convert(straight) if straight else image
    return np.array(ImageOps.exif_transpose(plain).convert('RGB'))
