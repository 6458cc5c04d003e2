"""Exports over HTTP: who gives one up, or does not read it, stands in nobody's way."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import ExitStack, contextmanager

import pytest

from remit.core.ledger.verification import Report
from remit.core.values import PLATFORM
from remit.entrypoints.web.settings import HttpSettings
from tests.entrypoints.http_world import ACME, GLOBEX, http_world, person
from tests.waiting import happened, until

READERS = 16


@pytest.fixture
def world(tmp_path):
    """A ledger larger than what the system takes in for a reader who does not read; shares that let many in."""
    settings = HttpSettings(most_exports=64, most_exports_of_tenant=64, most_exports_of_credential=64)
    with http_world(tmp_path, settings) as world:
        _fill(world, ACME)
        yield world


@pytest.fixture
def narrow(tmp_path):
    """Three places, two of them for one tenant, and one for one credential."""
    settings = HttpSettings(most_exports=3, most_exports_of_tenant=2, most_exports_of_credential=1)
    with http_world(tmp_path, settings) as world:
        for tenant in (ACME, GLOBEX):
            _fill(world, tenant)
        yield world


def _fill(world, tenant):
    for n in range(120):
        world.submit(f"i-{n}", tenant=tenant, parameters={"text": "x" * 60_000}, confidence_score=0.1)


@contextmanager
def _unread(world, authorization):
    """An export of which nothing is read but its status."""
    host, port = world.url.removeprefix("http://").split(":")
    with socket.socket() as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.settimeout(30)
        raw.connect((host, int(port)))
        lines = ["GET /v1/ledger/export HTTP/1.1", f"Host: {host}", f"Authorization: {authorization}", "", ""]
        raw.sendall("\r\n".join(lines).encode())
        yield raw


def _status(raw):
    return int(raw.recv(12).split()[1])


def _export_status(client):
    with client.stream("GET", "/v1/ledger/export") as response:
        return int(response.status_code)


def _others_are_served(world):
    assert world.client("approver", GLOBEX).get("/v1/queue").status_code == 200
    assert world.client(None).get("/readyz").status_code == 200


def test_downloads_that_nobody_reads_leave_everybody_else_served(world):
    authorization = world.client("auditor").headers["Authorization"]
    with ExitStack() as stack:
        unread = [stack.enter_context(_unread(world, authorization)) for _ in range(READERS)]
        assert [_status(raw) for raw in unread] == [200] * READERS

        _others_are_served(world)


def test_downloads_that_were_given_up_leave_everybody_else_served_and_their_places_free(narrow):
    authorization = narrow.client("auditor").headers["Authorization"]
    for _ in range(READERS):
        with _unread(narrow, authorization) as raw:
            _status(raw)

    _others_are_served(narrow)
    until(lambda: _export_status(narrow.client("auditor")) == 200, what="the place of a download that was given up")


def test_a_credential_has_a_share_of_exports_and_verifications(narrow):
    client = narrow.client("auditor")
    with _unread(narrow, client.headers["Authorization"]) as raw:
        assert _status(raw) == 200

        answers = [client.get("/v1/ledger/export"), client.post("/v1/verify", json={})]

    assert [answer.status_code for answer in answers] == [429, 429]
    assert [answer.headers["retry-after"] for answer in answers] == ["10", "10"]


def test_a_download_beyond_a_tenants_half_makes_room_for_another_tenant(narrow, monkeypatch):
    with ExitStack() as stack:
        for name in ("ann", "bob"):
            client = person(narrow, name, "auditor")
            raw = stack.enter_context(_unread(narrow, client.headers["Authorization"]))
            assert _status(raw) == 200
        globex = [narrow.client("auditor", GLOBEX), _second_auditor(narrow)]
        unread = [stack.enter_context(_unread(narrow, one.headers["Authorization"])) for one in globex]

        assert [_status(raw) for raw in unread] == [200, 503]


def _second_auditor(world):
    _, key = world.remit.create_key(GLOBEX, {"name": "second", "roles": ["auditor"]}, by="the test")
    client = world.client(None)
    client.headers["Authorization"] = f"Bearer {key}"
    return client


def test_an_export_that_makes_room_is_cut_off_where_its_reader_sees_it(tmp_path):
    settings = HttpSettings(most_exports=2, most_exports_of_tenant=2, most_exports_of_credential=2)
    with http_world(tmp_path, settings) as world, ExitStack() as stack:
        for tenant in (ACME, GLOBEX):
            _fill(world, tenant)
        authorization = world.client("auditor").headers["Authorization"]
        held = [stack.enter_context(_unread(world, authorization)) for _ in range(2)]
        assert [_status(raw) for raw in held] == [200, 200]

        assert _export_status(world.client("auditor", GLOBEX)) == 200

        # Without the end that a whole answer has.
        assert not _whole(held[0])


def _whole(raw):
    read = bytearray()
    while piece := raw.recv(1 << 20):
        read += piece
        if read.endswith(b"\r\n0\r\n\r\n"):
            return True
    return False


def test_verification_gives_its_place_back_when_it_is_done(narrow):
    client = narrow.client("auditor")

    assert [client.post("/v1/verify", json={}).status_code for _ in range(3)] == [200, 200, 200]


def test_a_verification_that_runs_holds_its_place(narrow, monkeypatch):
    begun, go_on = threading.Event(), threading.Event()

    def slow(tenant_id):
        begun.set()
        happened(go_on, what="the end of the verification")
        return Report()

    monkeypatch.setattr(narrow.remit, "verify", slow)
    client = narrow.client("auditor")
    running = threading.Thread(target=client.post, args=("/v1/verify",), kwargs={"json": {}})
    running.start()
    happened(begun, what="the verification begins")

    assert narrow.client("auditor").get("/v1/ledger/export").status_code == 429
    go_on.set()
    running.join()
    assert narrow.client("auditor").get("/v1/ledger/export").status_code == 200


def test_the_lines_of_a_download_are_the_ledgers_own(narrow):
    lines = narrow.client("auditor").get("/v1/ledger/export").text.splitlines()

    assert json.loads(lines[-1])["event_type"] == "LEDGER_SEALED"
    assert lines[0].encode() == next(narrow.remit.export_lines(ACME))
    assert PLATFORM not in {json.loads(line)["tenant_id"] for line in lines}
