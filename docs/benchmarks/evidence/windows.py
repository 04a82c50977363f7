# Run from the root of a checkout, where this import is found.
_base_ = 'recipe.py'

custom_imports = dict(imports=['docs.benchmarks.evidence.window_groups'])
model = dict(backbone=dict(type='WindowMSViT'))
