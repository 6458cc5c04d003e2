"""Live rows: whatever is stored beside the ledger and was altered there is found, on every store."""

from datetime import timedelta
from typing import Any

import pytest

from remit.core.execution.approval import Publication
from remit.core.execution.outcome import ExecutionAttempt
from remit.core.gate.autonomy import Stop, Stops, StopScope
from remit.core.ledger.entries import Head
from remit.core.ledger.verification.rows import COMPARED, EXEMPT
from remit.core.lifecycle import Case
from remit.core.records import (
    ACTION_TYPE,
    API_KEY,
    BOUNDS,
    CHAIN_HEAD,
    KINDS,
    POLICY_VERSION,
    STOPS,
    THE_ONE,
    USAGE,
    Key,
    case_key,
    type_id,
)
from remit.core.values import PLATFORM
from remit.ports import UnitOfWork, Writes

from .world import NOON, TENANT, TYPE, type_of


def write(world, key, record):
    """As somebody who can write the database would, without an entry."""

    def change(_):
        return Writes(answer=None, puts=[(key, record)] if record else [], deletes=[] if record else [key])

    world.inner.transact([UnitOfWork(reads=[key], decide=change)])


def findings(world):
    return [str(finding) for finding in world.app.verify(TENANT).findings]


def assert_found(world, key, record, *said, invariant=8):
    """The altered record is found, and nothing is when it is put back."""
    before = world.record(key)

    write(world, key, record)

    report = world.app.verify(TENANT)
    assert {finding.invariant for finding in report.findings} == {invariant}, findings(world)
    assert all(any(word in text for text in findings(world)) for word in said), findings(world)
    write(world, key, before)
    assert findings(world) == []


@pytest.fixture
def eventful(world):
    """One done, one waiting, one approved by a person, one rejected, one running."""
    world.submit("done")
    world.work()
    world.queued("waits")
    world.queued("rejected")
    world.app.reject(TENANT, "rejected", by="bob")
    world.queued("answered")
    world.approve("answered")
    assert findings(world) == []
    return world


CASE_CHANGES = {
    "status": "FAILED",
    "account_id": "south",
    "action_type": "OTHER_TYPE",
    "created_at": NOON - timedelta(days=1),
    "expires_at": NOON + timedelta(days=400),
    "due_at": NOON,
    "digest": "0" * 64,
    "trace_id": "t-other",
    "chain": Head(sequence=2, hash="0" * 64),
    "proposed_by": "mallory",
    "edited_by": "mallory",
    "reason": "OTHER",
    "approval_id": "019c0000-0000-7000-8000-00000000000f",
    "approval_source": "HUMAN",
    "published": False,
    "superseded_by": "waits",
    "connector": "http",
    "queued": True,
    "publication": None,
    "attempt": None,
    "voted_by": ["mallory"],
    "assigned_to": "mallory",
    "person_required": True,
}


@pytest.mark.parametrize("field", CASE_CHANGES)
def test_a_case_of_which_one_field_was_altered_is_found(eventful, field):
    key = case_key(TENANT, "done")
    altered = eventful.record(key).changed(**{field: CASE_CHANGES[field]})

    assert_found(eventful, key, altered, "intent done", f"its {field} is")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("status", "RESERVED"),
        ("approval_id", "other"),
        ("approval_source", "HUMAN"),
        ("reserved_at", NOON - timedelta(hours=1)),
        ("published_at", None),
        ("released_at", NOON),
    ],
)
def test_a_publication_of_which_one_field_was_altered_is_found(eventful, field, value):
    key = case_key(TENANT, "done")
    case = eventful.record(key)

    assert_found(eventful, key, case.changed(publication=case.publication.changed(**{field: value})), f".{field} is")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("approval_id", "other"),
        ("status", "RUNNING"),
        ("attempt_count", 7),
        ("tool", "far undo"),
        ("idempotency_key", "0" * 64),
        ("started_at", NOON - timedelta(hours=1)),
    ],
)
def test_an_attempt_of_which_one_field_was_altered_is_found(eventful, field, value):
    key = case_key(TENANT, "done")
    case = eventful.record(key)

    assert_found(eventful, key, case.changed(attempt=case.attempt.changed(**{field: value})), f"attempt.{field} is")


def test_a_waiting_case_put_back_to_proposed_is_found(eventful):
    """The gate would decide it again."""
    key = case_key(TENANT, "waits")

    assert_found(eventful, key, eventful.record(key).changed(status="PROPOSED", reason=None), "its status is PROPOSED")


def test_a_rejected_case_put_back_in_the_queue_is_found(eventful):
    key = case_key(TENANT, "rejected")
    altered = eventful.record(key).changed(status="AWAITING_APPROVAL", due_at=eventful.record(key).expires_at)

    assert_found(eventful, key, altered, "its status is AWAITING_APPROVAL")


def test_bounds_that_were_altered_are_found(eventful):
    key = Key(BOUNDS, TENANT, THE_ONE)
    row = eventful.record(key)

    wider = row.bounds.model_copy(update={"allowed_hosts": ["evil.example"]})
    assert_found(eventful, key, row.changed(bounds=wider), "their bounds in the row")
    assert_found(eventful, key, row.changed(config_sequence=7), "their config_sequence in the row")
    assert_found(eventful, key, row.changed(type_versions={}), "their type_versions in the row")


def test_a_limit_that_went_and_still_counts_cannot_be_taken_out_of_the_row(eventful):
    eventful.apply(limits=[{"name": "gone", "most": 9, "per": "day", "of": "tenant"}])
    eventful.apply(limits=[])
    key = Key(BOUNDS, TENANT, THE_ONE)

    assert_found(eventful, key, eventful.record(key).changed(retired_limits={}), "their retired_limits in the row")


def test_an_older_state_of_the_bounds_put_back_is_found(eventful):
    key = Key(BOUNDS, TENANT, THE_ONE)
    older = eventful.record(key)
    eventful.apply(modes={"default": "APPROVAL_REQUIRED"})

    assert_found(eventful, key, older, "their config_sequence in the row", "their bounds in the row")
    assert_found(eventful, key, None, "the tenant's bounds")


def test_a_stop_that_was_taken_out_or_put_in_is_found(eventful):
    key = Key(STOPS, TENANT, THE_ONE)
    eventful.stop()

    assert_found(eventful, key, Stops(), "the tenant's stops")
    assert_found(eventful, key, None, "the tenant's stops")


def test_a_stop_of_everything_that_was_taken_out_is_found(eventful):
    eventful.app.stop(StopScope(), by="ann", reason="incident", level="everything")

    assert_found(eventful, Key(STOPS, PLATFORM, THE_ONE), Stops(), "the platform's stops")


def test_a_stop_that_nobody_pulled_is_found(eventful):
    made_up = Stop(
        scope=StopScope(tenant_id=TENANT), level="autonomy", stopped_by="eve", reason="none", stopped_at=NOON
    )

    assert_found(eventful, Key(STOPS, TENANT, THE_ONE), Stops(stops=[made_up]), "the tenant's stops")


def test_an_action_type_s_row_that_was_altered_added_or_taken_out_is_found(eventful):
    key = Key(ACTION_TYPE, TENANT, type_id(TYPE, 1))
    row = eventful.record(key)
    tool = row.spec.tool.model_copy(update={"timeout_s": 600.0})

    assert_found(eventful, key, row.changed(spec=row.spec.model_copy(update={"tool": tool})), "is not what was set")
    assert_found(eventful, key, row.changed(version=9), "has no row", "never was one")
    assert_found(eventful, key, None, "has no row")


def test_kept_policies_that_were_altered_are_found(eventful):
    (kept,) = eventful.inner.scan(POLICY_VERSION, TENANT)

    altered = kept.changed(version="AutoApprovalPolicyV1@" + "0" * 64)

    assert_found(eventful, Key(POLICY_VERSION, TENANT, kept.version), altered, "has another one")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "mallory"),
        ("roles", ["admin"]),
        ("secret_hash", "0" * 64),
        ("created_by", "mallory"),
        ("expires_at", None),
        ("revoked_at", NOON),
    ],
)
def test_a_key_of_which_one_field_was_altered_is_found(eventful, field, value):
    soon = (NOON + timedelta(days=1)).isoformat()
    made, _ = eventful.app.create_key(TENANT, {"name": "bob", "roles": ["approver"], "expires_at": soon}, by="ann")
    key = Key(API_KEY, TENANT, made.key_id)

    assert_found(eventful, key, eventful.record(key).changed(**{field: value}), f"API key {made.key_id}")
    assert_found(eventful, key, None, f"API key {made.key_id}")


def test_a_key_that_nobody_made_or_that_was_revoked_and_put_back_is_found(eventful):
    made, _ = eventful.app.create_key(TENANT, {"name": "bob", "roles": ["approver"]}, by="ann")
    key = Key(API_KEY, TENANT, made.key_id)
    in_use = eventful.record(key)
    eventful.app.revoke_key(TENANT, made.key_id, by="ann")

    assert_found(eventful, key, in_use, f"API key {made.key_id}")
    assert_found(eventful, Key(API_KEY, TENANT, "made-up"), in_use.changed(key_id="made-up"), "API key made-up")


def test_a_head_that_does_not_name_the_last_entry_is_found(eventful):
    key = Key(CHAIN_HEAD, TENANT, THE_ONE)
    row = eventful.record(key)

    assert_found(eventful, key, row.changed(chain=Head(sequence=1, hash="0" * 64)), "its head is", invariant=6)


def test_a_counter_that_was_turned_back_is_found(eventful):
    (usage,) = eventful.inner.scan(USAGE, TENANT)

    assert_found(eventful, Key(USAGE, TENANT, usage.usage_id), usage.changed(counters={}), "counter", invariant=1)


def test_a_case_without_a_chain_is_found(eventful):
    made_up = eventful.record(case_key(TENANT, "done")).changed(action_intent_id="made-up")
    write(eventful, case_key(TENANT, "made-up"), made_up)

    assert any("intent made-up: its case has no chain" in text for text in findings(eventful))


def test_a_chain_without_a_case_is_found(eventful):
    write(eventful, case_key(TENANT, "waits"), None)

    assert any("intent waits: its chain has no case beside it" in text for text in findings(eventful))


def test_every_field_of_every_kind_is_compared_or_exempt_with_a_reason():
    models: dict[str, Any] = {name: kind.model for name, kind in KINDS.items()}
    for name, model in {**models, "publication": Publication, "attempt": ExecutionAttempt}.items():
        fields = set(getattr(model, "model_fields", None) or model.__struct_fields__)
        compared, exempt = set(COMPARED.get(name, ())), EXEMPT.get(name, {})
        assert compared | (fields if "*" in exempt else set(exempt)) == fields, name
        assert not compared & set(exempt) and all(len(reason) > 20 for reason in exempt.values()), name
    assert set(CASE_CHANGES) | {"tenant_id", "action_intent_id"} == set(COMPARED["cases"])
    assert issubclass(KINDS["cases"].model, Case)


def test_a_vote_that_was_added_to_or_taken_from_a_case_is_found(world):
    world.apply(action_types={TYPE: {**type_of(), "approvals_required": 2}})
    world.queued("i-1")
    world.approve("i-1", by="ann")
    assert findings(world) == []
    key = case_key(TENANT, "i-1")

    for voted_by in ([], ["ann", "bob"]):
        assert_found(world, key, world.record(key).changed(voted_by=voted_by), "its voted_by is")
