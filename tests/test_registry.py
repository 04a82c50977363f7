import pytest
from mmengine import registry as mmengine_registry
from mmengine.registry import Registry

from msvitreid import registry
from msvitreid.errors import ConfigError


def test_every_mmengine_registry_has_a_child_of_ours():
    """Otherwise a config with our default scope falls back with a warning."""
    for name in dir(mmengine_registry):
        parent = getattr(mmengine_registry, name)
        if isinstance(parent, Registry):
            assert getattr(registry, name).parent is parent


@pytest.mark.parametrize(
    ('kind', 'names'),
    [
        (
            'MODELS',
            'ReIDModel MSViT PartPoolingNeck BNNeckHead BatchHardTripletLoss '
            'BatchRandomErasing ReIDDataPreprocessor',
        ),
        (
            'DATASETS',
            'ReIDDataset Market1501 DukeMTMC OccludedDuke PDukeMTMC CUHK03NP MSMT17 Cars196 '
            'CUB200',
        ),
        ('DATA_SAMPLERS', 'IdentitySampler DefaultSampler'),
        ('TRANSFORMS', 'PackReIDInputs LoadImage RandomCrop'),
        ('METRICS', 'ReIDMetric RetrievalMetric'),
        ('HOOKS', 'WeightAverageHook CheckpointHook'),
        ('RUNNERS', 'ReIDRunner'),
    ],
)
def test_the_contract_names_are_registered(kind, names):
    for name in names.split():
        assert getattr(registry, kind).get(name).__name__ == name


def test_an_unknown_name_suggests_near_matches():
    with pytest.raises(ConfigError, match=r"unknown model 'BNNekHead'.*mean 'BNNeckHead'\?"):
        registry.MODELS.get('BNNekHead')
    with pytest.raises(ConfigError, match=r'no such component is registered$'):
        registry.MODELS.get('Qwertz')
