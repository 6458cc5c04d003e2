"""
One request over one connection of its own, to an address that was checked, within one span of time.

This is the layer under `httpx` (`httpcore`), because the three promises are kept below a client: the
connection goes to the very address that was checked and not to what the name says a moment later, with
`Host` and TLS still naming the host; the whole call ends in time, however slowly the far side drips; and
nothing is shared between calls, no cookie and no idle connection that the far side has just closed, which
would make a request that was never sent look like one whose answer was lost.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

import httpcore
import httpx

from remit.egress.failure import Failure
from remit.egress.wire import Deadline, HttpRequest, HttpResponse

LARGEST_ANSWER_BYTES = 1024 * 1024
_SLICE_BYTES = 64 * 1024
_HEAD_BYTES = 16 * 1024
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})[ \r\n]")


def exchange(outgoing: HttpRequest, addresses: Sequence[str], deadline: Deadline, tls: ssl.SSLContext) -> HttpResponse:
    """
    Send the request to the first of `addresses` that takes a connection, and read the answer.

    Raises `Failure`: with `acted` no up to the moment the connection stands, unknown from then on.
    """
    if deadline.is_over():
        raise Failure("TIMEOUT", "CONNECT_TIMEOUT", f"time was up before {outgoing.host} could be called")
    heard = _Heard()
    with httpcore.HTTPConnection(
        httpcore.Origin(outgoing.url.scheme.encode(), outgoing.host.encode(), outgoing.port),
        ssl_context=tls,
        network_backend=_ToCheckedAddress(addresses, deadline, heard),
    ) as connection:
        try:
            return _ask(connection, outgoing)
        except (httpcore.ReadTimeout, httpcore.ReadError, httpcore.RemoteProtocolError) as error:
            return heard.refusal() or _lost(outgoing.host, error)
        except httpcore.ConnectTimeout:
            raise Failure("TIMEOUT", "CONNECT_TIMEOUT", f"{outgoing.host} did not take a connection in time") from None
        except httpcore.ConnectError as error:
            raise _not_connected(outgoing.host, error) from None
        except httpcore.LocalProtocolError:
            # Without its text, which shows the header, and that may be a secret.
            problem = "the request cannot be sent: HTTP cannot carry one of its headers (a space at its end?)"
            raise Failure("VALIDATION", "REQUEST_NOT_SENDABLE", problem) from None
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
            return _lost(outgoing.host, error)


def _lost(host: str, error: Exception) -> NoReturn:
    if isinstance(error, httpcore.TimeoutException):
        problem = f"{host} did not answer in time; it may have acted"
        raise Failure("TIMEOUT", "ANSWER_TIMEOUT", problem, acted="unknown") from None
    problem = f"the connection to {host} broke before its answer ({error}); it may have acted"
    raise Failure("DOWNSTREAM", "ANSWER_LOST", problem, acted="unknown") from None


def _not_connected(host: str, error: Exception) -> Failure:
    if isinstance(error.__cause__, ssl.SSLError):
        return Failure("DOWNSTREAM", "TLS_FAILED", f"no secure connection to {host} ({error})")
    return Failure("DOWNSTREAM", "CONNECT_FAILED", f"no connection to {host} ({error})")


def _ask(connection: httpcore.HTTPConnection, outgoing: HttpRequest) -> HttpResponse:
    url = outgoing.url
    target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
    # Text of other alphabets goes out as UTF-8, which HTTP passes through as it is.
    headers = [(header.name.encode(), header.value.encode()) for header in outgoing.headers]
    with connection.stream(outgoing.method, target, headers=headers, content=outgoing.body) as response:
        return HttpResponse(response.status, httpx.Headers(response.headers), *_read_bounded(response))


def _read_bounded(response: httpcore.Response) -> tuple[bytes, bool]:
    """The body, and whether that is all of it."""
    body = b""
    try:
        for chunk in response.iter_stream():
            body += chunk
            if len(body) > LARGEST_ANSWER_BYTES:
                break
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError):
        # The status is known, and it alone says whether the far side acted.
        return body, False
    return body[:LARGEST_ANSWER_BYTES], len(body) <= LARGEST_ANSWER_BYTES


class _Heard:
    """The beginning of what the far side sent, kept for a status whose headers nobody can read."""

    def __init__(self) -> None:
        self._head = b""

    def add(self, data: bytes) -> None:
        self._head += data[: _HEAD_BYTES - len(self._head)]

    def refusal(self) -> HttpResponse | None:
        """An error, if it said so much: that says whether it acted. Of anything else, the whole head is needed."""
        head = self._head
        while (match := _STATUS.match(head)) and match[1].startswith(b"1"):
            # It only says that an answer will come.
            head = head.partition(b"\r\n\r\n")[2]
        if match and int(match[1]) >= 400:
            return HttpResponse(int(match[1]), httpx.Headers(), b"", complete=False)
        return None


class _ToCheckedAddress(httpcore.NetworkBackend):
    """Connects to one of the addresses it was given, whatever name it is asked for."""

    def __init__(self, addresses: Sequence[str], deadline: Deadline, heard: _Heard) -> None:
        self._addresses, self._deadline, self._heard = addresses, deadline, heard
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,  # noqa: ARG002 - the checked addresses count, not the name
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the deadline counts
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        problem: Exception = httpcore.ConnectError("no address to connect to")
        for index, address in enumerate(self._addresses):
            # A share of the time each, so that a dead first address leaves some for the next.
            share_s = self._deadline.left() / (len(self._addresses) - index)
            try:
                stream = self._backend.connect_tcp(address, port, share_s, local_address, socket_options)
                return _DeadlineStream(stream, self._deadline, self._heard)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                problem = error
        raise problem


class _DeadlineStream(httpcore.NetworkStream):
    """A stream on which each wait gets only what is left of the whole call's time."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline, heard: _Heard) -> None:
        self._stream, self._deadline, self._heard = stream, deadline, heard

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        if self._deadline.is_over():
            raise httpcore.ReadTimeout("time is up")
        data = self._stream.read(max_bytes, self._deadline.left())
        self._heard.add(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        for start in range(0, len(buffer), _SLICE_BYTES):
            if self._deadline.is_over():
                raise httpcore.WriteTimeout("time is up")
            self._stream.write(buffer[start : start + _SLICE_BYTES], self._deadline.left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, self._deadline.left())
        return _DeadlineStream(stream, self._deadline, self._heard)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
