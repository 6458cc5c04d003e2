"""
Approvals over Amazon EventBridge (`PutEvents`).

At least once: whatever is not known to have been taken is `unconfirmed` and sent again by the flow, and the
consumer ignores repeats. `refused` is only what this bus will never take, so that giving its charge back is
right: what it says about the message itself. What it says about us (rights, credentials, a bus that is not
there) holds for every message alike and ends when an operator has mended it, so it is `unconfirmed`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import boto3
import orjson
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from remit.core.errors import ConfigMissing
from remit.ports import DELIVERED, REFUSED, UNCONFIRMED, Message, Receipt

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef as Entry

log = logging.getLogger(__name__)

MOST_ENTRIES = 10
LARGEST_CALL_BYTES = 256 * 1024
"""Of one call, all its entries together: the bus may take more, a state machine's input does not."""
CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 2, 5

# https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html
ABOUT_THE_MESSAGE = frozenset({"MalformedDetail", "InvalidArgument", "ValidationException"})
ABOUT_THE_BUS = "eventbusname"
"""In the text of such a refusal: it is about where every message goes."""


class EventBridgePublisher:
    """Sends to one bus through one client. Safe to share between threads."""

    def __init__(self, client: EventBridgeClient, bus: str) -> None:
        """`client` must not wait long or retry by itself: `open` makes such a one."""
        self._client, self._bus = client, bus
        self._is_there = False

    @classmethod
    def open(cls, bus: str, *, region: str | None = None, endpoint_url: str | None = None) -> Self:
        """`bus` is a name or an ARN; what is left out comes from the usual AWS settings."""
        # Whoever waits has its decision already, and what is not confirmed is sent again by reconciling.
        patience = Config(
            retries={"mode": "standard", "total_max_attempts": 1},
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
        )
        return cls(boto3.client("events", region_name=region, endpoint_url=endpoint_url, config=patience), bus)

    def check(self) -> None:
        """Raises `ConfigMissing` if there is no such bus; looked at once, and again after it did not confirm."""
        if self._is_there:
            return
        try:
            self._client.describe_event_bus(Name=self._bus)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code", "") == "ResourceNotFoundException":
                raise ConfigMissing("REMIT_SENDER_URL", f"names the bus {self._bus!r}, which is not there") from error
            # Without the right to look, sending will tell.
        except (BotoCoreError, ResponseParserError) as error:
            log.warning("whether the bus %s is there could not be found out: %s", self._bus, error)
            return
        self._is_there = True

    def send(self, messages: Sequence[Message]) -> list[Receipt]:
        """One receipt a message, in order."""
        entries = [self._entry(message) for message in messages]
        receipts = [receipt for some in _calls(entries) for receipt in self._send(some)]
        if any(receipt.outcome == UNCONFIRMED for receipt in receipts):
            self._is_there = False
        return receipts

    def _entry(self, message: Message) -> Entry:
        event = message.event
        detail = orjson.dumps(event["detail"]).decode()
        return {
            "Source": event["source"],
            "DetailType": event["detail_type"],
            "Detail": detail,
            "EventBusName": self._bus,
        }

    def _send(self, entries: Sequence[Entry]) -> list[Receipt]:
        if size_of(entries[0]) > LARGEST_CALL_BYTES:
            return [Receipt(REFUSED, f"the event is larger than {LARGEST_CALL_BYTES} bytes")]
        try:
            answer = self._client.put_events(Entries=list(entries))
        except ClientError as error:
            return self._refused_call(entries, error)
        except (BotoCoreError, ResponseParserError) as error:
            log.warning("%d events may or may not have been taken: %s", len(entries), error)
            return [Receipt(UNCONFIRMED, type(error).__name__)] * len(entries)
        return _receipts(entries, answer)

    def _refused_call(self, entries: Sequence[Entry], error: ClientError) -> list[Receipt]:
        code = error.response.get("Error", {}).get("Code", "")
        if not _is_about_the_message(code, str(error)):
            log.warning("%d events were not taken: %s", len(entries), error)
            return [Receipt(UNCONFIRMED, f"{code}: {error}")] * len(entries)
        if len(entries) == 1:
            return [Receipt(REFUSED, f"{code}: {error}")]
        # One of them is wrong, and the bus does not say which.
        return [receipt for entry in entries for receipt in self._send([entry])]


def _calls(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """As few calls as their number and size allow; an entry that is too large for any has one to itself."""
    call: list[Entry] = []
    size = 0
    for entry in entries:
        more = size_of(entry)
        if call and (len(call) == MOST_ENTRIES or size + more > LARGEST_CALL_BYTES):
            yield call
            call, size = [], 0
        call.append(entry)
        size += more
    if call:
        yield call


def size_of(entry: Entry) -> int:
    """As the bus counts it, in bytes."""
    return sum(len(entry[name].encode()) for name in ("Source", "DetailType", "Detail"))


def _receipts(entries: Sequence[Entry], answer: Mapping[str, Any]) -> list[Receipt]:
    said = answer.get("Entries") or []
    failed = sum(1 for one in said if one.get("ErrorCode"))
    if len(said) != len(entries) or failed != answer.get("FailedEntryCount"):
        log.warning("the bus answered %d events with %d lines", len(entries), len(said))
        return [Receipt(UNCONFIRMED, "the answer does not fit what was sent")] * len(entries)
    return [_receipt(one) for one in said]


def _receipt(said: Mapping[str, Any]) -> Receipt:
    code = said.get("ErrorCode")
    if not code:
        return Receipt(DELIVERED, str(said.get("EventId", "")))
    detail = f"{code}: {said.get('ErrorMessage', '')}"
    return Receipt(REFUSED if _is_about_the_message(code, detail) else UNCONFIRMED, detail)


def _is_about_the_message(code: str, said: str) -> bool:
    return code in ABOUT_THE_MESSAGE and ABOUT_THE_BUS not in said.lower()
