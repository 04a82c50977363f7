_base_ = [
    '../_base_/models/bot-r50.py',
    '../_base_/datasets/market1501_256x128.py',
    '../_base_/schedules/adam_120.py',
    '../_base_/default_runtime.py',
]
