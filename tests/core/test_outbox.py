"""An outbox: at most one message on its way and one that gathers; no notice is lost, none is in two messages."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.core.notifications.notice import Notice
from remit.core.notifications.notice_kind import CARD, ENDED, NOTICES, TEST
from remit.core.notifications.outbox import (
    FIRST_PAUSE,
    GATHER,
    LONGEST_DETAIL,
    LONGEST_PAUSE,
    MOST_TRIES,
    Delivery,
    Outbox,
    SendResult,
    cloud_event,
    is_kept,
    pause,
    subject,
    together,
)
from remit.core.notifications.timing import QuietHours

from .make import NOW


def notice(name="i-1", kind="NEEDS_INPUT", at=NOW):
    return Notice(notice=kind, at=at, text=f"about {name}", action_intent_id=name)


def outbox():
    return Outbox(subscription_id="ops", notice="NEEDS_INPUT")


steps = st.lists(
    st.one_of(
        st.tuples(st.just("gather"), st.integers(1, 60)),
        st.tuples(st.just("try"), st.sampled_from(["delivered", "failed", "refused"])),
        st.tuples(st.just("wait"), st.integers(1, 20_000)),
    ),
    max_size=40,
)


@given(steps=steps)
def test_every_notice_is_in_one_message_and_messages_leave_in_their_order(steps):
    box, now, gathered, ended = outbox(), NOW, 0, list[Delivery]()
    for step, what in steps:
        if step == "gather":
            box = box.gather([notice(f"n-{gathered + n}") for n in range(what)], delivery_id=f"d-{gathered}", now=now)
            gathered += what
        elif step == "wait":
            now += timedelta(seconds=what)
        elif (claimed := box.claim(now)) is not None:
            box, noted = claimed.note(SendResult(outcome=what, detail=""), {}, now)
            ended += [noted] if noted.status != "PENDING" else []

    left = [each for each in (box.trying, box.gathering) if each is not None]
    assert sum(each.count for each in [*ended, *left]) == gathered
    numbers = [int(each.delivery_id[2:]) for each in [*ended, *left]]
    assert numbers == sorted(set(numbers))
    assert all(each.tries <= MOST_TRIES for each in ended)


def test_a_message_gathers_for_a_while_and_then_leaves():
    box = outbox().gather([notice()], delivery_id="d-1", now=NOW)

    assert box.claim(NOW + GATHER - timedelta(seconds=1)) is None
    claimed = box.claim(NOW + GATHER)
    assert claimed is not None and claimed.trying is not None
    assert (claimed.trying.delivery_id, claimed.gathering) == ("d-1", None)


def test_what_is_on_its_way_is_not_added_to():
    box = outbox().gather([notice("a")], delivery_id="d-1", now=NOW).claim(NOW + GATHER)
    assert box is not None

    box = box.gather([notice("b")], delivery_id="d-2", now=NOW + GATHER)

    assert box.trying is not None and box.gathering is not None
    assert [item.action_intent_id for item in box.trying.items] == ["a"]
    assert [item.action_intent_id for item in box.gathering.items] == ["b"]


def test_pauses_grow_to_the_longest_and_all_of_them_are_about_a_day():
    pauses = [pause(tries) for tries in range(1, MOST_TRIES)]

    assert pauses[0] == FIRST_PAUSE and pauses[-1] == LONGEST_PAUSE and pauses == sorted(pauses)
    assert timedelta(hours=23) < sum(pauses, timedelta()) < timedelta(hours=24)


@pytest.mark.parametrize(("asked", "waits"), [(5.0, 10), (600.0, 600), (1e9, 4 * 3600)])
def test_a_receiver_may_ask_for_more_time_and_not_for_ever(asked, waits):
    assert pause(1, asked) == timedelta(seconds=waits)


def test_what_a_receiver_says_is_kept_up_to_a_limit():
    box = outbox().gather([notice()], delivery_id="d-1", now=NOW).claim(NOW + GATHER)
    assert box is not None

    _, noted = box.note(SendResult(outcome="failed", detail="x" * 5000), {}, NOW)

    assert noted.last_result is not None and len(noted.last_result.detail) == LONGEST_DETAIL


@pytest.mark.parametrize("kind", [*NOTICES, "TEST"])
def test_every_kind_has_its_words_for_one_and_for_many(kind):
    box = Outbox(subscription_id="ops", notice=kind)
    one = box.gather([notice(kind=kind)], delivery_id="d", now=NOW).gathering
    many = box.gather([notice(kind=kind)] * 3, delivery_id="d", now=NOW).gathering
    assert one is not None and many is not None

    assert subject(one, "acme").endswith("(acme)") and "3" not in subject(one, "acme")
    assert "3 " in subject(many, "acme")


def test_a_cloud_event_has_what_the_specification_asks_for():
    message = outbox().gather([notice()], delivery_id="d-1", now=NOW).gathering
    assert message is not None

    event = cloud_event(message, tenant_id="acme", source="remit", urls=[None])

    assert {name: event[name] for name in ("specversion", "id", "source", "type", "time", "datacontenttype")} == {
        "specversion": "1.0",
        "id": "d-1",
        "source": "/remit/tenants/acme",
        "type": "remit.needs_input",
        "time": "2026-03-10T12:00:00Z",
        "datacontenttype": "application/json",
    }
    assert event["data"]["items"][0]["text"] == "about i-1"


@pytest.mark.parametrize(
    ("outcomes", "whole", "detail"),
    [
        (["delivered", "delivered"], "delivered", "2 of 2 have it"),
        (["delivered", "refused"], "refused", "1 of 2 have it; b: said refused"),
        (["failed", "refused"], "failed", "0 of 2 have it; a: said failed; b: said refused"),
        (["failed", "delivered"], "failed", "1 of 2 have it; a: said failed"),
        ([], "delivered", "0 of 0 have it"),
    ],
)
def test_a_message_in_parts_is_tried_again_as_long_as_anybody_may_still_get_it(outcomes, whole, detail):
    parts = [
        (name, SendResult(outcome=each, detail=f"said {each}")) for name, each in zip("ab", outcomes, strict=False)
    ]

    result = together(parts, "have it")

    assert (result.outcome, result.detail) == (whole, detail)


def test_a_message_of_one_part_ends_as_that_does():
    only = SendResult(outcome="failed", detail="busy", retry_after_s=7)

    assert together([("ann", only)], "have it") is only


@pytest.mark.parametrize(("kind", "quiet"), [(NOTICES[0], True), (TEST, False), (ENDED, False), (CARD, False)])
def test_quiet_hours_hold_back_what_people_are_told_and_nothing_else(kind, quiet):
    hours = QuietHours(begins="00:00", ends="23:59")
    box = Outbox(subscription_id="ops", notice=kind).gather([notice(kind=kind)], delivery_id="d", now=NOW - GATHER)

    assert (box.quiet_until(hours, NOW) is not None) == quiet
    assert box.quiet_until(None, NOW) is None
    assert box.quiet_until(hours, NOW - 2 * GATHER) is None


@pytest.mark.parametrize(
    ("kind", "status", "kept"),
    [
        ("STOPPED", "DELIVERED", True),
        ("STOPPED", "FAILED", True),
        ("STOPPED", "PENDING", False),
        (CARD, "DELIVERED", False),
        (CARD, "FAILED", True),
    ],
)
def test_what_is_done_is_remembered_but_for_a_card_that_shows_it_itself(kind, status, kept):
    done = Delivery(
        delivery_id="d", subscription_id="ops", notice=kind, items=[], created_at=NOW, next_at=None, status=status
    )

    assert is_kept(done) == kept
