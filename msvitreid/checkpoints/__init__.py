"""Checkpoint and model files: safe reading, filling a net, names of a run's checkpoints, its lock.

Everything that a file holds is checked here before anything else uses it. This room imports
torch, mmengine's logging and the ground (``errors``, ``utils``); it knows no runner and no model.
"""

from .class_weights import weights_of_classes
from .filling import fill_model, keys_below
from .load_report import LOADED, LoadReport, Reshaped, log_misfits
from .model_file import ModelFile, read_model_file, write_model_file
from .reading import digest, extract_state_dict, read_checkpoint, write_checkpoint
from .schema import file_name_of, require_run_state
from .training_options import option_differences, require_scheduled_values, saved_groups
from .training_state import require_optimizer_state
from .values import are_finite, require_usable_values

__all__ = [
    'LOADED',
    'LoadReport',
    'ModelFile',
    'Reshaped',
    'are_finite',
    'digest',
    'extract_state_dict',
    'file_name_of',
    'fill_model',
    'keys_below',
    'log_misfits',
    'option_differences',
    'read_checkpoint',
    'read_model_file',
    'require_optimizer_state',
    'require_run_state',
    'require_scheduled_values',
    'require_usable_values',
    'saved_groups',
    'weights_of_classes',
    'write_checkpoint',
    'write_model_file',
]
