"""Whole numbers in text: plain digits, as people type them into settings, forms and paths."""

from __future__ import annotations

MOST_DIGITS = 10
"""Python itself refuses to read numbers of some thousand digits, with an error of its own."""


def whole_number(text: str) -> int | None:
    """The number that plain digits say; `None` for any other text, digits of other scripts and longer ones too."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS else None
