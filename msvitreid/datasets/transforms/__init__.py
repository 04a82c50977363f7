from .load_image import LoadImage
from .pack_reid_inputs import PackReIDInputs
from .random_crop import RandomCrop

__all__ = ['LoadImage', 'PackReIDInputs', 'RandomCrop']
