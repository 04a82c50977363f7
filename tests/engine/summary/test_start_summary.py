import os

import pytest
import torch
from mmengine.dataset import BaseDataset
from mmengine.model import BaseModel
from mmengine.optim import AmpOptimWrapper, ConstantLR, OptimWrapper, OptimWrapperDict
from mmengine.registry import DATASETS as MMENGINE_DATASETS
from torch import nn

from msvitreid.engine import use_test_only
from msvitreid.engine.summary.start_summary import evaluation_summary, training_summary
from msvitreid.registry import DATASETS, MODELS
from msvitreid.utils.printable import counted
from tests.engine.tiny_run import build_runner, tiny_config
from tests.miniature.tree import write_image

THREADS = counted(torch.get_num_threads(), 'thread')


class Classifier(BaseModel):
    """A net of 12 parameters that has neither neck nor head."""

    def __init__(self, init_cfg=None):
        super().__init__(init_cfg=init_cfg)
        self.backbone = nn.Linear(3, 3)

    def forward(self, inputs, data_samples=None, mode='tensor'):
        return {'loss': self.backbone(inputs.float().mean((2, 3))).mean()}


class Pictures(BaseDataset):
    """Images of two classes, as mmpretrain's datasets give them."""

    METAINFO = {'classes': ('cat', 'dog')}

    def load_data_list(self):
        return [{'number': number} for number in range(10)]

    def prepare_data(self, idx):
        return {'inputs': torch.zeros(3, 4, 4), 'data_samples': idx}


@pytest.fixture(scope='module', autouse=True)
def registered():
    MODELS.register_module(module=Classifier)
    MMENGINE_DATASETS.register_module(module=Pictures)
    yield
    MODELS._module_dict.pop('Classifier')
    MMENGINE_DATASETS._module_dict.pop('Pictures')


@pytest.fixture
def summarized(market, tmp_path, monkeypatch):
    """Facts of the summary of a run, by name; several lines of one are a list."""

    def summarize(patch=lambda runner: None, **changes):
        cfg = tiny_config(market, tmp_path / 'run', **changes)
        runner = build_runner(cfg)
        patch(runner)
        # The loop stops before the first step.
        monkeypatch.setattr(
            type(runner.train_loop), 'run', lambda self: runner.call_hook('before_train')
        )
        texts = []
        monkeypatch.setattr(runner.logger, 'info', lambda text, *_: texts.append(text))
        runner.train()
        (text,) = [text for text in texts if text.startswith('training\n')]
        return facts_of(text)

    return summarize


def facts_of(text):
    facts = {}
    for line in text.splitlines()[1:]:
        if name := line[2:12].strip():
            facts[name] = line[13:]
        else:
            name, before = facts.popitem()
            facts[name] = [*([before] if isinstance(before, str) else before), line[13:]]
    return facts


def test_losses_have_the_names_of_those_inside(summarized):
    own = {'type': 'MetricLearningLoss', 'loss': 'CircleLoss'}
    facts = summarized(**{'model.head': dict(type='SingleBNNeckHead', loss_triplet=own)})
    assert facts['losses'] == 'CrossEntropyLoss, CircleLoss'


def test_a_run_of_ours(summarized, market, tmp_path):
    weights = {}
    root = next(market.iterdir())
    facts = summarized(lambda runner: weights.update(runner.model.named_parameters()))
    total = sum(weight.numel() for weight in weights.values())
    # The biases of BatchNorms 2, 3 and 4, 16 numbers each.
    assert facts.pop('output').startswith(f'{tmp_path}/run, log in 20')
    assert facts == {
        'model': 'ReIDModel (MSViT, PartPoolingNeck, BNNeckHead): '
        f'{total:,} parameters, 48 frozen (head.norms)',
        'weights': 'from scratch',
        'data': [
            f'Market1501 train: 39 images, 6 identities, 6 cameras ({root})',
            f'Market1501 query: 3 images, 3 identities, 1 cameras ({root})',
            f'Market1501 gallery: 21 images, 4 identities, 6 cameras ({root})',
        ],
        'losses': 'CrossEntropyLoss x 5, BatchHardTripletLoss x 3',
        'images': '64x32',
        'batch': '8 images = 4 identities x 2',
        'length': '3 epochs of 4 steps, validation every 100 epochs and after the last',
        'lr': 'SGD, base 0.05; first 0.05, highest 0.05, last 0.05',
        'averaging': 'uniform mean of the weights after epochs 2 to 3, to averaged.pth',
        'precision': f'float32, on CPU, {THREADS}',
    }


def test_images_of_training_and_testing_may_differ(summarized):
    facts = summarized(**{'test_dataloader.dataset.pipeline.1.scale': (64, 128)})
    assert facts['images'] == '64x32 in training and validation, 128x64 in test'


def test_another_sampler_accumulation_and_an_exponential_mean(summarized):
    facts = summarized(
        **{
            'train_dataloader.sampler': dict(
                _delete_=True, type='DefaultSampler', shuffle=True
            ),
            'optim_wrapper.accumulative_counts': 2,
            'custom_hooks': [dict(type='EMAHook', momentum=0.02, begin_epoch=1)],
        }
    )
    assert facts['batch'] == '8 images, 2 accumulated'
    assert facts['averaging'] == 'ExponentialMovingAverage from epoch 1 on'


def test_a_curve_that_is_not_known_is_left_out(summarized):
    def by_hand(runner):
        wrapper = OptimWrapper(torch.optim.SGD(runner.model.parameters(), lr=0.2))
        runner.optim_wrapper = wrapper
        runner.param_schedulers = [ConstantLR(wrapper, factor=0.5)]

    assert summarized(by_hand)['lr'] == 'SGD, base 0.2'


def test_a_run_without_validation_averaging_and_rates_of_its_own(summarized):
    none = dict(val_dataloader=None, val_cfg=None, val_evaluator=None, custom_hooks=[])
    slow_head = dict(custom_keys=dict(head=dict(lr_mult=0.1)))
    facts = summarized(**none, **{'optim_wrapper.paramwise_cfg': slow_head})
    assert 'averaging' not in facts
    assert facts['data'].startswith('Market1501 train: ')
    assert facts['length'] == '3 epochs of 4 steps'
    lr = facts['lr'].replace(f'{facts["lr"].split()[5]} groups', 'N groups')
    assert lr == (
        'SGD, base 0.05 (lowest of N groups 0.005); first 0.05, highest 0.05, last 0.05'
    )


def test_a_loop_over_steps(summarized):
    loop = dict(_delete_=True, type='IterBasedTrainLoop', max_iters=50, val_interval=10)
    saves = {'default_hooks.checkpoint.by_epoch': False}
    facts = summarized(train_cfg=loop, custom_hooks=[], **saves)
    assert facts['length'] == '50 steps, validation every 10 steps and after the last'


def test_validation_from_an_epoch_on(summarized):
    facts = summarized(**{'train_cfg.val_interval': 1, 'train_cfg.val_begin': 2})
    assert facts['length'] == (
        '3 epochs of 4 steps, validation every 1 epochs and after the last, from 2 on'
    )


def test_several_processes(summarized):
    facts = summarized(lambda runner: setattr(runner, '_world_size', 4))
    assert facts['batch'] == '8 images = 4 identities x 2, x 4 processes = 32'


def test_a_classifier_on_other_data(summarized, tmp_path):
    start = tmp_path / 'start.pth'
    torch.save({'state_dict': Classifier().state_dict()}, start)
    facts = summarized(
        model=dict(
            _delete_=True,
            type='Classifier',
            init_cfg=dict(type='Pretrained', checkpoint=str(start)),
        ),
        train_dataloader=dict(
            _delete_=True,
            batch_size=5,
            num_workers=0,
            sampler=dict(type='DefaultSampler', shuffle=False),
            dataset=dict(type='mmengine.Pictures'),
        ),
        custom_hooks=[],
    )
    assert facts['model'] == 'Classifier (Linear): 12 parameters, 0 frozen'
    assert facts['weights'] == f'{start} (2 of 2 tensors)'
    assert facts['data'][0] == 'Pictures, train: 10 images, 2 classes'
    assert facts['batch'] == '5 images'
    assert facts['length'].startswith('3 epochs of 2 steps')


def test_several_optimizers(summarized):
    def two(runner):
        parts = runner.model.backbone, runner.model.head
        optimizers = [torch.optim.SGD(parts[0].parameters(), lr=0.1)]
        optimizers.append(torch.optim.AdamW(parts[1].parameters(), lr=0.001))
        runner.optim_wrapper = OptimWrapperDict(
            **{name: OptimWrapper(o) for name, o in zip('ab', optimizers, strict=True)}
        )

    assert summarized(two)['lr'] == [
        'a: SGD, base 0.1; first 0.1, highest 0.1, last 0.1',
        'b: AdamW, base 0.001; first 0.001, highest 0.001, last 0.001',
    ]


def test_data_of_a_stranger_are_counted_as_far_as_they_can_be(summarized):
    """A subclass that makes its entries itself may leave out what we would count."""
    from msvitreid.datasets import ReIDDataset

    class OwnEntries(ReIDDataset):
        def load_data_list(self):
            self._metainfo['num_classes'] = 6
            return [dict(img_path='a.jpg', label=n % 6, pid=n % 6) for n in range(30)]

    DATASETS.register_module(module=OwnEntries)
    facts = summarized(**{'train_dataloader.dataset.type': 'OwnEntries'})
    DATASETS._module_dict.pop('OwnEntries')
    assert facts['data'][0] == 'OwnEntries, train: 30 images, 6 classes'


def test_where_weights_came_from(market, tmp_path):
    cfg = tiny_config(market, tmp_path / 'first')
    build_runner(cfg).train()
    checkpoint = str(tmp_path / 'first' / 'epoch_1.pth')

    def weights_line(batch=0, **changes):
        runner = build_runner(tiny_config(market, tmp_path / 'second', **changes))
        runner._train_loop = runner.build_train_loop(runner._train_loop)
        runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
        runner.load_or_resume()
        runner.train_loop.start = batch
        return facts_of(training_summary(runner))['weights']

    assert weights_line(load_from=checkpoint) == checkpoint
    assert weights_line(load_from=checkpoint, resume=True) == (
        f'resumed from {checkpoint} after epoch 1'
    )
    assert weights_line(3, load_from=checkpoint, resume=True) == (
        f'resumed from {checkpoint} after epoch 1, batch 3'
    )
    assert weights_line(**{'model.pretrained': 'pretrain/a.pth'}) == 'pretrain/a.pth'


@pytest.mark.parametrize(
    ('kind', 'weights'),
    [('mmpretrain.TIMMBackbone', 'backbone: timm'), ('UserNet', 'from scratch')],
)
def test_only_timms_options_tell_of_weights(kind, weights, market, tmp_path):
    runner = build_runner(tiny_config(market, tmp_path / 'timm'))
    runner.cfg.model.backbone = dict(type=kind, model_name='net', pretrained=True)
    facts = facts_of(evaluation_summary(runner, runner.test_dataloader))
    assert facts['weights'] == weights


def test_half_precision_is_named(summarized):
    class Amp(AmpOptimWrapper):
        """Without the device that its constructor asks for."""

        def __init__(self, optimizer, cast_dtype):
            OptimWrapper.__init__(self, optimizer)
            self.cast_dtype = cast_dtype

    def amp(runner):
        optimizer = torch.optim.SGD(runner.model.parameters(), lr=0.1)
        runner.optim_wrapper = Amp(optimizer, torch.float16)
        runner.cfg.compile = True
        runner._maybe_compile = lambda target: None

    expected = f'AMP in torch.float16, backbone compiled, on CPU, {THREADS}'
    assert summarized(amp)['precision'] == expected


def test_what_is_evaluated(market, tmp_path):
    runner = build_runner(tiny_config(market, tmp_path / 'eval'))
    facts = facts_of(evaluation_summary(runner, runner.test_dataloader))
    assert list(facts) == ['model', 'weights', 'data', 'evaluator', 'precision', 'output']
    assert facts['evaluator'] == 'ReIDMetric, trapezoid AP'
    assert facts['precision'] == f'float32, on CPU, {THREADS}'
    assert [line.split(':')[0] for line in facts['data']] == [
        'Market1501 query',
        'Market1501 gallery',
    ]


@pytest.mark.parametrize(
    ('changes', 'precision'),
    [
        (
            {'default_hooks.inference_net': dict(type='InferenceNetHook', backend='openvino')},
            'openvino, on CPU',
        ),
        ({'test_cfg.fp16': True}, f'AMP in torch.bfloat16, on CPU, {THREADS}'),
        ({'compile': True}, f'float32, backbone compiled, on CPU, {THREADS}'),
    ],
)
def test_what_computes_a_test(market, tmp_path, changes, precision):
    runner = build_runner(tiny_config(market, tmp_path / 'eval', **changes))
    facts = facts_of(evaluation_summary(runner, runner.test_dataloader))
    assert facts['precision'] == precision


def test_evaluators_are_those_of_the_loop(market, tmp_path):
    """The validation's of its data, and one that has no definition of AP."""
    several = [
        dict(type='ReIDMetric', ap='plain'),
        dict(type='DumpResults', out_file_path='a.pkl'),
    ]
    runner = build_runner(tiny_config(market, tmp_path / 'eval', val_evaluator=several))
    assert facts_of(evaluation_summary(runner, runner.test_dataloader))['evaluator'] == (
        'ReIDMetric, trapezoid AP'
    )
    assert facts_of(evaluation_summary(runner, runner.val_dataloader))['evaluator'] == [
        'ReIDMetric, plain AP',
        'DumpResults',
    ]


def crops(folder):
    """Own data with two faults: identity 066 in train and test, and a query in the gallery."""
    rows = ['path,pid,camid,split']
    for number, pid in enumerate(['066', '067', '068', '069'] * 2):
        write_image(folder / f'{number}.png', number, (8, 4))
        rows.append(f'{number}.png,{pid},,train')
    write_image(folder / 'q.png', 9, (8, 4))
    os.link(folder / 'q.png', folder / 'g.png')
    (folder / 'list.csv').write_text(
        '\n'.join([*rows, 'q.png,066,,query', 'g.png,066,,gallery'])
    )
    return dict(type='ReIDDataset', data_root=str(folder), csv='list.csv')


def test_leaks_are_warned_of(summarized, tmp_path):
    """Leaks: a query's copy in the gallery, and test identities that are trained on."""
    (tmp_path / 'crops').mkdir()
    own = crops(tmp_path / 'crops')
    copy, identities = summarized(
        **{f'{loader}_dataloader.dataset': own for loader in ('train', 'val', 'test')}
    )['warning']
    assert copy.startswith('1 of 1 queries are in the gallery')
    assert identities.startswith("1 of 1 test identities are trained on, as '066'")


def test_leaks_are_warned_of_at_a_test_alone(market, tmp_path):
    (tmp_path / 'crops').mkdir()
    own = crops(tmp_path / 'crops')
    cfg = tiny_config(
        market,
        tmp_path / 'eval',
        **{f'{loader}_dataloader.dataset': own for loader in ('train', 'val', 'test')},
    )
    use_test_only(cfg, None)
    runner = build_runner(cfg)
    facts = facts_of(evaluation_summary(runner, runner.test_dataloader))
    assert len(facts['warning']) == 2
    # Where the training data are not at hand, the rest is said all the same.
    runner.cfg.training_dataset.csv = 'gone.csv'
    facts = facts_of(evaluation_summary(runner, runner.test_dataloader))
    assert facts['warning'].startswith('1 of 1 queries')


def test_a_list_that_the_config_states_once_is_that_of_the_training_data(market, tmp_path):
    """Options stated once for all datasets: a split without leaks has no warning at a test."""
    folder = tmp_path / 'crops'
    folder.mkdir()
    rows = ['path,pid,split']
    for number, (pid, split) in enumerate(
        [*[('a', 'train')] * 2, *[('b', 'train')] * 2, ('c', 'query'), ('c', 'gallery')]
    ):
        (folder / pid).mkdir(exist_ok=True)
        write_image(folder / pid / f'{number}.png', number, (8, 4))
        rows.append(f'{pid}/{number}.png,{pid},{split}')
    (folder / 'split.csv').write_text('\n'.join(rows))
    own = {
        f'{loader}_dataloader.dataset': dict(type='ReIDDataset')
        for loader in ('train', 'val', 'test')
    }
    cfg = tiny_config(folder, tmp_path / 'eval', csv='split.csv', **own)
    use_test_only(cfg, None)
    runner = build_runner(cfg)
    facts = facts_of(evaluation_summary(runner, runner.test_dataloader))
    assert facts['data'][0].startswith('ReIDDataset query: 1 image')
    assert 'warning' not in facts


def test_what_is_not_read_is_counted(summarized, market):
    """Kinds: 3 files of a kind that is not read, and 1 image in a deeper folder."""
    folder = next(market.iterdir()) / 'bounding_box_train'
    (folder / 'more').mkdir()
    for name in ('1.psd', '2.psd', '3.PSD', 'more/0002_c1s1_000099_00.jpg', 'Thumbs.db'):
        (folder / name).touch()
    assert summarized()['data'][1].startswith('not read: 3 .psd files (as ')
