"""Records and units that mean little, for tests of what carries them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from remit.core.errors import Conflict
from remit.core.gate.budget import Counter, Usage
from remit.core.gate.policy import PolicyVersion
from remit.core.identity.credential import PROCESS
from remit.core.identity.session import Session
from remit.core.ledger.entries import NO_CHAIN, EventType, Head, LedgerEntry, next_entry
from remit.core.lifecycle import Case
from remit.core.notifications.browser import Browser
from remit.core.records import BROWSER, INTERNAL_OBJECT, POLICY_VERSION, SESSION, USAGE, InternalObject, Key, case_key
from remit.ports import Snapshot, Store, UnitOfWork, Writes

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
TENANT = "acme"
OTHER = "globex"


def make_case(id: str = "i-1", *, tenant: str = TENANT, **fields: Any) -> Case:
    """A case that is complete; what is not said has some plausible value."""
    known: dict[str, Any] = {
        "account_id": "a-1",
        "action_type": "SEND_EMAIL",
        "status": "PROPOSED",
        "created_at": NOON,
        "updated_at": NOON,
        "expires_at": NOON + timedelta(hours=1),
        "due_at": None,
        "digest": "0" * 64,
        "trace_id": "t-1",
        "chain": NO_CHAIN,
    }
    return Case(tenant_id=tenant, action_intent_id=id, **(known | fields))


def make_entry(
    intent: str | None = "i-1",
    *,
    after: Head = NO_CHAIN,
    tenant: str = TENANT,
    account: str | None = "a-1",
    event: EventType = "INTENT_PROPOSED",
    at: datetime = NOON,
    data: dict[str, Any] | None = None,
    entry_id: str | None = None,
) -> LedgerEntry:
    """The entry that follows `after` in the chain of this intent."""
    return next_entry(
        after,
        event,
        {} if data is None else data,
        entry_id=entry_id or f"{intent}.{after.sequence + 1}",
        tenant_id=tenant,
        account_id=account,
        action_intent_id=intent,
        actor="tester",
        at=at,
    )


def make_object(id: str = "o-1", *, tenant: str = TENANT, text: str = "") -> tuple[Key[InternalObject], InternalObject]:
    """A record that means nothing, and its key."""
    record = InternalObject(object_id=id, object_type="note", account_id="a-1", fields={"text": text}, created_at=NOON)
    return Key(INTERNAL_OBJECT, tenant, id), record


def make_session(id: str = "s-1", *, tenant: str = TENANT, **fields: Any) -> tuple[Key[Session], Session]:
    """A session at the console, and its key."""
    known = {"session_id": id, "tenant_id": tenant, "name": "ann", "roles": ["approver"], "secret_hash": "0" * 64}
    times = {"key_id": None, "created_at": NOON, "expires_at": NOON + timedelta(hours=12)}
    return Key(SESSION, tenant, id), Session(**(known | times | fields))


def make_browser(id: str = "b-1", *, tenant: str = TENANT, **fields: Any) -> tuple[Key[Browser], Browser]:
    """A browser in which somebody is told, and its key."""
    known = {"browser_id": id, "tenant_id": tenant, "name": "ann", "endpoint": f"https://push.example.com/{id}"}
    times = {"p256dh": "", "auth": "", "credential": PROCESS, "turned_on_at": NOON, "seen_at": NOON}
    return Key(BROWSER, tenant, id), Browser(**(known | times | fields))


def putting(*records: tuple[Key[Any], Any], entries: Sequence[LedgerEntry] = (), answer: Any = None) -> UnitOfWork[Any]:
    """A unit that writes these, whatever is there."""

    def change(_snapshot: Snapshot) -> Writes[Any]:
        return Writes(answer, puts=list(records), entries=list(entries))

    return UnitOfWork([key for key, _ in records], change)


def putting_cases(*cases: Case) -> UnitOfWork[Any]:
    return putting(*((case_key(case.tenant_id, case.action_intent_id), case) for case in cases))


def deleting(*keys: Key[Any]) -> UnitOfWork[Any]:
    return UnitOfWork(keys, lambda _snapshot: Writes(None, deletes=list(keys)))


def refusing(*keys: Key[Any]) -> UnitOfWork[Any]:
    def change(_snapshot: Snapshot) -> Writes[Any]:
        raise Conflict("no")

    return UnitOfWork(keys, change)


def reading(key: Key[Any]) -> UnitOfWork[Any]:
    """A unit that writes nothing and answers with what it saw."""
    return UnitOfWork([key], lambda snapshot: Writes(snapshot.get(key)))


COUNTER = Key(USAGE, TENANT, "2026-03-01@UTC|account:a-1")


def counting(limit: int = 10**9) -> UnitOfWork[int]:
    """Adds one to `COUNTER` and answers with what it is then, or refuses with `Conflict` at the limit."""

    def change(snapshot: Snapshot) -> Writes[int]:
        usage = snapshot.get(COUNTER) or Usage(usage_id=COUNTER.id, ends_at=NOON)
        used = usage.used("all") + 1
        if used > limit:
            raise Conflict("full")
        writes = Writes(used)
        writes.put(COUNTER, usage.changed(counters={"all": Counter(used=used, position=used)}))
        return writes

    return UnitOfWork([COUNTER], change)


def counted(store: Store) -> int:
    usage = store.read([COUNTER]).get(COUNTER)
    return 0 if usage is None else usage.used("all")


def all_at_once(*jobs: Callable[[], Any]) -> list[Any]:
    """The answers of the jobs, run in threads of their own. Raises what the first of them raised."""
    with ThreadPoolExecutor(len(jobs)) as pool:
        return [future.result() for future in [pool.submit(job) for job in jobs]]


def ids(cases: Sequence[Case]) -> list[str]:
    return [case.action_intent_id for case in cases]


def following(pointer: Key[InternalObject]) -> UnitOfWork[str]:
    """Answers with the text of the object that the object at `pointer` names in its own text."""

    def target(snapshot: Snapshot) -> Key[InternalObject]:
        found = snapshot.get(pointer)
        assert found is not None
        return Key(INTERNAL_OBJECT, TENANT, found.fields["text"])

    def change(snapshot: Snapshot) -> Writes[str]:
        found = snapshot.get(target(snapshot))
        assert found is not None
        return Writes(found.fields["text"])

    return UnitOfWork([pointer], change, lambda snapshot: [target(snapshot)])


def make_uncontended(text: str) -> tuple[Key[PolicyVersion], PolicyVersion]:
    """A record of a kind that is not contended, always under the same key."""
    return Key(POLICY_VERSION, TENANT, "v-1"), PolicyVersion(version="v-1", platform=text, sources=[])


def writing(**writes: Any) -> Callable[[Snapshot], Writes[Any]]:
    """A `change` that answers with these writes, whatever it is shown."""
    return lambda _snapshot: Writes(None, **writes)


def breaking(*keys: Key[Any]) -> UnitOfWork[Any]:
    """A unit with a bug in it."""

    def change(_snapshot: Snapshot) -> Writes[Any]:
        raise ZeroDivisionError

    return UnitOfWork(keys, change)


def appending(*entries: LedgerEntry) -> UnitOfWork[Any]:
    return UnitOfWork([], writing(entries=list(entries)))
