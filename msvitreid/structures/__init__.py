"""What goes through a net besides the images; knows nothing of ours."""

from .reid_data_sample import ReIDDataSample

__all__ = ['ReIDDataSample']
