"""What an image file says of itself, looked at before it is decoded."""

from __future__ import annotations

import io
from struct import unpack_from
from typing import Any

from PIL import Image

from msvitreid.datasets.readers.image_kinds import KINDS

from .netpbm import read_pnm_header

MAX_PIXELS = 2**26
# Every scan of a JPEG goes over the whole image, and may be a few bytes of the file.
MAX_SCANNED_PIXELS = 100 * MAX_PIXELS
# Bytes: a marker, and a header that names one component; libjpeg takes none shorter.
SHORTEST_SCAN = 10

NO_IMAGE = f'the file is not an image of a kind that is read ({", ".join(sorted(KINDS))})'
# What Pillow is asked about; it would read other variants of PNM too, and HEIF is none of its own.
PILLOW_KINDS = tuple(kind for kind in KINDS if kind not in ('PNM', 'HEIF'))
TOO_LARGE = f'the image claims more than {MAX_PIXELS:,} pixels'

PNG_START = b'\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR'
PNM_STARTS = tuple(b'P%d' % kind for kind in range(1, 7))
HEIF_BRANDS = (b'heic', b'heix', b'heim', b'heis', b'mif1', b'msf1')
JPEG_START = b'\xff\xd8\xff'
JPEG_SCAN = b'\xff\xda'
JPEG_END = b'\xff\xd9'
# Second bytes of JPEG markers: of segments with the image's size, and of those without length.
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
BARE = frozenset({0x00, 0x01, *range(0xD0, 0xD8)})


def fault_before_decoding(content: bytes) -> str:
    """Why an image file is not to be decoded, as a clause; '' if nothing speaks against it.

    A decoder allocates what the header claims, and a hundred bytes may claim gigabytes.
    JPEG and PNG are looked at here, because :func:`PIL.Image.open` takes a quarter of the
    time in which a person's crop is decoded; this takes a thirtieth.
    """
    whole, scan = True, 0
    try:
        if content.startswith(JPEG_START):
            height, width, scan = _look_at_jpeg(content)
            whole = content.rfind(JPEG_END, scan) > 0
        elif content.startswith(PNG_START):
            width, height = unpack_from('>II', content, len(PNG_START))
            whole = _is_whole_png(content)
        elif content.startswith(PNM_STARTS):
            header = read_pnm_header(content)
            height, width = header.height, header.width
            whole = len(content) >= header.shortest
        elif is_heif(content):
            width, height = open_heif(content).size
        else:
            with Image.open(io.BytesIO(content), formats=PILLOW_KINDS) as image:
                width, height = image.size
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return TOO_LARGE
    except Exception:  # readers of headers raise whatever they stumble over
        return NO_IMAGE
    pixels = height * width
    if pixels > MAX_PIXELS:
        return f'{TOO_LARGE} ({height}x{width})'
    if not whole:
        # Some decoders fill the missing part with grey, or make colors of what is there.
        return 'the image is cut short'
    # Counting them takes longer than all else here, and most files are too short for so many.
    if scan and pixels * (len(content) // SHORTEST_SCAN) > MAX_SCANNED_PIXELS:
        scans = content.count(JPEG_SCAN)
        if pixels * scans > MAX_SCANNED_PIXELS:
            return f'the image is a JPEG of {height}x{width} with {scans:,} scans, too many'
    return ''


def is_heif(content: bytes) -> bool:
    """Whether a file is one of the kind HEIF, and a package is there that can read it."""
    # AVIF files may have a brand that both kinds share, and name their own behind it.
    is_avif = b'avif' in content[16:64]
    return (
        'HEIF' in KINDS
        and content[4:8] == b'ftyp'
        and content[8:12] in HEIF_BRANDS
        and not is_avif
    )


def open_heif(content: bytes) -> Any:
    """The file's primary image by pillow-heif, not yet decoded."""
    import pillow_heif  # optional, and nothing else needs it

    return pillow_heif.open_heif(io.BytesIO(content), convert_hdr_to_8bit=True)


def _is_whole_png(content: bytes) -> bool:
    """Whether the chunks lie within the file; a decoder may allocate what each claims."""
    at = 8
    while at + 12 <= len(content):
        length, kind = unpack_from('>I4s', content, at)
        at += 12 + length
        if kind == b'IEND':
            return at <= len(content)
    return False


def _look_at_jpeg(content: bytes) -> tuple[int, int, int]:
    """Height, width, and where the first scan begins, found in the way of libjpeg.

    Raises:
        Exception: no frame or no scan is found.
    """
    height = width = 0
    at = 2
    while True:
        if content[at] != 0xFF:  # what lies between two segments is passed over
            at = content.index(b'\xff', at)
        marker = content[at + 1]
        if marker == 0xDA:
            return height, width, at
        if marker == 0xFF:
            at += 1
        elif marker in BARE:
            at += 2
        else:
            if marker in FRAMES:
                height, width = unpack_from('>HH', content, at + 5)
            at += 2 + (content[at + 2] << 8 | content[at + 3])
