"""The two routes that agents ask all day answer as they are declared, and need not be asked the declared way."""

from __future__ import annotations

import json
import re

import fastapi.routing
import pytest

from tests.entrypoints.http_world import ACME, EMAIL, GLOBEX, proposal

PROPOSE, GATE = "/v1/intents", "/v1/gate"
DECLARED = "?gate=true"
"""With anything in the query, the declared way is taken; this is what it says by default."""
MADE_UP = {"action_intent_id", "approval_id", "trace_id"}


def asked(client, path, body, **headers):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(path, content=content, headers={"Content-Type": "application/json", **headers})


def told(response):
    """Status, headers and body, without what is new each time."""
    body = response.json()
    headers = {name: value for name, value in response.headers.items() if name not in ("date", "content-length")}
    shown = {name: type(value) if name in MADE_UP else value for name, value in body.items()}
    if "explanation" in shown:
        shown["explanation"] = re.sub(r"number \d+ of", "number N of", shown["explanation"])
    return response.status_code, headers, shown


def both(client, path, body, **headers):
    return [told(asked(client, f"{path}{query}", body, **headers)) for query in ("", DECLARED)]


WITHOUT_ID = {name: value for name, value in proposal("i").items() if name != "action_intent_id"}


@pytest.mark.parametrize(
    "body",
    [
        WITHOUT_ID,
        {**WITHOUT_ID, "action_type": EMAIL},
        {**WITHOUT_ID, "tenant_id": ACME, "proposed_by": "agent-1"},
        {**WITHOUT_ID, "tenant_id": GLOBEX},
        {**WITHOUT_ID, "proposed_by": "somebody"},
        {**WITHOUT_ID, "risk_level": "low"},
        {**WITHOUT_ID, "unknown": 1},
        {},
        [],
        None,
        7,
        "text",
        b"",
        b"{",
        b'{"a": 1, "a": 2}',
        b'{"a": "\\ud800"}',
        b"[" * 200 + b"]" * 200,
        b"\xff",
    ],
    ids=repr,
)
def test_a_proposal_is_answered_as_declared(shared, body):
    lean, declared = both(shared.client("agent"), PROPOSE, body)

    assert lean == declared


@pytest.mark.parametrize(
    "body",
    [
        {"action_intent_id": "nobody", "account_id": "acct-1"},
        {"action_intent_id": "nobody", "account_id": "acct-1", "tenant_id": ACME},
        {"action_intent_id": "nobody", "account_id": "acct-1", "tenant_id": GLOBEX},
        {"action_intent_id": "nobody", "account_id": "acct-1", "tenant_id": None},
        {"action_intent_id": "", "account_id": "acct-1"},
        {"action_intent_id": "not an id", "account_id": "acct-1"},
        {"action_intent_id": "nobody\n", "account_id": "acct-1"},
        {"action_intent_id": 7, "account_id": "acct-1"},
        {"action_intent_id": "nobody"},
        {"action_intent_id": "nobody", "account_id": "acct-1", "more": "x"},
        {"account_id": "acct-1", "tenant_id": ACME},
        {},
        [],
        None,
        b"{",
        b"",
    ],
    ids=repr,
)
def test_a_question_to_the_gate_is_answered_as_declared(shared, body):
    lean, declared = both(shared.client("agent"), GATE, body)

    assert lean == declared


@pytest.mark.parametrize("path", [PROPOSE, GATE])
@pytest.mark.parametrize(
    ("role", "tenant"), [(None, ACME), ("approver", ACME), ("auditor", GLOBEX), ("platform", ACME)]
)
def test_who_may_not_ask_is_told_as_declared(shared, path, role, tenant):
    body = WITHOUT_ID if path == PROPOSE else {"action_intent_id": "nobody", "account_id": "acct-1"}

    lean, declared = both(shared.client(role, tenant), path, body)

    assert lean == declared
    assert lean[0] in (401, 403)


@pytest.mark.parametrize("path", [PROPOSE, GATE])
def test_a_body_that_is_not_said_to_be_json_is_refused_as_declared(shared, path):
    lean, declared = both(shared.client("agent"), path, {}, **{"Content-Type": "text/plain"})

    assert lean == declared
    assert lean[0] == 422


def test_an_intent_that_is_decided_is_answered_as_declared(shared):
    agent = shared.client("agent")
    asked(agent, PROPOSE, proposal("lean-1"))

    proposed = both(agent, PROPOSE, proposal("lean-1"))
    gated = both(agent, GATE, {"action_intent_id": "lean-1", "account_id": "acct-1"})

    assert [answer[2]["already_published"] for answer in (*proposed, *gated)] == [True] * 4
    assert proposed[0] == proposed[1]
    assert gated[0] == gated[1]


def test_usual_requests_are_not_asked_the_declared_way(shared, monkeypatch):
    async def never(**_):
        raise AssertionError("the declared way was taken")

    monkeypatch.setattr(fastapi.routing, "run_endpoint_function", never)
    agent = shared.client("agent")

    answers = [
        asked(agent, PROPOSE, WITHOUT_ID),
        asked(agent, GATE, {"action_intent_id": "nobody", "account_id": "acct-1"}),
    ]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert asked(agent, f"{PROPOSE}{DECLARED}", WITHOUT_ID).status_code == 500
