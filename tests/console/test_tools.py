"""A paused tool at the console: shown where it matters, and resumed by a button."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.entrypoints.http_world import ACME, SILENT, Down, bounds, http_world, with_paused_tool

from .conftest import Visit, text_of


@pytest.fixture
def paused(tmp_path):
    with http_world(tmp_path, connectors={"down": Down()}) as world:
        with_paused_tool(world)
        yield world


@pytest.fixture
def ann(paused):
    visit = Visit(paused)
    yield visit
    visit.client.close()


def test_a_paused_tool_is_shown_on_the_first_page_and_beside_what_waits(paused, ann):
    paused.submit("asked", action_type=SILENT, confidence_score=0.1)

    for page in ("/console/", "/console/intents/behind"):
        text = text_of(ann.get(page))
        assert "its tool is paused" in text and "10 calls failed in a row (DOWNSTREAM HTTP_503)" in text, page
    assert text_of(ann.get("/console/intents")).count("Its tool is paused") == 2
    assert "Its tool keeps failing and is paused" in text_of(ann.get("/console/queue"))
    assert "tool is paused" not in text_of(ann.get("/console/intents/failed-0"))


def test_the_button_resumes_the_tool_and_leads_back(paused, ann):
    answer = ann.post(f"/console/tools/{SILENT}/resume", {"back": "/console/intents/behind"})

    assert (answer.status_code, answer.headers["location"]) == (303, "/console/intents/behind")
    assert paused.remit.failing_tools(ACME) == []
    assert "tool is paused" not in text_of(ann.get("/console/"))


def test_who_may_not_stop_sees_the_pause_and_no_button(paused):
    reader = Visit(paused, roles={"auditor"}, name="eve")
    page = reader.get("/console/")
    reader.client.close()

    assert "its tool is paused" in text_of(page) and "/console/tools/" not in page.text


class LaterClock:
    ahead = timedelta()

    def now(self):
        return datetime.now(UTC) + self.ahead


def test_what_no_worker_takes_says_so_on_its_page(tmp_path):
    types = {SILENT: {"risk_tier": "LOW", "tool": {"connector": "function"}}}
    clock = LaterClock()
    with http_world(tmp_path, clock=clock) as world:
        world.remit.apply(bounds(action_types=types, allowlist=[SILENT]), by="the test")
        world.submit("lies-there", action_type=SILENT)
        clock.ahead = timedelta(minutes=1)
        visit = Visit(world)
        text = text_of(visit.get("/console/intents/lies-there"))
        visit.client.close()

    assert "No worker has taken it" in text and f"one that imports a function for {SILENT}" in text
