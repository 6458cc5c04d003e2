"""Whoever has no credential: what it sends is not read, and what it may try is counted."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.exceptions import HTTPException

from remit.core import json_text
from remit.core.errors import InvalidInput
from remit.core.identity.principal import Principal
from remit.entrypoints.console import create_console
from remit.entrypoints.console.auth import SAFE_METHODS
from remit.entrypoints.web import reading_bodies
from remit.entrypoints.web.limits import network_of
from remit.entrypoints.web.reading_bodies import BodyAfterCaller
from remit.entrypoints.web.settings import HttpSettings, settings_from
from remit.entrypoints.web.shares import Full, OverShare, Share, SharedPlaces
from remit.entrypoints.web.stream import Streams
from remit.hooks import StepEvent
from tests.entrypoints.http_world import http_world, proposal
from tests.waiting import PATIENCE_S


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One server for the tests that change nothing that another looks at."""
    with http_world(tmp_path_factory.mktemp("shared")) as world:
        yield world


@pytest.fixture
def narrow(tmp_path):
    """Few sign-ins and few streams."""
    settings = HttpSettings(
        sign_ins_per_minute=5, most_streams=4, most_streams_of_tenant=3, most_streams_of_credential=2
    )
    with http_world(tmp_path, settings) as world:
        yield world


def _announced(world, path, *headers):
    """The answer to a request whose body was announced and is never sent."""
    host, port = world.url.removeprefix("http://").split(":")
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}:{port}", "Content-Length: 4000000", *headers, "", ""]
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as connection:
        connection.sendall("\r\n".join(lines).encode())
        return connection.recv(200)


@pytest.mark.parametrize("path", ["/v1/intents", "/v1/gate", "/v1/policies/validate", "/v1/stop", "/v1/keys"])
@pytest.mark.parametrize("credential", [None, "rk.acme.no.such", "junk"])
def test_a_body_is_not_waited_for_before_its_sender_is_known(shared, path, credential):
    headers = [f"Authorization: Bearer {credential}"] if credential else []

    assert _announced(shared, path, "Content-Type: application/json", *headers).startswith(b"HTTP/1.1 401")


@pytest.mark.parametrize("path", ["queue/approve", "bounds/file", "stop", "intents/i-1/edit", "bounds/form"])
def test_a_form_is_not_waited_for_before_its_session_is_known(shared, path):
    kind = "Content-Type: application/x-www-form-urlencoded"

    assert _announced(shared, f"/console/{path}", kind).startswith(b"HTTP/1.1 303")


def test_every_route_that_takes_a_body_lets_its_caller_in_first(shared):
    console = create_console(shared.remit, HttpSettings(), shared.app.state)
    routes = [route for app in (shared.app, console) for route in iter_route_contexts(app.routes)]
    taking = [route for route in routes if set(route.methods or ()) - {*SAFE_METHODS}]

    assert len(taking) > 30
    assert [route.path for route in taking if not isinstance(_of(route), BodyAfterCaller)] == []


def _of(context):
    return context if isinstance(context, APIRoute) else context.original_route


# --- one reading of JSON ---

TWICE = [
    ("POST", "/v1/intents", "agent", '{"account_id": "a", "parameters": {"n": 1, "n": 2}}', "n"),
    ("POST", "/v1/intents", "agent", '[{"account_id": "a"}, {"account_id": "a", "account_id": "b"}]', "account_id"),
    ("POST", "/v1/gate", "agent", '{"account_id": "a", "account_id": "b", "action_intent_id": "i"}', "account_id"),
    ("PUT", "/v1/modes", "admin", '{"tenant": {"default": "DISABLED", "default": "AUTO_EXECUTE"}}', "default"),
    ("PUT", "/v1/bounds", "admin", '{"budget": {}, "budget": {}}', "budget"),
    ("POST", "/v1/stop", "operator", '{"reason": "a", "account_id": "a", "account_id": "b"}', "account_id"),
    ("POST", "/v1/keys", "admin", '{"name": "a", "roles": ["agent"], "roles": ["admin"]}', "roles"),
    ("POST", "/v1/intents/i-1/edit", "approver", '{"changes": {"a.b": 1, "a.b": 2}}', "a.b"),
    ("PUT", "/v1/subscriptions/s", "operator", '{"channel": "slack", "channel": "webhook"}', "channel"),
]


@pytest.mark.parametrize(("method", "path", "role", "body", "name"), TWICE)
@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8", "application/x+json"])
def test_a_name_that_stands_twice_in_a_body_is_refused_by_that_name(shared, method, path, role, body, name, kind):
    answer = shared.client(role).request(method, path, content=body, headers={"Content-Type": kind})

    assert (answer.status_code, answer.json()["field"]) == (422, name)


@pytest.mark.parametrize("size", [10, reading_bodies.PARSED_AT_ONCE_BYTES + 1])
@pytest.mark.parametrize("text", ['"n": NaN', '"n": 1e999', '"n": "\\ud800"', '"n": ' + "[" * 200 + "]" * 200])
def test_what_only_some_readers_take_is_refused_whatever_the_size(shared, size, text):
    body = f'{{"account_id": "a", "parameters": {{"long": "{"x" * size}", {text}}}}}'

    answer = shared.client("agent").post("/v1/intents", content=body, headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.json()["field"]) == (422, "(body)")


def test_a_large_body_is_parsed_beside_the_loop(shared, monkeypatch):
    threads: list[str] = []
    parse = json_text.read_json

    def noted(body):
        threads.append(threading.current_thread().name)
        return parse(body)

    monkeypatch.setattr(reading_bodies, "read_json", noted)
    many = [proposal(f"large-{number}", parameters={"text": "x" * 10_000}) for number in range(5)]

    shared.client("agent").post("/v1/intents", json=proposal("small"))
    shared.client("agent").post("/v1/intents", json=many)

    assert threads[0] == "the test's server"
    assert threads[1] != threads[0]


def test_a_body_in_pieces_has_the_same_limit(tmp_path):
    with http_world(tmp_path, HttpSettings(largest_body_bytes=1000)) as world:
        pieces = iter([b'{"account_id": "', b"a" * 2000, b'"}'])

        answer = world.client("agent").post("/v1/intents", content=pieces, headers={"Content-Type": "application/json"})

        assert answer.status_code == 413


# --- signing in ---


def _sign_in(world, key):
    client = world.client(None)
    client.headers["Origin"] = world.url
    return client.post("/console/sign-in", data={"key": key}).status_code


@pytest.mark.parametrize("right", [True, False])
def test_an_address_tries_to_sign_in_only_so_often(narrow, right):
    key = narrow.keys["acme", "approver"] if right else "rk.acme.no.such"

    codes = [_sign_in(narrow, key) for _ in range(7)]

    assert codes == [303 if right else 401] * 5 + [429] * 2
    assert narrow.client("approver").get("/v1/queue").status_code == 200


@pytest.mark.parametrize("path", ["link/sl.acme.no.such", "oidc", "oidc/callback"])
def test_links_and_the_issuer_s_answers_are_tries_too(narrow, path):
    client = narrow.client(None)

    codes = [client.get(f"/console/{path}").status_code for _ in range(5)]
    last = client.get(f"/console/{path}")

    assert 429 not in codes
    assert (last.status_code, last.headers["retry-after"]) == (429, "30")


def test_a_form_of_a_stranger_is_small(narrow):
    assert _sign_in(narrow, "x" * 20_000) == 413


def test_a_network_is_what_one_customer_has():
    assert network_of("192.0.2.1") == "192.0.2.1" != network_of("192.0.2.2")
    assert network_of("::ffff:192.0.2.1") == "192.0.2.1"
    assert network_of("2001:db8::1") == network_of("2001:db8::2:3") != network_of("2001:db8:0:1::1")
    assert network_of("no address") == "no address"


# --- streams ---


def _principal(tenant, name):
    return Principal(name, tenant, frozenset({"approver"}))


def _taken(places, tenant, name, gone):
    return places.take(_principal(tenant, name), lambda: gone.append(f"{tenant} {name}"))


def test_a_credential_and_a_tenant_have_a_share():
    places, gone = SharedPlaces(Share(most=10, most_of_tenant=3, most_of_credential=2)), []
    first = _taken(places, "acme", "ann", gone)
    _taken(places, "acme", "ann", gone)

    with pytest.raises(OverShare, match="this credential holds 2"):
        _taken(places, "acme", "ann", gone)
    _taken(places, "acme", "bob", gone)
    with pytest.raises(OverShare, match="this tenant holds 3"):
        _taken(places, "acme", "cid", gone)
    _taken(places, "globex", "ann", gone)
    places.give_back(first)
    places.give_back(first)
    _taken(places, "acme", "cid", gone)
    assert gone == []


def test_where_all_are_taken_the_tenant_with_the_most_gives_up_its_oldest():
    places, gone = SharedPlaces(Share(most=4, most_of_tenant=4, most_of_credential=4)), []
    for name in ("a", "b", "c", "d"):
        _taken(places, "acme", name, gone)

    _taken(places, "globex", "ann", gone)
    _taken(places, "initech", "ann", gone)

    assert gone == ["acme a", "acme b"]
    for tenant in ("acme", "globex"):
        with pytest.raises(Full):
            _taken(places, tenant, "zoe", gone)
    _taken(places, "umbrella", "ann", gone)
    assert gone == ["acme a", "acme b", "acme c"]


def test_a_stream_ends_for_another_tenant_s_sake_and_all_end_with_the_process():
    async def play():
        streams = Streams(Share(most=2, most_of_tenant=2, most_of_credential=1))
        first, second = (streams.enter(_principal("acme", name)) for name in ("ann", "bob"))
        third = streams.enter(_principal("globex", "zoe"))

        assert [await one.wait(0.01) for one in (first, second, third)] == [False, True, True]
        assert [_refused(streams, "acme", name) for name in ("bob", "cid")] == [429, 503]
        streams.leave(first)
        streams.close()
        assert [await one.wait(10) for one in (second, third)] == [False, False]
        assert _refused(streams, "umbrella", "ann") == 503

    asyncio.run(play())


def test_what_this_process_did_for_a_tenant_wakes_the_streams_of_that_tenant_and_no_other():
    async def play():
        streams = Streams(Share(most=9, most_of_tenant=9, most_of_credential=9))
        own = [streams.enter(_principal("acme", name)) for name in ("ann", "bob")]
        other = asyncio.create_task(streams.enter(_principal("globex", "zoe")).wait(PATIENCE_S))
        happened = StepEvent("gate", "acme", "i-1", None, "REQUIRE_APPROVAL", None, 0, 0)

        for _ in range(2):
            await asyncio.to_thread(lambda: [streams.happened(happened) for _ in range(3)])
            assert await asyncio.wait_for(asyncio.gather(*(each.wait(2 * PATIENCE_S) for each in own)), PATIENCE_S)
        assert not other.done()
        streams.close()
        assert await other is False and await own[0].wait(PATIENCE_S) is False

    asyncio.run(play())


def _refused(streams, tenant, name):
    with pytest.raises(HTTPException) as refused:
        streams.enter(_principal(tenant, name))
    return refused.value.status_code


def test_streams_of_one_credential_leave_others_theirs(narrow):
    def opened(role, tenant="acme"):
        client = narrow.client(role, tenant)
        return client.send(client.build_request("GET", "/v1/stream"), stream=True)

    mine = [opened("approver") for _ in range(3)]
    others = [opened("auditor"), opened("approver", "globex")]

    assert [one.status_code for one in [*mine, *others]] == [200, 200, 429, 200, 200]
    assert mine[2].headers["retry-after"] == "10"
    for one in [*mine, *others]:
        one.close()


@pytest.mark.parametrize(
    "variable",
    [
        "REMIT_SIGN_INS_PER_MINUTE",
        *(f"REMIT_MOST_{of}{whose}" for of in ("STREAMS", "EXPORTS") for whose in ("", "_OF_TENANT", "_OF_CREDENTIAL")),
    ],
)
def test_the_settings_are_read(variable):
    assert settings_from({variable: "7"}) != HttpSettings()
    with pytest.raises(InvalidInput, match=variable):
        settings_from({variable: "many"})
