from .completion import complete_config
from .config import load_config
from .config_check import check_config
from .hooks import (
    AmpSkipHook,
    CheckpointHook,
    DeferredInfoHook,
    NonFiniteLossHook,
    UnreadableImageHook,
    WeightAverageHook,
)
from .run_options import (
    default_work_dir,
    require_sections,
    start_new_run,
    use_amp,
    use_bootstrap,
    use_rerank,
    use_resume,
    use_test_only,
)
from .runner import ReIDRunner
from .train_loop import ResumableTrainLoop
from .work_dir import made_work_dir, own_work_dir

__all__ = [
    'AmpSkipHook',
    'CheckpointHook',
    'DeferredInfoHook',
    'NonFiniteLossHook',
    'ReIDRunner',
    'ResumableTrainLoop',
    'UnreadableImageHook',
    'WeightAverageHook',
    'check_config',
    'complete_config',
    'default_work_dir',
    'load_config',
    'made_work_dir',
    'own_work_dir',
    'require_sections',
    'start_new_run',
    'use_amp',
    'use_bootstrap',
    'use_rerank',
    'use_resume',
    'use_test_only',
]
