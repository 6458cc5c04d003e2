"""The entries of a time, out of a tenant's ledger: a part to read, without a seal."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from remit.app.offline import verify_export
from remit.core.errors import NotFound

from .world import NOON, TENANT


def extract(world, first=None, before=None):
    return [json.loads(line) for line in world.app.extract_lines(TENANT, first, before)]


def test_the_entries_of_a_time_are_those_of_every_chain_in_it_and_nothing_is_written(world):
    world.submit("before")
    world.settle()
    world.clock.pass_(days=1)
    world.submit("within")
    world.settle()
    world.stop()
    world.clock.pass_(days=1)
    world.queued("after")
    day, two = NOON + timedelta(days=1), NOON + timedelta(days=2)

    within = extract(world, day, two)

    assert {entry["action_intent_id"] for entry in within} == {"within", None}
    assert [entry["event_type"] for entry in within][-1] == "AUTONOMY_STOPPED"
    assert {entry["action_intent_id"] for entry in extract(world, two)} == {"after"}
    assert "after" not in {entry["action_intent_id"] for entry in extract(world, None, two)}
    assert extract(world, None, day) + within + extract(world, two) == extract(world)
    whole = list(world.app.export(TENANT))
    assert sorted(each["entry_id"] for each in extract(world)) == sorted(each["entry_id"] for each in whole)
    assert verify_export(whole).ok and not verify_export(within).ok


def test_a_tenant_that_is_not_known_is_said_so_instead_of_having_done_nothing(world):
    with pytest.raises(NotFound):
        list(world.app.extract_lines("nobody"))
