# Averaging: mmengine's exponential moving average, for the mean of the last epochs' weights.
# Every checkpoint's state_dict holds the average; the last one, epoch_100.pth, is the result.
_base_ = '../msvit/msvit-s_occluded-duke.py'

custom_hooks = [
    dict(
        type='EMAHook', ema_type='ExponentialMovingAverage', momentum=2e-4, update_buffers=True
    )
]
