"""Groups of images that grow under constraints."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from msvitreid.errors import DatasetError
from msvitreid.utils.printable import printable

from .neighbors import Pairs

NONE = -1


class Groups:
    """Images that are united one after the other; at first each is a group of its own.

    No two images of one frame come into one group, and no two groups with different fixed
    labels become one.

    Args:
        frames: of each image what names its frame, or None where it is not known.
        fixed: ``(N,)`` labels that images have already, -1 for none.
        names: of the images, for errors.
        label_names: of the fixed labels, for errors.
    """

    def __init__(
        self,
        frames: Sequence[Hashable | None],
        fixed: np.ndarray,
        names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
    ) -> None:
        self._parents = list(range(len(fixed)))
        self._frames: list[dict[Hashable, int]] = [
            {} if frame is None else {frame: i} for i, frame in enumerate(frames)
        ]
        self._sizes = [1] * len(fixed)
        self._fixed: list[int] = fixed.tolist()
        self._names, self._label_names = names, label_names
        self.refused = 0

    def root(self, image: int) -> int:
        """The image that stands for a group."""
        parents = self._parents
        while parents[image] != image:
            parents[image] = parents[parents[image]]
            image = parents[image]
        return image

    def unite(self, left: int, right: int) -> bool:
        """Whether two images are in one group now; ``refused`` counts those that may not be."""
        small, large = sorted(
            (self.root(left), self.root(right)), key=lambda root: (self._sizes[root], -root)
        )
        if small == large:
            return True
        if self._conflict(small, large) is not None:
            self.refused += 1
            return False
        self._parents[small] = large
        self._sizes[large] += self._sizes[small]
        self._frames[large].update(self._frames[small])
        self._frames[small] = {}
        self._fixed[large] = max(self._fixed[large], self._fixed[small])
        return True

    def require(self, members: Sequence[int], what: str) -> None:
        """Unite images that belong together.

        Args:
            members: indices.
            what: makes them belong together, such as ``tracklet 7``.

        Raises:
            DatasetError: a constraint forbids it; names both images and ``what``.
        """
        for member in members[1:]:
            if self.unite(members[0], member):
                continue
            small, large = sorted(
                (self.root(members[0]), self.root(member)),
                key=lambda root: (self._sizes[root], -root),
            )
            left, right, why = self._conflict(small, large) or (members[0], member, '')
            raise DatasetError(
                f'{what} joins the images {self._name(left)} and {self._name(right)}, which '
                f'{why}; correct one of them'
            )

    def merge(self, pairs: Pairs, of: np.ndarray | None = None) -> None:
        """Unite pairs in their order.

        Args:
            pairs: the most similar first.
            of: ``(N,)`` labels: images are united only if theirs is the same and not -1.
        """
        left, right = pairs.left, pairs.right
        if of is not None:
            same = (of[left] == of[right]) & (of[left] != NONE)
            left, right = left[same], right[same]
        for one, other in zip(left.tolist(), right.tolist(), strict=True):
            self.unite(one, other)

    def labels(self) -> np.ndarray:
        """``(N,)`` int64: fixed labels, then new ones in the order of their first images."""
        roots = [self.root(image) for image in range(len(self._parents))]
        label = max(self._fixed, default=NONE) + 1
        given: dict[int, int] = {}
        for root in roots:
            if root not in given and self._fixed[root] != NONE:
                given[root] = self._fixed[root]
            elif root not in given:
                given[root] = label
                label += 1
        return np.array([given[root] for root in roots], np.int64)

    def _conflict(self, small: int, large: int) -> tuple[int, int, str] | None:
        """Two images that keep two groups apart, and why; the smaller group comes first."""
        if NONE != self._fixed[small] != self._fixed[large] != NONE:
            one, other = (self.label_name(self._fixed[root]) for root in (small, large))
            why = f'are in the clusters {one} and {other} already'
            return small, large, why
        for frame, image in self._frames[small].items():
            if frame in self._frames[large]:
                shown = printable(str(frame), 80)
                return image, self._frames[large][frame], f'are both of frame {shown}'
        return None

    def label_name(self, label: int) -> str:
        """How an error calls a fixed label."""
        names = self._label_names
        return str(label) if names is None else repr(printable(names[label], 80))

    def _name(self, image: int) -> str:
        return f'[{image}]' if self._names is None else repr(printable(self._names[image], 80))
