"""
A small CRM over HTTP: contacts, orders, notes and a little beside, and a count of every write.

It keeps one promise that Remit relies on and can be made to break every other. With an `Idempotency-Key`
a write happens once, however often and however much at once it is asked for; `honours_key=False` takes that
away. It can be slow, fail, or act and then drop the connection without a word:

- for a path prefix: `crm.misbehave("/orders", "drop")`, or `POST /faults {"prefix": "/orders", "fault": "drop"}`;
- for one request: header `X-Crm-Misbehaviour: drop`, or the same text as `crm_fault` in the JSON body.

A fault is `slow=SECONDS`, `fail=STATUS` or `drop`; `*N` behind it means only the first N times.
"""

from __future__ import annotations

import argparse
import json
import re
import socket
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote

LOOPBACK = "127.0.0.1"
LARGEST_BODY_BYTES = 1024 * 1024
_FAULT = re.compile(r"(?:(slow)=(\d+(?:\.\d+)?)|(fail)=([1-5]\d\d)|(drop))(?:\*(\d+))?")


@dataclass(frozen=True, slots=True)
class Write:
    """One write that was carried out."""

    key: str | None
    method: str
    path: str
    body: Any


@dataclass(frozen=True, slots=True)
class CrmRequest:
    """One request as it came in."""

    method: str
    path: str
    key: str | None
    body: Any
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class CrmAnswer:
    status: int
    body: Any


@dataclass(frozen=True, slots=True)
class Misbehaviour:
    """A misbehaviour for every path that begins with `prefix`; only the first `times` times if that is set."""

    kind: str
    value: float
    times: int | None
    prefix: str = ""


@dataclass(slots=True)
class _Books:
    contacts: dict[str, dict[str, Any]] = field(default_factory=dict)
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    notes: dict[str, dict[str, Any]] = field(default_factory=dict)


def parse_fault(text: str, prefix: str = "") -> Misbehaviour:
    """Raises `ValueError` for what is no fault."""
    match = _FAULT.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is not slow=SECONDS, fail=STATUS or drop, with *N behind it where meant")
    kind = match[1] or match[3] or match[5]
    return Misbehaviour(kind, float(match[2] or match[4] or 0), int(match[6]) if match[6] else None, prefix)


class Crm:
    """The running service. `with Crm.start() as crm:` stops it at the end."""

    def __init__(self, port: int, *, honours_key: bool) -> None:
        self.honours_key = honours_key
        self.writes: list[Write] = []
        self.requests: list[CrmRequest] = []
        self._books = _Books()
        self._faults: list[Misbehaviour] = []
        self._fault_uses: Counter[tuple[Misbehaviour, str]] = Counter()
        self._answers: dict[str, CrmAnswer] = {}
        self._key_locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._server = _Server((LOOPBACK, port), self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="crm", daemon=True)

    @classmethod
    def start(cls, port: int = 0, *, honours_key: bool = True) -> Self:
        """Serve on loopback at `port`, a free one if it is 0."""
        crm = cls(port, honours_key=honours_key)
        crm._thread.start()
        return crm

    @property
    def host(self) -> str:
        return f"{LOOPBACK}:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    def stop(self) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def misbehave(self, prefix: str, fault: str) -> None:
        """From now on, for every path that begins with `prefix`. Raises `ValueError` for what is no fault."""
        with self._lock:
            self._faults.append(parse_fault(fault, prefix))

    def behave(self) -> None:
        """Forget every fault that was set for a path."""
        with self._lock:
            self._faults.clear()

    def answer(self, asked: CrmRequest) -> CrmAnswer | None:
        """The answer; `None` is to drop the connection. A fault is met before the write, except for a drop."""
        with self._lock:
            self.requests.append(asked)
        try:
            faults = [fault for fault in self._faults_for(asked) if self._takes_effect(fault, asked)]
        except ValueError as error:
            return CrmAnswer(400, {"error": str(error)})
        for fault in faults:
            if fault.kind == "slow":
                self._stopping.wait(fault.value)
            elif fault.kind == "fail":
                return CrmAnswer(int(fault.value), {"error": "failing because it was told to"})
        answer = self._once(asked)
        return None if any(fault.kind == "drop" for fault in faults) else answer

    def _faults_for(self, asked: CrmRequest) -> Iterator[Misbehaviour]:
        if asked.path in _CONTROLS:
            return
        with self._lock:
            set_here = [fault for fault in self._faults if asked.path.startswith(fault.prefix)]
        yield from set_here
        own = asked.body.get("crm_fault") if isinstance(asked.body, dict) else None
        for text in (asked.headers.get("x-crm-fault"), own):
            if text:
                yield parse_fault(str(text))

    def _takes_effect(self, fault: Misbehaviour, asked: CrmRequest) -> bool:
        # Set for a path, it counts what comes there; sent with a request, that request's repetitions.
        counted = (fault, "" if fault.prefix else asked.key or asked.path)
        with self._lock:
            self._fault_uses[counted] += 1
            return fault.times is None or self._fault_uses[counted] <= fault.times

    def _once(self, asked: CrmRequest) -> CrmAnswer:
        key = asked.key if self.honours_key and asked.method != "GET" else None
        with self._lock:
            waits_its_turn = self._key_locks[key] if key else nullcontext()
        with waits_its_turn:
            if key and key in self._answers:
                return self._answers[key]
            answer = self._carry_out(asked)
            if key and answer.status < 400:
                self._answers[key] = answer
            return answer

    def _carry_out(self, asked: CrmRequest) -> CrmAnswer:
        for method, pattern, action in _ROUTES:
            match = re.fullmatch(pattern, asked.path)
            if match and method == asked.method:
                with self._lock:
                    return action(self, asked, *(group and unquote(group) for group in match.groups()))
        return CrmAnswer(404, {"error": f"there is no {asked.method} {asked.path}"})

    def _read(self, asked: CrmRequest, collection: str, record_id: str | None) -> CrmAnswer:
        records: dict[str, dict[str, Any]] = getattr(self._books, collection)
        if record_id is None:
            return CrmAnswer(200, list(records.values()))
        if record_id not in records:
            return CrmAnswer(404, {"error": f"there is nothing at {asked.path}"})
        return CrmAnswer(200, records[record_id])

    def _update_contact(self, asked: CrmRequest, contact_id: str) -> CrmAnswer:
        if not isinstance(asked.body, dict):
            return CrmAnswer(422, {"error": "send a JSON object with the fields to change"})
        contact = {**self._books.contacts.get(contact_id, {}), **asked.body, "id": contact_id}
        self._books.contacts[contact_id] = contact
        return self._written(asked, 200, contact)

    def _move_order(self, asked: CrmRequest, order_id: str, verb: str) -> CrmAnswer:
        order = self._books.orders.setdefault(order_id, {"id": order_id, "history": []})
        moved = {**order, "last": verb, "history": [*order["history"], verb]}
        self._books.orders[order_id] = moved
        return self._written(asked, 200, moved)

    def _add_note(self, asked: CrmRequest) -> CrmAnswer:
        if not isinstance(asked.body, dict):
            return CrmAnswer(422, {"error": "send a JSON object"})
        note_id = f"note-{len(self._books.notes) + 1}"
        self._books.notes[note_id] = {**asked.body, "id": note_id}
        return self._written(asked, 201, self._books.notes[note_id])

    def _delete_contact(self, asked: CrmRequest, contact_id: str) -> CrmAnswer:
        gone = self._books.contacts.pop(contact_id, {})
        return self._written(asked, 200, {**gone, "id": contact_id})

    def _merge_contacts(self, asked: CrmRequest) -> CrmAnswer:
        return self._written(asked, 200, {"id": f"merge-{len(self.writes) + 1}"})

    def _begin(self, asked: CrmRequest, what: str) -> CrmAnswer:
        return self._written(asked, 202, {"id": f"{what}-{len(self.writes) + 1}"})

    def _written(self, asked: CrmRequest, status: int, record: dict[str, Any]) -> CrmAnswer:
        self.writes.append(Write(asked.key, asked.method, asked.path, asked.body))
        return CrmAnswer(status, {**record, "url": f"{self.url}{asked.path}"})

    def _list_writes(self, _: CrmRequest) -> CrmAnswer:
        return CrmAnswer(200, [asdict(write) for write in self.writes])

    def _set_fault(self, asked: CrmRequest) -> CrmAnswer:
        try:
            self._faults.append(parse_fault(str(asked.body["fault"]), str(asked.body["prefix"])))
        except (KeyError, TypeError, ValueError) as error:
            return CrmAnswer(422, {"error": f'send {{"prefix": "/orders", "fault": "drop"}}: {error}'})
        return CrmAnswer(201, asked.body)

    def _clear_faults(self, _: CrmRequest) -> CrmAnswer:
        self._faults.clear()
        return CrmAnswer(200, {})


_CONTROLS = ("/faults", "/writes")
_ROUTES: list[tuple[str, str, Callable[..., CrmAnswer]]] = [
    ("GET", r"/(contacts|orders|notes)(?:/([^/]+))?", Crm._read),
    ("PATCH", r"/contacts/([^/]+)", Crm._update_contact),
    ("DELETE", r"/contacts/([^/]+)", Crm._delete_contact),
    ("POST", r"/contacts/merge", Crm._merge_contacts),
    ("POST", r"/(sync|campaigns)", Crm._begin),
    ("POST", r"/orders/([^/]+)/([a-z_-]+)", Crm._move_order),
    ("POST", r"/notes", Crm._add_note),
    ("GET", r"/writes", Crm._list_writes),
    ("POST", r"/faults", Crm._set_fault),
    ("DELETE", r"/faults", Crm._clear_faults),
]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # A hundred callers at once are let in, not turned away.
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], crm: Crm) -> None:
        self.crm = crm
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that went away while it was being answered is not worth a traceback; anything else is."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: Any) -> None:
        """Says nothing."""

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > LARGEST_BODY_BYTES:
            self.close_connection = True
            self._say(CrmAnswer(413, {"error": "too long"}))
            return
        raw = self.rfile.read(length)
        try:
            body = json.loads(raw) if raw else None
        except ValueError:
            self._say(CrmAnswer(400, {"error": "the body is not JSON"}))
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        path = self.path.partition("?")[0]
        answer = self.server.crm.answer(CrmRequest(self.command, path, headers.get("idempotency-key"), body, headers))
        if answer:
            self._say(answer)
        else:
            self._hang_up()

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _serve

    def _say(self, answer: CrmAnswer) -> None:
        data = json.dumps(answer.body).encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


def main() -> None:
    """Print the URL, then serve until interrupted."""
    parser = argparse.ArgumentParser(description="A small CRM on loopback, to try Remit against.")
    parser.add_argument("--port", type=int, default=0, help="0 for a free one")
    parser.add_argument("--ignore-keys", action="store_true", help="do not honour Idempotency-Key")
    options = parser.parse_args()
    with Crm.start(options.port, honours_key=not options.ignore_keys) as crm:
        sys.stdout.write(f"{crm.url}\n")
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
