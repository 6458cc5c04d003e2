"""What an agent does with its own intents over HTTP: take back, begin, finish; by its routes and by the clients."""

from __future__ import annotations

import asyncio
from datetime import datetime

import pytest

from remit import AsyncRemitClient, NotBegun, RemitClient, TryLater
from tests.entrypoints.http_world import ACME, EMAIL, GLOBEX, OWN, at_once, person, problem, proposal


@pytest.fixture
def agent(world):
    return world.client("agent")


@pytest.fixture
def client(world):
    with RemitClient(world.url, world.keys[ACME, "agent"]) as client:
        yield client


def begun(agent, name="i-1", **body):
    answer = agent.post(f"/v1/intents/{name}/begin", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def approved(agent, name="i-1", **changes):
    return agent.post("/v1/intents", json=proposal(name, action_type=OWN, **changes)).json()


# --- taking back ---


def test_an_agent_takes_back_what_waits_and_the_approver_is_told_so(world, agent):
    agent.post("/v1/intents", json=proposal("i-1", action_type=EMAIL))
    approver = world.client("approver")
    digest = world.remit.intent(ACME, "i-1").digest

    answer = agent.post("/v1/intents/i-1/withdraw", json={"reason": "found it myself"})

    assert answer.json() == {"action_intent_id": "i-1", "status": "WITHDRAWN"}
    assert approver.get("/v1/queue").json()["items"] == []
    told = approver.get("/v1/intents/i-1/why").json()["withdrawal"]
    assert (told["withdrawn_by"], told["reason"], told["credential"]["kind"]) == ("agent-1", "found it myself", "key")
    problem(approver.post("/v1/intents/i-1/approve", json={"digest": digest}), 409, "conflict")
    assert agent.post("/v1/intents/i-1/withdraw", json={}).json()["status"] == "WITHDRAWN"
    assert [row["action_intent_id"] for row in approver.get("/v1/intents?status=WITHDRAWN").json()["items"]] == ["i-1"]


def test_what_is_another_s_is_not_taken_back_begun_or_finished(world, agent):
    approved(agent)
    permit = begun(agent)["permit"]
    finish = {"approval_id": permit["approval_id"], "acted": "yes"}
    others = [(person(world, "another", "agent"), 403, "forbidden"), (world.client("agent", GLOBEX), 404, "not-found")]

    for other, status, kind in others:
        for verb, body in (("withdraw", {}), ("begin", {}), ("finish", finish), ("renew", {"approval_id": "x"})):
            problem(other.post(f"/v1/intents/i-1/{verb}", json=body), status, kind)

    assert agent.get("/v1/intents/i-1").json()["status"] == "RUNNING"


def test_what_runs_is_not_taken_back(agent):
    approved(agent)
    begun(agent)

    told = problem(agent.post("/v1/intents/i-1/withdraw", json={}), 409, "conflict")

    assert "RUNNING" in told["detail"]


# --- executing it oneself ---


def test_from_a_permit_to_an_outcome(world, agent):
    approved(agent, parameters={"amount": 12})

    permit = begun(agent, key="call-1")["permit"]
    ref = {"system": "shop", "object_type": "refund", "object_id": "r-1", "object_url": None}
    body = {"approval_id": permit["approval_id"], "acted": "yes", "external_object_refs": [ref]}
    finished = agent.post("/v1/intents/i-1/finish", json=body).json()

    assert permit["parameters"] == {"amount": 12} and permit["target"]["entity_id"] == "c-1"
    assert (finished["status"], finished["recorded"]) == ("SUCCEEDED", True)
    status = agent.get("/v1/intents/i-1").json()
    assert (status["status"], status["auto_executed"]) == ("SUCCEEDED", True)
    assert status["outcome"]["external_object_refs"] == [ref]
    assert agent.post("/v1/intents/i-1/finish", json=body).json()["recorded"] is False
    assert world.client("auditor").post("/v1/verify").json()["ok"] is True


@pytest.mark.parametrize(
    ("sent", "media_type", "read"),
    [
        ({"content": '{"id":7}'}, "application/json", ("utf-8", '{"id":7}')),
        ({"media_type": "text/plain", "content": "wörd"}, "text/plain", ("utf-8", "wörd")),
        ({"media_type": "image/png", "encoding": "base64", "content": "iVBOR/8="}, "image/png", ("base64", "iVBOR/8=")),
    ],
)
def test_what_the_tool_answered_is_read_back_as_it_was_reported(agent, sent, media_type, read):
    approved(agent)
    permit = begun(agent)["permit"]

    agent.post("/v1/intents/i-1/finish", json={"approval_id": permit["approval_id"], "acted": "yes", "result": sent})

    told = agent.get("/v1/intents/i-1/result").json()
    assert (told["state"], told["media_type"], (told["encoding"], told["content"])) == ("KEPT", media_type, read)


def test_what_is_no_base64_is_refused_and_nothing_is_recorded(agent):
    approved(agent)
    permit = begun(agent)["permit"]
    body = {"approval_id": permit["approval_id"], "acted": "yes", "result": {"encoding": "base64", "content": "%"}}

    told = problem(agent.post("/v1/intents/i-1/finish", json=body), 422)

    assert told["field"] == "result.content"
    assert agent.get("/v1/intents/i-1").json()["status"] == "RUNNING"


def test_a_permit_is_answered_again_under_its_key_and_to_nobody_else(world, agent):
    approved(agent)
    first = begun(agent, key="call-1")

    assert begun(agent, key="call-1") == first
    again = begun(agent, key="call-2")
    assert (again["permit"], again["status"]) == (None, "RUNNING")
    assert begun(agent)["permit"] is None
    # Another key of the same name is another credential.
    assert begun(person(world, "agent-1", "agent"), key="call-1")["permit"] is None


def test_a_renewed_permit_lives_longer(agent):
    approved(agent)
    permit = begun(agent)["permit"]

    longer = agent.post("/v1/intents/i-1/renew", json={"approval_id": permit["approval_id"]}).json()

    assert datetime.fromisoformat(longer["lease_until"]) > datetime.fromisoformat(permit["lease_until"])
    assert {**longer, "lease_until": None} == {**permit, "lease_until": None}


def test_what_is_not_approved_is_told_and_is_no_error(world, agent):
    agent.post("/v1/intents", json=proposal("i-1", action_type=OWN, confidence_score=0.1))

    answer = begun(agent)

    assert (answer["permit"], answer["status"]) == (None, "AWAITING_APPROVAL")
    assert "a person is asked" in answer["explanation"]


def test_what_a_worker_executes_gives_no_permit(agent):
    agent.post("/v1/intents", json=proposal("i-1"))

    begun = agent.post("/v1/intents/i-1/begin", json={}).json()

    assert (begun["status"], begun["permit"]) == ("APPROVED", None)
    assert "executed by a worker" in begun["explanation"]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("begin", {"key": ""}, "key"),
        ("begin", {"key": "x" * 201}, "key"),
        ("begin", {"by": "somebody"}, "by"),
        ("finish", {"acted": "yes"}, "approval_id"),
        ("finish", {"approval_id": "a"}, "acted"),
        ("finish", {"approval_id": "a", "acted": "maybe"}, "acted"),
        ("finish", {"approval_id": "a", "acted": True}, "acted"),
        ("finish", {"approval_id": "a", "acted": "no", "error_class": "ODD"}, "error_class"),
        ("finish", {"approval_id": "a", "acted": "no", "error_code": "not a code"}, "error_code"),
        ("finish", {"approval_id": "a", "acted": "yes", "external_object_refs": [{}]}, "external_object_refs.0.system"),
        ("renew", {}, "approval_id"),
        ("withdraw", {"reason": "x" * 2001}, "reason"),
    ],
)
def test_an_agent_s_wrong_field_is_named(shared, path, body, field):
    told = problem(shared.client("agent").post(f"/v1/intents/x/{path}", json=body), 422)

    assert told["field"] == field


def test_two_begins_at_once_are_one_permit(world, agent):
    approved(agent)

    answers = at_once(world, *(lambda k=key: agent.post("/v1/intents/i-1/begin", json={"key": k}) for key in "ab"))

    assert sorted(answer.json()["permit"] is None for answer in answers) == [False, True]


# --- from a proposal to a permit ---


def test_a_proposal_is_begun_in_the_answer_to_it(agent):
    answer = agent.post("/v1/intents?begin=true&key=call-1", json=proposal("i-1", action_type=OWN)).json()

    assert (answer["result"], answer["status"]) == ("AUTO_EXECUTED", "RUNNING")
    assert answer["begun"]["permit"]["parameters"] == {"text": "hello"}
    again = agent.post("/v1/intents?begin=true&key=call-1", json=proposal("i-1", action_type=OWN)).json()
    assert again["begun"] == answer["begun"]


def test_many_proposals_are_begun_each_by_itself(agent):
    proposals = [proposal("i-1", action_type=OWN), proposal("i-2"), proposal("i-3", action_type=OWN, account_id="")]

    items = agent.post("/v1/intents?begin=true", json=proposals).json()["items"]

    assert items[0]["begun"]["permit"]
    assert (items[1]["executed_by"], items[1]["begun"]["permit"]) == ("worker", None)
    assert items[2]["field"] == "account_id"


def test_without_the_gate_nothing_is_begun(agent):
    told = problem(agent.post("/v1/intents?begin=true&gate=false", json=proposal("i-1", action_type=OWN)), 422)

    assert told["field"] == "begin"


def test_a_plain_proposal_says_nothing_of_a_begin(agent):
    assert "begun" not in approved(agent)


# --- the clients ---


def test_a_client_is_permitted_and_says_what_came_of_it(client):
    client.propose(proposal("i-1", action_type=OWN))

    permit = client.begin("i-1", key="call-1")
    longer = permit.renew()
    said = {"left": 0}
    finished = permit.finish(acted="no", error_code="OUT_OF_STOCK", error_message="nothing left", result=said)

    assert (permit.action_intent_id, permit.parameters, permit.target["entity_id"]) == ("i-1", {"text": "hello"}, "c-1")
    assert permit.digest == client.status("i-1")["digest"] and len(permit.idempotency_key) == 64
    assert longer.lease_until > permit.lease_until and longer.approval_id == permit.approval_id
    assert (finished["status"], client.status("i-1")["outcome"]["error_code"]) == ("FAILED", "OUT_OF_STOCK")


def test_a_client_without_a_permit_is_told_why_by_an_error_so_that_nothing_runs(client):
    client.propose(proposal("i-1", action_type=OWN, confidence_score=0.1))

    with pytest.raises(NotBegun, match="a person is asked") as refused:
        client.begin("i-1")

    assert (refused.value.status, refused.value.action_intent_id) == ("AWAITING_APPROVAL", "i-1")
    assert client.withdraw("i-1", reason="too late")["status"] == "WITHDRAWN"
    with pytest.raises(NotBegun, match="taken back"):
        client.begin("i-1")


def test_a_client_proposes_and_begins_at_once(client):
    ran = client.propose_and_begin(proposal("i-1", action_type=OWN), key="call-1")
    asked = client.propose_and_begin(proposal("i-2", action_type=OWN, confidence_score=0.1))

    assert ran.permit.finish(acted="yes")["status"] == "SUCCEEDED"
    assert (asked.permit, asked.verdict["result"]) == (None, "REQUIRE_APPROVAL")
    left = client.propose_and_begin(proposal("i-3"))
    assert (left.permit, left.verdict["status"], left.verdict["executed_by"]) == (None, "APPROVED", "worker")
    with pytest.raises(NotBegun, match="executed by a worker"):
        client.begin("i-3")


def test_of_an_event_loop_s_client_the_permit_is_awaited(world):
    async def act():
        async with AsyncRemitClient(world.url, world.keys[ACME, "agent"]) as client:
            permit = (await client.propose_and_begin(proposal("i-1", action_type=OWN))).permit
            longer = await permit.renew()
            return await longer.finish(acted="yes")

    assert asyncio.run(act())["status"] == "SUCCEEDED"


def test_where_the_gate_is_not_reached_there_is_no_permit():
    with RemitClient("http://127.0.0.1:1", "rk.x") as nobody, pytest.raises(TryLater, match="nothing was sent"):
        nobody.begin("i-1")
