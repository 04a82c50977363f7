from .config import complete_config, load_config
from .hooks import (
    AmpSkipHook,
    DeferredInfoHook,
    NonFiniteLossHook,
    UnreadableImageHook,
    WeightAverageHook,
)
from .run_options import (
    default_work_dir,
    make_work_dir,
    require_sections,
    start_anew,
    use_amp,
    use_bootstrap,
    use_rerank,
    use_resume,
    use_test_only,
)
from .runner import ReIDRunner
from .train_loop import ResumableTrainLoop

__all__ = [
    'AmpSkipHook',
    'DeferredInfoHook',
    'NonFiniteLossHook',
    'ReIDRunner',
    'ResumableTrainLoop',
    'UnreadableImageHook',
    'WeightAverageHook',
    'complete_config',
    'default_work_dir',
    'load_config',
    'make_work_dir',
    'require_sections',
    'start_anew',
    'use_amp',
    'use_bootstrap',
    'use_rerank',
    'use_resume',
    'use_test_only',
]
