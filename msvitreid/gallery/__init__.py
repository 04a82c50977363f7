"""Galleries: embeddings with ids and metadata, stored, changed and searched.

A gallery knows a model's fingerprint and the length of its embeddings, and no model, dataset or
runner. ``base.py`` is what every store does. Another store is a file such as ``qdrant.py``: a class
of ``GALLERIES`` with the ``schemes`` of its URLs, imported below; nothing else has to know it.
Of the embedded gallery, a write that fails is undone by ``vectors.py`` for vectors and by
``database.py`` for the rest, which also says what a gallery records of itself;
``stored_precision.py`` turns vectors into bytes.
"""

from .base import GalleryStore
from .embedded import EmbeddedGallery
from .items import CopyReport, Item, Report, SearchResults
from .opening import create_gallery, gallery_exists, open_gallery
from .qdrant import QdrantGallery

__all__ = [
    'CopyReport',
    'EmbeddedGallery',
    'GalleryStore',
    'Item',
    'QdrantGallery',
    'Report',
    'SearchResults',
    'create_gallery',
    'gallery_exists',
    'open_gallery',
]
