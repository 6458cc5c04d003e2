"""Facts on cards and pages: as the decision recorded them, and as they are now."""

from __future__ import annotations

import pytest

from remit.connectors.http import HttpFacts
from remit.entrypoints.server.worker import work
from tests.entrypoints.http_world import EMAIL, bounds
from tests.far_side import egress, listed
from tests.record_keeper import record_keeper

from .conftest import text_of


@pytest.fixture
def keeper(world):
    with record_keeper() as keeper:
        keeper.records["/orders/c-1"] = {"total": 12.5, "note": "<b>bold</b>"}
        # A context is not meant to change: what is looked up here is the test's.
        object.__setattr__(world.remit.context, "fact_source", HttpFacts(listed({}), egress()))
        types = bounds()["action_types"]
        fact = {"url": f"{keeper.url}/orders/{{target.entity_id}}", "keep": ["total", "note"]}
        types[EMAIL] = {**types[EMAIL], "facts": {"order": fact}}
        world.remit.apply(bounds(action_types=types, allowed_hosts=[keeper.host]), by="ann")
        yield keeper


def test_a_waiting_intent_shows_what_was_recorded_beside_what_is_now(world, visit, keeper):
    world.submit("i-1", action_type=EMAIL)
    keeper.records["/orders/c-1"] = {"total": 99, "note": "<b>bold</b>"}

    answer = visit().get("/console/intents/i-1")

    assert "order.total <b>12.5</b> <mark>now 99</mark>" in answer.text
    assert "<b>bold</b>" not in answer.text
    assert answer.text.count("<mark>") == 1
    assert len(keeper.asked) == 2


def test_what_cannot_be_had_now_is_said_and_differs_in_nothing(world, visit, keeper):
    world.submit("i-1", action_type=EMAIL)
    keeper.records.clear()

    answer = visit().get("/console/intents/i-1")

    assert "now: it was answered with 404" in text_of(answer)
    assert "order.total <b>12.5</b>" in answer.text
    assert "<mark>" not in answer.text


def test_a_fact_that_was_not_had_is_said_on_the_page(world, visit, keeper):
    keeper.records.clear()
    world.submit("i-1", action_type=EMAIL)

    assert "could not be had: it was answered with 404" in text_of(visit().get("/console/intents/i-1"))


def test_what_is_answered_is_not_looked_up_again(world, visit, keeper):
    world.submit("i-1", action_type=EMAIL)
    digest = world.remit.intent("acme", "i-1").digest
    world.remit.reject("acme", "i-1", by="bob", digest=digest)
    keeper.asked.clear()

    answer = visit().get("/console/intents/i-1")

    assert "order.total <b>12.5</b>" in answer.text
    assert keeper.asked == []


def test_what_was_looked_up_again_before_the_call_stands_beside_what_was_decided_on(world, visit, keeper):
    types = world.remit.bounds("acme").bounds.model_dump(mode="json", exclude_unset=True)["action_types"]
    types[EMAIL]["facts"]["order"]["recheck"] = True
    world.remit.apply(bounds(action_types=types, allowed_hosts=[keeper.host]), by="ann")
    world.submit("i-1", action_type=EMAIL)
    assert "It is looked up again before the call" in text_of(visit().get("/console/intents/i-1"))
    digest = world.remit.intent("acme", "i-1").digest
    world.remit.approve("acme", "i-1", by="bob", digest=digest)
    keeper.records["/orders/c-1"] = {"total": 99, "note": "<b>bold</b>"}

    work(world.remit, until_idle=True)

    answer = visit().get("/console/intents/i-1")
    assert "order.total <b>12.5</b>" in answer.text and "order.total <b>99</b>" in answer.text
    assert "looked up again before the call" in text_of(answer) and "<b>bold</b>" not in answer.text
    assert "order.total" in world.remit.status("acme", "i-1")["outcome"]["error_message"]
