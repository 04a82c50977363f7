"""The hooks of a run whose config is silent about them.

A hook without which a run would lose something stands here; all others only in
``configs/_base_/default_runtime.py``.
"""

#: Hooks that a run has unless its ``default_hooks`` name others, in addition to mmengine's;
#: ``configs/_base_/default_runtime.py`` states them with their options.
DEFAULT_HOOKS = {
    'step_seed': 'StepSeedHook',
    'preemption': 'PreemptionHook',
    'start_summary': 'StartSummaryHook',
    'inference_net': 'InferenceNetHook',
    'validation_figures': 'ValidationFiguresHook',
    'model_file': 'ModelFileHook',
    'run_result': 'RunResultHook',
    # After all that may refuse to start.
    'work_dir': 'WorkDirHook',
}

#: mmengine's, which a config may configure without naming their type.
OF_MMENGINE = (
    'checkpoint',
    'logger',
    'param_scheduler',
    'runtime_info',
    'sampler_seed',
    'timer',
)
