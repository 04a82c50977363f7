"""Clusters of embeddings without labels: which images show the same identity.

``clusters.py`` is what programs call; ``neighbors.py`` finds similar pairs in blocks,
``merging.py`` unites images under constraints. ``of_gallery.py`` clusters a gallery,
``labels_file.py`` writes clusters as a CSV list and ``sheet.py`` draws them.
"""

from .clusters import METHODS, Clusters, assign, cluster
from .labels_file import read_list, write_list
from .of_gallery import GalleryClusters, cluster_gallery
from .sheet import draw_clusters

__all__ = [
    'METHODS',
    'Clusters',
    'GalleryClusters',
    'assign',
    'cluster',
    'cluster_gallery',
    'draw_clusters',
    'read_list',
    'write_list',
]
