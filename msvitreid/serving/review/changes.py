"""Names, merges and splits of identities, planned before anything is written.

A plan lists every entry that it adds, and its digest those and every image that it touches. What
is confirmed by a digest is therefore exactly what was shown.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from msvitreid.datasets.readers.spellings import stands_for_nothing
from msvitreid.errors import ReviewError
from msvitreid.utils.printable import counted, printable
from msvitreid.utils.spreadsheets import is_formula

from .entries import Image, Mark
from .state import Identity, ReviewState, components, joined, shown

LONGEST_NAME = 80
MOST_NAMED = 5
"""Marks that a sentence names."""


@dataclass(frozen=True)
class Plan:
    """What a change adds to the log, and what it touches.

    Attributes:
        parts: the images of each identity after the change.
        names: of these identities, '' for none.
        marks: pairs with their answers that are added.
        replaced: marks of these pairs that hold before it.
        notes: action, image and value of notes that are added.
    """

    parts: tuple[tuple[Image, ...], ...]
    names: tuple[str, ...]
    marks: tuple[tuple[Image, Image, str], ...] = ()
    replaced: tuple[Mark, ...] = ()
    notes: tuple[tuple[str, Image, str], ...] = field(default=())

    @property
    def digest(self) -> str:
        """SHA-256 of all of it, 64 digits."""
        values = (
            [[image.text for image in part] for part in self.parts],
            self.names,
            [[one.text, other.text, answer] for one, other, answer in self.marks],
            [[mark.number, mark.answer] for mark in self.replaced],
            [[action, image.text, value] for action, image, value in self.notes],
        )
        return hashlib.sha256(json.dumps(values).encode()).hexdigest()


def plan_name(state: ReviewState, image: Image, name: str) -> Plan:
    """Name the identity of an image; '' takes its name away.

    Raises:
        ReviewError: the name is none.
    """
    identity = state.identity_of(image)
    name = checked_name(name)
    return Plan((identity.images,), (name,), notes=_named([identity], identity.anchor, name))


def plan_merge(state: ReviewState, images: Sequence[Image], name: str | None = None) -> Plan:
    """Join the identities of these images by marks "same" of their first images.

    Args:
        state: what holds.
        images: one of each identity, or more.
        name: of the result; None for the first that one of them has, in the order given.

    Raises:
        ReviewError: there is one identity only, or a mark says that two of them differ; the
            sentence names these marks.
    """
    merged = list({state.root(image): state.identity_of(image) for image in images}.values())
    if len(merged) < 2:
        raise ReviewError('these images are of one identity already; choose images of several')
    _require_none_different(
        state.differences([one.anchor for one in merged]),
        'identities that are marked as different cannot be merged',
    )
    if name is None:
        name = next((one.name for one in merged if one.name), '')
    name = checked_name(name)
    first = merged[0]
    marks = tuple((first.anchor, other.anchor, 'same') for other in merged[1:])
    everything = tuple(sorted(image for one in merged for image in one.images))
    notes = _named(merged, first.anchor, name)
    return Plan((everything,), (name,), marks, _replaced(state, marks), notes)


def plan_split(
    state: ReviewState,
    images: Sequence[Image],
    name: str = '',
    recorded: Mapping[str, str] | None = None,
) -> Plan:
    """Make images of an identity one of their own.

    Marks "same" between them and the rest become "different". Where the images of a part were
    joined through the other one only, marks "same" join them. The name stays with the rest. An
    uploaded image goes with the images that it is marked the same as, if none of the rest is.

    Args:
        state: what holds.
        images: of one identity, not all of it.
        name: of the new identity.
        recorded: by id the identity that the gallery records. That of an image split off is
            noted as wrong if the rest has it too.

    Raises:
        ReviewError: the images are of several identities or all of one, or of two images of a
            part a mark says that they differ.
    """
    name = checked_name(name)
    identity = state.identity_of(images[0])
    for image in images:
        if image not in identity.images:
            raise ReviewError(
                f'{shown(images[0])} and {shown(image)} are of two identities; split one at a '
                'time'
            )
    off = set(images)
    for image in identity.images:
        if image.kind == 'upload' and off.issuperset(state.neighbors[image]):
            off.add(image)
    part = tuple(image for image in identity.images if image in off)
    rest = tuple(image for image in identity.images if image not in off)
    if not rest:
        raise ReviewError(
            f'{counted(len(part), "image")} would be split off, which is all of the identity; '
            'leave one at least'
        )
    crossing = [
        mark
        for mark in state.marks
        if mark.answer == 'same' and len(off.intersection((mark.query, mark.hit))) == 1
    ]
    marks = [(mark.query, mark.hit, 'different') for mark in crossing]
    marks += [(*pair, 'same') for images in (part, rest) for pair in _joining(state, images)]
    notes: tuple[tuple[str, Image, str], ...] = ()
    if any(note.image in off for note in identity.names):
        notes += _named([identity], rest[0], identity.name)
    if name:
        notes += (('name', part[0], name),)
    known = recorded or {}
    of_rest = {known[image.name] for image in rest if image.name in known}
    notes += tuple(
        ('detached', image, known[image.name])
        for image in part
        if image.kind == 'gallery' and known.get(image.name) in of_rest
    )
    names = (name, identity.name)
    return Plan((part, rest), names, tuple(marks), _replaced(state, marks), notes)


def plan_group(
    state: ReviewState, images: Sequence[Image], removed: Sequence[Image] = ()
) -> Plan:
    """Join the identities of images of a group, and part others from them.

    Raises:
        ReviewError: marks say that two of the images differ, or that one and a removed one are
            the same; the sentence names the marks or images.
    """
    joined_images = list({state.root(image): image for image in images}.values())
    _require_none_different(
        state.differences(joined_images),
        'images that are marked as different cannot be one identity',
    )
    first = images[0]
    of_root = {state.root(image): image for image in reversed(images)}
    for image in removed:
        if (one := of_root.get(state.root(image))) is not None:
            raise ReviewError(
                f'{shown(image)} and {shown(one)} are of one identity already; split it '
                'instead of removing an image'
            )
    marks = [(first, one, 'same') for one in joined_images if one != first]
    marks += [(first, one, 'different') for one in removed]
    marks = [mark for mark in marks if state.root(mark[0]) != state.root(mark[1])]
    everything = {one for image in joined_images for one in state.identity_of(image).images}
    names = [state.identity_of(image).name for image in images]
    name = next((name for name in names if name), '')
    pairs = tuple(marks)
    return Plan((tuple(sorted(everything)),), (name,), pairs, _replaced(state, pairs))


def checked_name(name: str) -> str:
    """A name of an identity as it is stored: in Unicode's composed form, without outer spaces.

    Raises:
        ReviewError: it is too long, has characters that show nothing, is a formula to a
            spreadsheet, or means that there is no identity, such as ``-1`` and ``unknown``.
    """
    name = unicodedata.normalize('NFC', name).strip()
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise ReviewError(
            f'an identity is named by at most {LONGEST_NAME} printable characters'
        )
    if name and stands_for_nothing(name):
        raise ReviewError(
            f'{printable(name)!r} means in a training list that an identity is not known; '
            'choose another name'
        )
    if is_formula(name):
        raise ReviewError(
            f'{printable(name)!r} is a formula to a spreadsheet that opens the training list; '
            'begin the name with another character'
        )
    return name


def _named(
    identities: Iterable[Identity], anchor: Image, name: str
) -> tuple[tuple[str, Image, str], ...]:
    """Notes after which the name stands at one image of the identities only."""
    notes = [note for one in identities for note in one.names]
    cleared = [('name', note.image, '') for note in notes if note.image != anchor]
    has_it = any(note.image == anchor and note.value == name for note in notes)
    is_there = any(note.image == anchor for note in notes)
    given = [('name', anchor, name)] if not has_it and (name or is_there) else []
    return (*cleared, *given)


def _joining(state: ReviewState, images: Sequence[Image]) -> list[tuple[Image, Image]]:
    """Pairs that join images which hang together through others only."""
    inside = set(images)
    own = [mark for mark in state.marks if {mark.query, mark.hit} <= inside]
    differing = [mark for mark in own if mark.answer == 'different']
    alone: dict[Image, list[Image]] = {image: [] for image in images}
    neighbors = alone | joined(own)
    groups = list(components(neighbors))
    if len(groups) > 1:
        _require_none_different(differing, 'images that would be one identity are different')
    return [(groups[0][0], group[0]) for group in groups[1:]]


def _replaced(
    state: ReviewState, pairs: Iterable[tuple[Image, Image, str]]
) -> tuple[Mark, ...]:
    touched = {frozenset((one, other)) for one, other, _ in pairs}
    return tuple(mark for mark in state.marks if frozenset((mark.query, mark.hit)) in touched)


def _require_none_different(marks: Sequence[Mark], sentence: str) -> None:
    if not marks:
        return
    named = [
        f'mark {mark.number}, {shown(mark.query)} and {shown(mark.hit)}'
        for mark in marks[:MOST_NAMED]
    ]
    more = len(marks) - MOST_NAMED
    raise ReviewError(
        f'{sentence} ({"; ".join(named)}'
        + (f'; and {more:,} more' if more > 0 else '')
        + '); undo these marks, or split an identity, first'
    )
