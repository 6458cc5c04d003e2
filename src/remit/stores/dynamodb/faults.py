"""Faults of DynamoDB, or of the way to it, and what each says about the request it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from botocore import exceptions

from remit.core.errors import InvalidInput, RemitError, TryLater


class ServiceFault(Enum):
    """The knowledge that is left after a request failed."""

    CHANGED = "a condition did not hold: nothing was written, and what was read is out of date"
    BUSY = "another transaction or the throughput was in the way: nothing happened, the same may succeed now"
    LOST = "the answer was lost: it may have happened"
    UNREACHABLE = "the request never left"
    REFUSED = "nothing happened, and doing the same again would not help"


CONDITION_FAILED = "ConditionalCheckFailed"
_BUSY = {
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
    "TransactionConflictException",
    "ReplicatedWriteConflictException",
}
_BUSY_REASONS = {"TransactionConflict", "ProvisionedThroughputExceeded", "ThrottlingError"}
_LOST = {
    "InternalFailure",
    "InternalServerError",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "TransactionInProgressException",
}


def fault_of(error: BaseException) -> ServiceFault | None:
    """`None` if the error is not DynamoDB's, nor of the way to it."""
    if isinstance(error, exceptions.ClientError):
        return _said(error)
    # Of those, TLS alone may also break after the request has left.
    if isinstance(error, exceptions.ConnectionError) and not isinstance(error, exceptions.SSLError):
        return ServiceFault.UNREACHABLE
    if isinstance(error, exceptions.HTTPClientError | exceptions.SSLError):
        return ServiceFault.LOST
    return ServiceFault.REFUSED if isinstance(error, exceptions.BotoCoreError) else None


def _said(error: exceptions.ClientError) -> ServiceFault:
    code = error.response.get("Error", {}).get("Code", "")
    if code == "TransactionCanceledException":
        return _cancelled({reason for reason, _ in reasons_of(error)})
    if code in _BUSY:
        return ServiceFault.BUSY
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return ServiceFault.LOST if code in _LOST or status >= 500 else ServiceFault.REFUSED


def _cancelled(codes: set[str]) -> ServiceFault:
    known = codes - {"None"}
    if CONDITION_FAILED in known:
        return ServiceFault.CHANGED
    return ServiceFault.BUSY if known and known <= _BUSY_REASONS else ServiceFault.REFUSED


def reasons_of(error: BaseException) -> list[tuple[str, str]]:
    """Code and message of why each action of a transaction was cancelled, in their order."""
    reasons = _response(error).get("CancellationReasons", [])
    return [(reason.get("Code", "None"), reason.get("Message", "")) for reason in reasons]


def ours(error: BaseException, table: str, actions: Sequence[str] = ()) -> RemitError:
    """
    A failure as one of ours, naming which of the `actions` it was about.

    `TryLater` for what may pass by itself, `InvalidInput` for what DynamoDB cannot hold.
    """
    fault, said = fault_of(error), _sentence(error, actions)
    if fault in (ServiceFault.BUSY, ServiceFault.CHANGED, ServiceFault.UNREACHABLE, ServiceFault.LOST):
        return TryLater(f"DynamoDB table {table!r}: {said}")
    code = _code(error)
    if code == "ResourceNotFoundException":
        return InvalidInput(
            "database", f"there is no DynamoDB table {table!r}", "create it, or name the one that is there"
        )
    if code == "ValidationException" or any(reason == "ValidationError" for reason, _ in reasons_of(error)):
        return InvalidInput("(record)", f"DynamoDB cannot hold it: {said}", "send less")
    return RemitError(f"DynamoDB table {table!r}: {said}")


def _code(error: BaseException) -> str:
    code: str = _response(error).get("Error", {}).get("Code", "")
    return code


def _response(error: BaseException) -> Mapping[str, Any]:
    # What broke on the way carries one too, which is `None` where no answer came.
    return getattr(error, "response", None) or {}


def _sentence(error: BaseException, actions: Sequence[str]) -> str:
    named = [
        f"{what} ({code}{': ' if message else ''}{message})"
        for what, (code, message) in zip(actions, reasons_of(error), strict=False)
        if code != "None"
    ]
    return "; ".join(named) or str(error).strip() or type(error).__name__
