"""A database that has lost entries of a waiting intent: people still see the rest of what waits for them."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager

import httpx
import pytest

from remit.core.identity.principal import Principal
from tests.entrypoints.http_world import ACME, EMAIL, http_world
from tests.waiting import PATIENCE_S


@pytest.fixture
def world(tmp_path):
    with http_world(tmp_path) as opened:
        yield opened


@contextmanager
def browsing(world):
    cookie = world.remit.begin_session(Principal("ann", ACME, frozenset({"approver", "auditor"})))
    with httpx.Client(
        base_url=world.url, cookies={"remit_session": cookie}, trust_env=False, timeout=PATIENCE_S
    ) as browser:
        yield browser


def lose_what_was_proposed(world, name, *, and_all_after=False):
    """Its first entries, or all of them; a question of a person is in a write of its own."""
    world.submit(name, action_type=EMAIL)
    world.remit.ask(ACME, name, by="ann", text="why?")
    lost = "" if and_all_after else " AND first = 1"
    with closing(sqlite3.connect(world.remit.url.removeprefix("sqlite:///"))) as driver:
        gone = driver.execute(f"DELETE FROM segments WHERE chain LIKE '%{name}'{lost}").rowcount
        driver.commit()
    assert gone == (2 if and_all_after else 1)


@pytest.mark.parametrize("and_all_after", [False, True])
def test_its_own_page_says_that_it_is_not_there(world, and_all_after):
    lose_what_was_proposed(world, "i-1", and_all_after=and_all_after)

    with browsing(world) as browser:
        own, card = browser.get("/console/intents/i-1"), browser.get("/console/queue/cards/i-1")
    through_the_door = world.client("auditor").get("/v1/intents/i-1")

    assert [each.status_code for each in (own, card, through_the_door)] == [404, 404, 404]


@pytest.mark.parametrize("and_all_after", [False, True])
def test_the_queue_still_shows_it_and_what_else_waits(world, and_all_after):
    lose_what_was_proposed(world, "i-1", and_all_after=and_all_after)
    world.submit("i-2", action_type=EMAIL)

    with browsing(world) as browser:
        queue = browser.get("/console/queue", params={"focused": "i-1"})
    through_the_door = world.client("approver").get("/v1/queue").json()["items"]

    assert queue.status_code == 200
    assert 'data-card="i-1"' in queue.text and 'data-card="i-2"' in queue.text
    assert {each["action_intent_id"]: each["target"] for each in through_the_door} == {
        "i-1": None,
        "i-2": {"entity_type": "contact", "entity_id": "c-1"},
    }
