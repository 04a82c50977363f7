from __future__ import annotations

from msvitreid.datasets.split_statistics import count_entries, differences

from .contents import Contents
from .findings import Finding, Item


def count_findings(contents: Contents) -> list[Finding]:
    """Counts of images, identities and cameras that are not the expected ones.

    A fault where the expectation is certain and counts are to agree.
    """
    findings = []
    for split, entries in contents.splits.items():
        if split not in contents.expected:
            continue
        found = count_entries(entries)[split]
        wrong = differences(found, contents.expected[split])
        for certain, what in (
            (True, 'counts that differ from the published ones'),
            (False, 'counts unlike the published ones, which are not certain'),
        ):
            items = tuple(Item((), text) for text, exact in wrong.items() if exact == certain)
            if items:
                fault = certain and contents.counts_must_agree
                where = f'{contents.name} {split}'
                findings.append(Finding('count', fault, where, what, items))
    return findings
