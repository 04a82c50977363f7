# Loss: pytorch-metric-learning's ArcFace for the triplet loss.
_base_ = '../msvit/msvit-s_occluded-duke.py'

model = dict(
    head=dict(
        loss_triplet=dict(
            _delete_=True, type='MetricLearningLoss', loss='ArcFaceLoss', margin=28.6, scale=30
        )
    )
)
