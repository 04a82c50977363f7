default_scope = 'msvitreid'
runner_type = 'ReIDRunner'

default_hooks = dict(
    runtime_info=dict(type='DeferredInfoHook'),
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50),
    param_scheduler=dict(type='ParamSchedulerHook'),
    # Figures that are better the higher they are, for save_best.
    checkpoint=dict(
        type='CheckpointHook',
        interval=1,
        max_keep_ckpts=2,
        greater_keys=['mAP', 'mINP', 'rank', 'recall', 'NMI', 'top', 'acc'],
    ),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    sync_buffers=dict(type='SyncBuffersHook'),
    unreadable_images=dict(type='UnreadableImageHook', max_share=0.01),
    non_finite_loss=dict(type='NonFiniteLossHook', patience=3),
    amp_skips=dict(type='AmpSkipHook'),
    # Every step draws from a seed of its own, so that a resumed run ends as an undisturbed one.
    step_seed=dict(type='StepSeedHook'),
    # On SIGTERM a run saves and exits with code 75.
    preemption=dict(type='PreemptionHook'),
    start_summary=dict(type='StartSummaryHook'),
    # A run that only tests computes the net with this.
    inference_net=dict(type='InferenceNetHook', backend='torch'),
    validation_figures=dict(type='ValidationFiguresHook'),
    # At the end: a file that ReIDInferencer takes without config; None leaves it out.
    model_file=dict(type='ModelFileHook'),
    run_result=dict(type='RunResultHook'),
    work_dir=dict(type='WorkDirHook'),
)

# Smooth our own terms of the loss as mmengine does the loss itself.
log_processor = dict(
    type='LogProcessor', mean_pattern=r'.*(loss|time|data_time|grad_norm|ce|triplet|acc).*'
)
env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    # Seconds after which a silent process is given up.
    dist_cfg=dict(backend='nccl', timeout=1800),
)
randomness = dict(seed=0)

visualizer = dict(type='Visualizer', vis_backends=[dict(type='LocalVisBackend')])
log_level = 'INFO'
load_from = None
resume = False
