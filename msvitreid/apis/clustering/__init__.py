"""Clusters of embeddings without labels: which images show the same identity.

``clusters.py`` is what programs call; ``neighbors.py`` finds similar pairs in blocks,
``merging.py`` unites images under constraints, ``labels_file.py`` writes clusters as a CSV list.
May use every room below ``apis``.
"""

from .clusters import METHODS, Clusters, assign, cluster

__all__ = ['METHODS', 'Clusters', 'assign', 'cluster']
