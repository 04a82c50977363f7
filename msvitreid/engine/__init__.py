from .config import complete_config, load_config
from .hooks import WeightAverageHook
from .run_options import default_work_dir, use_amp, use_rerank, use_resume, use_test_only
from .runner import ReIDRunner

__all__ = [
    'ReIDRunner',
    'WeightAverageHook',
    'complete_config',
    'default_work_dir',
    'load_config',
    'use_amp',
    'use_rerank',
    'use_resume',
    'use_test_only',
]
