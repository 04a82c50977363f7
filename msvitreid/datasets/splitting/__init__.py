"""Dealing the identities of a user's images into training and test, as a list.

``dealing.py`` decides, ``source.py`` reads folders and lists, ``list_file.py`` writes the result.
What may enter: other ways to deal identities.
"""

from .dealing import Crop, Dealing, deal
from .list_file import SplitOptions, write_split

__all__ = ['Crop', 'Dealing', 'SplitOptions', 'deal', 'write_split']
