"""Spans and logs: off unless asked for; what happens to an intent stands in its own trace."""

from __future__ import annotations

import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from remit.core.errors import InvalidInput
from remit.entrypoints.server.logs import JsonLines, set_up_logs
from remit.entrypoints.server.telemetry import ENDPOINT, spans, traced
from remit.entrypoints.server.worker import work
from remit.wiring import Remit
from tests.entrypoints.http_world import EMAIL, bounds, proposal

pytest.importorskip("opentelemetry.sdk")

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def remit():
    with Remit.open("memory://", environ={}) as opened:
        opened.apply(bounds(), by="ann")
        yield opened


def submit(remit, name, **changes):
    remit.submit([{"tenant_id": "acme", **proposal(name), **changes}])


def test_every_step_of_an_intent_stands_in_its_trace(remit):
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    remit.hooks.add(spans(provider.get_tracer("test")))

    submit(remit, "i-1", trace_id=TRACE, action_type=EMAIL)
    remit.approve("acme", "i-1", by="ann", digest=remit.intent("acme", "i-1").digest)
    work(remit, until_idle=True)

    made = exporter.get_finished_spans()
    assert [span.name for span in made] == ["remit propose", "remit gate", "remit approve", "remit execute"]
    assert {f"{span.context.trace_id:032x}" for span in made if span.context} == {TRACE}
    assert len({span.parent.span_id for span in made if span.parent}) == 1
    assert [(span.attributes or {})["remit.result"] for span in made] == [
        "PROPOSED",
        "REQUIRE_APPROVAL",
        "APPROVED",
        "SUCCEEDED",
    ]
    assert all(span.start_time and span.end_time and span.start_time <= span.end_time for span in made)


@pytest.mark.parametrize("trace_id", ["my-trace", "0" * 32, TRACE.upper(), TRACE + "00"])
def test_a_trace_id_of_another_form_still_gives_one_trace(remit, trace_id):
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    remit.hooks.add(spans(provider.get_tracer("test")))

    submit(remit, "i-1", trace_id=trace_id)

    made = exporter.get_finished_spans()
    assert len({span.context.trace_id for span in made if span.context}) == 1
    assert {(span.attributes or {})["remit.trace_id"] for span in made} == {trace_id}


def test_nothing_is_watched_unless_an_endpoint_is_set(remit, monkeypatch):
    watchers: list[Any] = []
    monkeypatch.setattr(remit.hooks, "add", watchers.append)

    with traced(remit, {}):
        pass

    assert watchers == []


def test_spans_are_sent_to_the_endpoint_by_the_end(remit, monkeypatch):
    received: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self):
            received.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_): ...

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv(ENDPOINT, url)
        with traced(remit, {ENDPOINT: url}):
            submit(remit, "i-1", trace_id=TRACE)
        server.shutdown()

    assert bytes.fromhex(TRACE) in b"".join(received)


def test_a_log_line_is_one_json_object(tmp_path):
    try:
        raise ValueError("odd\nthing")
    except ValueError as error:
        info = (type(error), error, error.__traceback__)
    record = logging.LogRecord("remit.x", logging.WARNING, __file__, 1, "it is %s", ("late",), info)

    line = JsonLines().format(record)

    assert "\n" not in line
    assert json.loads(line)["message"] == "it is late"
    assert json.loads(line)["level"] == "WARNING"
    assert "ValueError: odd" in json.loads(line)["exception"]


def test_logs_stay_as_they_are_unless_json_is_asked_for():
    before = logging.getLogger().handlers[:]

    assert not set_up_logs({})
    with pytest.raises(InvalidInput, match="REMIT_LOG"):
        set_up_logs({"REMIT_LOG": "xml"})

    assert logging.getLogger().handlers == before
