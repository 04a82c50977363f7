# Ten random galleries of one image an identity. tools/test.py takes all three test lists, each
# a row of its own; tests during training take the smallest.
_base_ = 'square_256.py'

train_dataloader = dict(batch_size=256, dataset=dict(type='VehicleID'))
val_dataloader = dict(dataset=dict(type='VehicleID', test_size=800))
test_dataloader = dict(
    dataset=dict(
        type='JoinedDataset',
        datasets=[
            dict(type='VehicleID', test_size=800, name='vehicleid-800'),
            dict(type='VehicleID', test_size=1600, name='vehicleid-1600'),
            dict(type='VehicleID', test_size=2400, name='vehicleid-2400'),
        ],
    )
)

# Plain AP, as in this set's literature: with one match a query at rank r it is 1/r.
val_evaluator = dict(type='RandomGalleryMetric', draws=10, seed=0, ap='plain', topk=(1, 5))
test_evaluator = val_evaluator
