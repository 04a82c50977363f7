"""What a tested net finds, as figures: curves, camera pairs, a map of its embeddings, variants.

Takes arrays; knows no net and no files.
"""

from .camera_pairs import draw_camera_pairs
from .curves import draw_curves
from .embedding_map import draw_embedding_map
from .robustness import draw_robustness
from .variants import VariantRow, draw_variants

__all__ = [
    'VariantRow',
    'draw_camera_pairs',
    'draw_curves',
    'draw_embedding_map',
    'draw_robustness',
    'draw_variants',
]
