# Loss: mmpretrain's cross-entropy with label smoothing for the plain one, which has an option of
# its own for it: model.head.loss_cls.label_smoothing.
_base_ = '../msvit/msvit-s_occluded-duke.py'

model = dict(
    head=dict(
        loss_cls=dict(_delete_=True, type='mmpretrain.LabelSmoothLoss', label_smooth_val=0.1)
    )
)
