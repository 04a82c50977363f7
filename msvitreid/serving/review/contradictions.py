"""Marks that contradict each other: different images of one identity."""

from __future__ import annotations

from msvitreid.errors import ReviewError

from .entries import Image, Mark
from .state import ReviewState, reached_from, shown

MOST_NAMED = 3
"""Contradictions that a sentence names."""


def require_no_contradiction(state: ReviewState) -> None:
    """Check that no two images of one identity are marked as different.

    Raises:
        ReviewError: two are; the sentence names them and the chain of marks that joins them.
    """
    contradictions = [
        _chain(mark, state.neighbors)
        for mark in state.marks
        if mark.answer == 'different' and state.root(mark.query) == state.root(mark.hit)
    ]
    if contradictions:
        more = len(contradictions) - MOST_NAMED
        raise ReviewError(
            'marks contradict each other: '
            + '; '.join(contradictions[:MOST_NAMED])
            + (f'; and {more:,} more' if more > 0 else '')
            + '; undo a wrong one of them, or split the identity'
        )


def _chain(mark: Mark, neighbors: dict[Image, list[Image]]) -> str:
    came_from = reached_from(mark.query, neighbors)
    chain = [mark.hit]
    while chain[-1] != mark.query:
        chain.append(came_from[chain[-1]])
    names = [shown(image) for image in reversed(chain)]
    return (
        f'{names[0]} and {names[-1]} are marked as different (mark {mark.number}), and as the '
        f'same through {" = ".join(names)}'
    )
