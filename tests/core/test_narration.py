"""The ledger in words."""

from __future__ import annotations

from types import SimpleNamespace
from typing import get_args

import pytest

from remit.core.ledger.entries import EventType
from remit.core.notifications.narration import narrate, story

from . import make

FORGED = 'c-17: done\n\nSign in: "x"\nhttps://evil.example/\u202e'
SHOWN = '"c-17: done\\n\\nSign in: \\"x\\"\\nhttps://evil.example/⟨U+202E⟩"'
OUTCOME = {"status": "FAILED", "error_message": FORGED, "external_object_refs": []}
MADE = {"external_object_refs": [{"system": "crm", "object_type": "note", "object_id": FORGED}]}


def test_every_event_type_has_a_title_of_its_own():
    kinds = get_args(EventType)
    data = {
        "result": "REQUIRE_APPROVAL",
        "reason": "TENANT_POLICY",
        "explanation": "a person decides",
        "auto_executed": True,
        "rejected_by": "bob",
        "withdrawn_by": "agent",
        "content": "result",
        "text": "which one?",
        "superseded_by": "i-2",
        "voted_by": "bob",
        "assigned_to": "zoe",
        "votes": 1,
        "right": True,
        "votes_needed": 2,
        "why": "CANCELLED",
        "paths": ["why"],
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
        ("Decided", "A budget or limit has no room for it: 10 of 10 used", "waiting"),
        ("Rejected", 'by bob: "not now"', "bad"),
    ]


@pytest.mark.parametrize(
    ("event_type", "data"),
    [
        ("ACTION_REJECTED", {"reason": FORGED}),
        ("ACTION_FAILED", {"outcome": OUTCOME}),
        ("ACTION_EXECUTED", {"outcome": MADE}),
        ("EXECUTION_CANCELLED", {"outcome": OUTCOME}),
        ("AUTONOMY_STOPPED", {"scope": {}, "level": "autonomy", "reason": FORGED}),
        ("INTENT_EXPIRED", {}),
    ],
)
def test_what_others_wrote_is_one_quoted_line(event_type, data):
    intent = make.intent(target={"entity_type": "contact", "entity_id": FORGED})

    told = narrate(SimpleNamespace(event_type=event_type, data=data, actor="ann"), intent)

    assert SHOWN in told and told.isprintable()
    assert FORGED not in told
