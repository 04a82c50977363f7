"""Decisions with known error rates: calibrate a threshold, compare two images, identify or say new.

A card is measured once on labeled images and holds for one model: ``calibration.py`` measures it,
``card.py`` is the card and writes it, ``card_file.py`` reads one, ``verifier.py`` decides at its
thresholds, ``answers.py`` is what it answers. Measures that are pure
numbers are in ``evaluation.functional``.
"""

from .answers import Candidate, Decision, Identification
from .calibration import calibrate
from .card import CalibrationCard
from .verifier import Verifier

__all__ = [
    'CalibrationCard',
    'Candidate',
    'Decision',
    'Identification',
    'Verifier',
    'calibrate',
]
