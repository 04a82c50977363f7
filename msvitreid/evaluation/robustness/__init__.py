"""How much a ranking loses as images get worse: corruptions, conditions, curves, results.

A new corruption is a function of uint8 images in ``corruptions.py`` (``occlusion.py`` covers parts)
and an entry with its levels in ``conditions.py``. ``curves.py`` ranks, ``result.py`` is the file.
What embeds the images is given from above; nothing here imports datasets or models.
"""

from .conditions import CONDITIONS, DEFAULT_CONDITIONS, Condition, Corruption, chosen_conditions
from .curves import FIGURES, Curve, Figure, Level, Ranking, make_curve
from .result import (
    APPLY_TO,
    NetRobustness,
    RobustnessResult,
    TestedImages,
    read_result,
    result_csv,
    result_dict,
    result_json,
)

__all__ = [
    'APPLY_TO',
    'CONDITIONS',
    'DEFAULT_CONDITIONS',
    'FIGURES',
    'Condition',
    'Corruption',
    'Curve',
    'Figure',
    'Level',
    'NetRobustness',
    'Ranking',
    'RobustnessResult',
    'TestedImages',
    'chosen_conditions',
    'make_curve',
    'read_result',
    'result_csv',
    'result_dict',
    'result_json',
]
