from .config import complete_config
from .hooks import WeightAverageHook
from .runner import ReIDRunner

__all__ = ['ReIDRunner', 'WeightAverageHook', 'complete_config']
