"""Tables as CSV, and what a spreadsheet would run of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable


def csv_text(rows: Iterable[Iterable[object]]) -> str:
    """The text of a CSV file with these rows."""
    text = io.StringIO()
    csv.writer(text, lineterminator='\n').writerows(rows)
    return text.getvalue()


def is_formula(text: str) -> bool:
    """Whether a spreadsheet takes a cell with this text for a formula; no number is one."""
    if text[:1] not in ('=', '+', '-', '@', '\t', '\r') or not text:
        return False
    try:
        float(text)
    except ValueError:
        return True
    return False
