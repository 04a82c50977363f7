_base_ = 'square_256.py'

train_dataloader = dict(batch_size=32, dataset=dict(type='VeRi776'))
val_dataloader = dict(dataset=dict(type='VeRi776'))
test_dataloader = dict(dataset=dict(type='VeRi776'))
