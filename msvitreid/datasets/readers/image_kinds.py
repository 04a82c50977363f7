"""Which kinds of image files are read: one list for those who list and those who load."""

from __future__ import annotations

from importlib.util import find_spec

from PIL import features

#: Suffixes of each kind, in lower case; a file's kind itself is known by its content.
KINDS: dict[str, tuple[str, ...]] = {
    'BMP': ('.bmp',),
    'GIF': ('.gif',),
    'JPEG': ('.jpg', '.jpeg', '.jfif'),
    'PNG': ('.png',),
    'PNM': ('.pgm', '.ppm', '.pbm', '.pnm'),
    'TIFF': ('.tif', '.tiff'),
    'WEBP': ('.webp',),
}
#: Kinds that are read where a package can decode them, and the extra that installs it.
OPTIONAL_KINDS = {'AVIF': ('.avif',), 'HEIF': ('.heic', '.heif')}
EXTRAS = {'AVIF': 'avif', 'HEIF': 'heif'}

if features.check('avif'):
    KINDS['AVIF'] = OPTIONAL_KINDS['AVIF']
if find_spec('pillow_heif') is not None:
    KINDS['HEIF'] = OPTIONAL_KINDS['HEIF']

IMAGE_SUFFIXES = tuple(suffix for suffixes in KINDS.values() for suffix in suffixes)


def is_image_name(name: str) -> bool:
    """Whether a file is called as an image of a kind that is read, in any case."""
    return name.lower().endswith(IMAGE_SUFFIXES)


def advice(suffix: str) -> str:
    """What to do about files with a suffix that is not read, as a clause."""
    for kind, suffixes in OPTIONAL_KINDS.items():
        if suffix in suffixes and kind not in KINDS:
            return f"pip install 'msvitreid[{EXTRAS[kind]}]'"
    return f'convert them to one of {", ".join(IMAGE_SUFFIXES)}'
