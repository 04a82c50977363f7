"""What goes through a net besides the images; knows nothing of ours."""

from .reid_data_sample import ReIDDataSample
from .unprepared_images import UnpreparedImages

__all__ = ['ReIDDataSample', 'UnpreparedImages']
