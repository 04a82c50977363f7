from __future__ import annotations

from mmengine.structures import BaseDataElement


class ReIDDataSample(BaseDataElement):
    """What is known of one image, and what the model says of it.

    Data fields: ``pid`` (int), ``camid`` (int, -1 where unknown), ``label`` (int,
    the class index at training, absent at test), ``embedding`` (``(D,)`` unit
    vector, set by the model in ``predict`` mode).

    Metainfo: ``img_path`` (str), ``split`` ('train', 'query' or 'gallery'),
    ``sample_idx`` (int, position in the dataset) and, where several test sets are joined,
    ``dataset`` (str, the name of the image's own); ``unreadable`` (tuple of paths) where it
    stands for files that could not be read.
    """
