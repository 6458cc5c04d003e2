"""Every function under Lambda's own runtime: found by its handler's name, given an event, and heard."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from infra.functions import FUNCTIONS
from infra.local.emulator import KEYS, LOOPBACK, REGION, function_arn
from tests.flow.world import TENANT, proposal
from tests.waiting import happened

SOURCE = Path(__file__).parents[2] / "src"
NAMED = {function.name: function for function in FUNCTIONS}


@pytest.fixture(scope="session", autouse=True)
def _runtime():
    if importlib.util.find_spec("awslambdaric"):
        return
    if os.environ.get("CI"):
        raise RuntimeError("no awslambdaric: install requirements/dev.txt")
    pytest.skip("no awslambdaric: install requirements/dev.txt")


@pytest.fixture(autouse=True)
def _few_parts():
    """As many as the function's own process reads."""


class RuntimeApi:
    """What a function's process asks for its next event, and tells what came of it: one event, one answer."""

    def __init__(self, name, event):
        self.said: list[tuple[str, object]] = []
        self.answered = threading.Event()
        self._event, self._arn, self._given = json.dumps(event).encode(), function_arn(name), False
        self._server = ThreadingHTTPServer((LOOPBACK, 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def address(self):
        return f"{LOOPBACK}:{self._server.server_address[1]}"

    def close(self):
        self.answered.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _next(self):
        """Its event; `None` if it has been given."""
        event, self._given = None if self._given else self._event, True
        return event

    def _handler(self):
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                """Says nothing."""

            def do_GET(self):
                event = api._next()
                if event is None:
                    # Lambda would freeze the process here.
                    api.answered.wait()
                    self.close_connection = True
                    return
                self.send_response(200)
                self.send_header("Lambda-Runtime-Aws-Request-Id", "request-1")
                self.send_header("Lambda-Runtime-Deadline-Ms", "9999999999999")
                self.send_header("Lambda-Runtime-Invoked-Function-Arn", api._arn)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(event)))
                self.end_headers()
                self.wfile.write(event)

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                api.said.append((self.path.rpartition("/")[2], json.loads(body)))
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()
                api.answered.set()

        return Handler


@contextmanager
def running(name, event, **environment):
    """A process of the function, as Lambda starts it, and the API that it asks."""
    api = RuntimeApi(name, event)
    told = {
        **os.environ,
        **KEYS,
        "AWS_LAMBDA_RUNTIME_API": api.address,
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(NAMED[name].memory_mb),
        "AWS_REGION": REGION,
        "LAMBDA_TASK_ROOT": str(SOURCE),
        "POWERTOOLS_TRACE_DISABLED": "1",
        **environment,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "awslambdaric", NAMED[name].handler],
        env=told,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        yield api
    finally:
        process.kill()
        process.wait()
        api.close()


def answer_of(name, event, **environment):
    with running(name, event, **environment) as api:
        happened(api.answered, what=f"the answer of {name}")
    ((way, said),) = api.said
    return way, said


@pytest.mark.parametrize("name", NAMED)
def test_it_is_found_started_and_says_what_its_environment_lacks(name):
    way, said = answer_of(name, {"data": {}}, REMIT_DATABASE_URL="", REMIT_SENDER_URL="")

    assert way == "error"
    assert said["errorType"] == "ConfigMissing"
    assert "REMIT_" in said["errorMessage"]


def test_an_intent_is_proposed_by_a_process_of_the_function(deployment, database_url):
    way, said = answer_of(
        "propose",
        {"proposal": proposal()},
        REMIT_DATABASE_URL=database_url,
        REMIT_SENDER_URL=deployment.cloud.sender_url,
    )
    deployment.settle()

    assert (way, said["result"]) == ("response", "AUTO_EXECUTED")
    assert deployment.status() == "SUCCEEDED"


def test_a_caller_s_mistake_is_an_answer_and_no_error(database_url):
    way, said = answer_of(
        "propose",
        {"proposal": {"tenant_id": TENANT}},
        REMIT_DATABASE_URL=database_url,
        REMIT_SENDER_URL="eventbridge://nowhere?region=eu-central-1&endpoint_url=http://127.0.0.1:9",
    )

    assert (way, said["problem"]["status"]) == ("response", 422)
