"""A complete training run that takes a second: miniature Market-1501, tiny net, 64x32."""

from pathlib import Path

from mmengine.config import Config

from msvitreid.engine import ReIDRunner
from tests.models.tiny import tiny_reid_model


def tiny_config(data_root: Path, work_dir: Path, **changes: object) -> Config:
    pipeline = [
        dict(type='LoadImage'),
        dict(type='Resize', scale=(32, 64)),
        dict(type='PackReIDInputs'),
    ]
    train_pipeline = [
        *pipeline[:2],
        dict(type='RandomCrop', size=(64, 32), padding=4),
        dict(type='RandomFlip', prob=0.5),
        pipeline[2],
    ]
    test_dataloader = dict(
        batch_size=8,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=False),
        collate_fn=dict(type='default_collate'),
        dataset=dict(type='Market1501', split='test', pipeline=pipeline),
    )
    model = tiny_reid_model()
    model['data_preprocessor'] = dict(batch_augments=[dict(type='BatchRandomErasing')])
    cfg = Config(
        dict(
            default_scope='msvitreid',
            runner_type='ReIDRunner',
            # Runs of one name that start in one second have one logger.
            experiment_name=f'{work_dir.parent.name}-{work_dir.name}',
            work_dir=str(work_dir),
            data_root=str(data_root),
            on_count_mismatch='ignore',
            model=model,
            train_dataloader=dict(
                batch_size=8,
                num_workers=0,
                sampler=dict(type='IdentitySampler', num_instances=2),
                collate_fn=dict(type='default_collate'),
                dataset=dict(type='Market1501', split='train', pipeline=train_pipeline),
                drop_last=True,
            ),
            val_dataloader=test_dataloader,
            test_dataloader=test_dataloader,
            val_evaluator=dict(type='ReIDMetric'),
            test_evaluator=dict(type='ReIDMetric'),
            train_cfg=dict(type='ResumableTrainLoop', max_epochs=3, val_interval=100),
            val_cfg=dict(),
            test_cfg=dict(),
            optim_wrapper=dict(
                type='OptimWrapper',
                optimizer=dict(type='SGD', lr=0.05, momentum=0.9, weight_decay=5e-4),
            ),
            default_hooks=dict(
                checkpoint=dict(type='CheckpointHook', interval=1),
                logger=dict(type='LoggerHook', interval=1),
            ),
            custom_hooks=[dict(type='WeightAverageHook', begin=2)],
            randomness=dict(seed=0),
            log_level='ERROR',
        )
    )
    cfg.merge_from_dict(changes)
    return cfg


def build_runner(cfg: Config) -> ReIDRunner:
    return ReIDRunner.from_cfg(cfg)
