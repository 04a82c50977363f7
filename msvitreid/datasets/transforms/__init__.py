"""From a file to the uint8 image that a net gets, one transform per file."""

from .keep_in_memory import KeepInMemory
from .letterbox_resize import LetterboxResize
from .load_image import LoadImage
from .pack_reid_inputs import PackReIDInputs
from .prepare_on_device import PrepareOnDevice
from .random_crop import RandomCrop

__all__ = [
    'KeepInMemory',
    'LetterboxResize',
    'LoadImage',
    'PackReIDInputs',
    'PrepareOnDevice',
    'RandomCrop',
]
