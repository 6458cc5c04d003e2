"""
Databases of the first format, as a migration reads them: records that today stand in an intent's chain alone were
records beside it, and some kinds had other names. Entries are of format 1 and stay as they are.

Belongs here: how such records become today's. Does not: writing any, and how a database holds them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Protocol, TypeVar, cast

from remit.core.canonical import canonical
from remit.core.execution.approval import Publication
from remit.core.execution.outcome import ExecutionAttempt
from remit.core.intent import ActionIntentV1
from remit.core.ledger.entries import LedgerEntry
from remit.core.ledger.history import IntentHistory
from remit.core.lifecycle import ENDED, Case
from remit.core.records import ACTION_TYPE, CASE, CHAIN, CONSUMER, DAILY_COUNTS, NOTIFICATION_STATE, Key, Kind, type_id
from remit.core.values import Record, Stored
from remit.ports import Snapshot
from remit.stores.units import RecordId, RecordSnapshot, Shown, parse_record, record_id

S = TypeVar("S", bound=Stored)

_NAMED = {CONSUMER.name: "followers", DAILY_COUNTS.name: "tallies", NOTIFICATION_STATE.name: "tellers"}
INTENTS, STATES, ATTEMPTS = "intents", "auto_exec_states", "attempts"
_CASES_AT_ONCE = 100


class FirstFormatRows(Protocol):
    """A database of the first format. `kind` is what the kind was called in it; a body is a record's JSON."""

    def tenants(self) -> list[str]: ...

    def counts(self, tenant_id: str) -> dict[str, int]: ...

    def page(self, kind: str, tenant_id: str) -> Iterator[tuple[str, str]]:
        """Ids and bodies, by id; none of a kind that it has never heard of."""
        ...

    def bodies(self, kind: str, tenant_id: str, ids: Sequence[str]) -> dict[str, str]:
        """Those that are there."""
        ...

    def chain(self, tenant_id: str, action_intent_id: str | None) -> list[LedgerEntry]: ...

    def export(self, tenant_id: str) -> Iterator[LedgerEntry]: ...


class FirstFormat:
    """A `ReadableStore` over a database of the first format."""

    def __init__(self, rows: FirstFormatRows) -> None:
        self._rows = rows
        self.tenants, self.counts = rows.tenants, rows.counts
        self.chain, self.export = rows.chain, rows.export

    def records(self, kind: Kind[S], tenant_id: str) -> Iterator[tuple[str, S]]:
        page = self._rows.page(_NAMED.get(kind.name, kind.name), tenant_id)
        if kind.name != CASE.name:
            return ((id, cast(S, parse_record(kind.name, body))) for id, body in page)
        return cast(Iterator[tuple[str, S]], self._cases(tenant_id, page))

    def read(self, keys: Sequence[Key[Any]]) -> Snapshot:
        found: dict[RecordId, Shown] = dict.fromkeys(map(record_id, keys))
        for tenant_id in {key.tenant_id for key in keys}:
            ids = [key.id for key in keys if key.tenant_id == tenant_id and key.kind is CASE]
            bodies = self._rows.bodies(CASE.name, tenant_id, ids)
            found |= {(CASE.name, tenant_id, id): case for id, case in self._whole(tenant_id, bodies)}
        for key in keys:
            if key.kind is CHAIN and (entries := self.chain(key.tenant_id, key.id)):
                found[record_id(key)] = IntentHistory(entries)
        return RecordSnapshot(found)

    def _cases(self, tenant_id: str, page: Iterator[tuple[str, str]]) -> Iterator[tuple[str, Case]]:
        while some := dict(islice(page, _CASES_AT_ONCE)):
            yield from self._whole(tenant_id, some)

    def _whole(self, tenant_id: str, cases: Mapping[str, str]) -> Iterator[tuple[str, Case]]:
        """Each case with what stood beside it."""
        ids = list(cases)
        intents = _parsed(ActionIntentV1, self._rows.bodies(INTENTS, tenant_id, ids))
        states = _parsed(Publication, self._rows.bodies(STATES, tenant_id, [f"AUTO_EXEC_STATE#{id}" for id in ids]))
        attempts = _parsed(ExecutionAttempt, self._rows.bodies(ATTEMPTS, tenant_id, ids))
        connectors = self._connectors(tenant_id, intents.values())
        for id, body in cases.items():
            intent = intents[id]
            yield (
                id,
                _case(
                    body,
                    proposed_by=intent.proposed_by,
                    connector=connectors.get(_type_of(intent), ""),
                    publication=states.get(f"AUTO_EXEC_STATE#{id}"),
                    attempt=attempts.get(id),
                ),
            )

    def _connectors(self, tenant_id: str, intents: Iterable[ActionIntentV1]) -> dict[str, str]:
        """By the id of the action type's version."""
        bodies = self._rows.bodies(ACTION_TYPE.name, tenant_id, sorted({_type_of(intent) for intent in intents}))
        types = {id: ACTION_TYPE.model.from_json(body) for id, body in bodies.items()}
        return {id: found.spec.tool.connector for id, found in types.items() if found.spec.tool}


def entry_of(fields: Mapping[str, Any]) -> LedgerEntry:
    """An entry of format 1 from its fields: its line is their canonical JSON."""
    return LedgerEntry.parse(canonical(dict(fields)))


def _type_of(intent: ActionIntentV1) -> str:
    return type_id(intent.action_type, intent.registry_version or 0)


def _case(body: str, **beside: Any) -> Case:
    case = cast(Case, parse_record(CASE.name, body))
    # When a finished case was due, its publication state was purged.
    due_at = None if case.status in ENDED else case.due_at
    return case.changed(**beside, due_at=due_at, person_required=case.edited_by is not None)


R = TypeVar("R", bound=Record)


def _parsed(kind: type[R], bodies: Mapping[str, str]) -> dict[str, R]:
    return {id: kind.from_json(body) for id, body in bodies.items()}
