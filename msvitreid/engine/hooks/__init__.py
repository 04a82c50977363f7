from .plain_history_hook import PlainHistoryHook
from .weight_average_hook import WeightAverageHook

__all__ = ['PlainHistoryHook', 'WeightAverageHook']
