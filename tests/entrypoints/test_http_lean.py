"""Routes that agents ask all day answer as they are declared, and need not be asked the declared way."""

from __future__ import annotations

import json
import re
from uuid import uuid4

import fastapi.routing
import pytest

from remit.core.errors import Unauthenticated
from remit.core.identity.principal import Principal
from remit.entrypoints.web.callers import Entry, principals_of
from remit.entrypoints.web.settings import HttpSettings
from tests.entrypoints.http_world import ACME, EMAIL, GLOBEX, OWN, http_world, person, proposal

PROPOSE, GATE, BEGIN = "/v1/intents", "/v1/gate", "/v1/intents?begin=true"
DECLARED = "&"
"""With this in the query, which names nothing, the declared way is taken."""
MADE_UP = {"action_intent_id", "approval_id", "trace_id"}


def asked(client, path, body, **headers):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(path, content=content, headers={"Content-Type": "application/json", **headers})


def told(response):
    """Status, headers and body, without what is new each time."""
    body = response.json()
    headers = {name: value for name, value in response.headers.items() if name not in ("date", "content-length")}
    shown = {name: type(value) if name in MADE_UP else value for name, value in body.items()}
    if "begun" in shown:
        begun = shown["begun"]
        shown["begun"] = begun["status"], begun["explanation"], sorted(begun["permit"] or {})
    if "explanation" in shown:
        shown["explanation"] = re.sub(r"number \d+ of", "number N of", shown["explanation"])
    return response.status_code, headers, shown


def both(client, path, body, **headers):
    return [told(asked(client, each, body, **headers)) for each in (path, declared(path))]


def declared(path):
    return f"{path}{'&' if '?' in path else '?'}{DECLARED}"


WITHOUT_ID = {name: value for name, value in proposal("i").items() if name != "action_intent_id"}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Takes no large bodies, and shows its metrics to everybody."""
    settings = HttpSettings(largest_body_bytes=100_000, metrics_open=True)
    with http_world(tmp_path_factory.mktemp("small"), settings) as world:
        yield world


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
    lean, usual = both(shared.client("agent"), PROPOSE, body)

    assert lean == usual


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
    lean, usual = both(shared.client("agent"), GATE, body)

    assert lean == usual


OWN_WITHOUT_ID = {**WITHOUT_ID, "action_type": OWN}


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("", OWN_WITHOUT_ID),
        ("&key=call-1", OWN_WITHOUT_ID),
        ("&key=", OWN_WITHOUT_ID),
        ("&key=a&key=b", OWN_WITHOUT_ID),
        ("&key=with%20space", OWN_WITHOUT_ID),
        ("", {**OWN_WITHOUT_ID, "confidence_score": 0.1}),
        ("", {**OWN_WITHOUT_ID, "tenant_id": GLOBEX}),
        ("", {**OWN_WITHOUT_ID, "account_id": ""}),
        ("", WITHOUT_ID),
        ("", {}),
        ("", []),
        ("", 7),
    ],
    ids=repr,
)
def test_a_proposal_that_is_begun_is_answered_as_declared(shared, query, body):
    if isinstance(body, dict) and body.get("account_id"):
        # One of its own: the budget of a day is for ten.
        body = {**body, "account_id": uuid4().hex}

    lean, usual = both(shared.client("agent"), f"{BEGIN}{query}", body)

    assert lean == usual


BAD_BODIES = [b"{", b'{"a": 1, "a": 2}', {"no": "field"}, [], b" " * 100_001]


@pytest.mark.parametrize("body", BAD_BODIES, ids=lambda body: repr(body)[:20])
@pytest.mark.parametrize(
    ("path", "query"),
    [
        *(
            (path, "more=1")
            for path in (PROPOSE, GATE, *(f"{PROPOSE}/i/{verb}" for verb in ("begin", "reject", "erase")))
        ),
        *((PROPOSE, query) for query in ("begin=true&begin=true", "begin=true&more=1")),
    ],
)
def test_of_a_bad_query_and_a_bad_body_every_route_names_the_query(small, path, query, body):
    client = small.client("agent")
    headers = {"Content-Type": "application/json"}
    # In pieces, so that nobody knows before how much comes.
    content = iter([body if isinstance(body, bytes) else json.dumps(body).encode()])

    answer = client.post(f"{path}?{query}", content=content, headers=headers)

    assert (answer.status_code, answer.json()["field"]) == (422, query.rpartition("&")[2].partition("=")[0])


def test_a_body_that_says_that_it_is_too_large_comes_to_no_route_on_any_path(small):
    for path in (PROPOSE, f"{PROPOSE}/i/begin", f"{PROPOSE}/i/erase"):
        assert asked(small.client("operator"), path, b" " * 100_001).status_code == 413

    (timed,) = (line for line in small.client("operator").get("/metrics").text.splitlines() if _counts(line, "413"))
    assert 'route="(none)"' in timed
    assert timed.endswith(" 3.0")


def _counts(line, status):
    return line.startswith("remit_http_request_duration_seconds_count") and f'status="{status}"' in line


@pytest.mark.parametrize("verb", ["begin", "finish", "renew", "withdraw", "supplement"])
@pytest.mark.parametrize("name", ["nobody", "not%20an%20id", "x" * 129])
def test_what_an_agent_asks_of_its_own_intent_is_answered_as_declared(shared, verb, name):
    bodies = [
        {"approval_id": "a", "acted": "yes"},
        {"approval_id": "a", "acted": "yes", "result": {"encoding": "base64", "content": "%"}},
        {"approval_id": "a"},
        {"text": "more"},
        {"acted": 1},
        {},
        [],
        None,
        b"{",
    ]
    agent, auditor = shared.client("agent"), shared.client("auditor")

    for body in bodies:
        lean, usual = both(agent, f"{PROPOSE}/{name}/{verb}", body)
        assert lean == usual
    lean, usual = both(auditor, f"{PROPOSE}/{name}/{verb}", {})
    assert lean == usual


@pytest.mark.parametrize(
    "query", ["", "wait_s=0", "wait_s=0.05", "wait_s=61", "wait_s=-1", "wait_s=x", "wait_s=nan", "wait_s=", "more=1"]
)
@pytest.mark.parametrize("name", ["answered", "nobody", "not%20an%20id", "x" * 129])
@pytest.mark.parametrize("role", ["agent", "auditor", "approver", "platform", None])
def test_the_answer_is_answered_as_declared(shared, query, name, role):
    asked(shared.client("agent"), PROPOSE, proposal("answered"))
    caller, path = shared.client(role), f"{PROPOSE}/{name}/answer?{query}"

    lean, usual = (told(caller.get(each)) for each in (path, f"{path}{DECLARED}"))

    assert lean == usual


def test_what_a_question_for_an_answer_carries_is_left_alone(shared):
    asked(shared.client("agent"), PROPOSE, proposal("answered"))

    answer = shared.client("agent").request("GET", f"{PROPOSE}/answered/answer", content=b"{")

    assert answer.status_code == 200


@pytest.mark.parametrize("path", [PROPOSE, GATE])
@pytest.mark.parametrize(
    ("role", "tenant"), [(None, ACME), ("approver", ACME), ("auditor", GLOBEX), ("platform", ACME)]
)
def test_who_may_not_ask_is_told_as_declared(shared, path, role, tenant):
    body = WITHOUT_ID if path == PROPOSE else {"action_intent_id": "nobody", "account_id": "acct-1"}

    lean, usual = both(shared.client(role, tenant), path, body)

    assert lean == usual
    assert lean[0] in (401, 403)


@pytest.mark.parametrize("path", [PROPOSE, GATE])
def test_a_body_that_is_not_said_to_be_json_is_refused_as_declared(shared, path):
    lean, usual = both(shared.client("agent"), path, {}, **{"Content-Type": "text/plain"})

    assert lean == usual
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

    begun = asked(agent, f"{BEGIN}&key=call-1", {**OWN_WITHOUT_ID, "account_id": "acct-2"})
    permit = begun.json()["begun"]["permit"]
    finish = {"approval_id": permit["approval_id"], "acted": "yes", "result": {"content": "7"}}
    answers = [
        begun,
        asked(agent, f"{PROPOSE}/{permit['action_intent_id']}/finish", finish),
        asked(agent, PROPOSE, WITHOUT_ID),
        asked(agent, GATE, {"action_intent_id": "nobody", "account_id": "acct-1"}),
        agent.get(f"{PROPOSE}/{permit['action_intent_id']}/answer"),
        agent.get(f"{PROPOSE}/{permit['action_intent_id']}/answer?wait_s=5"),
    ]

    assert [answer.status_code for answer in answers] == [200] * 6
    assert answers[1].json()["status"] == "SUCCEEDED"
    assert asked(agent, declared(PROPOSE), WITHOUT_ID).status_code == 500


def test_a_key_that_let_somebody_in_a_moment_ago_and_is_revoked_lets_nobody_in(world):
    agent = person(world, "another", "agent")
    begun = asked(agent, BEGIN, OWN_WITHOUT_ID).json()["begun"]["permit"]
    finish = {"approval_id": begun["approval_id"], "acted": "yes"}

    (key,) = (key for key in world.remit.keys(ACME) if key.name == "another")
    world.remit.revoke_key(ACME, key.key_id, by="ann")

    refused = [
        asked(agent, f"{PROPOSE}/{begun['action_intent_id']}/finish", finish),
        asked(agent, BEGIN, OWN_WITHOUT_ID),
        asked(agent, GATE, {"action_intent_id": begun["action_intent_id"], "account_id": "acct-1"}),
        asked(agent, PROPOSE, WITHOUT_ID),
        agent.get(f"{PROPOSE}/{begun['action_intent_id']}/answer"),
        agent.get(f"{PROPOSE}/{begun['action_intent_id']}/answer?wait_s=5"),
    ]
    assert [answer.status_code for answer in refused] == [401] * 6
    assert world.remit.status(ACME, begun["action_intent_id"])["status"] == "RUNNING"


def test_each_request_is_counted_once_whichever_way_it_goes(shared, monkeypatch):
    agent, counted = shared.client("agent"), []
    asked(agent, PROPOSE, WITHOUT_ID)
    monkeypatch.setattr(shared.app.state.limiter, "count", counted.append)

    for path in (PROPOSE, declared(PROPOSE), BEGIN, declared(BEGIN), f"{PROPOSE}/nobody/begin"):
        asked(agent, path, {**OWN_WITHOUT_ID, "account_id": "acct-2"})

    assert [principal.name for principal in counted] == ["agent-1"] * 5


def test_who_asks_several_times_at_once_is_looked_up_once():
    asked, ann = [], Principal("ann", ACME, frozenset())

    def looks_up(answer):
        def principal():
            asked.append(answer)
            if answer is None:
                raise Unauthenticated("nobody")
            return answer

        return principal

    bob = Principal("bob", ACME, frozenset())
    entries = [Entry(ACME, looks_up(ann), b"of ann"), Entry(ACME, looks_up(None), b"nobody"), Entry(ACME, lambda: bob)]

    found = principals_of([*entries, *entries])

    assert [each if isinstance(each, Principal) else type(each) for each in found] == [ann, Unauthenticated, bob] * 2
    assert asked == [ann, None]
