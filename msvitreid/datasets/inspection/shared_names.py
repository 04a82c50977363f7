from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from msvitreid.datasets.readers.spellings import same_names

from .contents import Contents
from .findings import Finding, Item


def shared_name_findings(contents: Sequence[Contents]) -> list[Finding]:
    """Identities of own data that bear one name in the lists of training and of test: a fault.

    Each list numbers its identities by itself, so the numbers say nothing. Two spellings of one
    name (``1`` and ``01``) are one name, as they are within a list.
    """
    findings = []
    own = [one for one in contents if one.is_own_data]
    for training, test in product(own, own):
        if training.root != test.root or training.csv == test.csv:
            continue
        trained = {entry['pid_name']: entry['img_path'] for entry in training.train}
        tested = {entry['pid_name']: entry['img_path'] for entry in test.test}
        items = tuple(
            Item((trained[as_trained], tested[name]), f'identity {name}')
            for name, as_trained in same_names(sorted(tested), trained).items()
        )
        if items:
            what = f'identities in both {training.csv} and {test.csv}'
            findings.append(Finding('shared_identity', True, test.name, what, items))
    return findings
