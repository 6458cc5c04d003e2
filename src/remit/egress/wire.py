"""
A request and its answer, with everything in them, as they go over the wire (`connection`).

Loading this loads no HTTP client: a database is opened more often than anybody is called.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from remit.egress.failure import Failure
from remit.egress.secrets import Secret

if TYPE_CHECKING:
    import httpx

LONGEST_RETRY_AFTER_S = 365 * 86400.0
_HOST = re.compile(rb"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")


@dataclass(frozen=True, slots=True)
class Header:
    """`confidential` ones are never sent to another origin than the one they were written for."""

    name: str
    value: str = field(repr=False)
    confidential: bool = False


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request with everything in it, ready to be sent."""

    method: str
    url: httpx.URL
    headers: tuple[Header, ...]
    body: bytes | None = field(repr=False)
    carries: tuple[Secret, ...] = ()
    """The secrets in it, none of which goes to a host that it is not listed for."""

    @property
    def host(self) -> str:
        return self.url.raw_host.decode("ascii")

    @property
    def port(self) -> int:
        return self.url.port or {"http": 80, "https": 443}[self.url.scheme]


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """
    The far side's answer. `body` ends where the answer, the limit, the time or the connection did; `complete` says
    that it was the answer.
    """

    status: int
    headers: httpx.Headers
    body: bytes
    complete: bool = True

    def retry_after_s(self, now: datetime) -> float | None:
        """
        The time for which the far side asks to be left alone, within a year; `None` if it does not say so plainly.
        """
        text = self.headers.get("retry-after", "").strip()
        if re.fullmatch(r"[0-9]+", text):
            return min(float(text), LONGEST_RETRY_AFTER_S)
        # Imported here: Python's own package for mail takes its time, and mostly no far side says a date.
        from email.utils import parsedate_to_datetime

        try:
            moment = parsedate_to_datetime(text)
            # RFC 9110: a date is in GMT, also where it does not say so.
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return min(max((moment - now).total_seconds(), 0.0), LONGEST_RETRY_AFTER_S)
        # A far side may name a year, an hour or a zone that no calendar holds.
        except (ValueError, OverflowError, TypeError, IndexError):
            return None


def parse_url(text: str, base: httpx.URL | None = None) -> httpx.URL:
    """An absolute URL, or what a redirect at `base` means. Raises `Failure` for what cannot be called."""
    import httpx

    try:
        url = base.join(text) if base else httpx.URL(text)
        # Read here, because it is decoded when it is read.
        host, port = url.host, url.port
    # ValueError: what no name, port or address can be, found by the parsers below.
    except (httpx.InvalidURL, ValueError):
        raise Failure("VALIDATION", "URL_NOT_ALLOWED", "the URL cannot be called: it is not a URL") from None
    if url.scheme not in ("http", "https") or not host or url.userinfo:
        problem = f"the URL is not http or https with a host and no user name: {url.scheme}://{host}"
        raise Failure("VALIDATION", "URL_NOT_ALLOWED", problem)
    if not _HOST.fullmatch(url.raw_host) or (port is not None and not 1 <= port <= 65535):
        raise Failure(
            "VALIDATION", "URL_NOT_ALLOWED", "the URL's host is neither a name nor an address, or its port none"
        )
    return url


def host_header(url: httpx.URL) -> Header:
    return Header("Host", url.netloc.decode("ascii"))


class Deadline:
    """The time at which a whole call has to be over."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    def left(self) -> float:
        """Never zero, which a socket would take for "do not wait" and an option for "no limit"."""
        return max(self._ends - time.monotonic(), 0.001)

    def is_over(self) -> bool:
        return time.monotonic() >= self._ends
