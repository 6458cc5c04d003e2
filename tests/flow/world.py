"""
A whole Remit for one test: an app over any store, a clock that is set, a far side that is scripted.

Nothing here decides anything. `World` proposes, gates, works and recovers; `assert_sound` then holds
what is stored against the ledger, and the ledger against the invariants.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import uuid_utils
from msgspec.structs import replace

from remit.app import App
from remit.app.offline import verify_export
from remit.connectors.caller import CallerConnector
from remit.connectors.internal import InternalConnector
from remit.core.errors import NotFound
from remit.core.execution.approval import approved_event
from remit.core.execution.outcome import CallResult, ExternalObjectRef
from remit.core.execution.places import Places
from remit.core.execution.result import answered
from remit.core.gate.autonomy import StopScope
from remit.core.gate.budget import kept_from
from remit.core.lifecycle import MOVING
from remit.core.records import CASE, USAGE, Key, case_key, chain_key
from remit.flow import execute
from remit.flow.context import Context
from remit.flow.gate import GateAnswer, GateRequest
from remit.ports import DELIVERED, Call, CaseFilter, Claim, Message, Receipt, Runnable, Store, UnitOfWork, Writes
from remit.testing.faults import Meeting, PausingStore, StoreWrapper
from tests.waiting import PATIENCE_S, ended

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
TYPE, OTHER = "UPDATE_CONTACT", "SEND_EMAIL"
OWN = "RUN_OWN_TOOL"
"""What its proposer executes itself, where bounds have it (`own_type`)."""
TENANT, ACCOUNT = "acme", "north"

OpenStore = Callable[[], Store]
"""Called again it opens the same place once more."""


class SetClock:
    """Stands still until it is moved."""

    def __init__(self, now: datetime = NOON) -> None:
        self.at = now

    def now(self) -> datetime:
        return self.at

    def pass_(self, **span: float) -> None:
        self.at += timedelta(**span)


class FarSide:
    """
    A connector to a far side that remembers what it did.

    `script` holds what the next calls come to: `yes`, `no CLASS`, `lost` (did it, answer lost), `nothing`
    (did not, answer lost), `break` (raises), or a function of the call that answers one of these. An
    empty script means `yes`. It keeps idempotency keys if the tool says that it honours them. `says` is what it
    answers beside, where it is known what it did: a content with its media type.
    """

    always_honours_key = False

    def __init__(self) -> None:
        self.script: deque[Any] = deque()
        self.calls: list[str] = []
        self.written: Counter[str] = Counter()
        self.honoured: set[str] = set()
        self.says: tuple[str, bytes] | None = None
        self._lock = threading.Lock()

    def check(self, tool: dict[str, Any]) -> None:
        """Anything goes."""

    def map(self, tool: dict[str, Any], intent: Any) -> dict[str, Any]:
        return {
            "intent": intent.action_intent_id,
            "honours": tool["honours_idempotency_key"],
            "parameters": intent.parameters,
            "operation": tool.get("operation"),
        }

    def invoke(self, call: Call) -> CallResult:
        name = f"{call.intent.tenant_id}/{call.intent.action_intent_id}"
        self.calls.append(name)
        step = self.script.popleft() if self.script else "yes"
        if callable(step):
            step = step(call)
        if step in ("yes", "lost"):
            self.act(call)
        if step == "break":
            raise RuntimeError("secret-in-a-stack-trace")
        answer = _answer(step, name)
        known = self.says is not None and answer.acted != "unknown"
        return answer.changed(answer=answered(*self.says)) if known else answer

    def act(self, call: Call) -> None:
        """Do it, unless it was done under this key and keys are honoured."""
        name = f"{call.intent.tenant_id}/{call.intent.action_intent_id}"
        with self._lock:
            if call.request["honours"] and call.idempotency_key in self.honoured:
                return
            self.honoured.add(call.idempotency_key)
            self.written[name] += 1


def _answer(step: str, name: str) -> CallResult:
    if step == "yes":
        return CallResult(acted="yes", external_object_refs=[_made(name)])
    if step.startswith("no "):
        return CallResult(acted="no", error_code="REFUSED", error_class=step[3:], error_message="the far side refused")
    return CallResult(acted="unknown", error_code="TIMED_OUT", error_class="TIMEOUT", error_message="no answer")


def _made(name: str) -> ExternalObjectRef:
    return ExternalObjectRef(system="far", object_type="thing", object_id=name)


class Bus:
    """A publisher that sends. `script` holds the next receipts' outcomes; an empty one delivers."""

    def __init__(self) -> None:
        self.script: deque[Any] = deque()
        self.arrived: deque[Message] = deque()
        self.sent: list[Message] = []

    def send(self, messages: Sequence[Message]) -> list[Receipt]:
        return [self._one(message) for message in messages]

    def _one(self, message: Message) -> Receipt:
        self.sent.append(message)
        step = self.script.popleft() if self.script else DELIVERED
        if callable(step):
            step = step(message)
        # An answer that was lost does not mean that the event was.
        if step in (DELIVERED, "arrived, unconfirmed"):
            self.arrived.append(message)
        return Receipt("unconfirmed" if step == "arrived, unconfirmed" else step, "scripted")

    def take(self) -> Message | None:
        return self.arrived.popleft() if self.arrived else None


class StoreQueue:
    """The store as the workers' queue: what is due there, each once, as the event that would announce it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._seen: set[tuple[Any, ...]] = set()

    def take(self) -> Message | None:
        for case in self._world.inner.scan(CASE, self._world.tenant):
            place = case.approval_id, case.attempt and case.attempt.lease_until
            if not case.queued or case.due_at > self._world.clock.now() or place in self._seen:
                continue
            self._seen.add(place)
            history = self._world.record(chain_key(case.tenant_id, case.action_intent_id))
            return Message(approved_event(history.approval(case.approval_id)), case.publication.deliveries)
        return None


def new_id() -> str:
    return str(uuid_utils.uuid7())


def tool(**changes: Any) -> dict[str, Any]:
    return {"connector": "far", "operation": "do", "honours_idempotency_key": False, **changes}


def type_of(*, tier: str = "LOW", **tool_changes: Any) -> dict[str, Any]:
    return {"risk_tier": tier, "tool": tool(**tool_changes)}


def own_type(**changes: Any) -> dict[str, Any]:
    return {"risk_tier": "LOW", "tool": {"connector": "caller", "operation": "run", "timeout_s": 55.0}, **changes}


def bounds(tenant: str = TENANT, **changes: Any) -> dict[str, Any]:
    """Bounds under which everything that `proposal` makes is a clean yes, ten times a day."""
    return {
        "tenant": tenant,
        "action_types": {TYPE: type_of(), OTHER: type_of(honours_idempotency_key=True)},
        "allowlist": [TYPE, OTHER],
        "modes": {"default": "AUTO_EXECUTE"},
        "budget": {"max_autonomous_per_day": 10},
        **changes,
    }


def proposal(name: str | None = "i-1", tenant: str = TENANT, **changes: Any) -> dict[str, Any]:
    return {
        "action_intent_id": name,
        "tenant_id": tenant,
        "account_id": ACCOUNT,
        "action_type": TYPE,
        "target": {"entity_type": "contact", "entity_id": "c-1"},
        "parameters": {"text": "hello"},
        "confidence_score": 0.9,
        "risk_level": "LOW",
        **changes,
    }


class World:
    """One process over one store. `another()` is a second process over the same one."""

    def __init__(
        self,
        open_store: OpenStore,
        *,
        sending: bool = False,
        wrap: Callable[[Any], Any] = lambda store: store,
        clock: SetClock | None = None,
        far: FarSide | None = None,
        tenant: str = TENANT,
        notifiers: dict[str, Any] | None = None,
        console_url: str | None = None,
        fact_source: Any = None,
    ) -> None:
        self.tenant, self.fact_source = tenant, fact_source
        self._told: dict[str, Any] = {
            "notifiers": notifiers or {},
            "console_url": console_url,
            "fact_source": fact_source,
        }
        self.clock, self.far = clock or SetClock(), far or FarSide()
        self._open_store = open_store
        self.inner: Any = open_store()
        self.bus: Bus | StoreQueue = Bus() if sending else StoreQueue(self)
        self.store = wrap(self.inner)
        self.holders = 0
        self.app = self._app(sending)

    def _app(self, sending: bool, connectors: dict[str, Any] | None = None) -> App:
        own = {"far": self.far, "internal": InternalConnector(self.store), "caller": CallerConnector()}
        known = own if connectors is None else connectors
        sender = self.bus if isinstance(self.bus, Bus) and sending else None
        return App(Context(self.store, new_id, known, publishes=not sending, **self._told), self.clock, sender=sender)

    def recover(self, *, connectors: dict[str, Any] | None = None) -> None:
        """The process died: a new one opens the same store. What only the old one held in memory is gone."""
        self.store = self.inner
        sending = isinstance(self.bus, Bus)
        if not sending:
            self.bus = StoreQueue(self)
        self.app = self._app(sending, connectors)

    def restart(self) -> None:
        """A new process over the same store, wrapped as it was."""
        self.app = self._app(isinstance(self.bus, Bus))

    def racers(self) -> tuple[App, App]:
        """Two processes over the same place, whose first writers meet between what they read and what they write."""
        meeting = Meeting()
        sending = isinstance(self.bus, Bus)
        second: Any = self._open_store()
        first, second = (PausingStore(store, meeting) for store in (self.inner, second))
        sender: Any = self.bus if sending else None
        known = {"far": self.far, "caller": CallerConnector()}

        def process(store: Store) -> App:
            return App(Context(store, new_id, known, publishes=not sending, **self._told), self.clock, sender=sender)

        return process(first), process(second)

    def race(self, one: Callable[[App], Any], other: Callable[[App], Any]) -> tuple[Any, Any]:
        """What each answers, or raises."""
        first, second = self.racers()
        return both(lambda: one(first), lambda: other(second))

    # --- what an agent, a person and a worker do ---

    def apply(self, **changes: Any) -> None:
        self.app.apply(bounds(self.tenant, **changes), by="ann")

    def propose(self, name: str = "i-1", **changes: Any) -> Any:
        (intent,) = self.app.propose([proposal(name, **{"tenant": self.tenant, **changes})])
        return _raised(intent)

    def gate(self, name: str = "i-1", *, tenant: str | None = None, account: str = ACCOUNT) -> GateAnswer:
        (answer,) = self.app.gate([GateRequest(name, tenant or self.tenant, account)])
        return _raised(answer)

    def submit(self, name: str | None = "i-1", **changes: Any) -> GateAnswer:
        (answer,) = self.app.submit([proposal(name, **{"tenant": self.tenant, **changes})])
        return _raised(answer)

    def reserve(self, name: str = "i-1", **changes: Any) -> GateAnswer:
        """Approved by policy and charged, and not yet published."""
        aside = App(Context(self.inner, new_id, {}), self.clock, publishing=False)
        (answer,) = aside.submit([proposal(name, **{"tenant": self.tenant, **changes})])
        return _raised(answer)

    def queued(self, name: str = "i-1", **changes: Any) -> GateAnswer:
        """An intent that waits for a person: its confidence is too low."""
        return self.submit(name, **{"confidence_score": 0.1, **changes})

    def approve(self, name: str = "i-1", *, by: str = "bob") -> Any:
        digest = self.app.intent(self.tenant, name).digest
        return self.app.approve(self.tenant, name, by=by, digest=digest)

    def stop(self, level: str = "autonomy", **scope: Any) -> None:
        """Whether or not what is stopped was ever seen."""
        meant = StopScope(**{"tenant_id": self.tenant, **scope})
        self.app.stop(meant, by="ann", reason="incident", level=level, even_if_unknown=True)

    def resume(self, level: str = "autonomy", **scope: Any) -> None:
        self.app.resume(StopScope(**{"tenant_id": self.tenant, **scope}), by="ann", reason="over", level=level)

    def executor(self) -> execute.Executor:
        self.holders += 1
        return self.app.executor(f"w-{self.holders}")

    def run(self, message: Message, step: Callable[..., Any] | None = None) -> str | None:
        return execute.run(self.executor(), message.data, step or _plain_step, lambda s: self.clock.pass_(seconds=s))

    def run_at_once(self, message: Message) -> str | None:
        """As a function does it that is called, and called again after each pause."""
        executor = self.executor()
        while "retry_in_s" in (answer := executor.at_once(message.data)):
            self.clock.pass_(seconds=answer["retry_in_s"])
        status: str | None = answer["status"]
        return status

    def work(self) -> list[str | None]:
        """Carry out everything that was delivered, or is queued."""
        if isinstance(self.bus, StoreQueue):
            return self.work_queue()
        done = []
        while (message := self.bus.take()) is not None:
            done.append(self.run(message))
        return done

    def work_queue(self) -> list[str | None]:
        """Take what the store queues, call and settle, as a worker does; a pause between two calls passes at once."""
        done: list[str | None] = []
        while True:
            self.holders += 1
            taken = self.app.take(10, f"w-{self.holders}")
            if not taken:
                return done
            taken = [self.app.look_again(each) if isinstance(each, execute.Held) else each for each in taken]
            done += [each.status for each in taken if isinstance(each, execute.Ended)]
            calls = [each for each in taken if isinstance(each, execute.Taken)]
            results = [result for piece in execute.work_of(calls) for result in self.app.carry_out(piece)]
            calls = [each for piece in execute.work_of(calls) for each in piece]
            statuses = self.app.settle(list(zip(calls, results, strict=True)))
            for each, status in zip(calls, statuses, strict=True):
                case = self.record(each.keys.case)
                if status is None and case.queued:
                    self.clock.at = max(self.clock.at, case.due_at)
                else:
                    done.append(status)

    def take_and_act(self) -> None:
        """Take what the store queues, and do what acts in this very store in that write, as a worker does."""
        self.holders += 1
        self.app.take(10, f"w-{self.holders}", act_in_store=True)

    def settle(self, rounds: int = 60) -> None:
        """Reconcile and work, with time passing, until Remit has nothing left to move on."""
        for _ in range(rounds):
            self.work()
            self.app.reconcile()
            self.work()
            if not self.inner.busy():
                return
            self.clock.pass_(seconds=40)
        raise AssertionError(f"still busy: {self.statuses()}")

    # --- what is seen from outside ---

    def status(self, name: str = "i-1", *, tenant: str | None = None) -> str:
        return self.app.status(tenant or self.tenant, name)["status"]

    def statuses(self) -> dict[str, str]:
        return {case.action_intent_id: case.status for case in self.inner.scan(CASE, self.tenant)}

    def events(self, name: str = "i-1") -> list[str]:
        return [entry["event_type"] for entry in self.app.ledger(self.tenant, name)]

    def used(self, *, tenant: str | None = None, account: str = ACCOUNT) -> int:
        """What is charged to an account today."""
        (of_account,) = self.app.usage(tenant or self.tenant, account_id=account)["accounts"]
        return of_account["used"]

    def of_type(self, action_type: str = TYPE, *, account: str = ACCOUNT) -> int:
        """What is charged to an account today for one action type."""
        (of_account,) = self.app.usage(self.tenant, account_id=account)["accounts"]
        return of_account["per_action_type"].get(action_type, {"used": 0})["used"]

    def state(self, name: str = "i-1") -> Any:
        """The publication state as the record that the contract names."""
        with suppress(NotFound):
            return self.app.auto_exec_state(self.tenant, name)
        return None

    def case(self, name: str = "i-1") -> Any:
        return self.record(case_key(self.tenant, name))

    def outcome(self, name: str = "i-1") -> Any:
        return self.history(name).outcome

    def attempt(self, name: str = "i-1") -> Any:
        return self.case(name).attempt

    def history(self, name: str = "i-1") -> Any:
        """The intent's chain, read as records."""
        return self.record(chain_key(self.tenant, name))

    def written(self, name: str = "i-1") -> int:
        """How often the far side did it."""
        return self.far.written[f"{self.tenant}/{name}"]

    def called(self, name: str = "i-1") -> int:
        """How often the far side was asked."""
        return self.far.calls.count(f"{self.tenant}/{name}")

    def record(self, key: Key[Any]) -> Any:
        return self.inner.read([key]).get(key)

    def assert_sound(self, tenant: str | None = None, *, export: bool = True) -> None:
        """The invariants hold, live and exported, and what is stored is what the ledger says."""
        tenant = tenant or self.tenant
        report = self.app.verify(tenant)
        assert report.ok, [str(finding) for finding in report.findings]
        assert report.tenant_id == tenant
        if export:
            exported = verify_export(self.app.export(tenant))
            assert exported.ok, [str(finding) for finding in exported.findings]
            assert exported.sealed
        cases = self.inner.scan(CASE, tenant)
        self._assert_counters(tenant, cases)
        for case in cases:
            self._assert_told(case)

    def _assert_counters(self, tenant: str, cases: list[Any]) -> None:
        """Counted anew from the approvals, by nothing but addition."""
        charged: Counter[str] = Counter()
        for case in cases:
            publication = case.publication
            if publication and publication.approval_source == "POLICY" and publication.status != "RELEASED":
                history = self.record(chain_key(tenant, case.action_intent_id))
                approval = history.approval(publication.approval_id)
                charged.update({charge.window_id: charge.units_taken for charge in approval.charges})
        counted: Counter[str] = Counter()
        for usage in self.inner.scan(USAGE, tenant):
            counted.update({window_id: counter.used for window_id, counter in usage.windows().items()})
        # One that is long over need not be counted any more; where it is, it is counted right.
        kept = {window for window in charged if window >= kept_from(self.clock.now())}
        for window in kept | set(counted):
            assert counted[window] == charged[window], window

    def _assert_told(self, case: Any) -> None:
        entries = self.inner.chain(case.tenant_id, case.action_intent_id)
        assert case.chain == entries[-1].head
        assert case.status == _told_status(entries), (case.status, [entry.event_type for entry in entries])
        outcome = self.record(chain_key(case.tenant_id, case.action_intent_id)).outcome
        told = [e.data["outcome"] for e in entries if e.event_type in _ENDS]
        assert told == ([outcome.wire()] if outcome else [])
        attempt = case.attempt
        assert (attempt is not None) == any(entry.event_type == "EXECUTION_STARTED" for entry in entries)
        if outcome is not None:
            assert attempt.status == outcome.status


_ENDS = {
    "ACTION_EXECUTED": "SUCCEEDED",
    "ACTION_FAILED": "FAILED",
    "ACTION_UNKNOWN": "UNKNOWN",
    "EXECUTION_CANCELLED": "CANCELLED",
}
_TURNS = {
    "INTENT_PROPOSED": "PROPOSED",
    "ACTION_APPROVED": "APPROVED",
    "ACTION_REJECTED": "REJECTED",
    "INTENT_SUPERSEDED": "SUPERSEDED",
    "EXECUTION_STARTED": "RUNNING",
    "INTENT_EXPIRED": "EXPIRED",
    "INTENT_WITHDRAWN": "WITHDRAWN",
    **_ENDS,
}


def _told_status(entries: Sequence[Any]) -> str:
    """The status that a chain, read alone, ends in."""
    status = ""
    for entry in entries:
        if entry.event_type == "GATE_DECIDED":
            status = "BLOCKED" if entry.data["policy_decision"] == "BLOCK" else "AWAITING_APPROVAL"
        elif entry.event_type == "BUDGET_RELEASED" and status == "APPROVED":
            status = "AWAITING_APPROVAL"
        elif entry.event_type == "OUTCOME_RESOLVED":
            status = entry.data["outcome"]["status"]
        else:
            status = _TURNS.get(entry.event_type, status)
    return status


def _plain_step(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)


def _raised(answer: Any) -> Any:
    if isinstance(answer, Exception):
        raise answer
    return answer


_NOT_OURS = object()


class OneTenant(StoreWrapper):
    """A store that many tests share, as one tenant's worker sees it."""

    def __init__(self, inner: Store, tenant: str) -> None:
        super().__init__(inner)
        self.tenant = tenant

    def due(self, now: datetime, limit: int) -> list[Any]:
        return [case for case in self.inner.due(now, 100_000) if case.tenant_id == self.tenant][:limit]

    def claim(self, wanted: Claim, unit_for: Callable[[Any], UnitOfWork[Any]]) -> list[Any]:
        def own(case: Any) -> UnitOfWork[Any]:
            return unit_for(case) if case.tenant_id == self.tenant else UnitOfWork([], lambda _: Writes(_NOT_OURS))

        answers = self.inner.claim(replace(wanted, places=Places(100_000), limit=100_000), own)
        return [answer for answer in answers if answer is not _NOT_OURS]

    def busy(self, runnable: Runnable | None = None) -> bool:
        found = self.inner.cases(self.tenant, CaseFilter(statuses=sorted(MOVING)), None, 1000)
        return any(case.moving for case in found)


def both(first: Callable[[], Any], second: Callable[[], Any]) -> tuple[Any, Any]:
    """Two threads that begin at once; what either raises is its answer."""
    barrier = threading.Barrier(2)
    answers: list[Any] = [None, None]

    def one(place: int, act: Callable[[], Any]) -> None:
        barrier.wait(PATIENCE_S)
        try:
            answers[place] = act()
        except Exception as error:
            answers[place] = error

    threads = [threading.Thread(target=one, args=pair) for pair in enumerate((first, second))]
    for thread in threads:
        thread.start()
    for thread in threads:
        ended(thread)
    return answers[0], answers[1]
