"""What a spreadsheet would run, of a CSV file that is opened in one."""

from __future__ import annotations


def is_formula(text: str) -> bool:
    """Whether a spreadsheet takes a cell with this text for a formula; no number is one."""
    if text[:1] not in ('=', '+', '-', '@', '\t', '\r') or not text:
        return False
    try:
        float(text)
    except ValueError:
        return True
    return False
