"""What a part must know of others, filled in so that a config need not repeat it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from msvitreid.errors import ConfigError
from msvitreid.registry import MODELS

#: Where backbones keep the channels of their last map: ours and torchvision's, then
#: mmpretrain's ResNets, Swins and ViTs.
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


def count_vectors(neck: nn.Module, backbone: nn.Module) -> int:
    """How many vectors ``neck`` gives for ``backbone``'s maps.

    Raises:
        ConfigError: the neck does not tell.
    """
    count = getattr(neck, 'count_vectors', None)
    if count is None:
        raise ConfigError(
            f'{type(neck).__name__} has no count_vectors(num_maps), so the head cannot know how '
            'many vectors it gets; set model.head.num_vectors'
        )
    return count(getattr(backbone, 'num_branches', 1))


def count_channels(backbone: nn.Module) -> int:
    """Channels of a backbone's maps.

    Raises:
        ConfigError: the backbone does not tell.
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
        f'{type(backbone).__name__} does not tell the channels of its maps: it has none of '
        f'{", ".join(CHANNEL_ATTRIBUTES)}; set model.head.in_channels'
    )
