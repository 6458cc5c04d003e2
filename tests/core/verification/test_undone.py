"""Approvals that could be taken back: by whom, until when, and that nothing left before that was over."""

import pytest

from remit.app.offline import verify_export
from remit.core.values import instant
from remit.stores.memory import MemoryStore

from ...flow.world import NOON, TENANT, World
from .exports import Lines, assert_that_one_alone


@pytest.fixture(scope="module")
def exported():
    """`kept` was approved and done, `undone` approved, taken back, approved again and done."""
    world = World(MemoryStore)
    world.apply()
    for name in ("kept", "undone"):
        world.queued(name)
        digest = world.app.intent(TENANT, name).digest
        world.app.approve(TENANT, name, by="bob", digest=digest, undo_for_s=5)
    world.clock.pass_(seconds=3)
    world.app.undo(TENANT, "undone", by="bob")
    world.approve("undone", by="eve")
    world.clock.pass_(seconds=3)
    world.settle()
    assert set(world.statuses().values()) == {"SUCCEEDED"}
    return list(world.app.export(TENANT))


@pytest.fixture
def lines(exported):
    return Lines(exported)


def test_an_approval_that_was_taken_back_is_sound(lines):
    assert verify_export(lines.lines).ok


def published_too_early(lines):
    lines.entry("kept", "ACTION_PUBLISHED")["at"] = instant(NOON)


def begun_too_early(lines):
    lines.entry("kept", "EXECUTION_STARTED")["at"] = instant(NOON)


def taken_back_too_late(lines):
    lines.entry("undone", "BUDGET_RELEASED")["at"] = instant(NOON.replace(second=5))


def taken_back_though_it_could_not_be(lines):
    del lines.data("undone", "ACTION_APPROVED")["not_before"]


def taken_back_after_it_was_published(lines):
    lines.insert_after(lines.entry("undone", "ACTION_APPROVED"), lines.entry("kept", "ACTION_PUBLISHED"))
    told = lines.entry("undone", "ACTION_APPROVED")
    place = lines.lines.index(told) + 1
    approval_id = told["data"]["approval_id"]
    lines.lines[place] |= {"action_intent_id": "undone", "data": {"approval_id": approval_id}}


@pytest.mark.parametrize(
    "alter",
    [
        *(published_too_early, begun_too_early, taken_back_too_late, taken_back_though_it_could_not_be),
        taken_back_after_it_was_published,
    ],
)
def test_what_left_or_came_back_at_the_wrong_time_is_found(lines, alter):
    assert_that_one_alone(lines, 5, alter)


def test_another_than_who_approved_it_cannot_have_taken_it_back(lines):
    assert_that_one_alone(lines, 8, lambda lines: lines.entry("undone", "BUDGET_RELEASED").update(actor="eve"))
