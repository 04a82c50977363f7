"""Augmentations of whole batches, on their device."""

from .random_erasing import BatchRandomErasing

__all__ = ['BatchRandomErasing']
