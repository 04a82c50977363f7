from .random_erasing import BatchRandomErasing

__all__ = ['BatchRandomErasing']
