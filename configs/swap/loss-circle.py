# Loss: pytorch-metric-learning's circle loss for the triplet loss.
_base_ = '../msvit/msvit-s_occluded-duke.py'

model = dict(
    head=dict(
        loss_triplet=dict(
            _delete_=True, type='MetricLearningLoss', loss='CircleLoss', m=0.25, gamma=128
        )
    )
)
