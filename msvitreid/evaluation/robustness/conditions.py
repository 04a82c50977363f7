"""What images are tested under: named corruptions, their levels, and the draws of each image."""

from __future__ import annotations

import fnmatch
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from msvitreid.errors import ConfigError
from msvitreid.utils.near_names import did_you_mean

from .corruptions import add_noise, blur, cast_color, darken, jpeg, lower_resolution
from .occlusion import FILLS, PLACES, occlude

#: Gives another person's image for a name and draws: what covers by fill ``'people'``.
Donor = Callable[[str, np.random.Generator], np.ndarray]

Apply = Callable[[np.ndarray, float, np.random.Generator, np.ndarray | None], np.ndarray]


class Condition(NamedTuple):
    """A corruption with its levels.

    Attributes:
        name: as users give it.
        title: for people.
        quantity: what a level is, with its unit.
        clean: the level at which an image is as it is.
        levels: from mild to strong.
        scale: a shown level is the level times this.
        apply: of image, level, draws and donor.
        needs_donor: whether another person's image covers.
    """

    name: str
    title: str
    quantity: str
    clean: float
    levels: tuple[float, ...]
    scale: float
    apply: Apply
    needs_donor: bool = False

    def shown(self, level: float) -> str:
        """A level in the quantity's unit."""
        return f'{level * self.scale:g}'


_FILL_TITLES = {
    'gray': 'gray',
    'noise': 'noise',
    'texture': 'a drawn texture',
    'people': 'other people',
}
_PLACE_TITLES = {
    'top': 'from above',
    'bottom': 'from below',
    'side': 'from one side',
    'scattered': 'in scattered cells',
}
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)


def _occlusion(place: str, fill: str) -> Condition:
    def apply(image, share, rng, donor):  # type: ignore[no-untyped-def]
        return occlude(image, share, place, fill, rng, donor)

    title = f'{_FILL_TITLES[fill]} {_PLACE_TITLES[place]}'
    name = f'occlusion-{place}-{fill}'
    return Condition(
        name, title, 'area covered, %', 0, SHARES, 100, apply, needs_donor=fill == 'people'
    )


def _plain(function: Callable[[np.ndarray, float], np.ndarray]) -> Apply:
    return lambda image, level, rng, donor: function(image, level)


def _drawn(
    function: Callable[[np.ndarray, float, np.random.Generator], np.ndarray],
) -> Apply:
    return lambda image, level, rng, donor: function(image, level, rng)


_ALL = (
    *(_occlusion(place, fill) for fill in FILLS for place in PLACES),
    Condition(
        'resolution', 'lower resolution', 'shrunk by', 1, (1.5, 2, 3, 4, 6), 1,
        _plain(lower_resolution),
    ),
    Condition(
        'blur', 'Gaussian blur', 'sigma, % of the height', 0,
        (0.005, 0.01, 0.015, 0.02, 0.03), 100, _plain(blur),
    ),
    # Sigmas and qualities of Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to
    # Common Corruptions and Perturbations", ICLR 2019.
    Condition(
        'noise', 'Gaussian noise', 'sigma, % of white', 0,
        (0.08, 0.12, 0.18, 0.26, 0.38), 100, _drawn(add_noise),
    ),
    Condition('jpeg', 'JPEG', 'quality', 100, (25, 18, 15, 10, 7), 1, _plain(jpeg)),
    Condition('darkness', 'darkness', 'stops less light', 0, (1, 2, 3, 4, 5), 1, _plain(darken)),
    Condition(
        'color', 'color cast', 'stops between channels', 0, (0.25, 0.5, 0.75, 1, 1.25), 1,
        _drawn(cast_color),
    ),
)  # fmt: skip

CONDITIONS = {condition.name: condition for condition in _ALL}
"""All of them, by name. The levels of noise and JPEG are ImageNet-C's; the others are our choice,
from what is just visible to what a person can hardly use."""

DEFAULT_CONDITIONS = (
    *(f'occlusion-{place}-people' for place in PLACES),
    'occlusion-bottom-gray',
    'occlusion-bottom-noise',
    'occlusion-bottom-texture',
    'resolution',
    'blur',
    'noise',
    'jpeg',
    'darkness',
    'color',
)


def chosen_conditions(names: Iterable[str]) -> list[Condition]:
    """Conditions by name, each once; a ``*`` in a name stands for any text.

    Raises:
        ConfigError: there is no such condition.
    """
    chosen: dict[str, Condition] = {}
    for name in names:
        found = [name] if name in CONDITIONS else []
        if '*' in name:
            found = fnmatch.filter(CONDITIONS, name.replace('[', '[[]'))
        if not found:
            raise ConfigError(
                f'--conditions: there is no {name!r}{did_you_mean(name, CONDITIONS)}; there are '
                f'{", ".join(CONDITIONS)}'
            )
        chosen |= {one: CONDITIONS[one] for one in found}
    return list(chosen.values())


@dataclass(frozen=True)
class Corruption:
    """One level of a condition, applied to images by their names.

    What is drawn for an image depends on the seed, the condition and the image's name alone:
    not on the order of images, on other images or on the process. All levels of a condition have
    the same draws, so that they differ in strength only.

    Attributes:
        condition: a name of :data:`CONDITIONS`.
        level: any from clean on.
        seed: of the draws.
        donor: other people's images, for a condition that needs them.
    """

    condition: str
    level: float
    seed: int = 0
    donor: Donor | None = None

    def __call__(self, image: np.ndarray, name: str) -> np.ndarray:
        """The corrupted image, ``(H, W, 3)`` uint8; at the clean level the image itself.

        Args:
            image: ``(H, W, 3)`` uint8 RGB.
            name: of the image, the same on all machines.
        """
        condition = CONDITIONS[self.condition]
        if self.level == condition.clean:
            return image
        rng = self._draws(name, 'corruption')
        donor = None
        if condition.needs_donor:
            if self.donor is None:
                raise ConfigError(f'{self.condition} needs images of other people')
            donor = self.donor(name, self._draws(name, 'donor'))
        return condition.apply(image, self.level, rng, donor)

    def _draws(self, name: str, what: str) -> np.random.Generator:
        text = '\0'.join((what, self.condition, name)).encode('utf-8', 'surrogateescape')
        digest = hashlib.blake2b(text, digest_size=8).digest()
        return np.random.default_rng([self.seed, int.from_bytes(digest, 'big')])
