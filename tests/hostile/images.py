"""Files that are to be decoded as images."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from msvitreid.datasets import LoadImage

from .case import Case, content, link

AGAIN = 'download it again or take it out of the dataset'
KINDS = 'AVIF, BMP, GIF, JPEG, PNG, PNM, TIFF, WEBP'
NO_IMAGE = f'FILE: the file is not an image of a kind that is read ({KINDS}); {AGAIN}'
NOT_DECODED = f'FILE: the file is not an image that OpenCV can decode; {AGAIN}'
CUT = f'FILE: the image is cut short; {AGAIN}'
NO_FILE = 'FILE: the image cannot be read ({}); restore the file or take it out of the dataset'


def too_large(size: str = '') -> str:
    return f'FILE: the image claims more than 67,108,864 pixels{size}; {AGAIN}'


def load(path: Path) -> object:
    return LoadImage().transform({'img_path': str(path)})


def drawn(kind: str, width: int = 256, height: int = 512, **how: object) -> bytes:
    """A gradient, so that no part is like another."""
    image = Image.linear_gradient('L').resize((width, height)).convert('RGB')
    file = io.BytesIO()
    image.save(file, kind, **how)
    return file.getvalue()


def patched(kind: str, at: int, form: str, *values: int) -> Callable[[], bytes]:
    def write() -> bytes:
        file = bytearray(drawn(kind))
        struct.pack_into(form, file, at, *values)
        return bytes(file)

    return write


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return (
        struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
    )


def png(width: int, height: int, *chunks: bytes) -> bytes:
    header = png_chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0))
    return b'\x89PNG\r\n\x1a\n' + header + b''.join(chunks) + png_chunk(b'IEND', b'')


def png_with_a_chunk_of_4_gb() -> bytes:
    return png(8, 8, b'\xff\xff\xff\xf0IDAT' + zlib.compress(bytes(8 * 25)))


def jpeg_of_60000() -> bytes:
    file = drawn('JPEG')
    frame = file.index(b'\xff\xc0')
    return file[: frame + 5] + struct.pack('>HH', 60_000, 60_000) + file[frame + 9 :]


def jpeg_of_many_scans() -> bytes:
    file = drawn('JPEG', 2000, 2000, progressive=True)
    last = file[file.rindex(b'\xff\xda') : -2]
    return file[:-2] + last * 5_000 + file[-2:]


def webp_of_9000() -> bytes:
    """An animation of two small frames on a large canvas."""
    file = io.BytesIO()
    frames = [Image.new('RGB', (8, 8), color) for color in ('red', 'blue')]
    frames[0].save(file, 'WEBP', save_all=True, append_images=frames[1:])
    canvas = file.getvalue().index(b'VP8X') + 12
    side = struct.pack('<I', 9000 - 1)[:3]
    return file.getvalue()[:canvas] + side + side + file.getvalue()[canvas + 6 :]


def tiff_of_9000() -> bytes:
    """The header and the directory of an image without its pixels."""
    tags = {
        256: 9000,
        257: 9000,
        258: 8,
        259: 1,
        262: 1,
        273: 8,
        277: 1,
        278: 9000,
        279: 81_000_000,
    }
    entries = b''.join(struct.pack('<HHII', tag, 4, 1, value) for tag, value in tags.items())
    return b'II*\0' + struct.pack('<IH', 8, len(tags)) + entries + bytes(4)


def half(kind: str) -> Callable[[], bytes]:
    return lambda: drawn(kind)[: len(drawn(kind)) // 2]


def jpeg_downloaded_in_part() -> bytes:
    """As clients leave it that make a file of the full size first."""
    return half('JPEG')() + bytes(500)


def folder(path: Path) -> Path:
    (path / 'x.jpg').mkdir()
    return path / 'x.jpg'


def pipe(path: Path) -> Path:
    os.mkfifo(path / 'x.jpg')
    return path / 'x.jpg'


def sparse(path: Path) -> Path:
    with open(path / 'x.jpg', 'wb') as file:
        file.truncate(2**40)
    return path / 'x.jpg'


def forbidden(path: Path) -> Path:
    (path / 'x.jpg').write_bytes(drawn('JPEG'))
    (path / 'x.jpg').chmod(0)
    return path / 'x.jpg'


def load_without_rights(path: Path) -> object:
    """As somebody who is not root, to whom nothing is forbidden."""
    user = os.geteuid()
    if user != 0:
        return load(path)
    os.seteuid(65534)
    try:
        return load(path)
    finally:
        os.seteuid(user)


IMAGES = {
    'PNG that claims 30000x30000': Case(
        content('x.png', lambda: png(30_000, 30_000, png_chunk(b'IDAT', zlib.compress(b'')))),
        load,
        too_large(' (30000x30000)'),
    ),
    'JPEG that claims 60000x60000': Case(
        content('x.jpg', jpeg_of_60000), load, too_large(' (60000x60000)')
    ),
    'WebP animation on a canvas of 9000x9000': Case(
        content('x.webp', webp_of_9000), load, too_large(' (9000x9000)')
    ),
    'GIF that claims 65535x65535': Case(
        content('x.gif', patched('GIF', 6, '<HH', 65535, 65535)), load, too_large()
    ),
    'BMP that claims 40000x40000': Case(
        content('x.bmp', patched('BMP', 18, '<ii', 40_000, 40_000)), load, too_large()
    ),
    'TIFF that claims 9000x9000': Case(
        content('x.tif', tiff_of_9000), load, too_large(' (9000x9000)')
    ),
    'PNG with a chunk that claims 4 GB': Case(
        content('x.png', png_with_a_chunk_of_4_gb), load, CUT
    ),
    'JPEG of 5,000 scans over the whole image': Case(
        content('x.jpg', jpeg_of_many_scans),
        load,
        f'FILE: the image is a JPEG of 2000x2000 with 5,010 scans, too many; {AGAIN}',
    ),
    'JPEG, its second half missing': Case(content('x.jpg', half('JPEG')), load, CUT),
    'JPEG, its second half zeros': Case(content('x.jpg', jpeg_downloaded_in_part), load, CUT),
    'JPEG without its last two bytes': Case(
        content('x.jpg', lambda: drawn('JPEG')[:-2]), load, CUT
    ),
    'JPEG, nothing but its first 100 bytes': Case(
        content('x.jpg', lambda: drawn('JPEG')[:100]), load, NO_IMAGE
    ),
    'PNG, its second half missing': Case(content('x.png', half('PNG')), load, CUT),
    'BMP, its second half missing': Case(content('x.bmp', half('BMP')), load, NOT_DECODED),
    'GIF, its second half missing': Case(
        content('x.gif', half('GIF')), load, NOT_DECODED.replace('OpenCV', 'Pillow')
    ),
    'PNG of 0x5 pixels': Case(content('x.png', lambda: png(0, 5)), load, NOT_DECODED),
    'empty file': Case(
        content('x.jpg', bytes), load, f'FILE: the image file is empty; {AGAIN}'
    ),
    'web page called x.jpg': Case(
        content('x.jpg', lambda: b'<html>404 Not Found</html>'), load, NO_IMAGE
    ),
    'PostScript called x.jpg': Case(
        content('x.jpg', lambda: b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n'),
        load,
        NO_IMAGE,
    ),
    'folder called x.jpg': Case(folder, load, NO_FILE.format('Is a directory')),
    'named pipe called x.jpg': Case(
        pipe, load, NO_FILE.format('a pipe, socket or device, not a file')
    ),
    'link to a device': Case(
        link('x.jpg', '/dev/zero'), load, NO_FILE.format('a pipe, socket or device, not a file')
    ),
    'link to itself': Case(
        link('x.jpg', 'x.jpg'), load, NO_FILE.format('Too many levels of symbolic links')
    ),
    'link to nothing': Case(
        link('x.jpg', 'gone.jpg'), load, NO_FILE.format('No such file or directory')
    ),
    'sparse file of a terabyte': Case(
        sparse, load, NO_FILE.format('1,099,511,627,776 bytes, more than 536,870,912')
    ),
    'file without the right to read it': Case(
        forbidden, load_without_rights, NO_FILE.format('Permission denied')
    ),
}
