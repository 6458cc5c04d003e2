"""A function that a worker runs: called like any other, it answers what the worker's function did, or says why not."""

import asyncio
import threading

import pytest

import remit
from remit import AsyncRemitClient, RemitClient
from remit.agents import Asked, Expired, Failed, Rejected, Unknown, action, calling
from tests.entrypoints.http_world import ACME, OWN, bounds, http_world
from tests.waiting import ended, until

from .guarded import Agents

NAME = "thread-1:call-1"
ran = []


@remit.action(OWN, target=("order", "order_id"), account_id="acct-1", execute="worker", confidence_score=0.9)
def refund(order_id, amount, fails=""):
    """Give the money back."""
    ran.append((order_id, amount))
    if fails == "before":
        raise remit.NotActed("the shop is closed")
    if fails:
        raise ValueError(fails)
    return {"refunded": amount}


@remit.action("REFUND_LATER", account_id="acct-1", execute="worker", confidence_score=0.9)
async def refund_later(amount):
    await asyncio.sleep(0)
    ran.append(amount)
    return {"refunded": amount}


@pytest.fixture
def agents(tmp_path, monkeypatch):
    ran.clear()
    with http_world(tmp_path, functions=[refund, refund_later]) as world:
        types = {each.action_type: {"risk_tier": "LOW", **each.action_type_bounds()} for each in (refund, refund_later)}
        world.remit.apply(bounds(action_types=types, allowlist=list(types)), by="ann")
        agent = world.keys[ACME, "agent"]
        with RemitClient(world.url, agent) as client:
            monkeypatch.setattr(refund, "_client", client)
            yield Agents(world, "blocking")
        assert world.remit.verify(ACME).ok


@pytest.fixture
def worker(agents):
    stop = threading.Event()
    thread = threading.Thread(target=remit.work, args=(agents.world.remit,), kwargs={"stop": stop})
    thread.start()
    yield
    stop.set()
    ended(thread)


def asked_of_a_person(monkeypatch):
    monkeypatch.setitem(refund._more, "confidence_score", 0.1)


def test_calling_it_answers_what_the_worker_s_function_answered(agents, worker):
    with calling("thread-1", "call-1"):
        assert [refund("o-1", 5.0), refund("o-1", 5.0)] == [{"refunded": 5.0}] * 2

    assert ran == [("o-1", 5.0)]
    intent = agents.world.remit.intent(ACME, NAME)
    assert (intent.target.entity_id, intent.parameters["amount"]) == ("o-1", 5)
    assert agents.world.remit.status(ACME, NAME)["outcome"]["tool"] == "function"


def test_an_asynchronous_one_is_awaited_here_and_there(agents, worker, monkeypatch):
    async def run():
        async with AsyncRemitClient(agents.world.url, agents.world.keys[ACME, "agent"]) as client:
            monkeypatch.setattr(refund_later, "_client", client)
            return await refund_later(amount=7)

    assert asyncio.run(run()) == {"refunded": 7}
    assert ran == [7]


def test_what_is_asked_is_run_by_the_worker_when_a_person_has_said_yes(agents, worker, monkeypatch):
    asked_of_a_person(monkeypatch)
    with calling("thread-1", "call-1"):
        with pytest.raises(Asked, match="has not answered yet"):
            refund("o-1", 5.0)
        edited = agents.world.remit.edit(ACME, NAME, by="bob", changes={"parameters.amount": 3})
        agents.approve(edited.action_intent_id)

        assert refund("o-1", 5.0) == {"refunded": 3}
    assert ran == [("o-1", 3)]


def test_a_call_is_held_for_a_person_as_long_as_it_says(agents, worker, monkeypatch):
    asked_of_a_person(monkeypatch)
    monkeypatch.setitem(refund._patience, "wait_s", 60.0)
    answered = []

    def run():
        with calling("thread-1", "call-1"):
            answered.append(refund("o-1", 5.0))

    thread = threading.Thread(target=run)
    thread.start()
    until(lambda: agents.world.remit.waiting(ACME), what="a person is asked")
    agents.approve(NAME)
    ended(thread)

    assert answered == [{"refunded": 5.0}]


def test_every_other_ending_is_an_error(agents, worker, monkeypatch):
    with calling("thread-1", "failed"), pytest.raises(Failed, match="the shop is closed"):
        refund("o-1", 5.0, fails="before")
    with calling("thread-1", "unknown"), pytest.raises(Unknown, match="Do NOT do it again"):
        refund("o-1", 5.0, fails="no answer")
    asked_of_a_person(monkeypatch)
    with calling("thread-1", "rejected"):
        with pytest.raises(Asked):
            refund("o-1", 5.0)
        agents.world.remit.reject(ACME, "thread-1:rejected", by="bob", reason="already refunded")
        with pytest.raises(Rejected, match="already refunded"):
            refund("o-1", 5.0)
    monkeypatch.setitem(refund._more, "created_at", "2020-01-01T00:00:00Z")
    monkeypatch.setitem(refund._more, "expires_at", "2020-01-02T00:00:00Z")
    with calling("thread-1", "expired"), pytest.raises(Expired):
        refund("o-1", 5.0)


def test_without_a_worker_that_has_it_the_call_is_asked_and_goes_on_later(agents, monkeypatch):
    monkeypatch.setitem(refund._patience, "worker_s", 0.0)
    with calling("thread-1", "call-1"):
        with pytest.raises(Asked, match="about to be carried out"):
            refund("o-1", 5.0)
        assert ran == []
        agents.world.work()

        assert refund("o-1", 5.0) == {"refunded": 5.0}


def test_where_the_bounds_say_that_its_caller_executes_it_nothing_runs_and_it_is_taken_back(agents):
    agents.world.remit.apply(bounds(), by="ann")

    with calling("thread-1", "call-1"), pytest.raises(RuntimeError, match="action_type_bounds"):
        refund("o-1", 5.0)

    assert (ran, agents.status(NAME)) == ([], "WITHDRAWN")


def test_one_that_is_to_run_here_is_left_to_a_worker_where_the_bounds_say_so(agents, worker):
    here = action(OWN, account_id="acct-1", client=refund._client, confidence_score=0.9)(refund.function)

    assert here("o-1", 5.0) == {"refunded": 5.0}
    assert ran == [("o-1", 5.0)]


def test_what_it_says_of_its_type_names_the_connector_that_runs_it():
    assert refund.action_type_bounds()["tool"] == {"connector": "function"}
    assert action(OWN)(refund.function).action_type_bounds()["tool"] == {"connector": "caller"}


def test_there_are_two_places_where_a_function_may_run():
    with pytest.raises(ValueError, match="say one of here, worker"):
        action(OWN, execute="there")
