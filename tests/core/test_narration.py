"""The ledger in words."""

from __future__ import annotations

from typing import get_args

from remit.core.ledger.entries import EventType
from remit.core.notifications.narration import story


def test_every_event_type_has_a_title_of_its_own():
    kinds = get_args(EventType)
    data = {
        "result": "REQUIRE_APPROVAL",
        "reason": "TENANT_POLICY",
        "explanation": "a person decides",
        "auto_executed": True,
        "rejected_by": "bob",
        "superseded_by": "i-2",
        "why": "CANCELLED",
        "outcome": {"status": "FAILED"},
    }

    steps = story([{"event_type": kind, "actor": "ann", "at": "2026-03-10T12:00:00Z", "data": data} for kind in kinds])

    titles = {step.title for step in steps}
    assert len(titles) == len(kinds) and titles.isdisjoint(kinds)


def test_an_event_of_a_later_release_is_shown_by_its_type():
    entry = {"event_type": "ACTION_DREAMT", "actor": "ann", "at": "2026-03-10T12:00:00Z", "data": {}}

    (step,) = story([entry])

    assert (step.title, step.told, step.tone) == ("ACTION_DREAMT", "", "plain")


def test_a_story_says_who_and_why():
    chain = [
        {"event_type": "INTENT_PROPOSED", "actor": "agent", "at": "2026-03-10T12:00:00Z", "data": {}},
        {
            "event_type": "GATE_DECIDED",
            "actor": "remit",
            "at": "2026-03-10T12:00:01Z",
            "data": {"result": "REQUIRE_APPROVAL", "reason": "BUDGET_EXCEEDED", "explanation": "10 of 10 used"},
        },
        {
            "event_type": "ACTION_REJECTED",
            "actor": "bob",
            "at": "2026-03-10T12:00:02Z",
            "data": {"rejected_by": "bob", "reason": "not now"},
        },
    ]

    assert [(step.title, step.told, step.tone) for step in story(chain)] == [
        ("Proposed", "by agent", "plain"),
        ("Decided", "Today's budget is used up: 10 of 10 used", "waiting"),
        ("Rejected", "by bob: not now", "bad"),
    ]
