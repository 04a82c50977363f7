"""Runs a config: the runner, its loops and hooks, reading and checking configs, resuming.

Uses every room below; nothing below knows it.
"""

from .config.backend import use_backend
from .config.checking import check_config
from .config.completion import complete_config
from .config.flags import (
    default_test_dir,
    default_work_dir,
    require_sections,
    start_new_run,
    use_amp,
    use_bootstrap,
    use_model_file,
    use_rerank,
    use_resume,
    use_test_only,
)
from .config.reading import load_config
from .hooks import (
    AmpSkipHook,
    CheckpointHook,
    DeferredInfoHook,
    ModelFileHook,
    NonFiniteLossHook,
    UnreadableImageHook,
    WeightAverageHook,
)
from .loops.train_loop import ResumableTrainLoop
from .run_description import describe_model, model_file_from_run
from .runner import ReIDRunner
from .threads import fitting_threads
from .work_dir import made_work_dir, own_work_dir

__all__ = [
    'AmpSkipHook',
    'CheckpointHook',
    'DeferredInfoHook',
    'ModelFileHook',
    'NonFiniteLossHook',
    'ReIDRunner',
    'ResumableTrainLoop',
    'UnreadableImageHook',
    'WeightAverageHook',
    'check_config',
    'complete_config',
    'default_test_dir',
    'default_work_dir',
    'describe_model',
    'fitting_threads',
    'load_config',
    'made_work_dir',
    'model_file_from_run',
    'own_work_dir',
    'require_sections',
    'start_new_run',
    'use_amp',
    'use_backend',
    'use_bootstrap',
    'use_model_file',
    'use_rerank',
    'use_resume',
    'use_test_only',
]
