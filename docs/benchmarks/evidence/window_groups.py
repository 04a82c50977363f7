"""MSViT whose attention groups are windows of neighboring tokens instead of the published grid."""

from torch import Tensor

from msvitreid.models.backbones import MSViT, SparseGridAttention
from msvitreid.registry import MODELS


class WindowAttention(SparseGridAttention):
    """As the base class, but a group holds the tokens of one ``H_sp x W_sp`` window."""

    def _group(self, x: Tensor) -> Tensor:
        batch, _, height, width = x.shape
        rows, columns = self.split_size
        x = x.unflatten(2, (height // rows, rows)).unflatten(4, (width // columns, columns))
        # Row p of window g becomes row p * windows + g, where the grid looks for it.
        return super()._group(
            x.transpose(2, 3).transpose(4, 5).reshape(batch, -1, height, width)
        )

    def _ungroup(self, x: Tensor, height: int, width: int) -> Tensor:
        x = super()._ungroup(x, height, width)
        rows, columns = self.split_size
        x = x.unflatten(2, (rows, height // rows)).unflatten(4, (columns, width // columns))
        return x.transpose(2, 3).transpose(4, 5).reshape(len(x), -1, height, width)


@MODELS.register_module()
class WindowMSViT(MSViT):
    def __init__(self, **options) -> None:
        super().__init__(**options)
        for module in self.modules():
            if isinstance(module, SparseGridAttention):
                module.__class__ = WindowAttention
