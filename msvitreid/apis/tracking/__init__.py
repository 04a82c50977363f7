"""Embeddings for trackers, and one embedding for each tracklet.

``encoder.py`` embeds the boxes of a frame, ``adapters.py`` gives them to trackers of other
packages, none of which is imported; ``mot_files.py`` reads and writes tracks,
``tracklets.py`` embeds them, ``track_gallery.py`` stores them. May use every room below ``apis``.
"""

from .adapters import (
    add_norfair_embeddings,
    deep_sort_inputs,
    norfair_distance,
    ultralytics_encoder,
)
from .encoder import TrackerEncoder
from .mot_files import Tracks, read_tracks, write_detections, write_tracks
from .track_gallery import add_tracks
from .tracklets import TrackEmbeddings, embed_tracks, find_frames

__all__ = [
    'TrackEmbeddings',
    'TrackerEncoder',
    'Tracks',
    'add_norfair_embeddings',
    'add_tracks',
    'deep_sort_inputs',
    'embed_tracks',
    'find_frames',
    'norfair_distance',
    'read_tracks',
    'ultralytics_encoder',
    'write_detections',
    'write_tracks',
]
