"""Options of a URL that names what Remit uses: what stands behind its question mark."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import parse_qsl

from remit.core.errors import InvalidInput


def url_options(query: str, known: Collection[str]) -> dict[str, str] | None:
    """
    By name; `None` if one is not among the known.

    Raises `InvalidInput` for one that stands there twice, of which only the last would be followed.
    """
    given = parse_qsl(query, keep_blank_values=True)
    options = dict(given)
    if len(options) < len(given):
        names = [name for name, _ in given]
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidInput(twice[:100], "stands twice in one URL", "write it once")
    return options if options.keys() <= set(known) else None
