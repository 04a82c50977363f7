from __future__ import annotations

from torch import Tensor, nn


class SqueezeExcitation(nn.Module):
    """Scale each channel by a gate computed from the map's mean; its activation is ReLU always."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = max(8, channels // 8)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.reduce = nn.Conv2d(channels, hidden, 1)
        self.act = nn.ReLU(inplace=True)
        self.expand = nn.Conv2d(hidden, channels, 1)
        self.gate = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scales(x)

    def scales(self, x: Tensor) -> Tensor:
        """The gates of ``(N, C, H, W)``, ``(N, C, 1, 1)``."""
        return self.gate(self.expand(self.act(self.reduce(self.pool(x)))))
