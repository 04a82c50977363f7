from .keep_in_memory import KeepInMemory
from .load_image import LoadImage
from .pack_reid_inputs import PackReIDInputs
from .random_crop import RandomCrop
from .random_flip import RandomFlip

__all__ = ['KeepInMemory', 'LoadImage', 'PackReIDInputs', 'RandomCrop', 'RandomFlip']
