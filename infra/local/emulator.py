"""moto's server in this process, its state machines switched on, and Lambda calls answered by our own handlers."""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import boto3
from moto.awslambda_simple.models import lambda_simple_backends
from moto.core.config import default_user_config
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.server import ThreadedMotoServer

REGION, ACCOUNT = "eu-central-1", DEFAULT_ACCOUNT_ID
LOOPBACK = "127.0.0.1"
KEYS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_DEFAULT_REGION": REGION}
"""What every client needs, and nobody here looks at."""

Handler = Callable[[Any, Any], Any]


@dataclass(frozen=True, slots=True)
class Context:
    """What a handler is told about its invocation."""

    function_name: str
    aws_request_id: str = "local"
    memory_limit_in_mb: int = 512

    @property
    def invoked_function_arn(self) -> str:
        return function_arn(self.function_name)

    def get_remaining_time_in_millis(self) -> int:
        return 30_000


class Functions:
    """Lambda's part: calls a handler by its function's name, and says what it raised as Lambda would."""

    def __init__(self) -> None:
        self.handlers: dict[str, Handler] = {}
        self.calls: list[tuple[str, Any, Any]] = []
        # One process of a function serves one invocation at a time.
        self._one_at_a_time = threading.Lock()

    def call(self, name: str, event: Any) -> Any:
        """What crosses the line is JSON, in both directions."""
        with self._one_at_a_time:
            answer = json.loads(json.dumps(self.handlers[name](json.loads(json.dumps(event)), Context(name))))
            self.calls.append((name, event, answer))
        return answer

    def invoke(self, function_name: str, _qualifier: Any, body: Any, _headers: Any, said: dict[str, str]) -> bytes:
        """In place of moto's own."""
        try:
            # By name or by ARN, with its version if it has one.
            name = function_name.rpartition(":function:")[2]
            answer = self.call(name, json.loads(body or "{}"))
        except Exception as error:
            said["x-amz-function-error"] = "Unhandled"
            answer = {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": []}
        return json.dumps(answer).encode()


class Emulator:
    """One a process: moto keeps what it knows in its modules."""

    def __init__(self) -> None:
        self.functions = Functions()
        self._clients: dict[str, Any] = {}
        # Its type knows every service by name; ours come from callers.
        self._session: Any = boto3.session.Session()
        self._port = _free_port()
        self._server = ThreadedMotoServer(LOOPBACK, self._port, verbose=False)

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self._port}"

    region = REGION

    def client(self, service: str) -> Any:
        """The one client for a service: making one takes longer than most requests."""
        if service not in self._clients:
            self._clients[service] = self._session.client(service, endpoint_url=self.url, region_name=REGION)
        return self._clients[service]

    def __enter__(self) -> Self:
        # Its state machines call the functions through its own port.
        os.environ["MOTO_PORT"] = str(self._port)
        for name, value in KEYS.items():
            os.environ.setdefault(name, value)
        default_user_config["stepfunctions"] = {"execute_state_machine": True}
        default_user_config["lambda"] = {"use_docker": False}
        vars(lambda_simple_backends[ACCOUNT][REGION])["invoke"] = self.functions.invoke
        # It tells every request, and every choice that it looks up in vain.
        for name in ("werkzeug", "moto"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._server.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.stop()


def function_arn(name: str) -> str:
    """`name` may name a version, as in `gate:2`."""
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port
