"""What goes over the wire to DynamoDB, counted; and failures placed on it."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError

Failure = Callable[["Wire", str, dict[str, Any]], Any]


class Wire:
    """
    boto3's client, with each request counted by its operation.

    `script` holds what the next writes come to: `None` lets one through, anything else is called with the
    wire, the operation and its parameters, and answers or raises in its place.
    """

    def __init__(self, client: Any) -> None:
        self.client = client
        self.requests: Counter[str] = Counter()
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.written: list[list[dict[str, Any]]] = []
        self.script: deque[Failure | None] = deque()
        self.reads: deque[Failure | None] = deque()
        self._lock = threading.Lock()

    @property
    def total(self) -> int:
        return self.requests.total()

    def send(self, operation: str, parameters: dict[str, Any]) -> Any:
        """Really send it."""
        return getattr(self.client, operation)(**parameters)

    def __getattr__(self, operation: str) -> Any:
        if operation in ("close", "exceptions", "meta"):
            return getattr(self.client, operation)

        def ask(**parameters: Any) -> Any:
            writes = operation == "transact_write_items"
            with self._lock:
                self.requests[operation] += 1
                self.asked.append((operation, parameters))
                if writes:
                    self.written.append(parameters["TransactItems"])
                script = self.script if writes else self.reads
                failure = script.popleft() if script else None
            return self.send(operation, parameters) if failure is None else failure(self, operation, parameters)

        return ask


def refused(code: str, status: int = 400, **response: Any) -> Failure:
    """DynamoDB says no."""

    def fail(_wire: Wire, operation: str, _parameters: dict[str, Any]) -> Any:
        said = {"Error": {"Code": code, "Message": "injected"}, "ResponseMetadata": {"HTTPStatusCode": status}}
        raise ClientError({**said, **response}, operation)  # type: ignore[typeddict-item]

    return fail


def cancelled(*codes: str) -> Failure:
    """A transaction is cancelled, with one reason a position."""
    return refused("TransactionCanceledException", CancellationReasons=[{"Code": code} for code in codes])


def lost_request(_wire: Wire, _operation: str, _parameters: dict[str, Any]) -> Any:
    """It never arrived, and nobody knows."""
    raise ReadTimeoutError(endpoint_url="injected")


def lost_answer(wire: Wire, operation: str, parameters: dict[str, Any]) -> Any:
    """It was done, and nobody knows."""
    wire.send(operation, parameters)
    raise ReadTimeoutError(endpoint_url="injected")


def unreachable(_wire: Wire, _operation: str, _parameters: dict[str, Any]) -> Any:
    """It never left."""
    raise ConnectTimeoutError(endpoint_url="injected")


def meanwhile(act: Callable[[], Any], then: Failure | None = None) -> Failure:
    """Something happens before it is sent."""

    def fail(wire: Wire, operation: str, parameters: dict[str, Any]) -> Any:
        act()
        return (then or (lambda w, o, p: w.send(o, p)))(wire, operation, parameters)

    return fail


def afterwards(act: Callable[[], Any]) -> Failure:
    """It is done, something else happens, and then the answer is lost."""

    def fail(wire: Wire, operation: str, parameters: dict[str, Any]) -> Any:
        wire.send(operation, parameters)
        act()
        raise ReadTimeoutError(endpoint_url="injected")

    return fail
