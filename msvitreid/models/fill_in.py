"""What a part must know of others, filled in so that a config need not repeat it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from msvitreid.errors import ConfigError
from msvitreid.registry import MODELS

#: Where backbones keep the channels of their last map: ours and torchvision's, then
#: mmpretrain's ResNets, Swins and ViTs, which have no attribute of ours.
CHANNEL_ATTRIBUTES = ('out_channels', 'feat_dim', 'num_features', 'embed_dims')


def fill_in(cfg: Any, **known: Callable[[], Any]) -> Any:
    """``cfg`` of a model's part with those of ``known`` that it takes and does not state.

    What names no component comes back as it is, for the registry to complain about.
    """
    takes = MODELS.parameters(cfg)
    if not takes:
        return cfg
    missing = {key: value for key, value in known.items() if key in takes and key not in cfg}
    return {**cfg, **{key: value() for key, value in missing.items()}}


def num_maps(backbone: nn.Module) -> int:
    """How many maps a backbone says that it gives."""
    return getattr(backbone, 'num_branches', 1)


def count_vectors(neck: nn.Module, backbone: nn.Module) -> int:
    """How many vectors ``neck`` gives for ``backbone``'s maps.

    Raises:
        ConfigError: the neck does not say.
    """
    count = getattr(neck, 'count_vectors', None)
    if count is None:
        raise ConfigError(
            f'{type(neck).__name__} has no count_vectors(num_maps), so the head cannot know how '
            'many vectors it gets; set model.head.num_vectors'
        )
    return count(num_maps(backbone))


def count_channels(backbone: nn.Module) -> int:
    """Channels of a backbone's maps.

    Raises:
        ConfigError: the backbone does not say.
    """
    # timm's nets are wrapped, and the wrapper has no such attribute.
    net = getattr(backbone, 'timm_model', backbone)
    for name in CHANNEL_ATTRIBUTES:
        channels = getattr(net, name, None)
        if isinstance(channels, list | tuple) and channels:
            channels = channels[-1]
        if isinstance(channels, int):
            return channels
    raise ConfigError(
        f'{type(backbone).__name__} does not say how many channels its maps have: it has none of '
        f'{", ".join(CHANNEL_ATTRIBUTES)}; set model.head.in_channels'
    )


class ExpectedMaps:
    """What a head expects of a backbone's maps, to compare with those that come.

    Args:
        backbone: the net.
        filled: what was filled in for the head; what the config states is not checked.
    """

    def __init__(self, backbone: nn.Module, filled: Mapping[str, Any]) -> None:
        self.kind = type(backbone)
        self.number = num_maps(backbone) if 'num_vectors' in filled else None
        self.channels = filled.get('in_channels')

    def check(self, maps: Any) -> None:
        """Check what the backbone gave, by its shapes only.

        Raises:
            ConfigError: it is no tuple of tensors, or another number of maps or channels.
        """
        name = self.kind.__name__
        # Not `tuple | list`, which torch 2.4 cannot export.
        if not isinstance(maps, (tuple, list)) or not all(isinstance(x, Tensor) for x in maps):
            raise ConfigError(
                f'{name} must give a tuple of maps (N, C, H, W), got a {type(maps).__name__}'
            )
        if self.number is not None and len(maps) != self.number:
            raise ConfigError(
                f'{name} gives {len(maps)} maps where its num_branches (1 if it has none) says '
                f'{self.number}; set num_branches = {len(maps)} in it, or model.head.num_vectors'
            )
        if self.channels is not None and maps[-1].shape[1] != self.channels:
            raise ConfigError(
                f'{name} gives {tuple(maps[-1].shape)} where it says {self.channels} channels; '
                f'correct its {" or ".join(CHANNEL_ATTRIBUTES)}, or set model.head.in_channels'
            )
