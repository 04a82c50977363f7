"""Folders of images in a gallery: listed, embedded, kept up to date, and searched by images.

A gallery's item is an image file; its id is the path below the folder that was given, and its
metadata hold the whole ``path``.
"""

from .adding import IndexReport, index_images
from .conditions import parse_conditions, require_columns
from .files import (
    ImageFile,
    ListedImages,
    image_path,
    image_paths,
    list_image_files,
    require_no_image_of,
    require_outside,
)
from .metadata import columns_from_names, joined_columns, read_metadata_table
from .model_gallery import open_or_create_gallery, require_same_model
from .reembedding import reembed_gallery
from .searching import ImageSearch, draw_search, search_images

__all__ = [
    'ImageFile',
    'ImageSearch',
    'IndexReport',
    'ListedImages',
    'columns_from_names',
    'draw_search',
    'image_path',
    'image_paths',
    'index_images',
    'joined_columns',
    'list_image_files',
    'open_or_create_gallery',
    'parse_conditions',
    'read_metadata_table',
    'reembed_gallery',
    'require_columns',
    'require_no_image_of',
    'require_outside',
    'require_same_model',
    'search_images',
]
