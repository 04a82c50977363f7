"""Decisions with known error rates: calibrate a threshold, compare two images, identify or say new.

A card is measured once on labeled images and holds for one model. What decides by a similarity
enters here; measures that are pure numbers are in ``evaluation.functional``.
"""

from .card import CalibrationCard

__all__ = ['CalibrationCard']
