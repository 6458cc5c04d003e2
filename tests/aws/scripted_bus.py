"""
A bus that does as it is told, in front of moto's: moto takes or refuses what gets there; the rest happens on the way.

It is real HTTP on loopback, so that what is tested is the client's own reading of lost and garbled answers.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

from infra.local.emulator import Emulator
from remit.publishers.eventbridge import EventBridgePublisher
from remit.testing.publisher_contract import Fate


class Front:
    """The endpoint that the publisher is given."""

    def __init__(self, emulator: Emulator) -> None:
        self.script: deque[Fate] = deque()
        self.calls: list[list[dict[str, Any]]] = []
        self.call_error: tuple[int, str] | None = None
        self.call_error_text = "no"
        self.looked = 0
        self.look_error: str | None = None
        self._events = emulator.client("events")
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_for(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, entries: list[dict[str, Any]]) -> tuple[int, bytes] | None:
        """Status and body; `None` hangs up."""
        self.calls.append(entries)
        if self.call_error:
            return self.call_error[0], json.dumps(
                {"__type": self.call_error[1], "message": self.call_error_text}
            ).encode()
        fates = [self.script.popleft() if self.script else "accepted" for _ in entries]
        if "unreachable" in fates:
            return None
        said = [self._meet(entry, fate) for entry, fate in zip(entries, fates, strict=True)]
        if "lost" in fates:
            return None
        if "garbled" in fates:
            return 200, b"<html>proxy error</html>"
        failed = sum("ErrorCode" in one for one in said)
        return 200, json.dumps({"FailedEntryCount": failed, "Entries": said}).encode()

    def described(self, bus: str) -> tuple[int, bytes]:
        """Whether the bus is there, as moto knows it."""
        self.looked += 1
        if self.look_error:
            return 400, json.dumps({"__type": self.look_error, "message": "no"}).encode()
        try:
            self._events.describe_event_bus(Name=bus)
        except self._events.exceptions.ResourceNotFoundException as error:
            return 400, json.dumps({"__type": "ResourceNotFoundException", "message": str(error)}).encode()
        return 200, json.dumps({"Name": bus}).encode()

    def _meet(self, entry: dict[str, Any], fate: Fate) -> dict[str, Any]:
        if fate == "busy":
            return {"ErrorCode": "ThrottlingException", "ErrorMessage": "slow down"}
        sent = {**entry, "Detail": "{"} if fate == "refused" else entry
        return dict(self._events.put_events(Entries=[sent])["Entries"][0])

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler_for(front: Front) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            looks = self.headers["X-Amz-Target"].endswith("DescribeEventBus")
            answer = front.described(body["Name"]) if looks else front.answer(body["Entries"])
            if answer is None:
                self.close_connection = True
                return
            self.send_response(answer[0])
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(answer[1])))
            self.end_headers()
            self.wfile.write(answer[1])

    return Handler


class ScriptedEventBridge:
    """A `ScriptedBus` of the publisher contract; what arrived is what a rule of moto's bus put into a queue."""

    def __init__(self, emulator: Emulator) -> None:
        self.front = Front(emulator)
        self._sqs = emulator.client("sqs")
        events, bus = emulator.client("events"), f"bus-{uuid4().hex}"
        self._queue = self._sqs.create_queue(QueueName=bus)["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])["Attributes"]
        events.create_event_bus(Name=bus)
        pattern = json.dumps({"source": ["remit"], "detail-type": ["ACTION_APPROVED"]})
        events.put_rule(Name="all", EventBusName=bus, EventPattern=pattern)
        events.put_targets(Rule="all", EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn["QueueArn"]}])
        self.publisher = EventBridgePublisher.open(bus, region=emulator.region, endpoint_url=self.front.url)

    def meet(self, *fates: Fate) -> None:
        self.front.script.extend(fates)

    def arrived(self) -> Sequence[str]:
        return [event["detail"]["data"]["approval_id"] for event in self.events()]

    def events(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while messages := self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10).get("Messages"):
            found += [json.loads(message["Body"]) for message in messages]
        return found

    def close(self) -> None:
        self.front.close()
