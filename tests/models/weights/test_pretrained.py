import hashlib

import pytest
import torch

from msvitreid.errors import CheckpointError
from msvitreid.models.weights import pretrained
from msvitreid.models.weights.official_names import from_official, to_official
from msvitreid.registry import MODELS
from tests.models.tiny import tiny_backbone, tiny_reid_model


@pytest.fixture(scope='module')
def classifier():
    """State dict of a tiny classifier net in our names."""
    torch.manual_seed(0)
    backbone = MODELS.build(
        dict(type='MSViT', num_branches=1, last_stride=2, out_channels=16, **tiny_backbone())
    )
    head = MODELS.build(dict(type='ImageNetHead', num_classes=7, in_channels=16))
    return {f'backbone.{n}': w for n, w in backbone.state_dict().items()} | {
        f'head.{n}': w for n, w in head.state_dict().items()
    }


def start_from(path, num_classes=3):
    model = MODELS.build(dict(tiny_reid_model(num_classes=num_classes), pretrained=str(path)))
    model.init_weights()
    return model


@pytest.mark.parametrize('form', ['official', 'module', 'ours', 'checkpoint'])
def test_a_classifier_fills_both_branches_and_every_vector(classifier, form, tmp_path):
    official = to_official(classifier, 'classifier')
    torch.save(
        {
            'official': official,
            'module': {f'module.{n}': w for n, w in official.items()},
            'ours': classifier,
            'checkpoint': {'meta': {}, 'state_dict': classifier},
        }[form],
        tmp_path / 'w.pth',
    )
    own = start_from(tmp_path / 'w.pth').state_dict()
    for name, weight in classifier.items():
        if name.startswith('backbone.branches.0'):
            assert torch.equal(own[name], weight)
            assert torch.equal(own[name.replace('branches.0', 'branches.1')], weight)
        elif name.startswith('backbone.'):
            assert torch.equal(own[name], weight)
    for i in range(5):
        assert torch.equal(own[f'head.linears.{i}.weight'], classifier['head.fc.weight'])
        assert torch.equal(own[f'head.norms.{i}.bias'], classifier['head.norm.bias'])
        assert own[f'head.classifiers.{i}.weight'].abs().max() < 0.01


@pytest.mark.parametrize('head', ['BNNeckHead', 'SingleBNNeckHead'])
@pytest.mark.parametrize('form', ['official', 'ours'])
def test_a_classifier_fills_the_backbone_below_any_head(classifier, head, form, tmp_path):
    files = {'official': to_official(classifier, 'classifier'), 'ours': classifier}
    torch.save(files[form], tmp_path / 'w.pth')
    config = tiny_reid_model()
    config['head'] = dict(type=head, num_classes=3)
    model = MODELS.build(dict(config, pretrained=str(tmp_path / 'w.pth')))
    model.init_weights()
    filled = model.backbone.state_dict()['branches.1.conv_head.conv.weight']
    assert torch.equal(filled, classifier['backbone.branches.0.conv_head.conv.weight'])


def test_a_net_with_one_bnneck_starts_another(tmp_path):
    config = tiny_reid_model()
    config['head'] = dict(type='SingleBNNeckHead', num_classes=9)
    source = MODELS.build(config)
    source.init_weights()
    source.head.norm.weight.data.uniform_()
    torch.save(source.state_dict(), tmp_path / 'w.pth')
    config['head']['num_classes'] = 3
    model = MODELS.build(dict(config, pretrained=str(tmp_path / 'w.pth')))
    model.init_weights()
    assert torch.equal(model.head.norm.weight, source.head.norm.weight)
    assert model.head.classifier.weight.shape[0] == 3
    stem = 'stem.conv.weight'
    assert torch.equal(model.backbone.state_dict()[stem], source.backbone.state_dict()[stem])
    with pytest.raises(CheckpointError, match=r"'head\.norm\.weight' belongs"):
        to_official(source.state_dict(), 'reid')


def test_a_reid_file_fills_all_but_the_classifiers(tmp_path):
    torch.manual_seed(1)
    source = MODELS.build(tiny_reid_model(num_classes=9))
    source.init_weights()
    torch.save(to_official(source.state_dict(), 'reid'), tmp_path / 'ema.pth')
    model = start_from(tmp_path / 'ema.pth', num_classes=3)
    expected = source.state_dict()
    for name, weight in model.state_dict().items():
        if 'classifiers' not in name:
            assert torch.equal(weight, expected[name]), name
    assert model.head.classifiers[0].weight.shape == (3, 16)


def test_the_log_names_the_file_and_what_is_left_of_both(tmp_path, monkeypatch):
    lines = []
    monkeypatch.setattr(pretrained, 'print_log', lambda text, **_: lines.append(text))
    source = MODELS.build(tiny_reid_model(num_classes=9))
    torch.save(
        {n: w for n, w in source.state_dict().items() if n != 'head.linears.4.weight'},
        tmp_path / 'w.pth',
    )
    start_from(tmp_path / 'w.pth')
    digest = hashlib.sha256((tmp_path / 'w.pth').read_bytes()).hexdigest()
    tensors = len(source.state_dict()) - 6
    (line,) = lines
    assert line.startswith(
        f'pretrained weights: {tensors} tensors loaded from {tmp_path / "w.pth"} '
        f'(sha256 {digest[:12]}); left out: 5 keys (head.classifiers.0.weight, '
    )
    assert line.endswith('; from scratch: head.classifiers, head.linears')


def test_missing_file_says_what_to_do(tmp_path):
    with pytest.raises(
        CheckpointError,
        match=r'pretrain/README\.md.*pretrained=None',
    ):
        start_from(tmp_path / 'msvit_s.pth')


def test_a_stranger_is_refused(tmp_path):
    torch.save({'conv1.weight': torch.zeros(3)}, tmp_path / 'resnet.pth')
    with pytest.raises(CheckpointError, match=r"MSViT.*'conv1\.weight'"):
        start_from(tmp_path / 'resnet.pth')


def test_another_arch_is_refused(classifier, tmp_path):
    wider = dict(classifier)
    wider['backbone.stem.conv.weight'] = torch.zeros(9, 3, 3, 3)
    torch.save(wider, tmp_path / 'w.pth')
    with pytest.raises(CheckpointError, match=r'stem\.conv\.weight \(9, .* \(4, .* the arch'):
        start_from(tmp_path / 'w.pth')


def test_half_a_backbone_is_refused(classifier, tmp_path):
    half = {n: w for n, w in classifier.items() if 'stages.2' not in n}
    torch.save(half, tmp_path / 'w.pth')
    with pytest.raises(CheckpointError, match=r'\d+ keys .*\(backbone\.stages\.2'):
        start_from(tmp_path / 'w.pth')


def test_a_deeper_backbone_is_refused(classifier, tmp_path):
    deeper = {**classifier, 'backbone.stages.2.9.main.0.conv.weight': torch.zeros(1)}
    torch.save(deeper, tmp_path / 'w.pth')
    with pytest.raises(CheckpointError, match=r'unexpected \(backbone\.stages\.2\.9'):
        start_from(tmp_path / 'w.pth')


def test_official_names_of_the_fixture_are_the_authors(classifier):
    assert from_official(to_official(classifier, 'classifier'), 'classifier').keys() == (
        classifier.keys()
    )
