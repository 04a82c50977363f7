import pytest

from msvitreid.datasets.transforms.output_size import output_size

LOAD, PACK = {'type': 'LoadImage'}, {'type': 'PackReIDInputs'}


@pytest.mark.parametrize(
    ('steps', 'size'),
    [
        ([{'type': 'Resize', 'scale': (128, 384)}], (384, 128)),
        (
            [
                {'type': 'Resize', 'scale': (256, 256)},
                {'type': 'CenterCrop', 'crop_size': (224, 200)},  # mmcv's: width first
            ],
            (200, 224),
        ),
        ([], None),
        ([{'type': 'Resize', 'scale_factor': 0.5}], None),
    ],
)
def test_the_size_that_comes_out(steps, size):
    assert output_size([LOAD, *steps, PACK]) == size


def test_a_pipeline_of_mmpretrain():
    steps = [
        {'type': 'LoadImageFromFile'},
        {'type': 'mmpretrain.ResizeEdge', 'scale': 64, 'edge': 'short'},
        {'type': 'CenterCrop', 'crop_size': 56},
        {'type': 'mmpretrain.PackInputs'},
    ]
    assert output_size(steps) == (56, 56)
