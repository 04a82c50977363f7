from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from msvitreid.utils.printable import printable


@dataclass
class IdNames:
    """What users call the identities and cameras that a dataset numbers.

    Only for people: errors, reports and pictures. It is no part of the meta information, which
    checkpoints carry, as it may name persons.

    Attributes:
        pids: name of each identity that is called otherwise than by its number.
        camids: the same of each camera.
    """

    pids: dict[int, str] = field(default_factory=dict)
    camids: dict[int, str] = field(default_factory=dict)

    def update(self, pids: Mapping[str, int], camids: Mapping[str, int]) -> None:
        """Take over numbers by name, as a reader has given them."""
        self.pids.update({number: name for name, number in pids.items()})
        self.camids.update({number: name for name, number in camids.items()})

    def add(
        self, other: IdNames, entries: Iterable[Mapping[str, Any]], pid: int, camid: int
    ) -> None:
        """Take over the names of another dataset, whose numbers rise by ``pid`` and ``camid``.

        Args:
            other: the other dataset's names.
            entries: its entries, with its own numbers.
            pid: what is added to identities from 0 on.
            camid: what is added to cameras from 0 on.
        """
        for entry in entries:
            if entry['pid'] >= 0:
                self.pids[entry['pid'] + pid] = other.full_pid(entry['pid'])
            if entry['camid'] >= 0:
                self.camids[entry['camid'] + camid] = other.full_camid(entry['camid'])

    def clear(self) -> None:
        """Forget all names, where a dataset is read again."""
        self.pids.clear()
        self.camids.clear()

    def full_pid(self, number: int) -> str:
        """What the user calls an identity, whole: names are compared by this."""
        return self.pids.get(number, str(number))

    def full_camid(self, number: int) -> str:
        """What the user calls a camera, whole."""
        return self.camids.get(number, str(number))

    def pid(self, number: int) -> str:
        """What the user calls an identity, for a message."""
        return printable(self.full_pid(number), 40)

    def camid(self, number: int) -> str:
        """What the user calls a camera, for a message."""
        return printable(self.full_camid(number), 40)
