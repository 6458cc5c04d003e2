"""Facts at the HTTP door: a decision that waits for a system of record holds up nobody else."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from remit.connectors.http import HttpFacts
from remit.entrypoints.web.fact_waits import AT_ONCE_OF_TENANT
from remit.entrypoints.web.turns import AT_ONCE
from tests.far_side import egress, listed
from tests.record_keeper import record_keeper
from tests.waiting import PATIENCE_S

from .http_world import ACME, GLOBEX, NOTE, bounds, proposal

OWN = "RUN_OWN_TOOL"


@pytest.fixture
def keeper(world):
    with record_keeper() as keeper:
        keeper.records["/accounts/acct-1"] = {"tier": "gold"}
        source = HttpFacts(listed({"CRM_URL": keeper.url}), egress())
        object.__setattr__(world.remit.context, "fact_source", source)
        yield keeper


def asking(keeper, tenant=ACME, **changes):
    fact = {"url": f"{keeper.url}/accounts/{{account_id}}", "keep": ["tier"], "timeout_s": 10.0, **changes}
    types = bounds()["action_types"]
    types[NOTE] = {**types[NOTE], "facts": {"account": fact}}
    types[OWN] = {"risk_tier": "LOW", "tool": {"connector": "caller"}, "facts": {"account": fact}}
    return bounds(tenant, action_types=types, allowlist=[*types], allowed_hosts=[keeper.host])


def test_a_proposal_is_decided_by_what_was_looked_up(world, keeper):
    world.remit.apply(asking(keeper), by="ann")

    answers = [world.client("agent").post("/v1/intents", json=proposal(f"i-{n}")).json() for n in (1, 2)]

    assert [answer["result"] for answer in answers] == ["AUTO_EXECUTED"] * 2
    assert len(keeper.asked) == 2
    status = world.client("approver").get("/v1/intents/i-1").json()
    assert status["facts"]["account"]["kept"] == {"tier": "gold"}
    assert world.client("approver").get("/v1/intents/i-1/why").json()["decision"]["facts"] == status["facts"]


def test_a_slow_source_of_one_tenant_does_not_hold_up_another(world, keeper):
    world.remit.apply(asking(keeper), by="ann")
    world.remit.apply(bounds(GLOBEX), by="ann")
    many = AT_ONCE + AT_ONCE_OF_TENANT
    entered, done = threading.Semaphore(0), threading.Event()
    keeper.says += [lambda: (entered.release(), done.wait(PATIENCE_S), (404, {}, b"{}"))[2]] * many
    slow, quick = world.client("agent"), world.client("agent", GLOBEX)
    with ThreadPoolExecutor(many) as threads:
        answers = [threads.submit(slow.post, "/v1/intents", json=proposal(f"slow-{n}")) for n in range(many)]
        try:
            for _ in range(AT_ONCE_OF_TENANT):
                assert entered.acquire(timeout=PATIENCE_S)

            answer = quick.post("/v1/intents", json=proposal("i-1"))
        finally:
            done.set()

    assert answer.json()["result"] == "AUTO_EXECUTED"
    assert {each.result().json()["reason"] for each in answers} == {"FACT_UNAVAILABLE"}


# --- looked up again before a permit is given ---


def own(world, name="i-1"):
    answer = world.client("agent").post("/v1/intents", json=proposal(name, action_type=OWN))
    assert answer.json()["result"] == "AUTO_EXECUTED"


@pytest.mark.parametrize("query", ["", "?"], ids=["lean", "declared"])
def test_a_permit_is_given_where_what_is_looked_up_again_is_the_same(world, keeper, query):
    world.remit.apply(asking(keeper, recheck=True), by="ann")
    own(world)
    keeper.asked.clear()
    path = f"/v1/intents/i-1/begin{query and '?&'}"

    begun = world.client("agent").post(path, json={}).json()

    assert begun["permit"] is not None and len(keeper.asked) == 1


def test_no_permit_is_given_where_it_is_not_and_its_status_tells_why(world, keeper):
    world.remit.apply(asking(keeper, recheck=True), by="ann")
    own(world)
    keeper.records["/accounts/acct-1"] = {"tier": "none"}

    begun = world.client("agent").post("/v1/intents/i-1/begin", json={}).json()

    assert (begun["permit"], begun["status"], begun["outcome"]["error_code"]) == (None, "CANCELLED", "FACT_CHANGED")
    assert "account.tier" in begun["explanation"]
    client = world.client("approver")
    for told in (client.get("/v1/intents/i-1").json(), client.get("/v1/intents/i-1/why").json()):
        assert told["facts"]["account"]["kept"] == {"tier": "gold"}
        assert told["rechecked"]["account"]["kept"] == {"tier": "none"}


def test_permits_that_wait_for_a_slow_source_hold_up_no_other_tenant(world, keeper):
    world.remit.apply({**asking(keeper, recheck=True), "budget": {"max_autonomous_per_day": 100}}, by="ann")
    world.remit.apply(bounds(GLOBEX), by="ann")
    many = AT_ONCE + AT_ONCE_OF_TENANT
    for n in range(many):
        own(world, f"slow-{n}")
    entered, done = threading.Semaphore(0), threading.Event()
    keeper.says += [lambda: (entered.release(), done.wait(PATIENCE_S), (404, {}, b"{}"))[2]] * many
    slow, quick = world.client("agent"), world.client("agent", GLOBEX)
    with ThreadPoolExecutor(many) as threads:
        answers = [threads.submit(slow.post, f"/v1/intents/slow-{n}/begin", json={}) for n in range(many)]
        try:
            for _ in range(AT_ONCE_OF_TENANT):
                assert entered.acquire(timeout=PATIENCE_S)

            answer = quick.post("/v1/intents", json=proposal("i-1"))
        finally:
            done.set()

    assert answer.json()["result"] == "AUTO_EXECUTED"
    assert {each.result().json()["outcome"]["error_code"] for each in answers} == {"FACT_UNAVAILABLE"}
