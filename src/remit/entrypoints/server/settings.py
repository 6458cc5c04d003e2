"""Settings of the server's connections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace

from remit.core.errors import InvalidInput
from remit.core.whole_numbers import whole_number
from remit.entrypoints.server.connections import ConnectionLimits

SETTINGS = {
    "most": "REMIT_MOST_CONNECTIONS",
    "most_of_address": "REMIT_MOST_CONNECTIONS_OF_ADDRESS",
    "largest_head_bytes": "REMIT_LARGEST_HEAD_BYTES",
    "largest_line_bytes": "REMIT_LARGEST_REQUEST_LINE_BYTES",
    "most_headers": "REMIT_MOST_HEADERS",
    "head_s": "REMIT_HEAD_TIMEOUT_S",
    "body_s": "REMIT_BODY_TIMEOUT_S",
    "stalled_s": "REMIT_STALLED_TIMEOUT_S",
    "idle_s": "REMIT_IDLE_TIMEOUT_S",
}
"""The variable of each limit."""
_NO_LIMIT = 2**31
_FILES_KEPT = 64
"""Files that are not connections: the database's, the worker's, the log's."""


def connection_limits(environ: Mapping[str, str]) -> ConnectionLimits:
    """
    From the variables in `SETTINGS`; the number of connections is never more than the files that this process may open.

    Raises `InvalidInput` naming the variable.
    """
    plain = ConnectionLimits()
    given = {name: _whole(environ, variable) for name, variable in SETTINGS.items() if variable in environ}
    kinds = {field.name: type(getattr(plain, field.name)) for field in fields(plain)}
    limits = replace(plain, **{name: kinds[name](value) for name, value in given.items()})
    return replace(limits, most=min(limits.most, _most_files()))


def _whole(environ: Mapping[str, str], variable: str) -> int:
    text = environ[variable]
    number = whole_number(text)
    if not number:
        raise InvalidInput(variable, f"is {text[:50]!r}", "set it to a whole number from 1")
    return number


def _most_files() -> int:
    """Accepting fails for everybody once no file is left, so a quarter or more is never for connections."""
    try:
        import resource
    except ImportError:
        return _NO_LIMIT
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return _NO_LIMIT
    return max(1, min(files - _FILES_KEPT, files * 3 // 4))
