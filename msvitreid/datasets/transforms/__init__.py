"""From a file to the uint8 image that a net gets, one transform per file.

``image_decoding.py`` reads every image file of the toolkit, of folders, galleries and pages too;
``LoadImage`` only calls it. ``image_preparation.py`` does the same steps without a dataset.
``Resize``, ``RandomFlip`` and ``CenterCrop`` are mmcv's; their options stand in the configs.
"""

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
