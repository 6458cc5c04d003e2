"""The internal connector: one object per idempotency key, in the tenant's own store."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from remit.connectors.internal import InternalConnector
from remit.core.errors import InvalidInput, OutcomeUnknown, TryLater
from remit.core.execution.outcome import ExternalObjectRef
from remit.core.proposal import complete, parse_proposal
from remit.core.records import INTERNAL_OBJECT
from remit.ports import Call
from remit.stores.memory import MemoryStore

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
NOTE = {"connector": "internal", "operation": "create_note"}


def intent(**changes):
    proposal = {
        "action_intent_id": "i-1",
        "tenant_id": "acme",
        "account_id": "north",
        "action_type": "ADD_NOTE",
        "target": {"entity_type": "contact", "entity_id": "c-1"},
        "parameters": {"text": "call back", "priority": 2, "urgent": True, "tags": ["a"]},
        **changes,
    }
    return complete(
        parse_proposal(proposal),
        action_intent_id="i",
        trace_id="t",
        now=NOW,
        expires_after=timedelta(days=1),
        registry_version=1,
    )


def call(connector, *, tool=NOTE, key="k-1", of=None):
    of = of or intent()
    return Call(intent=of, request=connector.map(tool, of), idempotency_key=key, timeout_s=5, allowed_hosts=(), now=NOW)


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture
def connector(store):
    return InternalConnector(store)


def test_a_note_is_made_and_referred_to(store, connector):
    result = connector.invoke(call(connector))

    (note,) = store.scan(INTERNAL_OBJECT, "acme")
    assert result.acted == "yes"
    assert result.external_object_refs == [
        ExternalObjectRef(system="remit", object_type="note", object_id=note.object_id)
    ]
    assert (note.object_type, note.account_id, note.created_at) == ("note", "north", NOW)


def test_a_task_is_a_task(store, connector):
    connector.invoke(call(connector, tool={**NOTE, "operation": "create_task"}))

    (task,) = store.scan(INTERNAL_OBJECT, "acme")
    assert task.object_type == "task"
    assert task.object_id.startswith("task-")


def test_without_a_mapping_an_object_holds_the_plain_parameters_and_the_target(store, connector):
    connector.invoke(call(connector))

    (note,) = store.scan(INTERNAL_OBJECT, "acme")
    assert note.fields == {
        "text": "call back",
        "priority": "2",
        "urgent": "true",
        "target.entity_type": "contact",
        "target.entity_id": "c-1",
    }


def test_a_mapping_says_what_an_object_holds(store, connector):
    tool = {**NOTE, "fields": {"title": "{parameters.text} ({target.entity_id})", "by": "{proposed_by}"}}

    connector.invoke(call(connector, tool=tool))

    (note,) = store.scan(INTERNAL_OBJECT, "acme")
    assert note.fields == {"title": "call back (c-1)", "by": "agent"}


def test_the_same_key_again_makes_nothing_and_answers_the_same(store, connector):
    first = connector.invoke(call(connector))

    again = connector.invoke(call(connector))

    assert again == first
    assert len(store.scan(INTERNAL_OBJECT, "acme")) == 1


def test_two_parallel_calls_with_one_key_make_one_object(store, connector):
    calls = [call(connector) for _ in range(16)]

    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(connector.invoke, calls))

    assert len({result.external_object_refs[0].object_id for result in results}) == 1
    assert len(store.scan(INTERNAL_OBJECT, "acme")) == 1


def test_another_key_makes_another_object(store, connector):
    connector.invoke(call(connector))
    connector.invoke(call(connector, key="k-2"))

    assert len({note.object_id for note in store.scan(INTERNAL_OBJECT, "acme")}) == 2


def test_one_key_in_two_tenants_makes_an_object_in_each(store, connector):
    connector.invoke(call(connector))
    connector.invoke(call(connector, of=intent(tenant_id="other")))

    assert len(store.scan(INTERNAL_OBJECT, "acme")) == len(store.scan(INTERNAL_OBJECT, "other")) == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"operation": "delete_note"}, "operation"),
        ({"operation": None}, "operation"),
        ({"url": "https://x"}, "url"),
        ({"fields": {"a": "{nothing}"}}, "fields.a"),
        ({"fields": {"a": 1}}, "fields.a"),
        ({"fields": {"a": "${SECRET}"}}, "fields.a"),
    ],
)
def test_a_tool_that_makes_no_sense_is_refused_naming_the_field(connector, change, field):
    with pytest.raises(InvalidInput) as caught:
        connector.check({**NOTE, **change})

    assert caught.value.field == field


@pytest.mark.parametrize("change", [{}, {"honours_idempotency_key": True}, {"fields": {"a": "{parameters.text}"}}])
def test_a_tool_that_makes_sense_is_accepted(connector, change):
    connector.check({**NOTE, **change})

    assert connector.always_honours_key


def test_an_intent_without_a_mapped_parameter_is_refused_before_any_call(connector):
    with pytest.raises(InvalidInput) as caught:
        connector.map({**NOTE, "fields": {"a": "{parameters.missing}"}}, intent())

    assert caught.value.field == "parameters.missing"


class Failing(MemoryStore):
    def __init__(self, error, *, after_write):
        super().__init__()
        self.error, self.after_write = error, after_write

    def transact(self, units):
        if self.after_write:
            super().transact(units)
        raise self.error


def test_a_busy_store_has_not_acted():
    connector = InternalConnector(Failing(TryLater("busy"), after_write=False))

    result = connector.invoke(call(connector))

    assert (result.acted, result.error_class) == ("no", "DOWNSTREAM")


def test_a_lost_answer_of_the_store_is_unknown_and_safe_to_repeat():
    store = Failing(OutcomeUnknown("lost"), after_write=True)
    connector = InternalConnector(store)

    result = connector.invoke(call(connector))
    InternalConnector(store).invoke(call(connector))

    assert (result.acted, result.error_class) == ("unknown", "DOWNSTREAM")
    assert len(store.scan(INTERNAL_OBJECT, "acme")) == 1


def test_many_calls_are_one_write_and_each_has_its_own_result(store, connector, monkeypatch):
    writes, transact = [], store.transact
    monkeypatch.setattr(store, "transact", lambda units: writes.append(len(units)) or transact(units))

    results = connector.invoke_all([call(connector, key=key) for key in ("k-1", "k-2", "k-1")])

    assert writes == [3]
    assert [result.acted for result in results] == ["yes"] * 3
    assert len({result.external_object_refs[0].object_id for result in results}) == 2
    assert len(list(store.scan(INTERNAL_OBJECT, "acme"))) == 2


def test_what_was_made_is_answered_as_json(store, connector):
    answer = connector.invoke(call(connector)).answer

    (note,) = store.scan(INTERNAL_OBJECT, "acme")
    assert (answer.media_type, json.loads(answer.content)) == ("application/json", note.wire())
