"""
The crash matrix: every write of every step, and a failure placed before it, after it and in its place.

A step's writes are counted in a clean run. Then, for each of them and each fault, the step is run in a
fresh tenant until the fault; a new process over the same store, which has nothing that the old one held in
memory, reconciles and works until nothing is left to do, with and without the caller sending again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any, get_args

from remit.core.errors import Conflict, NotFound, NotInThatState, OutcomeUnknown, TryLater
from remit.core.records import (
    CASE,
    DELIVERY,
    INTERNAL_OBJECT,
    OUTBOX,
    PRIVATE_VALUES,
    SUBSCRIPTION,
    delivery_key,
    result_key,
)
from remit.flow.execute import Held
from remit.flow.execute.common import Ref
from remit.flow.execute.preflight import before_call
from remit.ports import REFUSED, UNCONFIRMED, Store
from remit.testing.faults import Crash, Fault, FaultyStore
from remit.testing.samples import putting

from .notified import Receiver
from .world import NOON, OTHER, OWN, TYPE, OneTenant, World, bounds, own_type, proposal, type_of

FAULTS: tuple[Fault, ...] = get_args(Fault)
INTERNAL = "ADD_NOTE"
PRIVATE = "WRITE_TO_CUSTOMER"
PAY = "PAY"
BY_TWO = "CLOSE_ACCOUNT"
"""What takes two people."""
CHECKED, OWN_CHECKED = "REFUND_ORDER", "REFUND_ORDER_ITSELF"
"""Looked up again before the call."""
SOON = NOON.replace(hour=13).isoformat()
_tenants = count(1)


@dataclass
class Run:
    """One world with one intent on its way, and what a step needs from the step before it."""

    world: World
    action_type: str = TYPE
    message: Any = None
    executor: Any = None
    ref: Any = None
    result: Any = None
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def tenant(self) -> str:
        return self.world.tenant

    @property
    def fields(self) -> dict[str, Any]:
        """What a proposal of this run's says."""
        paid = {"parameters": {"text": "hello", "amount": "12.50"}} if self.action_type == PAY else {}
        return {"action_type": self.action_type, **paid}

    def submit(self, **changes: Any) -> Any:
        return self.world.submit(**self.fields, **changes)


@dataclass(frozen=True)
class Step:
    """
    `prepare` brings an intent to the step, `act` is the step, `again` is its caller sending once more.

    `ends` are the statuses that `i-1` may have in the end; `charged` is what today's budget may then hold, and `holds`
    asserts whatever else must be so. `takes` from the store's own queue, where it has one.
    """

    name: str
    prepare: Callable[[Run], Any]
    act: Callable[[Run], Any]
    ends: str = "SUCCEEDED"
    charged: tuple[int, ...] = (1,)
    sending: bool = False
    takes: bool = False
    action_type: str = TYPE
    again: Callable[[Run], Any] | None = None
    holds: Callable[[Run], Any] = lambda _: None


# --- the ways to a step ---


def nothing(_: Run) -> None:
    """The step begins from nothing."""


def queued(run: Run) -> None:
    run.world.queued(**run.fields)


def reserved(run: Run) -> None:
    run.world.reserve(**run.fields)
    run.world.clock.pass_(seconds=5)


def in_the_queue(run: Run) -> None:
    run.submit()


def taken_and_abandoned(run: Run) -> None:
    """A worker took it and marked its call, and died; its lease has run out."""
    run.submit()
    assert run.world.app.take(1, "w-dead")
    run.world.clock.pass_(minutes=2)


def delivered(run: Run) -> None:
    run.submit()
    run.message = run.world.bus.take()


def started(run: Run) -> None:
    delivered(run)
    run.executor = run.world.executor()
    run.ref = run.executor.start(run.message.data)


def mapped(run: Run) -> None:
    started(run)
    run.executor.preflight(run.ref)
    run.result = run.executor.map(run.ref)


def called(run: Run) -> None:
    mapped(run)
    run.result = run.executor.invoke(run.ref, run.result["request"])


def abandoned(run: Run) -> None:
    """A worker marked its call, and died; its lease has run out."""
    mapped(run)
    before_call(run.executor.worker, Ref(**run.ref), mark_for_s=1)
    run.world.clock.pass_(minutes=2)


def noted(run: Run) -> None:
    """A worker called, noted the answer, and died before it recorded the outcome."""
    called(run)
    run.world.clock.pass_(minutes=2)


def held_and_abandoned(run: Run) -> None:
    """A worker took it, looked up what it depends on, and died before it marked the call; its lease has run out."""
    run.submit()
    (held,) = run.world.app.take(1, "w-dead")
    assert isinstance(held, Held)
    run.world.clock.pass_(minutes=2)


def changed_since(run: Run) -> None:
    delivered(run)
    run.world.fact_source.says = b'{"total": 980}'


def changed_in_the_queue(run: Run) -> None:
    in_the_queue(run)
    run.world.fact_source.says = b'{"total": 980}'


def in_doubt(run: Run) -> None:
    run.world.far.script += ["lost"]
    run.submit()
    run.world.work()


def stopped(run: Run) -> None:
    delivered(run)
    run.world.stop()


def refused(run: Run) -> None:
    reserved(run)
    run.world.bus.script += [REFUSED] * 20


def unconfirmed(run: Run) -> None:
    """It arrives, and nobody says so; it was sent once more before that, and lost."""
    reserved(run)
    run.world.bus.script += [UNCONFIRMED, "arrived, unconfirmed"]
    for _ in range(2):
        run.world.app.reconcile()
        run.world.clock.pass_(seconds=5)


def unreachable(run: Run) -> None:
    """The bus does not answer the next time."""
    reserved(run)
    run.world.bus.script += [UNCONFIRMED]


def waits_until_too_late(run: Run) -> None:
    run.world.queued(expires_at=SOON)
    run.world.clock.pass_(hours=2)


def reserved_until_too_late(run: Run) -> None:
    run.world.reserve(expires_at=SOON, **run.fields)
    run.world.clock.pass_(hours=2)


def published_until_too_late(run: Run) -> None:
    run.submit(expires_at=SOON)
    run.notes["message"] = run.world.bus.take()
    run.world.clock.pass_(hours=2)


def begun(run: Run) -> None:
    """Its caller was permitted to act, and did."""
    run.submit()
    run.notes["permit"] = run.world.app.begin(run.tenant, "i-1", by="agent", key="call-1").permit
    run.world.far.written[f"{run.tenant}/i-1"] += 1


def over(run: Run) -> None:
    """The permit's lease is over."""
    begun(run)
    run.world.clock.pass_(seconds=60)


def lapsed(run: Run) -> None:
    over(run)
    run.world.app.reconcile()


def stopped_approved(run: Run) -> None:
    run.submit()
    run.world.stop()


def shown_to_people(run: Run) -> None:
    """It ran alone, and is among those that people judge afterwards."""
    run.submit()
    run.world.settle()


def answered_by_its_tool(run: Run) -> None:
    """It ran, and what its tool answered is kept."""
    run.world.far.says = ("text/plain", b"hello")
    shown_to_people(run)


def kept_long_enough(run: Run) -> None:
    answered_by_its_tool(run)
    run.world.clock.pass_(days=8)


def approved_for_now(run: Run) -> None:
    """Approved by somebody who may take it back."""
    queued(run)
    approve_for_now(run)


def approved_by_one_of_two(run: Run) -> None:
    queued(run)
    run.world.approve()


def questioned(run: Run) -> None:
    queued(run)
    ask(run)


def subscribed(run: Run) -> None:
    """Somebody is told, a message is on its way, and one was delivered."""
    subscribe(run)
    on_its_way = run.world.app.test_subscription(run.tenant, "ops", by="ann")
    delivered_before = on_its_way.changed(delivery_id="d-1", status="DELIVERED")
    at = delivery_key(run.tenant, delivered_before)
    run.world.inner.transact([putting((at, delivered_before))])


def given_a_key(run: Run) -> None:
    run.notes["key"] = run.world.app.create_key(run.tenant, NEW_KEY, by="ann")


# --- the steps ---


def propose(run: Run) -> None:
    run.world.propose(**run.fields)


def gate(run: Run) -> None:
    run.world.gate()


def submit_many(run: Run) -> None:
    run.world.app.submit(
        [
            proposal(f"i-{number}", run.tenant, confidence_score=score)
            for number, score in enumerate((0.9, 0.1, 0.9), start=1)
        ]
    )


def reconcile(run: Run) -> None:
    run.world.app.reconcile()


def approve(run: Run) -> None:
    run.world.approve()


def reject(run: Run) -> None:
    run.world.app.reject(run.tenant, "i-1", by="bob")


def edit(run: Run) -> None:
    run.world.app.edit(run.tenant, "i-1", by="bob", changes={"parameters.text": "better"})


def edited(run: Run) -> None:
    queued(run)
    edit(run)


def asked_under_tighter_bounds(run: Run) -> None:
    """What waits, and would run under the bounds as they are now."""
    run.world.app.apply(_bounds(run, modes={}), by="ann")
    run.submit()
    run.world.app.apply(_bounds(run), by="ann")


def decide_again(run: Run) -> None:
    run.world.app.decide_again(run.tenant, ["i-1"], by="bob")


def withdraw(run: Run) -> None:
    run.world.app.withdraw(run.tenant, "i-1", by="agent")


def begin(run: Run) -> None:
    run.world.app.begin(run.tenant, "i-1", by="agent", key="call-1")


def submit_and_begin(run: Run) -> None:
    run.world.app.submit_and_begin(proposal("i-1", run.tenant, action_type=run.action_type), key="call-1")


def finish(run: Run) -> None:
    approval_id = run.notes["permit"].approval_id
    run.world.app.finish(run.tenant, "i-1", by="agent", approval_id=approval_id, acted="yes")


def renew(run: Run) -> None:
    run.world.app.renew(run.tenant, "i-1", by="agent", approval_id=run.notes["permit"].approval_id)


def renew_again(run: Run) -> None:
    """Who gets no answer tries again, and is told if it lapsed meanwhile."""
    try:
        renew(run)
    except Conflict:
        assert run.world.status() == "UNKNOWN"


def execute_own(run: Run, key: str = "call-1") -> None:
    """As a caller does that asks again for what it got no answer to, under the same key."""
    app = run.world.app
    permit = _until_answered(lambda: app.begin(run.tenant, "i-1", by="agent", key=key)).permit
    if permit is not None:
        run.world.far.written[f"{run.tenant}/i-1"] += 1
        run.notes["permit"] = permit
        _until_answered(lambda: finish(run))


def execute_own_anew(run: Run) -> None:
    """Another process of the caller's, which knows nothing of the first."""
    execute_own(run, "call-2")


def _until_answered(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except (TryLater, OutcomeUnknown):
        return ask()


def edit_again(run: Run) -> None:
    """The person who gets no answer tries again, and is told if the first edit was taken."""
    try:
        edit(run)
    except Conflict:
        assert run.world.status() == "SUPERSEDED"


def supersede(run: Run) -> None:
    run.world.submit("i-2", supersedes="i-1")


def submit(run: Run) -> None:
    run.submit()


def judge(run: Run) -> None:
    """The no that stops its type."""
    run.world.app.judge(run.tenant, "i-1", by="bob", right=False)


def erase(run: Run) -> None:
    run.world.app.erase(run.tenant, "i-1", by="bob", reason="asked for")
    assert not list(run.world.inner.records(PRIVATE_VALUES, run.tenant))


def told_if_done(act: Callable[[Run], Any]) -> Callable[[Run], None]:
    """Who gets no answer tries again, and is told if it is done already."""

    def again(run: Run) -> None:
        with suppress(Conflict, NotInThatState, NotFound):
            act(run)

    return again


def approve_for_now(run: Run) -> None:
    digest = run.world.app.intent(run.tenant, "i-1").digest
    run.world.app.approve(run.tenant, "i-1", by="bob", digest=digest, undo_for_s=5)


def undo(run: Run) -> None:
    run.world.app.undo(run.tenant, "i-1", by="bob")


def approve_as_another(run: Run) -> None:
    run.world.approve(by="carol")


def ask(run: Run) -> None:
    run.world.app.ask(run.tenant, "i-1", by="bob", text="Which order?")


def supplement(run: Run) -> None:
    run.world.app.supplement(run.tenant, "i-1", by="agent", text="Order 17.")


def assign(run: Run) -> None:
    run.world.app.assign(run.tenant, "i-1", by="bob", to="zoe")


def hand_over(run: Run) -> None:
    run.world.app.hand_over(run.tenant, by="zoe", to="bob", until=run.world.clock.at + timedelta(days=1))


def erase_result(run: Run) -> None:
    run.world.app.erase_result(run.tenant, "i-1", by="ann", reason="asked for")


def create_key(run: Run) -> None:
    run.world.app.create_key(run.tenant, NEW_KEY, by="ann")


def revoke_key(run: Run) -> None:
    key, _ = run.notes["key"]
    run.world.app.revoke_key(run.tenant, key.key_id, by="ann")


def subscribe(run: Run) -> None:
    asked = {"channel": "webhook", "url": "https://hooks.example.com/in", "signing_secret": "${HOOK_SECRET}"}
    run.world.app.set_subscription(run.tenant, "ops", asked, by="ann")


def unsubscribe(run: Run) -> None:
    run.world.app.remove_subscription(run.tenant, "ops", by="ann")


# --- what else must be so in the end ---


def each_voted_once(run: Run) -> None:
    votes = [
        entry["actor"] for entry in run.world.app.ledger(run.tenant, "i-1") if entry["event_type"] == "APPROVAL_VOTED"
    ]
    assert len(votes) == len(set(votes)), votes


def undone_or_approved(run: Run) -> None:
    events = run.world.events()
    undone = events.count("BUDGET_RELEASED")
    assert undone <= 1 and (run.world.status() == "AWAITING_APPROVAL") == (undone == 1), events
    assert run.world.called() == 1 - undone


def answered_once(run: Run) -> None:
    assert run.world.events().count("QUESTION_ANSWERED") <= 1


def assigned_once(run: Run) -> None:
    assert run.world.events().count("CARD_ASSIGNED") <= 1


def erased_by_time(run: Run) -> None:
    assert run.world.record(result_key(run.tenant, "i-1")) is None
    assert "CONTENT_ERASED" not in run.world.events()


def erased_as_told(run: Run) -> None:
    told = run.world.events().count("CONTENT_ERASED")
    assert told <= 1
    assert (run.world.record(result_key(run.tenant, "i-1")) is None) == (told == 1)


def keys_as_told(run: Run) -> None:
    """Each key has its entry, and each entry its key: whoever lost the text of one finds it, and revokes it."""
    told = [entry.data for entry in run.world.inner.chain(run.tenant, None) if entry.event_type == "KEY_CHANGED"]
    keys = run.world.app.keys(run.tenant)
    assert len(keys) == sum(data["change"] == "CREATED" for data in told)
    assert sum(key.revoked_at is not None for key in keys) == sum(data["change"] == "REVOKED" for data in told)


def subscribed_as_told(run: Run) -> None:
    """What a process left behind goes with the next one of its name."""
    told = [e.data["change"] for e in run.world.inner.chain(run.tenant, None) if e.event_type == "SUBSCRIPTION_CHANGED"]
    there = [each.subscription_id for each in run.world.app.subscriptions(run.tenant)]
    assert there == ([] if told[-1:] in ([], ["REMOVED"]) else ["ops"]), told
    subscribe(run)
    unsubscribe(run)
    left = [kind.name for kind in (SUBSCRIPTION, OUTBOX, DELIVERY) if run.world.inner.scan(kind, run.tenant)]
    assert not left, left


def resolve(run: Run) -> None:
    run.world.app.resolve(run.tenant, "i-1", by="bob", status="SUCCEEDED")


def start(run: Run) -> None:
    run.world.executor().start(run.message.data)


def preflight(run: Run) -> None:
    run.executor.preflight(run.ref)


def invoke(run: Run) -> None:
    run.executor.invoke(run.ref, run.result["request"])


def record(run: Run) -> None:
    run.executor.record(run.ref, run.result)


def execute(run: Run) -> None:
    run.world.run(run.message)


def execute_after_refusals(run: Run) -> None:
    _refuse_twice(run)
    run.world.run(run.message)


def at_once(run: Run) -> None:
    run.world.run_at_once(run.message)


def at_once_after_refusals(run: Run) -> None:
    _refuse_twice(run)
    run.world.run_at_once(run.message)


def _refuse_twice(run: Run) -> None:
    if not run.notes:
        run.world.far.script += ["no RATE_LIMIT", "no DOWNSTREAM"]
        run.notes["scripted"] = True


def take_and_settle(run: Run) -> None:
    run.world.work()


def take_and_act(run: Run) -> None:
    run.world.take_and_act()


def apply(run: Run) -> None:
    run.world.app.apply(_bounds(run, budget={"max_autonomous_per_day": 3}), by="ann")


def stop(run: Run) -> None:
    run.world.stop()


def resume(run: Run) -> None:
    run.world.resume()


def export(run: Run) -> None:
    list(run.world.app.export(run.tenant))


NEW_KEY = {"name": "ann", "roles": ["operator"]}
LIMITS = [
    {"name": "busy", "most": 50, "per": "minute", "of": "account"},
    {
        **{"name": "money", "sum": "amount", "unit": "EUR", "most": 30, "per": "month", "of": "tenant"},
        "action_types": [PAY],
    },
]
"""One that everything counts against, and a sum that has room for two payments."""
ENDED = "SUCCEEDED"
OWN_ENDS = "SUCCEEDED UNKNOWN APPROVED"
STEPS = [
    Step("propose", nothing, propose, ends=f"{ENDED} none", charged=(0, 1)),
    Step("gate", propose, gate),
    Step("gate, to a person", lambda run: run.world.propose(confidence_score=0.1), gate, "AWAITING_APPROVAL", (0,)),
    Step("propose and gate three", nothing, submit_many, ends=f"{ENDED} none", charged=(0, 2)),
    Step("propose, private", nothing, propose, ends=f"{ENDED} none", charged=(0, 1), action_type=PRIVATE),
    Step("propose and gate, private", nothing, submit, ends=f"{ENDED} none", charged=(0, 1), action_type=PRIVATE),
    Step("gate, private", propose, gate, action_type=PRIVATE),
    Step("gate, a sum", propose, gate, action_type=PAY),
    Step("propose and gate, a sum", nothing, submit, ends=f"{ENDED} none", charged=(0, 1), action_type=PAY),
    Step("release a sum after a refusal", refused, reconcile, "AWAITING_APPROVAL", (0,), sending=True, action_type=PAY),
    Step("withdraw, a sum", reserved, withdraw, ends=f"WITHDRAWN {ENDED}", charged=(0, 1), action_type=PAY),
    Step("expire, a sum", reserved_until_too_late, reconcile, ends="EXPIRED", charged=(0,), action_type=PAY),
    Step("cancel a sum, stopped", stopped, execute, ends="CANCELLED", charged=(0,), action_type=PAY),
    Step("publish in the store", reserved, reconcile),
    Step("publish, sent", reserved, reconcile, sending=True),
    Step("publish, sent, unconfirmed", unreachable, reconcile, sending=True),
    Step("publish, sent again", unconfirmed, reconcile, sending=True),
    Step("release after a refusal", refused, reconcile, "AWAITING_APPROVAL", (0,), sending=True),
    Step("approve", queued, approve, ends=f"{ENDED} AWAITING_APPROVAL", charged=(0,)),
    Step("approve, sent", queued, approve, ends=f"{ENDED} AWAITING_APPROVAL", charged=(0,), sending=True),
    Step("reject", queued, reject, ends="REJECTED AWAITING_APPROVAL", charged=(0,)),
    Step("edit", queued, edit, ends="SUPERSEDED AWAITING_APPROVAL", charged=(0,), again=edit_again),
    Step("withdraw, waiting", queued, withdraw, ends="WITHDRAWN AWAITING_APPROVAL", charged=(0,)),
    Step("withdraw, undecided", propose, withdraw, ends=f"WITHDRAWN {ENDED}", charged=(0, 1)),
    Step("withdraw, reserved", reserved, withdraw, ends=f"WITHDRAWN {ENDED}", charged=(0, 1)),
    Step("withdraw, published", in_the_queue, withdraw, ends=f"WITHDRAWN {ENDED}", charged=(0, 1)),
    Step("withdraw, edited", edited, withdraw, ends="SUPERSEDED", charged=(0,)),
    Step("supersede", queued, supersede, ends="SUPERSEDED AWAITING_APPROVAL", charged=(0, 1)),
    Step("decide again", asked_under_tighter_bounds, decide_again, "SUPERSEDED AWAITING_APPROVAL", (0, 1)),
    Step("resolve", in_doubt, resolve, ends="SUCCEEDED UNKNOWN"),
    Step("record, sampled", called, record, action_type=PAY),
    Step("judge, and stop", shown_to_people, judge, action_type=PAY),
    Step("approve, to be taken back", queued, approve_for_now, f"{ENDED} AWAITING_APPROVAL", (0,)),
    Step(
        "undo",
        approved_for_now,
        undo,
        f"{ENDED} AWAITING_APPROVAL",
        (0,),
        again=told_if_done(undo),
        holds=undone_or_approved,
    ),
    Step(
        "approve, the first of two",
        queued,
        approve,
        "AWAITING_APPROVAL",
        (0,),
        action_type=BY_TWO,
        holds=each_voted_once,
    ),
    Step(
        "approve, the last of two",
        approved_by_one_of_two,
        approve_as_another,
        f"{ENDED} AWAITING_APPROVAL",
        (0,),
        action_type=BY_TWO,
        holds=each_voted_once,
    ),
    Step("ask", queued, ask, "AWAITING_APPROVAL", (0,)),
    Step(
        "answer a question",
        questioned,
        supplement,
        "AWAITING_APPROVAL",
        (0,),
        again=told_if_done(supplement),
        holds=answered_once,
    ),
    Step("assign", queued, assign, "AWAITING_APPROVAL", (0,), holds=assigned_once),
    Step("hand a queue over", queued, hand_over, "AWAITING_APPROVAL", (0,)),
    Step("erase a result", answered_by_its_tool, erase_result, holds=erased_as_told),
    Step("erase a result whose time is over", kept_long_enough, reconcile, charged=(0,), holds=erased_by_time),
    Step("make a key", nothing, create_key, "none", (0,), holds=keys_as_told),
    Step("revoke a key", given_a_key, revoke_key, "none", (0,), holds=keys_as_told),
    Step("subscribe", nothing, subscribe, "none", (0,), holds=subscribed_as_told),
    Step(
        "unsubscribe", subscribed, unsubscribe, "none", (0,), again=told_if_done(unsubscribe), holds=subscribed_as_told
    ),
    Step("erase", queued, erase, ends="AWAITING_APPROVAL", charged=(0,), action_type=PRIVATE),
    Step("start", delivered, start),
    Step("preflight", started, preflight),
    Step("cancel, stopped", stopped, execute, ends="CANCELLED", charged=(0,)),
    Step("invoke: mark and note", mapped, invoke, ends="SUCCEEDED UNKNOWN"),
    Step("invoke, key honoured", mapped, invoke, action_type=OTHER),
    Step("record", called, record),
    Step("execute", delivered, execute, ends="SUCCEEDED UNKNOWN"),
    Step("execute, key honoured", delivered, execute, action_type=OTHER),
    Step("execute, refused twice", delivered, execute_after_refusals, ends="SUCCEEDED UNKNOWN"),
    Step("execute, internal note", delivered, execute, action_type=INTERNAL),
    Step("at once", delivered, at_once, ends="SUCCEEDED UNKNOWN"),
    Step("at once, key honoured", delivered, at_once, action_type=OTHER),
    Step("at once, refused twice", delivered, at_once_after_refusals, ends="SUCCEEDED UNKNOWN"),
    Step("at once, internal note", delivered, at_once, action_type=INTERNAL),
    Step("at once, stopped", stopped, at_once, ends="CANCELLED", charged=(0,)),
    Step("at once, of a dead run", abandoned, at_once, ends="UNKNOWN"),
    Step("at once, of a dead run, key honoured", abandoned, at_once, action_type=OTHER),
    Step("take over, call unanswered", abandoned, execute, ends="UNKNOWN"),
    Step("take over, key honoured", abandoned, execute, action_type=OTHER),
    Step("take over, answer noted", noted, execute),
    Step("take and settle", in_the_queue, take_and_settle, ends="SUCCEEDED UNKNOWN", takes=True),
    Step("take and settle, key honoured", in_the_queue, take_and_settle, takes=True, action_type=OTHER),
    Step("take and settle, internal note", in_the_queue, take_and_settle, takes=True, action_type=INTERNAL),
    Step("take and act in one write, internal note", in_the_queue, take_and_act, takes=True, action_type=INTERNAL),
    Step("take what a dead worker took", taken_and_abandoned, take_and_settle, ends="UNKNOWN", takes=True),
    Step("the same, key honoured", taken_and_abandoned, take_and_settle, takes=True, action_type=OTHER),
    Step("execute, looked up again", delivered, execute, ends="SUCCEEDED UNKNOWN", action_type=CHECKED),
    Step("execute, changed since", changed_since, execute, "CANCELLED", (0,), action_type=CHECKED),
    Step("at once, looked up again", delivered, at_once, ends="SUCCEEDED UNKNOWN", action_type=CHECKED),
    Step("at once, changed since", changed_since, at_once, "CANCELLED", (0,), action_type=CHECKED),
    Step("take, look up again", in_the_queue, take_and_settle, "SUCCEEDED UNKNOWN", takes=True, action_type=CHECKED),
    Step("take, changed since", changed_in_the_queue, take_and_settle, "CANCELLED", (0,), False, True, CHECKED),
    Step(
        "take what a dead worker held",
        held_and_abandoned,
        take_and_settle,
        ends="SUCCEEDED UNKNOWN",
        takes=True,
        action_type=CHECKED,
    ),
    Step("begin, looked up again", in_the_queue, begin, "UNKNOWN APPROVED", action_type=OWN_CHECKED),
    Step("begin, changed since", changed_in_the_queue, begin, "CANCELLED APPROVED", (0, 1), action_type=OWN_CHECKED),
    Step("propose and begin, looked up", nothing, submit_and_begin, "UNKNOWN none", (0, 1), action_type=OWN_CHECKED),
    Step("expire, waiting", waits_until_too_late, reconcile, ends="EXPIRED", charged=(0,)),
    Step("expire, reserved", reserved_until_too_late, reconcile, ends="EXPIRED", charged=(0,)),
    Step("expire, published", published_until_too_late, reconcile, ends="EXPIRED", charged=(0,)),
    Step("withdraw, its caller's", in_the_queue, withdraw, "WITHDRAWN APPROVED", (0, 1), action_type=OWN),
    Step("begin", in_the_queue, begin, "UNKNOWN APPROVED", action_type=OWN),
    Step("begin, reserved", reserved, begin, "UNKNOWN APPROVED", action_type=OWN),
    Step("begin, sent", delivered, begin, "UNKNOWN APPROVED", sending=True, action_type=OWN),
    Step("begin, stopped", stopped_approved, begin, "CANCELLED APPROVED", (0, 1), action_type=OWN),
    Step("begin, expired", reserved_until_too_late, begin, "EXPIRED", (0,), action_type=OWN),
    Step("propose, gate and begin", nothing, submit_and_begin, "UNKNOWN none", (0, 1), action_type=OWN),
    Step("propose, gate and begin, a worker's", nothing, submit_and_begin, f"{ENDED} none", (0, 1)),
    Step("finish", begun, finish, "SUCCEEDED UNKNOWN", action_type=OWN),
    Step("finish, late", over, finish, "SUCCEEDED UNKNOWN", action_type=OWN),
    Step("finish, lapsed", lapsed, finish, "SUCCEEDED UNKNOWN", action_type=OWN),
    Step("renew", begun, renew, "UNKNOWN", again=renew_again, action_type=OWN),
    Step("lapse", over, reconcile, "UNKNOWN", action_type=OWN),
    Step("begin, act and finish", in_the_queue, execute_own, OWN_ENDS, again=execute_own_anew, action_type=OWN),
    Step("apply", nothing, apply, ends="none", charged=(0,)),
    Step("stop", delivered, stop, ends="SUCCEEDED CANCELLED", charged=(0, 1)),
    Step("resume", lambda run: (stopped(run), run.world.work()), resume, ends="CANCELLED SUCCEEDED", charged=(0, 1)),
    Step("export", in_doubt, export, ends="UNKNOWN"),
]


def _bounds(run: Run, **changes: Any) -> dict[str, Any]:
    types = {
        TYPE: type_of(),
        OTHER: type_of(honours_idempotency_key=True),
        OWN: own_type(),
        PRIVATE: {**type_of(), "private": ["parameters.text", "target.entity_id"]},
        INTERNAL: {"risk_tier": "LOW", "tool": {"connector": "internal", "operation": "create_note"}},
    }
    order = {"url": "https://shop.example.com/order", "keep": ["total"], "recheck": True}
    types[BY_TWO] = {**type_of(), "approvals_required": 2}
    types |= {CHECKED: {**type_of(), "facts": {"order": order}}, OWN_CHECKED: own_type(facts={"order": order})}
    types[PAY] = {**type_of(), "amounts": {"amount": {"value": "parameters.amount", "unit": "EUR"}}}
    types[PAY] |= {"sample": 1, "stop_after": {"disagreements": 1, "of_sampled": 20}}
    return bounds(run.tenant, **{"action_types": types, "allowlist": list(types), "limits": LIMITS, **changes})


class Shared:
    """One store for many worlds, each a tenant; where the store queues nothing, all of them send."""

    def __init__(self, open_store: Callable[[], Store], *, queues: bool = True) -> None:
        self.queues = queues
        self.store = open_store()

    def world(self, *, sending: bool = False) -> World:
        tenant = f"t{next(_tenants)}"
        opened = partial(OneTenant, self.store, tenant)
        sends, source = sending or not self.queues, SystemOfRecord()
        told = {"webhook": Receiver()}
        return World(opened, sending=sends, tenant=tenant, wrap=_Faulty, fact_source=source, notifiers=told)


class SystemOfRecord:
    """A source of facts of which nothing is lost: `says` is its answer to everything."""

    def __init__(self) -> None:
        self.says = b'{"total": 12.5}'

    def check(self, fact: Any, allowed_hosts: Any) -> None:
        """Anything goes."""

    def map(self, fact: Any, fields: Any) -> dict[str, Any]:
        return {"url": fact.url}

    def get(self, lookup: Any) -> bytes:
        return self.says


class _Faulty(FaultyStore):
    """Asked to write nothing, it does nothing that could fail."""

    def transact(self, units: Sequence[Any]) -> list[Any]:
        return super().transact(units) if units else []

    def disarm(self) -> None:
        """The fault that was to come will not."""
        self._fault = None


def _prepared(step: Step, shared: Shared) -> Run:
    run = Run(shared.world(sending=step.sending), action_type=step.action_type)
    run.world.app.apply(_bounds(run), by="ann")
    step.prepare(run)
    return run


def writes_of(step: Step, shared: Shared) -> int:
    """How many writes a clean run of the step makes."""
    run = _prepared(step, shared)
    before = run.world.store.writes
    step.act(run)
    made: int = run.world.store.writes - before
    _recovered(step, run, again=False)
    return made


def cell(step: Step, shared: Shared, *, at: int, fault: Fault, again: bool) -> None:
    """One fault at one write, and everything after it. Raises `AssertionError` if anything is lost or done twice."""
    run = _prepared(step, shared)
    run.world.store.arm(fault, at=at)
    try:
        step.act(run)
    except (Crash, TryLater, OutcomeUnknown):
        pass
    else:
        # A step may bear the loss of an answer; it may not miss a crash.
        assert fault not in ("crash_before", "crash_after"), "the fault never came"
    _recovered(step, run, again=again)


def _recovered(step: Step, run: Run, *, again: bool) -> None:
    run.world.recover()
    if again:
        _send_again(step, run)
    run.world.settle()
    _assert_nothing_lost_or_done_twice(step, run)
    run.world.assert_sound()


def _send_again(step: Step, run: Run) -> None:
    if run.executor is not None or step.act in (start, execute, execute_after_refusals):
        # The event is delivered once more, to another worker.
        run.world.run(run.message)
    else:
        (step.again or step.act)(run)


def _assert_nothing_lost_or_done_twice(step: Step, run: Run) -> None:
    world = run.world
    statuses = world.statuses()
    assert not [case for case in world.inner.scan(CASE, run.tenant) if case.moving], statuses
    assert statuses.get("i-1", "none") in step.ends.split(), statuses
    assert world.used() in step.charged, world.used()
    for name, status in statuses.items():
        events = world.events(name)
        assert events.count("EXECUTION_STARTED") <= 1
        assert world.written(name) <= 1, f"{name} was written {world.written(name)} times"
        if step.act is not resolve and status == "SUCCEEDED" and step.action_type != INTERNAL:
            assert world.written(name) == 1
        if step.action_type == TYPE and step.act not in (execute_after_refusals, at_once_after_refusals):
            assert world.called(name) <= 1, "a call to a far side that keeps no keys was repeated"
    if step.action_type == INTERNAL:
        assert len(world.inner.scan(INTERNAL_OBJECT, run.tenant)) == 1
    step.holds(run)
