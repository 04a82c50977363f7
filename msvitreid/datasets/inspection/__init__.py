"""What is wrong, or odd, with a dataset on this machine; nothing here changes a file.

``decoding.py`` looks at pixels, ``identities.py`` at labels and cameras, ``duplicates.py`` at
bytes, ``strays.py`` at files that no list names. ``cli/check_data.py`` calls them all.
"""

from .contents import Contents, read_contents
from .count_findings import count_findings
from .decoding import unreadable_findings
from .duplicates import duplicate_findings
from .findings import Finding, Item
from .identities import (
    scarce_identity_findings,
    separate_camera_findings,
    shared_identity_findings,
    unmatched_query_findings,
)
from .report import as_json, as_text
from .shared_names import shared_name_findings
from .strays import left_out_findings, stray_findings

__all__ = [
    'Contents',
    'Finding',
    'Item',
    'as_json',
    'as_text',
    'count_findings',
    'duplicate_findings',
    'left_out_findings',
    'read_contents',
    'scarce_identity_findings',
    'separate_camera_findings',
    'shared_identity_findings',
    'shared_name_findings',
    'stray_findings',
    'unmatched_query_findings',
    'unreadable_findings',
]
