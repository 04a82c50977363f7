"""What a tested net finds, as figures: curves, camera pairs, a map of its embeddings.

Takes arrays; knows no net and no files.
"""

from .camera_pairs import draw_camera_pairs
from .curves import draw_curves
from .embedding_map import draw_embedding_map
from .robustness import draw_robustness

__all__ = ['draw_camera_pairs', 'draw_curves', 'draw_embedding_map', 'draw_robustness']
