from __future__ import annotations

from typing import Any, ClassVar

import mmcv.transforms
import numpy as np
from mmcv.transforms.utils import cache_randomness

from msvitreid.registry import TRANSFORMS


@TRANSFORMS.register_module()
class RandomFlip(mmcv.transforms.RandomFlip):
    """mmcv's ``RandomFlip`` with the same draws, made in a third of the time.

    ``np.random.choice``, called there for every image, checks and sums up the chances again;
    that took longer than cropping and flipping together.

    Args:
        args, kwargs: mmcv's, such as ``prob`` and ``direction``.
    """

    # The decorator below adds to this list, which would else be that of mmcv's class.
    _methods_with_randomness: ClassVar[list[str]] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = [self.direction] if isinstance(self.direction, str) else list(self.direction)
        if isinstance(self.prob, list):
            chances = [*self.prob, 1 - sum(self.prob)]
        else:
            chances = [self.prob / len(names)] * len(names) + [1 - self.prob]
        self._outcomes: list[str | None] = [*names, None]
        sums = np.cumsum(chances)
        self._thresholds = sums / sums[-1]

    @cache_randomness
    def _choose_direction(self) -> str | None:
        # As np.random.choice chooses, from one number of the same stream.
        draw = np.random.random_sample()  # noqa: NPY002
        return self._outcomes[self._thresholds.searchsorted(draw, side='right')]
