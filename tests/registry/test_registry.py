import pytest
from mmengine import registry as mmengine_registry
from mmengine.config import Config
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
    with pytest.raises(ConfigError, match=r"'BNNekHead'.*'BNNeckHead'"):
        registry.MODELS.get('BNNekHead')
    with pytest.raises(ConfigError, match=r'no such component is registered$'):
        registry.MODELS.get('Qwertz')


def test_an_unknown_option_is_named():
    with pytest.raises(ConfigError, match=r"PartPoolingNeck\.num_partz: .*'num_parts'"):
        registry.MODELS.build(dict(type='PartPoolingNeck', num_partz=3))
    # An option of the base, to which the named dataset passes it on.
    with pytest.raises(ConfigError, match=r"CUHK03NP\.splitt: .*mean 'split'"):
        registry.DATASETS.build(dict(type='CUHK03NP', splitt='train'))


def test_an_option_inherited_from_another_type():
    with pytest.raises(ConfigError, match=r'GlobalPoolingNeck\.num_parts: .*_delete_=True'):
        registry.MODELS.build(dict(type='GlobalPoolingNeck', num_parts=2))


def test_a_part_inside_is_the_one_that_is_named():
    cfg = dict(
        type='ReIDModel', backbone=dict(type='MSViT', arhc='s'), neck=dict(), head=dict()
    )
    with pytest.raises(ConfigError, match=r"MSViT\.arhc: .*'arch'"):
        registry.MODELS.build(cfg)


def test_an_unknown_scope():
    with pytest.raises(ConfigError) as caught:
        registry.MODELS.get('mmpretrian.ResNet')
    sentence = str(caught.value)
    assert sentence.startswith("unknown model 'mmpretrian.ResNet': the scope 'mmpretrian' is")
    assert 'there are mmengine, mmpretrain, msvitreid' in sentence
    assert sentence.endswith("; did you mean 'mmpretrain'?")


def test_a_suggestion_has_the_scope_that_was_given():
    with pytest.raises(ConfigError, match=r"did you mean 'msvitreid\.BNNeckHead' or"):
        registry.MODELS.get('msvitreid.BNNekHead')
    # The scope alone is not near.
    with pytest.raises(ConfigError, match=r'no such component is registered$'):
        registry.MODELS.get('msvitreid.Qwertz')


def test_a_component_without_a_type():
    with pytest.raises(ConfigError, match=r"no type: \{'num_parts': 2\}"):
        registry.MODELS.build(dict(num_parts=2))


@pytest.mark.parametrize(
    ('kind', 'cfg', 'path'),
    [
        (
            'MODELS',
            dict(type='PartPoolingNeck', num_parts='abc'),
            r'PartPoolingNeck\.num_parts',
        ),
        ('MODELS', dict(type='BatchHardTripletLoss', margin='big'), r'TripletLoss\.margin'),
        ('MODELS', [dict(type='ReLU'), dict(type='ReLU', inplace='no')], r'ReLU\.inplace'),
        ('MODELS', dict(type=3), 'type of a model'),
        ('TRANSFORMS', dict(type='RandomCrop', padding=4), r'RandomCrop\.size: .*needs'),
        ('HOOKS', dict(type='EarlyStoppingHook', monitr='mAP'), r"\.monitr: .*'monitor'"),
        ('PARAM_SCHEDULERS', dict(type='LinearLR', end='x'), r'LinearLR\.end'),
        ('OPTIM_WRAPPERS', dict(type='OptimWrapper', clip_grad=5), r'OptimWrapper\.clip_grad'),
    ],
)
def test_wrong_options_are_found_before_anything_is_built(kind, cfg, path):
    """What users build in Python, where no config was checked."""
    with pytest.raises(ConfigError, match=path):
        getattr(registry, kind).build(cfg)


def test_what_the_caller_supplies_is_neither_missing_nor_unknown():
    supplied = dict(size=(4, 4))
    built = registry.TRANSFORMS.build(dict(type='RandomCrop'), default_args=supplied)
    assert built.size == (4, 4)
    assert isinstance(registry.TRANSFORMS.build(Config(dict(type='LoadImage'))), object)


def test_a_bug_inside_a_component_keeps_its_error():
    @registry.MODELS.register_module()
    class Buggy:
        def __init__(self):
            self.sum = 1 + 'a'

    with pytest.raises(TypeError, match='unsupported operand'):
        registry.MODELS.build(dict(type='Buggy'))


@pytest.mark.parametrize('cfg', [None, 'PartPoolingNeck'])
def test_what_is_no_config_is_an_error(cfg):
    with pytest.raises(ConfigError, match=f'must be a dict.* got {cfg!r}'):
        registry.MODELS.build(cfg)
    assert registry.MODELS.parameters(cfg) == {}


def test_the_options_of_a_component():
    assert 'num_parts' in registry.MODELS.parameters({'type': 'PartPoolingNeck'})
    assert registry.MODELS.parameters({'num_parts': 2}) == {}
    scoped = {'type': 'ClsDataPreprocessor', '_scope_': 'mmpretrain'}
    assert 'num_classes' in registry.MODELS.parameters(scoped)
