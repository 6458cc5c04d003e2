"""The function that does what nobody waits for: one tenant's flood holds up no other's."""

from __future__ import annotations

from datetime import timedelta

import pytest

from remit.entrypoints.aws_lambda import reconcile
from remit.stores.dynamodb import store as dynamo_store
from tests.flow.world import bounds, proposal

OTHER_TENANT = "globex"
LOOKED_AT, FLOOD = 20, 60


@pytest.fixture
def flooded(deployment, monkeypatch):
    """Of one tenant more is due than one round looks at: proposals that nobody gated, and questions that expired."""
    monkeypatch.setattr(dynamo_store, "MOST_LOOKED_AT", LOOKED_AT)
    monkeypatch.setattr(reconcile, "MOST_ROUNDS", 1)
    deployment.remit.apply(bounds(OTHER_TENANT), by="ann")
    soon = (deployment.clock.now() + timedelta(minutes=5)).isoformat()
    for number in range(FLOOD):
        deployment.propose(f"left-{number}", expires_at=soon)
        deployment.call("propose", proposal=proposal(f"asked-{number}", confidence_score=0.1, expires_at=soon))
    deployment.clock.pass_(minutes=10)
    return deployment


def test_one_call_publishes_what_another_tenant_has_reserved_however_much_of_one_is_due(flooded):
    flooded.front.script.append("unreachable")
    flooded.call("propose", proposal=proposal("reserved", OTHER_TENANT))
    flooded.clock.pass_(seconds=30)

    said = flooded.call("reconcile")
    flooded.settle()

    assert flooded.status("reserved", OTHER_TENANT) == "SUCCEEDED"
    # Measured before it left, whatever else was due for longer.
    assert 30 <= said["oldest_reserved_s"] < 300


def test_a_flood_by_itself_is_no_approval_that_waits(flooded):
    said = flooded.call("reconcile")

    assert said["moved"] > 0
    assert said["oldest_reserved_s"] == 0
