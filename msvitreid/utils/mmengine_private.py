"""What we use of mmengine that is no part of its documented interface, all in one list.

A new version of mmengine is looked at here first; a test compares the list with the package.
"""

from __future__ import annotations

#: Versions that have these names.
VERSIONS = '>=0.10.7,<0.11'

#: By class, or module, the private names that we read, set, call or override.
PRIVATE: dict[str, tuple[str, ...]] = {
    'mmengine.config.Config': ('_get_cfg_path',),
    'mmengine.config.lazy': ('LazyAttr', 'LazyObject'),
    'mmengine.dataset.BaseDataset': ('_metainfo',),
    'mmengine.hooks.CheckpointHook': (
        '_publish_model',
        '_save_best_checkpoint',
        '_save_checkpoint_with_step',
    ),
    'mmengine.logging.MMLogger': ('_instance_dict',),
    'mmengine.model.BaseDataPreprocessor': ('_non_blocking',),
    'mmengine.model.BaseModule': ('_params_init_info',),
    'mmengine.model.PretrainedInit': ('_get_init_info',),
    'mmengine.optim': ('_ParamScheduler',),
    'mmengine.optim.OptimWrapper': ('_accumulative_counts',),
    'mmengine.optim._ParamScheduler': ('_global_step',),
    'mmengine.registry.Registry': ('_get_root_registry', '_search_child'),
    'mmengine.runner.EpochBasedTrainLoop': ('_epoch',),
    'mmengine.runner.Runner': (
        '_build_param_scheduler',
        '_experiment_name',
        '_has_loaded',
        '_hooks',
        '_load_from',
        '_log_env',
        '_maybe_compile',
        '_resume',
        '_test_dataloader',
        '_test_loop',
        '_train_dataloader',
        '_train_loop',
        '_val_loop',
    ),
    'mmengine.visualization.Visualizer': ('_instance_dict',),
}
