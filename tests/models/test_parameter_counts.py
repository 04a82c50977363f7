import pytest

from msvitreid.registry import MODELS

PUBLISHED = [('s', 7_715_624, 12_579_752, 10_782_632), ('l', 15_695_352, 23_517_880, None)]


def count(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(('arch', 'classifier', 'reid', 'reid_without'), PUBLISHED)
def test_parameters_equal_the_published_numbers(arch, classifier, reid, reid_without):
    backbone = MODELS.build(dict(type='MSViT', arch=arch, num_branches=1, last_stride=2))
    head = MODELS.build(dict(type='ImageNetHead', num_classes=1000))
    assert count(backbone) + count(head) == classifier

    def reid_net(**options):
        return MODELS.build(
            dict(
                type='ReIDModel',
                backbone=dict(type='MSViT', arch=arch),
                neck=dict(type='PartPoolingNeck'),
                head=dict(type='BNNeckHead', **options),
            )
        )

    assert count(reid_net(num_classes=702)) == reid
    without = reid - 5 * 512 * 702
    assert count(reid_net()) == without
    assert reid_without in (None, without)
