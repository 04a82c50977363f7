from .epoch_seed_hook import EpochSeedHook
from .plain_checkpoint_hook import PlainCheckpointHook
from .weight_average_hook import WeightAverageHook

__all__ = ['EpochSeedHook', 'PlainCheckpointHook', 'WeightAverageHook']
