_base_ = [
    '../_base_/models/msvit-l_in1k.py',
    '../_base_/datasets/imagenet_224.py',
    '../_base_/schedules/adamw_300e.py',
    '../_base_/default_runtime.py',
]
