from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import torch
from annotated_types import Ge, Le, Lt
from mmengine.model import BaseModule
from torch import Tensor, nn

from msvitreid.errors import ConfigError
from msvitreid.models.build_part import build_part
from msvitreid.models.kernels import use_grouped_conv_kernel
from msvitreid.registry import MODELS
from msvitreid.registry.checked import checked
from msvitreid.registry.components import Count
from msvitreid.utils.checks import require_whole

from .blocks import CNNBlock, SparseAttentionBlock, conv_x
from .recomputed import recomputed

INIT_CFG: list[dict[str, Any]] = [
    {
        'type': 'Kaiming',
        'layer': ['Conv2d', 'Linear'],
        'mode': 'fan_in',
        'nonlinearity': 'relu',
    },
    {'type': 'Constant', 'layer': ['_BatchNorm'], 'val': 1.0, 'bias': 0.0},
]

#: Tokens of an attention group by default, and the stages that have attention.
SPLIT_SIZE = (8, 8)
ATTENTION_STAGES = 3


@MODELS.register_module()
@checked
class MSViT(BaseModule):
    """Multiple Sparse Vision Transformer.

    A stem and three stages of convolution and sparse grid attention form a shared trunk;
    each branch is a copy of the fourth, attention-free stage and of a 1x1 "conv head".

    Args:
        arch: 's', 'l', or a dict with ``dims`` (4 ints, multiples of 8), ``blocks``
            (4 ints) and ``heads`` (3 ints).
        split_size: tokens of one attention group along height and width. The maps of
            stages 1-3 (1/4, 1/8, 1/16 of the image) must divide by it.
        sparse_ratio: share of keys each query keeps; 1 is dense attention.
        drop_path_rate: drop path of the last block; the rate rises linearly from 0.
        act_cfg: activation; the published re-identification nets use ReLU, the published
            ImageNet logs show GELU.
        num_branches: 2 for re-identification (global, parts); 1 is an ordinary backbone.
        last_stride: stride of stage 4; 1 for re-identification, 2 for classification.
        out_channels: channels of the conv head.
        frozen_stages: 0 freezes the stem, n the stem and stages 1 to n, -1 nothing. Frozen
            parameters get neither gradient nor decay; their BatchNorm statistics still
            follow the data, as in the published runs.
        with_cp: in training, keep only the blocks' inputs and compute the rest again on the
            backward pass: less memory, more time, the same numbers.
        grouped_conv_kernel: 'triton' computes the 3x3 convolutions with four channels a group by
            kernels of our own where maps are on a GPU; 'torch' leaves them to cuDNN.
        attention_kernel: 'triton' computes the attention on a GPU by Triton kernels, the same
            up to rounding; on the CPU and in float64 it changes nothing. See
            :class:`SparseGridAttention`.
        init_cfg: mmengine initialization; Kaiming-normal (fan-in) by default.

    Raises:
        ConfigError: an option has no such value.

    Source: the public implementation; golden vectors are in ``tests/golden``.
    """

    #: Options that do not matter to a trained net.
    training_options = (
        'drop_path_rate',
        'frozen_stages',
        'with_cp',
        'attention_kernel',
        'grouped_conv_kernel',
    )

    arch_zoo = {
        's': {'dims': (32, 64, 128, 256), 'blocks': (3, 6, 15, 3), 'heads': (2, 4, 8)},
        'l': {'dims': (48, 96, 192, 384), 'blocks': (3, 6, 15, 3), 'heads': (2, 4, 8)},
    }

    def __init__(
        self,
        arch: Literal['s', 'l'] | Mapping[str, Sequence[int]] = 's',
        split_size: Sequence[int] = SPLIT_SIZE,
        sparse_ratio: float = 0.3,
        drop_path_rate: Annotated[float, Ge(0), Lt(1)] = 0.0,
        act_cfg: Mapping[str, Any] = {'type': 'ReLU'},
        num_branches: Count = 2,
        last_stride: Count = 1,
        out_channels: Count = 512,
        frozen_stages: Annotated[int, Ge(-1), Le(3)] = -1,
        with_cp: bool = False,
        grouped_conv_kernel: Literal['torch', 'triton'] = 'torch',
        attention_kernel: Literal['torch', 'triton'] = 'torch',
        init_cfg: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = INIT_CFG,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        build_part('model.backbone.act_cfg', act_cfg)  # each block builds its own
        settings = self._settings(arch)
        dims, blocks, heads = settings['dims'], settings['blocks'], settings['heads']
        self.split_size = _checked_split(split_size)
        self.frozen_stages = frozen_stages
        self.out_channels = out_channels
        self.num_branches = num_branches
        self.with_cp = with_cp

        rates = torch.linspace(0, drop_path_rate, sum(blocks)).tolist()
        self.stem = conv_x(3, dims[0] // 2, 3, stride=2, act_cfg=act_cfg)
        self.stages = nn.ModuleList()
        in_channels, first = dims[0] // 2, 0
        for channels, depth, num_heads in zip(dims[:3], blocks[:3], heads, strict=True):
            layers: list[nn.Module] = []
            for i, rate in enumerate(rates[first : first + depth]):
                layers.append(self._cnn_block(i, in_channels, channels, 2, act_cfg, rate))
                if i > 0:
                    layers.append(
                        SparseAttentionBlock(
                            channels,
                            num_heads,
                            self.split_size,
                            sparse_ratio,
                            act_cfg,
                            rate,
                            attention_kernel,
                        )
                    )
                in_channels = channels
            self.stages.append(nn.Sequential(*layers))
            first += depth

        self.branches = nn.ModuleList()
        for _ in range(num_branches):
            stage = nn.Sequential(
                *(
                    self._cnn_block(
                        i, dims[2] if i == 0 else dims[3], dims[3], last_stride, act_cfg, rate
                    )
                    for i, rate in enumerate(rates[first:])
                )
            )
            conv_head = conv_x(dims[3], out_channels, act_cfg=act_cfg)
            self.branches.append(nn.Sequential(OrderedDict(stage=stage, conv_head=conv_head)))
        self._freeze()
        if grouped_conv_kernel == 'triton':
            use_grouped_conv_kernel(self)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """``(N, 3, H, W)`` images to one ``(N, out_channels, h, w)`` map a branch.

        ``h x w`` is 1/16 of the image with ``last_stride=1``, else 1/32.

        Raises:
            ConfigError: a stage's map does not divide by the split size.
        """
        self.check_image_size(x.shape[-2], x.shape[-1], split_size=self.split_size)
        # Grouped convolutions with few channels a group are several times faster this way.
        x = self.stem(x.contiguous(memory_format=torch.channels_last))
        for stage in self.stages:
            x = self._run(stage, x)
        return tuple(self._run(branch, x) for branch in self.branches)

    def get_layer_depth(self, param_name: str, prefix: str = '') -> tuple[int, int]:
        """Depth of a parameter's layer, and the number of layers, for layer-wise rates.

        The stem is layer 0 and the last layer all that follows the blocks: conv heads, and
        what does not begin with ``prefix``. Between them a block is a layer, attention
        included.
        """
        # Every block but a stage's first is two modules of the stage.
        blocks = [(len(list(stage.children())) + 1) // 2 for stage in self.stages]
        blocks.append(len(list(self.branches[0].get_submodule('stage').children())))
        last = sum(blocks) + 1
        if param_name.startswith(f'{prefix}stem.'):
            return 0, last + 1
        parts = param_name.removeprefix(prefix).split('.')
        if param_name.startswith(f'{prefix}stages.'):
            stage, module = int(parts[1]), int(parts[2])
            return sum(blocks[:stage]) + (module + 1) // 2 + 1, last + 1
        if param_name.startswith(f'{prefix}branches.') and parts[2] == 'stage':
            return sum(blocks[:3]) + int(parts[3]) + 1, last + 1
        return last, last + 1

    def _run(self, part: nn.Module, x: Tensor) -> Tensor:
        if not (self.with_cp and self.training):
            return part(x)
        for block in part.children():
            # A branch holds a stage, which holds blocks, and the conv head.
            is_stage = isinstance(block, nn.Sequential) and not hasattr(block, 'conv')
            x = self._run(block, x) if is_stage else recomputed(block, x)
        return x

    @classmethod
    def _settings(cls, arch: str | Mapping[str, Any]) -> Mapping[str, Any]:
        if isinstance(arch, str):
            if arch not in cls.arch_zoo:
                raise ConfigError(
                    f'MSViT arch {arch!r} is unknown; use one of {sorted(cls.arch_zoo)} or a '
                    'dict with dims, blocks and heads'
                )
            return cls.arch_zoo[arch]
        if not isinstance(arch, Mapping):
            raise ConfigError(
                f'MSViT arch must be one of {sorted(cls.arch_zoo)} or a dict with dims, blocks and '
                f'heads, got {arch!r}'
            )
        lengths = {'dims': 4, 'blocks': 4, 'heads': 3}
        for key, length in lengths.items():
            numbers = arch.get(key)
            if not isinstance(numbers, list | tuple) or len(numbers) != length:
                raise ConfigError(
                    f'MSViT arch needs {key!r} with {length} integers, got {arch}'
                )
            for number in numbers:
                require_whole(f'MSViT arch.{key}', number, 1)
        if any(dim % 8 for dim in arch['dims']):
            raise ConfigError(f'MSViT dims must be multiples of 8, got {arch["dims"]}')
        if any(dim % heads for dim, heads in zip(arch['dims'], arch['heads'], strict=False)):
            raise ConfigError(f'MSViT dims must divide by their heads, got {arch}')
        return arch

    @staticmethod
    def _cnn_block(
        index: int,
        in_channels: int,
        channels: int,
        stride: int,
        act_cfg: Mapping[str, Any],
        rate: float,
    ) -> CNNBlock:
        """A stage's first block strides and projects its skip; the others do neither."""
        first = index == 0
        return CNNBlock(
            in_channels, channels, stride if first else 1, first, act_cfg, drop_path=rate
        )

    @staticmethod
    def check_image_size(
        height: int, width: int, *, split_size: Sequence[int] = SPLIT_SIZE, **_: Any
    ) -> None:
        """Check that images fit a net of these options, before there is one.

        Raises:
            ConfigError: a stage's map does not divide by the split size.
        """
        rows, columns = _checked_split(split_size)
        map_h, map_w = (height + 1) // 2, (width + 1) // 2
        for number in range(1, ATTENTION_STAGES + 1):
            map_h, map_w = (map_h + 1) // 2, (map_w + 1) // 2
            if map_h % rows or map_w % columns:
                raise ConfigError(
                    f'stage {number} of MSViT has a {map_h}x{map_w} map for a {height}x{width} '
                    f'image, which does not divide by split_size {rows}x{columns}; use an '
                    f'image whose sides are multiples of {16 * rows}x{16 * columns} or another '
                    'split_size'
                )

    def _freeze(self) -> None:
        if self.frozen_stages < 0:
            return
        for module in (self.stem, *self.stages[: self.frozen_stages]):
            module.requires_grad_(False)


def _checked_split(split_size: Sequence[int]) -> tuple[int, int]:
    if not isinstance(split_size, (list, tuple)) or len(split_size) != 2:
        raise ConfigError(f'MSViT split_size must be two numbers, got {split_size!r}')
    for side in split_size:
        require_whole('MSViT split_size', side, 1)
    return int(split_size[0]), int(split_size[1])
