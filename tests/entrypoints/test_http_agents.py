"""Proposals and what becomes of them: one by one, in lists, and repeated."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.entrypoints.http_world import (
    ACME,
    EMAIL,
    http_world,
    person,
    problem,
    proposal,
)


def test_an_agents_day_and_a_persons(world):
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
    state = agent.get("/v1/intents/i-2/auto-exec-state").json()
    assert (state["state_key"], state["status"], state["approval_source"]) == (
        "AUTO_EXEC_STATE#i-2",
        "PUBLISHED",
        "HUMAN",
    )
    assert state["approval_id"] == approved["approval"]["approval_id"]
    assert "Autopilot did" in json.dumps(approver.get("/v1/timeline").json())
    assert [line["action_intent_id"] for line in approver.get("/v1/intents").json()["items"]] == ["i-3", "i-2", "i-1"]
    assert approver.get("/v1/usage").json()["accounts"][0]["used"] == 2
    assert auditor.post("/v1/verify").json()["ok"] is True
    exported = auditor.get("/v1/ledger/export")
    assert exported.headers["content-type"] == "application/x-ndjson"
    assert json.loads(exported.text.splitlines()[-1])["event_type"] == "LEDGER_SEALED"


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
def test_a_wrong_field_is_named_and_nothing_is_stored(shared, change, field):
    answer = shared.client("agent").post("/v1/intents", json={**proposal("wrong-1"), **change})

    told = problem(answer, 422)
    assert told["field"] == field
    assert shared.client("approver").get("/v1/intents/wrong-1").status_code == 404


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
def test_a_body_that_is_no_json_is_a_problem_of_the_body(shared, path, body):
    answer = shared.client("agent").post(path, content=body, headers={"Content-Type": "application/json"})

    assert problem(answer, 422)["field"] == "(body)"


@pytest.mark.parametrize("body", [b"5", b"null", b'"text"', b"[]", b"true"])
def test_json_that_is_no_proposal_is_refused(shared, body):
    answer = shared.client("agent").post("/v1/intents", content=body, headers={"Content-Type": "application/json"})

    problem(answer, 422)


def test_an_id_with_other_content_is_a_conflict_that_names_what_differs(shared):
    agent = shared.client("agent")
    agent.post("/v1/intents", json=proposal("reused-1"))

    told = problem(agent.post("/v1/intents", json=proposal("reused-1", parameters={"text": "x"})), 409, "conflict")

    assert "parameters" in told["detail"]
    assert "new id" in told["detail"]


def test_500_proposals_are_each_answered_and_501_are_refused(world):
    agent = world.client("agent")

    answer = agent.post("/v1/intents", json=[proposal(f"i-{n}") for n in range(500)])
    refused = agent.post("/v1/intents", json=[proposal(f"j-{n}") for n in range(501)])

    items = answer.json()["items"]
    assert [item["action_intent_id"] for item in items] == [f"i-{n}" for n in range(500)]
    assert [item["result"] for item in items].count("AUTO_EXECUTED") == 10
    assert problem(refused, 422)["way_out"] == "send 1 to 500"
    assert world.client("approver").get("/v1/intents/j-0").status_code == 404


def test_in_a_list_one_wrong_proposal_holds_no_other_back(shared):
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


def test_what_is_asked_again_is_answered_again(world):
    agent = world.client("agent")

    first = agent.post("/v1/intents", json=proposal("i-1")).json()
    again = [agent.post("/v1/intents", json=proposal("i-1")).json() for _ in range(2)]
    gated = agent.post("/v1/gate", json={"action_intent_id": "i-1", "account_id": "acct-1"}).json()

    expected = {**first, "already_published": True}
    assert [*again, gated] == [expected] * 3
    assert world.remit.usage(ACME)["accounts"][0]["used"] == 1


def test_one_proposal_sent_by_many_at_once_is_charged_once(world):
    def send(_):
        return world.client("agent").post("/v1/intents", json=proposal("i-1")).json()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(8)))

    assert len({answer["approval_id"] for answer in answers}) == 1
    assert {answer["result"] for answer in answers} == {"AUTO_EXECUTED"}
    assert world.remit.usage(ACME)["accounts"][0]["used"] == 1


def test_another_agents_intent_is_not_there_to_gate_compare_or_supersede(world):
    owner, other = person(world, "bot-a", "agent"), person(world, "bot-b", "agent")
    owner.post("/v1/intents", params={"gate": "false"}, json=proposal("i-1", parameters={"amount": 5}))
    named = {"action_intent_id": "i-1", "account_id": "acct-1"}

    gated = other.post("/v1/gate", json=named).json()
    unknown = other.post("/v1/gate", json={**named, "action_intent_id": "i-9"}).json()
    guesses = [other.post("/v1/intents", json=proposal("i-1", parameters={"amount": n})).json() for n in (5, 6)]
    superseding = other.post("/v1/intents", json=proposal("i-2", supersedes="i-1", account_id="acct-2"))

    assert gated == {**unknown, "action_intent_id": "i-1", "explanation": unknown["explanation"].replace("i-9", "i-1")}
    assert guesses[0] == guesses[1] and guesses[0]["status"] == 409
    assert "acct" not in problem(superseding, 403, "forbidden")["detail"]
    assert owner.post("/v1/gate", json=named).json()["result"] == "AUTO_EXECUTED"


def test_past_the_limit_on_what_waits_an_agent_is_told_429_and_the_others_go_on(tmp_path, monkeypatch):
    monkeypatch.setenv("REMIT_MOST_WAITING", "2")
    with http_world(tmp_path) as world:
        flood, crm = person(world, "flood", "agent"), person(world, "crm", "agent")

        listed = flood.post("/v1/intents", json=[proposal(f"f-{n}", action_type=EMAIL) for n in range(3)]).json()
        refused = flood.post("/v1/intents", json=proposal("f-9", action_type=EMAIL))
        ran = flood.post("/v1/intents", json=proposal("f-10")).json()
        others = crm.post("/v1/intents", json=proposal("c-1", action_type=EMAIL)).json()

    assert [each.get("status") for each in listed["items"]] == ["AWAITING_APPROVAL", "AWAITING_APPROVAL", 429]
    assert "2 intents of 'flood' wait" in problem(refused, 429, "queue-full")["detail"]
    assert (ran["result"], others["status"]) == ("AUTO_EXECUTED", "AWAITING_APPROVAL")
