"""Pages: how much one reading answers at once."""

from __future__ import annotations

from remit.core.errors import InvalidInput

PAGE = 50
LARGEST_PAGE = 500


def page_size(limit: int) -> int:
    """`limit`, if a page may be as long as that. Raises `InvalidInput`."""
    if type(limit) is not int or not 1 <= limit <= LARGEST_PAGE:
        raise InvalidInput("limit", f"is {limit!r}", f"ask for 1 to {LARGEST_PAGE}")
    return limit
