"""What the HTTP door answers: each route's good answer, its problems, and what repeats, races and kills leave."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from remit import Remit
from remit.core.errors import InvalidInput, RemitError
from remit.entrypoints.server.serve import check_binding
from remit.entrypoints.web.settings import HttpSettings
from remit.testing.faults import FaultyStore, Meeting, PausingStore
from tests.e2e.processes import Process
from tests.entrypoints.http_world import ACME, EMAIL, NOTE, Silent, World, bounds, http_world, proposal


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One world for tests that each use ids of their own."""
    with http_world(tmp_path_factory.mktemp("answers")) as world:
        yield world


def _waiting(world: World, name: str, **changes: Any) -> str:
    """An intent in the queue. Answers its digest."""
    world.submit(name, action_type=EMAIL, **changes)
    return world.remit.intent(ACME, name).digest


def _person(world: World, name: str, *roles: str) -> httpx.Client:
    _, key = world.remit.create_key(ACME, {"name": name, "roles": list(roles or ["approver"])}, by="the test")
    client = world.client(None)
    client.headers["Authorization"] = f"Bearer {key}"
    return client


def _problem(answer: httpx.Response, status: int, kind: str = "invalid-input") -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["type"] == f"/problems/{kind}"
    assert problem["title"]
    assert problem["detail"]
    return dict(problem)


# --- each route, when all is well ---


def test_an_agents_day_and_a_persons(world: World) -> None:
    agent, approver, auditor = world.client("agent"), world.client("approver"), world.client("auditor")

    ran = agent.post("/v1/intents", json=proposal("i-1")).json()
    asked = agent.post("/v1/intents", json=proposal("i-2", action_type=EMAIL)).json()
    stored = agent.post("/v1/intents", params={"gate": "false"}, json=proposal("i-3")).json()
    gated = agent.post("/v1/gate", json={"action_intent_id": "i-3", "account_id": "acct-1"}).json()
    (queued,) = approver.get("/v1/queue").json()["items"]
    approved = approver.post("/v1/intents/i-2/approve", json={"digest": queued["digest"]}).json()
    world.work()

    assert (ran["result"], ran["status"]) == ("AUTO_EXECUTED", "APPROVED")
    assert (asked["result"], asked["reason"]) == ("REQUIRE_APPROVAL", "ACTION_TYPE_NOT_ALLOWLISTED")
    assert (stored["tenant_id"], stored["proposed_by"]) == (ACME, "agent-1")
    assert gated["result"] == "AUTO_EXECUTED"
    assert (queued["action_intent_id"], queued["budget"]["left"]) == ("i-2", 8)
    assert (approved["complete"], approved["approval"]["approved_by"]) == (True, "approver-1")
    status = agent.get("/v1/intents/i-2").json()
    assert (status["status"], status["approval_source"], status["auto_executed"]) == ("SUCCEEDED", "HUMAN", False)
    why = agent.get("/v1/intents/i-1/why").json()
    assert why["decision"]["result"] == "AUTO_EXECUTED"
    assert [entry["sequence"] for entry in agent.get("/v1/intents/i-1/ledger").json()["items"]] == [1, 2, 3, 4, 5, 6]
    assert "Autopilot did" in json.dumps(approver.get("/v1/timeline").json())
    assert [line["action_intent_id"] for line in approver.get("/v1/intents").json()["items"]] == ["i-3", "i-2", "i-1"]
    assert approver.get("/v1/usage").json()["accounts"][0]["used"] == 2
    assert auditor.post("/v1/verify").json()["ok"] is True
    exported = auditor.get("/v1/ledger/export")
    assert exported.headers["content-type"] == "application/x-ndjson"
    assert json.loads(exported.text.splitlines()[-1])["event_type"] == "LEDGER_SEALED"


def test_rejecting_and_editing(shared: World) -> None:
    approver = shared.client("approver")
    _waiting(shared, "edit-1")
    _waiting(shared, "reject-1")

    edited = approver.post("/v1/intents/edit-1/edit", json={"changes": {"parameters.text": "politely"}}).json()
    rejected = approver.post("/v1/intents/reject-1/reject", json={"reason": "no"}).json()

    assert edited["reason"] == "EDITED_BY_PERSON"
    assert (
        approver.get(f"/v1/intents/{edited['action_intent_id']}").json()["intent"]["parameters"]["text"] == "politely"
    )
    assert approver.get("/v1/intents/edit-1").json()["superseded_by"] == edited["action_intent_id"]
    assert rejected == {"action_intent_id": "reject-1", "status": "REJECTED"}
    assert approver.get("/v1/intents/reject-1/why").json()["rejection"]["reason"] == "no"


def test_resolving_what_nobody_could_know(tmp_path: Path) -> None:
    with http_world(tmp_path, connectors={"silent": Silent()}) as world:
        spec = {"risk_tier": "LOW", "tool": {"connector": "silent"}}
        world.remit.apply(bounds(action_types={NOTE: spec}), by="the test")
        world.submit("i-1")
        world.work()
        operator = world.client("operator")

        first = operator.post("/v1/intents/i-1/resolve", json={"status": "SUCCEEDED", "note": "seen it"})
        again = operator.post("/v1/intents/i-1/resolve", json={"status": "SUCCEEDED"})
        otherwise = operator.post("/v1/intents/i-1/resolve", json={"status": "FAILED"})

        assert first.json()["resolved_by"] == "operator-1"
        assert again.json() == first.json()
        _problem(otherwise, 409, "conflict")
        assert operator.get("/v1/intents/i-1").json()["status"] == "SUCCEEDED"


def test_stopping_and_resuming(world: World) -> None:
    operator, agent = world.client("operator"), world.client("agent")
    scope = {"account_id": "acct-1", "reason": "an incident"}

    stopped = operator.post("/v1/stop", json=scope).json()
    asked = agent.post("/v1/intents", json=proposal("i-1")).json()
    resumed = operator.post("/v1/resume", json=scope).json()
    again = operator.post("/v1/resume", json=scope).json()

    assert (stopped["stopped_by"], stopped["level"], stopped["scope"]["account_id"]) == (
        "operator-1",
        "autonomy",
        "acct-1",
    )
    assert asked["reason"] == "AUTONOMY_STOPPED"
    assert (resumed["resumed"], again["resumed"]) == (True, False)


def test_a_key_is_shown_once(world: World) -> None:
    admin = world.client("admin")

    made = admin.post("/v1/keys", json={"name": "bot", "roles": ["agent"]})
    (listed,) = [key for key in admin.get("/v1/keys").json()["items"] if key["name"] == "bot"]
    revoked = admin.post(f"/v1/keys/{made.json()['key_id']}/revoke").json()

    assert made.status_code == 201
    secret = made.json()["key"].rpartition(".")[2]
    assert listed == {name: value for name, value in made.json().items() if name != "key"}
    assert secret not in json.dumps([listed, revoked])
    assert "secret_hash" not in listed
    assert revoked["revoked_by"] == "admin-1"


def test_lists_go_on_where_the_page_before_ended(shared: World) -> None:
    for number in range(5):
        _waiting(shared, f"page-{number}", account_id="paged")
    approver = shared.client("approver")

    for path in ("/v1/queue", "/v1/intents", "/v1/timeline"):
        seen: list[str] = []
        cursor = None
        while True:
            page = approver.get(
                path, params={"account_id": "paged", "limit": 2, **({"after": cursor} if cursor else {})}
            )
            seen += [item["action_intent_id"] for item in page.json()["items"]]
            cursor = page.json()["next"]
            if cursor is None:
                break
        assert sorted(set(seen)) == [f"page-{number}" for number in range(5)], path


def test_intents_are_found_by_status_reason_and_time(shared: World) -> None:
    _waiting(shared, "found-1", account_id="sought")
    approver, asked = shared.client("approver"), {"account_id": "sought"}
    reason = "ACTION_TYPE_NOT_ALLOWLISTED"

    def found(**more: Any) -> int:
        answer = approver.get("/v1/intents", params={**asked, **more})
        assert answer.status_code == 200, answer.text
        return len(answer.json()["items"])

    assert found(status=["AWAITING_APPROVAL", "BLOCKED"], reason=reason, action_type=EMAIL) == 1
    assert found(status="SUCCEEDED") == 0
    assert found(created_from="2020-01-01T00:00:00Z", created_before="2100-01-01T00:00:00+02:00") == 1
    assert found(created_before="2020-01-01T00:00:00Z") == 0


# --- problems ---


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"risk_level": "low"}, "risk_level"),
        ({"risk_level": "CRITICAL"}, "risk_level"),
        ({"confidence_score": 85}, "confidence_score"),
        ({"confidence_score": "0.9"}, "confidence_score"),
        ({"parameters": {"n": 2**53}}, "parameters.n"),
        ({"parameters": []}, "parameters"),
        ({"paramters": {}}, "paramters"),
        ({"action_type": "note"}, "action_type"),
        ({"target": {"entity_type": "contact"}}, "target.entity_id"),
        ({"expires_at": "2020-01-01T00:00:00Z", "created_at": None}, "expires_at"),
        ({"action_intent_id": "a b"}, "action_intent_id"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_stored(shared: World, change: dict[str, Any], field: str) -> None:
    answer = shared.client("agent").post("/v1/intents", json={**proposal("wrong-1"), **change})

    problem = _problem(answer, 422)
    assert problem["field"] == field
    assert shared.client("approver").get("/v1/intents/wrong-1").status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/v1/intents/x/approve", {}, "digest"),
        ("/v1/intents/x/approve", {"digest": "short"}, "digest"),
        ("/v1/intents/x/approve", {"digest": "0" * 64, "by": "somebody"}, "by"),
        ("/v1/intents/x/reject", {"reason": "x" * 2001}, "reason"),
        ("/v1/intents/x/edit", {"changes": {}}, "changes"),
        ("/v1/intents/a b/reject", {}, "action_intent_id"),
        ("/v1/intents/a%00b/reject", {}, "action_intent_id"),
        ("/v1/approve", {"items": []}, "items"),
        ("/v1/reject", {"action_intent_ids": ["fine", "not fine"]}, "action_intent_ids.1"),
    ],
)
def test_a_persons_wrong_field_is_named(shared: World, path: str, body: Any, field: str) -> None:
    problem = _problem(shared.client("approver").post(path, json=body), 422)

    assert problem["field"] == field
    assert problem["way_out"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 501}, "limit"),
        ({"after": "nonsense"}, "after"),
        ({"account_id": "a b"}, "account_id"),
        ({"status": "DONE"}, "status.0"),
        ({"created_from": "yesterday"}, "created_from"),
        ({"created_from": "2026-01-01T00:00:00"}, "created_from"),
        ({"created_from": "1767225600"}, "created_from"),
        ({"reason": "\x00"}, "reason"),
    ],
)
def test_a_wrong_query_is_named(shared: World, query: dict[str, Any], field: str) -> None:
    assert _problem(shared.client("approver").get("/v1/intents", params=query), 422)["field"] == field


@pytest.mark.parametrize(
    "body",
    [
        b"{bad",
        b"",
        b'"\xff"',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"action_intent_id": 1' + b"0" * 5000 + b"}",
    ],
)
@pytest.mark.parametrize("path", ["/v1/intents", "/v1/gate"])
def test_a_body_that_is_no_json_is_a_problem_of_the_body(shared: World, path: str, body: bytes) -> None:
    answer = shared.client("agent").post(path, content=body, headers={"Content-Type": "application/json"})

    assert _problem(answer, 422)["field"] == "(body)"


@pytest.mark.parametrize("body", [b"5", b"null", b'"text"', b"[]", b"true"])
def test_json_that_is_no_proposal_is_refused(shared: World, body: bytes) -> None:
    answer = shared.client("agent").post("/v1/intents", content=body, headers={"Content-Type": "application/json"})

    _problem(answer, 422)


def test_an_unknown_path_and_a_wrong_method_are_problems_too(shared: World) -> None:
    unknown, wrong = shared.client("agent").get("/v2/intents"), shared.client("agent").delete("/v1/intents")

    assert (unknown.status_code, unknown.headers["content-type"]) == (404, "application/problem+json")
    assert (wrong.status_code, wrong.headers["content-type"]) == (405, "application/problem+json")
    assert {"GET", "POST"} >= set(wrong.headers["allow"].replace(",", " ").split())


def test_an_id_with_other_content_is_a_conflict_that_names_what_differs(shared: World) -> None:
    agent = shared.client("agent")
    agent.post("/v1/intents", json=proposal("reused-1"))

    problem = _problem(agent.post("/v1/intents", json=proposal("reused-1", parameters={"text": "x"})), 409, "conflict")

    assert "parameters" in problem["detail"]
    assert "new id" in problem["detail"]


def test_what_was_not_seen_cannot_be_approved(shared: World) -> None:
    _waiting(shared, "unseen-1")

    answer = shared.client("approver").post("/v1/intents/unseen-1/approve", json={"digest": "0" * 64})

    assert "look at it again" in _problem(answer, 409, "conflict")["detail"]


def test_a_store_that_is_busy_is_worth_another_try(tmp_path: Path) -> None:
    with http_world(tmp_path) as world:
        agent = world.client("agent")
        agent.get("/v1/intents/none")
        faulty = FaultyStore(world.remit.context.store)
        world.goes_through(faulty)

        faulty.arm("try_later")
        later = agent.post("/v1/intents", json=proposal("i-1"))
        faulty.arm("lost_answer")
        unknown = agent.post("/v1/intents", json=proposal("i-1"))
        again = agent.post("/v1/intents", json=proposal("i-1"))

        _problem(later, 503, "try-later")
        assert later.headers["retry-after"] == "1"
        _problem(unknown, 503, "outcome-unknown")
        assert again.json()["result"] == "AUTO_EXECUTED"
        assert world.remit.usage(ACME)["accounts"][0]["used"] == 1


class Broken(FaultyStore):
    def read(self, keys: Any) -> Any:
        if any(key.kind.name == "intents" for key in keys):
            raise RuntimeError("the driver says: password=hunter2")
        return super().read(keys)


def test_an_error_of_our_own_is_a_problem_that_tells_nothing(tmp_path: Path) -> None:
    with http_world(tmp_path) as world:
        world.goes_through(Broken(world.remit.context.store))

        answer = world.client("approver").get("/v1/intents/i-1")

        _problem(answer, 500, "internal")
        assert "hunter2" not in answer.text


# --- limits ---


def test_500_proposals_are_each_answered_and_501_are_refused(world: World) -> None:
    agent = world.client("agent")

    answer = agent.post("/v1/intents", json=[proposal(f"i-{n}") for n in range(500)])
    refused = agent.post("/v1/intents", json=[proposal(f"j-{n}") for n in range(501)])

    items = answer.json()["items"]
    assert [item["action_intent_id"] for item in items] == [f"i-{n}" for n in range(500)]
    assert [item["result"] for item in items].count("AUTO_EXECUTED") == 10
    assert _problem(refused, 422)["way_out"] == "send 1 to 500"
    assert world.client("approver").get("/v1/intents/j-0").status_code == 404


def test_in_a_list_one_wrong_proposal_holds_no_other_back(shared: World) -> None:
    body = [
        proposal("list-1"),
        {"a": 1},
        5,
        proposal("list-2", risk_level="low"),
        proposal("list-3", tenant_id="other"),
    ]

    items = shared.client("agent").post("/v1/intents", json=[*body, proposal("list-4")]).json()["items"]

    assert [item.get("status") for item in items] == ["APPROVED", 422, 422, 422, 403, "APPROVED"]
    assert items[3]["field"] == "risk_level"


def test_who_asks_too_often_waits_and_others_do_not(tmp_path: Path) -> None:
    with http_world(tmp_path, HttpSettings(requests_per_minute=3)) as world:
        answers = [world.client("approver").get("/v1/usage") for _ in range(5)]
        other = world.client("auditor").get("/v1/usage")

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert int(answers[3].headers["retry-after"]) >= 1
    _problem(answers[3], 429, "too-many-requests")
    assert other.status_code == 200


def _in_pieces(size: int) -> Iterator[bytes]:
    for _ in range(size // 1024):
        yield b" " * 1024


def test_a_body_that_is_too_large_is_refused_with_or_without_its_length_announced(tmp_path: Path) -> None:
    with http_world(tmp_path, HttpSettings(largest_body_bytes=100_000)) as world:
        agent, headers = world.client("agent"), {"Content-Type": "application/json"}

        announced = agent.post("/v1/intents", content=b" " * 100_001, headers=headers)
        chunked = agent.post("/v1/intents", content=_in_pieces(200_000), headers=headers)
        fitting = agent.post(
            "/v1/intents", content=b" " * 90_000 + json.dumps(proposal("i-1")).encode(), headers=headers
        )

    for answer in (announced, chunked):
        assert "100000 bytes" in _problem(answer, 413, "too-large")["detail"]
    assert fitting.status_code == 200


# --- repeats and races ---


def test_what_is_asked_again_is_answered_again(world: World) -> None:
    agent = world.client("agent")

    first = agent.post("/v1/intents", json=proposal("i-1")).json()
    again = [agent.post("/v1/intents", json=proposal("i-1")).json() for _ in range(2)]
    gated = agent.post("/v1/gate", json={"action_intent_id": "i-1", "account_id": "acct-1"}).json()

    expected = {**first, "already_published": True}
    assert [*again, gated] == [expected] * 3
    assert world.remit.usage(ACME)["accounts"][0]["used"] == 1


def test_one_proposal_sent_by_many_at_once_is_charged_once(world: World) -> None:
    def send(_: int) -> Any:
        return world.client("agent").post("/v1/intents", json=proposal("i-1")).json()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(8)))

    assert len({answer["approval_id"] for answer in answers}) == 1
    assert {answer["result"] for answer in answers} == {"AUTO_EXECUTED"}
    assert world.remit.usage(ACME)["accounts"][0]["used"] == 1


def _at_once(world: World, *asks: Any) -> list[httpx.Response]:
    """Each in a thread; the first two to write meet between what they read and what they write."""
    sound = world.remit.context.store
    world.goes_through(PausingStore(sound, Meeting()))
    try:
        with ThreadPoolExecutor(len(asks)) as pool:
            return list(pool.map(lambda ask: ask(), asks))
    finally:
        world.goes_through(sound)


def test_two_approvers_at_once_make_one_approval(world: World) -> None:
    ann, bob = _person(world, "ann"), _person(world, "bob")
    for number in range(4):
        name = f"i-{number}"
        body = {"digest": _waiting(world, name)}

        answers = _at_once(
            world,
            lambda n=name, b=body: ann.post(f"/v1/intents/{n}/approve", json=b),
            lambda n=name, b=body: bob.post(f"/v1/intents/{n}/approve", json=b),
        )

        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[0].json() == answers[1].json()
        events = [entry["event_type"] for entry in world.remit.ledger(ACME, name)]
        assert events.count("ACTION_APPROVED") == 1


def test_approve_and_reject_at_once_have_one_winner_and_the_other_is_told(world: World) -> None:
    ann, bob = _person(world, "ann"), _person(world, "bob")
    for number in range(4):
        name = f"i-{number}"
        body = {"digest": _waiting(world, name)}

        answers = _at_once(
            world,
            lambda n=name, b=body: ann.post(f"/v1/intents/{n}/approve", json=b),
            lambda n=name: bob.post(f"/v1/intents/{n}/reject", json={}),
        )

        assert sorted(answer.status_code for answer in answers) == [200, 409]
        (lost,) = [answer for answer in answers if answer.status_code == 409]
        _problem(lost, 409, "conflict")
        expected = "REJECTED" if answers[1].status_code == 200 else "APPROVED"
        assert world.remit.status(ACME, name)["status"] == expected


def test_bulk_answers_are_each_by_itself(shared: World) -> None:
    approver = shared.client("approver")
    digests = {name: _waiting(shared, name) for name in ("bulk-1", "bulk-2", "bulk-3")}
    approver.post("/v1/intents/bulk-2/reject", json={})
    items = [{"action_intent_id": name, "digest": digest} for name, digest in digests.items()]
    items[2]["digest"] = "0" * 64

    approved = approver.post("/v1/approve", json={"items": [*items, {**items[0], "action_intent_id": "none"}]}).json()
    rejected = approver.post("/v1/reject", json={"action_intent_ids": ["bulk-1", "bulk-3", "bulk-2"]}).json()

    assert approved["items"][0]["approval"]["intent_digest"] == digests["bulk-1"]
    assert [item.get("status") for item in approved["items"]] == [None, 409, 409, 404]
    assert [item["status"] for item in rejected["items"]] == [409, "REJECTED", "REJECTED"]


# --- several approvers, and the proposer ---


@pytest.fixture
def two_needed(world: World) -> World:
    spec = bounds()["action_types"]
    spec[EMAIL]["approvals_required"] = 2
    world.remit.apply(bounds(action_types=spec), by="the test")
    return world


def test_the_second_approvers_call_writes_the_approval(two_needed: World) -> None:
    ann, bob = _person(two_needed, "ann"), _person(two_needed, "bob")
    body = {"digest": _waiting(two_needed, "i-1")}

    first = ann.post("/v1/intents/i-1/approve", json=body).json()
    same = ann.post("/v1/intents/i-1/approve", json=body).json()
    between = two_needed.remit.status(ACME, "i-1")["status"]
    second = bob.post("/v1/intents/i-1/approve", json=body).json()

    assert first == same == {"action_intent_id": "i-1", "complete": False, "approved_by": ["ann"]}
    assert between == "AWAITING_APPROVAL"
    assert (second["complete"], second["approval"]["approved_by"]) == (True, "bob")
    (approved,) = [e for e in two_needed.remit.ledger(ACME, "i-1") if e["event_type"] == "ACTION_APPROVED"]
    assert approved["data"]["approvers"] == ["ann", "bob"]


def test_two_approvers_at_once_are_both_counted(two_needed: World) -> None:
    ann, bob = _person(two_needed, "ann"), _person(two_needed, "bob")
    for number in range(4):
        path, body = f"/v1/intents/i-{number}/approve", {"digest": _waiting(two_needed, f"i-{number}")}

        answers = _at_once(
            two_needed,
            lambda p=path, b=body: ann.post(p, json=b),
            lambda p=path, b=body: bob.post(p, json=b),
        )

        assert sorted(answer.json()["complete"] for answer in answers) == [False, True]


def test_two_keys_of_one_name_are_one_approver(two_needed: World) -> None:
    one, other = _person(two_needed, "ann"), _person(two_needed, "ann")
    body = {"digest": _waiting(two_needed, "i-1")}

    answers = [client.post("/v1/intents/i-1/approve", json=body).json() for client in (one, other)]

    assert [answer["complete"] for answer in answers] == [False, False]


def test_the_proposer_cannot_approve_where_that_is_set(world: World) -> None:
    world.remit.apply(bounds(proposer_may_approve=False), by="the test")
    both = _person(world, "ann", "agent", "approver")
    both.post("/v1/intents", json=proposal("i-1", action_type=EMAIL))
    body = {"digest": world.remit.intent(ACME, "i-1").digest}

    own = both.post("/v1/intents/i-1/approve", json=body)
    other = world.client("approver").post("/v1/intents/i-1/approve", json=body)

    assert "somebody else has to approve" in _problem(own, 403, "forbidden")["detail"]
    assert other.json()["complete"] is True


# --- processes ---


class Served(Process):
    """`remit serve` over a database."""

    def __init__(self, url: str) -> None:
        super().__init__("-m", "remit", "serve", "--port", "0", "--db", url)

    def listening(self) -> str:
        found = re.search(r"http://[\d.]+:\d+", self.line())
        assert found
        return found[0]


def _key(url: str, *roles: str) -> str:
    with Remit.open(url) as remit:
        remit.apply(bounds(budget={"max_autonomous_per_day": 1000}), by="the test")
        return remit.create_key(ACME, {"name": "all", "roles": list(roles)}, by="the test")[1]


def test_a_server_that_is_killed_answers_the_same_when_it_is_asked_again(sqlite_url: str) -> None:
    headers = {"Authorization": f"Bearer {_key(sqlite_url, 'agent', 'auditor')}"}
    names = [f"i-{number}" for number in range(400)]
    answered: dict[str, Any] = {}
    enough = threading.Event()

    def send(base: str, mine: list[str]) -> None:
        with httpx.Client(base_url=base, headers=headers, trust_env=False, timeout=20) as client:
            for name in mine:
                try:
                    answered[name] = client.post("/v1/intents", json=proposal(name)).json()
                except httpx.TransportError:
                    return
                if len(answered) >= 40:
                    enough.set()

    with Served(sqlite_url) as server:
        base = server.listening()
        with ThreadPoolExecutor(8) as pool:
            for n in range(8):
                pool.submit(send, base, names[n::8])
            assert enough.wait(30)
            server.kill()
    before = dict(answered)
    assert 40 <= len(before) < len(names)

    with Served(sqlite_url) as server:
        with httpx.Client(base_url=server.listening(), headers=headers, trust_env=False, timeout=60) as client:
            items = client.post("/v1/intents", json=[proposal(name) for name in names]).json()["items"]
            used = client.get("/v1/usage").json()["accounts"][0]["used"]
            report = client.post("/v1/verify").json()
        server.terminate()
        assert server.wait() == 0

    again = {item["action_intent_id"]: item for item in items}
    assert {item["result"] for item in items} == {"AUTO_EXECUTED"}
    for name, first in before.items():
        same = ("result", "reason", "explanation", "approval_id", "trace_id")
        assert [again[name][field] for field in same] == [first[field] for field in same]
    assert used == len(names)
    assert report["ok"], report["findings"]


def test_a_keys_secret_stands_in_no_log_no_answer_and_no_file(sqlite_url: str, tmp_path: Path) -> None:
    key = _key(sqlite_url, "admin", "approver")
    secret = key.rpartition(".")[2]
    with Served(sqlite_url) as server:
        headers = {"Authorization": f"Bearer {key}"}
        with httpx.Client(base_url=server.listening(), headers=headers, trust_env=False) as client:
            made = client.post("/v1/keys", json={"name": "bot", "roles": ["agent"]}).json()["key"]
            answers = [client.get(path) for path in ("/v1/keys", "/v1/usage", "/v1/queue", "/v1/intents/none")]
            answers.append(client.get("/v1/usage", headers={"Authorization": f"Bearer {key}x"}))
            answers.append(client.get("/v1/usage", headers={"Authorization": f"Bearer {made[:-1]}"}))
        server.terminate()
        said = server.everything() + server.errors

    assert [answer.status_code for answer in answers] == [200, 200, 200, 404, 401, 401]
    for hidden in (secret, made.rpartition(".")[2]):
        assert not [answer.url for answer in answers if hidden in answer.text]
        assert hidden not in said
        assert not [path for path in tmp_path.iterdir() if hidden.encode() in path.read_bytes()]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "example.org", ""])
def test_an_address_others_can_reach_is_refused_without_tls(host: str) -> None:
    with pytest.raises(InvalidInput, match=r"--tls-certificate and --tls-key, or --trusted-proxy ADDRESS"):
        check_binding(host, certificate=None, trusted_proxy=None)

    check_binding(host, certificate="server.pem", trusted_proxy=None)
    check_binding(host, certificate=None, trusted_proxy="10.0.0.1")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_needs_no_tls(host: str) -> None:
    check_binding(host, certificate=None, trusted_proxy=None)


def test_serving_beyond_loopback_without_tls_ends_with_what_to_set(sqlite_url: str) -> None:
    with Process("-m", "remit", "serve", "--host", "0.0.0.0", "--port", "0", "--db", sqlite_url) as server:
        said = server.everything() + server.errors

        assert server.wait() == 2
    assert "--tls-certificate" in said


def test_what_a_database_says_stands_in_the_log_and_not_in_the_answer(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused(*_: Any, **__: Any) -> Any:
        raise RemitError("DynamoDB table 'remit': arn:aws:iam::123456789012:role/door may not read it")

    monkeypatch.setattr(world.remit.context.store, "cases", refused)

    answer = world.client("auditor").get("/v1/intents")

    _problem(answer, 500, "internal")
    assert "123456789012" not in answer.text
    assert "123456789012" in caplog.text
