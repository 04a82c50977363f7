"""What pictures of a tested net show, as numbers: embedded test sets, chosen rankings, maps.

Takes configs, checkpoints and galleries; draws nothing.
"""

from .embedded_set import EmbeddedTestSet, embed_test_set, images_of_gallery
from .embedding_map import MapPoints, points_of_gallery, points_of_test_set, project, sample
from .rankings import QUERY_KINDS, Rankings, choose_queries, rank_with_left_out

__all__ = [
    'QUERY_KINDS',
    'EmbeddedTestSet',
    'MapPoints',
    'Rankings',
    'choose_queries',
    'embed_test_set',
    'images_of_gallery',
    'points_of_gallery',
    'points_of_test_set',
    'project',
    'rank_with_left_out',
    'sample',
]
