from .config import complete_config, load_config
from .hooks import EpochSeedHook, WeightAverageHook
from .run_options import (
    default_work_dir,
    make_work_dir,
    require_sections,
    start_anew,
    use_amp,
    use_rerank,
    use_resume,
    use_test_only,
)
from .runner import ReIDRunner

__all__ = [
    'EpochSeedHook',
    'ReIDRunner',
    'WeightAverageHook',
    'complete_config',
    'default_work_dir',
    'load_config',
    'make_work_dir',
    'require_sections',
    'start_anew',
    'use_amp',
    'use_rerank',
    'use_resume',
    'use_test_only',
]
