"""What of the log holds: identities with their names, negatives, and notes on images."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from msvitreid.datasets.readers.spellings import readings
from msvitreid.errors import ReviewError
from msvitreid.utils.printable import printable

from .entries import Image, Mark, Note


class Identity(NamedTuple):
    """Images that marks "same" join, directly or through others; or one that has a name.

    Attributes:
        images: sorted, those of the gallery first.
        names: notes that name it; after a complete change there is one at most.
    """

    images: tuple[Image, ...]
    names: tuple[Note, ...] = ()

    @property
    def name(self) -> str:
        return self.names[-1].value if self.names else ''

    @property
    def ids(self) -> list[str]:
        """Of its images in the gallery."""
        return [image.name for image in self.images if image.kind == 'gallery']

    @property
    def anchor(self) -> Image:
        """The image that stands for it: its first."""
        return self.images[0]

    @property
    def shown(self) -> str:
        """What a sentence calls it."""
        if self.name:
            return repr(printable(self.name))
        return f'the identity of {shown(self.anchor)}'


class ReviewState:
    """What the entries that hold say.

    Args:
        version: number of the last entry of the log.
        marks: that hold, one for each pair.
        notes: that hold, one for each image and action.

    Attributes:
        marks: as given.
        asides, fine, detached: notes by id.
        rejected: names of groups.
        identities: by ascending anchor.
    """

    def __init__(self, version: int, marks: Iterable[Mark], notes: Iterable[Note]) -> None:
        self.version = version
        self.marks = list(marks)
        by_action: dict[str, dict[Image, Note]] = {}
        for note in notes:
            by_action.setdefault(note.action, {})[note.image] = note
        self.asides, self.fine, self.detached = (
            {image.name: note for image, note in by_action.get(action, {}).items()}
            for action in ('aside', 'fine', 'detached')
        )
        self.rejected = {image.name for image in by_action.get('rejected', {})}
        names = {image: note for image, note in by_action.get('name', {}).items() if note.value}
        self.neighbors = joined(self.marks)
        self.identities = list(_identities(self.neighbors, names))
        self._place = {
            image: place for place, one in enumerate(self.identities) for image in one.images
        }
        self._different: dict[Image, dict[Image, list[Mark]]] = {}
        for mark in self.marks:
            if mark.answer == 'different':
                one, other = self.root(mark.query), self.root(mark.hit)
                self._different.setdefault(one, {}).setdefault(other, []).append(mark)
                if one != other:
                    self._different.setdefault(other, {}).setdefault(one, []).append(mark)

    def identity_of(self, image: Image) -> Identity:
        """The identity of an image; one that is not marked is alone."""
        place = self._place.get(image)
        return Identity((image,)) if place is None else self.identities[place]

    def root(self, image: Image) -> Image:
        """The anchor of its identity: equal for two images of one identity only."""
        return self.identity_of(image).anchor

    def between(self, one: Image, other: Image) -> list[Mark]:
        """Marks "different" between an image of the one identity and one of the other."""
        return self._different.get(self.root(one), {}).get(self.root(other), [])

    def differences(self, images: Collection[Image]) -> list[Mark]:
        """Marks "different" between the identities of these images, oldest first."""
        roots = {self.root(image) for image in images}
        found = {
            mark.number: mark
            for root in roots
            for other, marks in self._different.get(root, {}).items()
            if other != root and other in roots
            for mark in marks
        }
        return [found[number] for number in sorted(found)]

    def has_different(self, roots: Collection[Image]) -> bool:
        """Whether two of these identities, each given by its anchor, are marked as different."""
        return any(
            other != root and other in roots
            for root in roots
            for other in self._different.get(root, ())
        )

    def different_roots(self, root: Image) -> set[Image]:
        """Anchors of the identities that are marked as different from one."""
        return {other for other in self._different.get(root, ()) if other != root}

    def different_from(self, image: Image) -> dict[str, Mark]:
        """By id the images of the gallery that are marked as different from this one.

        That is by a mark of the pair, or by one between the identities of both.
        """
        root = self.root(image)
        return {
            id_: marks[0]
            for other, marks in self._different.get(root, {}).items()
            if other != root
            for id_ in self.identity_of(other).ids
        }

    def require_one_name_each(self) -> None:
        """Check that no identity has two names, and no two have the same one.

        Names are compared as a dataset's reader compares them: after Unicode normalization, and
        numbers by value.

        Raises:
            ReviewError: names both identities or names.
        """
        seen: dict[object, Identity] = {}
        for identity in self.identities:
            if len({note.value for note in identity.names}) > 1:
                values = sorted({note.value for note in identity.names})
                raise ReviewError(
                    f'one identity would have the names {printable(values[0])!r} and '
                    f'{printable(values[1])!r}; merge the two with the name that stays'
                )
            for reading in readings(identity.name) if identity.name else ():
                other = seen.setdefault(reading, identity)
                if other is not identity:
                    raise ReviewError(
                        f'the identities of {shown(other.anchor)} and {shown(identity.anchor)} '
                        f'would have one name, {other.shown}; merge them, or choose another'
                    )


def joined(marks: Iterable[Mark]) -> dict[Image, list[Image]]:
    """Of each image those that a mark "same" joins it with."""
    neighbors: dict[Image, list[Image]] = {}
    for mark in marks:
        if mark.answer == 'same':
            neighbors.setdefault(mark.query, []).append(mark.hit)
            neighbors.setdefault(mark.hit, []).append(mark.query)
    return neighbors


def reached_from(start: Image, neighbors: dict[Image, list[Image]]) -> dict[Image, Image]:
    """All images that are joined with one, and the image from which each was reached first."""
    came_from, waiting = {start: start}, deque([start])
    while waiting:
        image = waiting.popleft()
        for other in neighbors[image]:
            if other not in came_from:
                came_from[other] = image
                waiting.append(other)
    return came_from


def components(neighbors: dict[Image, list[Image]]) -> Iterator[list[Image]]:
    """What hangs together, each sorted."""
    seen: set[Image] = set()
    for start in sorted(neighbors):
        if start not in seen:
            found = reached_from(start, neighbors)
            seen.update(found)
            yield sorted(found)


def shown(image: Image) -> str:
    """What a sentence calls an image."""
    if image.kind == 'upload':
        return f'the uploaded image {image.name[:12]}'
    return repr(printable(image.name))


def _identities(
    neighbors: dict[Image, list[Image]], names: dict[Image, Note]
) -> Iterator[Identity]:
    groups = [*components(neighbors), *([image] for image in names if image not in neighbors)]
    for group in sorted(groups):
        notes = sorted(names[image] for image in group if image in names)
        yield Identity(tuple(group), tuple(notes))
