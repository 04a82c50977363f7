"""What the parts consist of: one variant of one case each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.results import Result


@dataclass(frozen=True)
class Job:
    """Something to measure.

    Attributes:
        part: its heading.
        subject: the CSV file its rows go to.
        case: what is to be done.
        variant: who does it.
        function: ``module:function`` in this package, called with the sizes, this and
            ``arguments``; returns results.
        arguments: for it.
        estimate: seconds on a data-centre GPU.
        reference: the variant that it is compared with.
    """

    part: str
    subject: str
    case: str
    variant: str
    function: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    estimate: float = 5
    reference: str = 'plain'

    def result(self, seconds: tuple[float, ...], **facts: Any) -> Result:
        """A row of its own."""
        reference = facts.pop('reference', self.reference)
        variant = facts.pop('variant', self.variant)
        return Result(self.subject, self.case, variant, seconds, reference, **facts)


@dataclass(frozen=True)
class Answer:
    """What became of a job.

    Attributes:
        results: rows.
        failure: why there are none; nothing if it went well.
        fatal: whether the device takes no more work from this process.
    """

    results: tuple[Result, ...] = ()
    failure: str = ''
    fatal: bool = False
