"""
Anything that people, agents, workers and accidents may do, in any order, on every store.

After each step the counters are the model's, and every move was one that may be. Now and then, and at the
end when all that can end has ended, the ledger proves it.

`REMIT_HYPOTHESIS=thorough` looks much longer.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from remit.core.errors import Conflict, InvalidInput
from remit.core.gate.autonomy import StopScope
from remit.core.records import USAGE
from remit.flow.gate import GateRequest
from remit.ports import DELIVERED, REFUSED, UNCONFIRMED
from remit.testing.faults import Crash

from ..conftest import QUEUES_NOTHING, STORES
from ..flow.crash_matrix import Shared
from ..flow.world import NOON, OTHER, OWN, TYPE, both, bounds, own_type, proposal, type_of
from .model import ENDED, WAITING, Model

pytestmark = pytest.mark.usefixtures("few_parts")

TYPES = [TYPE, OTHER, OWN]
MONEY_TYPES = [TYPE, OTHER]
"""Those whose amounts are summed."""
LEASE = timedelta(seconds=60)
"""What a permit of `OWN` lives for."""
NEVER_RAN = ("CANCELLED", "EXPIRED", "REJECTED", "SUPERSEDED", "WITHDRAWN")
UNSTARTED = ("PROPOSED", "APPROVED", *WAITING)
THOROUGH = os.environ.get("REMIT_HYPOTHESIS") == "thorough"
EXAMPLES = {"memory": 120, "sqlite": 40, "postgres": 20, "dynamodb": 6}

modes = st.sampled_from(["AUTO_EXECUTE", "AUTO_EXECUTE", "APPROVAL_REQUIRED", "PROPOSE_ONLY", "DISABLED"])
modes = st.just("AUTO_EXECUTE") | modes
some_bounds = st.fixed_dictionaries(
    {
        "allowlist": st.sampled_from([TYPES, TYPES, TYPES, [TYPE], [OWN], []]),
        "modes": st.fixed_dictionaries({"default": modes}, optional=dict.fromkeys(TYPES, modes)),
        "daily": st.integers(0, 5),
        "per_type": st.dictionaries(st.sampled_from(TYPES), st.integers(0, 3)),
        "ceiling": st.none() | st.integers(0, 6),
        "zone": st.sampled_from(["UTC", "UTC", "Pacific/Auckland", "America/Los_Angeles"]),
        "limits": st.fixed_dictionaries(
            {},
            optional={
                "money": st.integers(0, 40),
                "burst": st.integers(0, 5),
                "each": st.integers(0, 4),
                "watched": st.integers(0, 2),
            },
        ),
        "money_types": st.just(MONEY_TYPES),
    }
)
WIDE = {
    "allowlist": TYPES,
    "modes": {"default": "AUTO_EXECUTE"},
    "daily": 6,
    "per_type": {TYPE: 4},
    "ceiling": 10,
    "zone": "UTC",
    "limits": {"money": 40, "burst": 9},
    "money_types": MONEY_TYPES,
}
STOP_AFTER = {"disagreements": 2, "of_sampled": 3}
LIMITS: dict[str, dict[str, Any]] = {
    "money": {
        **{"sum": "amount", "unit": "EUR", "per": "week", "of": "account", "action_types": MONEY_TYPES},
        "stop_after": STOP_AFTER,
    },
    "burst": {"per": "hour", "of": "tenant"},
    "each": {"per": "month", "of": "principal", "timezone": "Pacific/Auckland"},
    "watched": {"per": "hour", "of": "tenant", "log_only": True},
}
AMOUNTS = {"amount": {"value": "parameters.amount", "unit": "EUR"}}
amounts = st.sampled_from([5, 12.5, "12.50", 20, "0.0001", 5, 12.5, "many", None])
principals = st.sampled_from(["alice", "alice", "bob", None])
scopes = st.tuples(
    st.sampled_from([None, "north", "south"]),
    st.sampled_from([None, TYPE]),
    st.sampled_from(["autonomy", "everything"]),
)
answers_of_the_far_side = st.sampled_from(
    ["yes", "yes", "yes", "lost", "nothing", "break", "no RATE_LIMIT", "no AUTH", "no TIMEOUT"]
)
receipts = st.sampled_from([DELIVERED, DELIVERED, UNCONFIRMED, "arrived, unconfirmed", REFUSED])


def _known(amount):
    return None if amount in ("many", None) else float(amount)


def _told(amount, principal):
    """The part of a proposal that says how much, and for whom."""
    parameters = {"text": "hello"} if amount is None else {"text": "hello", "amount": amount}
    return {"parameters": parameters, "on_behalf_of": principal}


class Life(RuleBasedStateMachine):
    """One tenant's life, with a bus that may refuse or keep silent, and workers that may die at every step."""

    def __init__(self, shared):
        super().__init__()
        self.world = shared.world(sending=True)
        self.names = 0
        self.steps = 0
        self.judged = defaultdict(list)
        """The latest answers about `TYPE`, and of the money of an account, since one last stopped it: was it right?"""

    # --- what people set ---

    @initialize(first=st.just(WIDE) | some_bounds)
    def begin(self, first):
        self.model = Model(first)
        self._apply(first)

    @rule(changed=some_bounds | st.just(WIDE))
    def change_the_bounds(self, changed):
        self.model.change(changed, self.now)
        self._apply(changed)

    def _apply(self, wanted):
        budget = {
            "max_autonomous_per_day": wanted["daily"],
            "max_per_action_type": wanted["per_type"],
            "timezone": wanted["zone"],
        }
        ceiling = None if wanted["ceiling"] is None else {"max_autonomous_per_day": wanted["ceiling"]}
        self.world.app.apply(
            bounds(
                self.world.tenant,
                action_types={
                    TYPE: {**type_of(), "amounts": AMOUNTS, "sample": 1, "stop_after": STOP_AFTER},
                    OTHER: {**type_of(honours_idempotency_key=True, max_attempts=3), "amounts": AMOUNTS},
                    OWN: own_type(),
                },
                limits=[{"name": name, "most": most} | LIMITS[name] for name, most in wanted["limits"].items()],
                allowlist=wanted["allowlist"],
                modes=wanted["modes"],
                budget=budget,
                tenant_budget=ceiling,
            ),
            by="ann",
        )

    @precondition(lambda self: len(self.model.stops) < 2)
    @rule(scope=scopes)
    def stop(self, scope):
        self.model.stops.add(scope)
        account, action_type, level = scope
        self.world.stop(level, account_id=account, action_type=action_type)

    @precondition(lambda self: self.model.stops)
    @rule(data=st.data())
    def resume(self, data):
        scope = data.draw(st.sampled_from(sorted(self.model.stops, key=str)))
        self.model.stops.discard(scope)
        account, action_type, level = scope
        where = StopScope(tenant_id=self.world.tenant, account_id=account, action_type=action_type)
        assert self.world.app.resume(where, by="ann", reason="over", level=level)

    @precondition(lambda self: self._to_judge())
    @rule(data=st.data(), right=st.booleans())
    def judge(self, data, right):
        name = data.draw(st.sampled_from(self._to_judge()))
        answer = self.world.app.judge(self.world.tenant, name, by="bob", right=right)
        assert answer.stopped == self._stops("type", right)
        if answer.stopped:
            self.model.stops.add((None, TYPE, "autonomy"))
        intent = self.model.intents[name]
        counted = "money" in self.model.bounds["limits"] and any(window[0] == "money" for window in intent["charge"])
        assert [each.limit for each in answer.of_limits] == (["money"] if counted else [])
        for each in answer.of_limits:
            assert each.stopped == self._stops(intent["account"], right)
            if each.stopped:
                self.model.stops |= {(intent["account"], name, "autonomy") for name in MONEY_TYPES}

    def _stops(self, of, right):
        """Does this answer, counted with those before it, stop what they are about?"""
        latest = self.judged[of] = [*self.judged[of], right][-STOP_AFTER["of_sampled"] :]
        stops = not right and latest.count(False) >= STOP_AFTER["disagreements"]
        if stops:
            self.judged[of] = []
        return stops

    def _to_judge(self):
        return [item["action_intent_id"] for item in self.world.app.sampled(self.world.tenant)[0]]

    # --- agents ---

    @rule(
        account=st.sampled_from(["north", "south"]),
        action_type=st.sampled_from(TYPES),
        confidence=st.sampled_from([0.9, 0.9, 0.7, 0.9, 0.6999]),
        risk=st.sampled_from(["LOW", "LOW", "MINIMAL", "LOW", "MEDIUM"]),
        hours=st.sampled_from([1, 30, 24 * 7, 24 * 200]),
        amount=amounts,
        principal=principals,
        gated=st.booleans(),
    )
    def propose(self, account, action_type, confidence, risk, hours, amount, principal, gated):
        self.names += 1
        name, expires_at = f"i-{self.names}", self.now + timedelta(hours=hours)
        proposed = proposal(
            name,
            self.world.tenant,
            account_id=account,
            action_type=action_type,
            confidence_score=confidence,
            risk_level=risk,
            expires_at=expires_at,
            **_told(amount, principal),
        )
        self.model.propose(
            name,
            account=account,
            type=action_type,
            confidence=confidence,
            risk=risk,
            expires_at=expires_at,
            edited=False,
            amount=_known(amount),
            principal=principal,
        )
        self.world.app.propose([proposed])
        if gated:
            self._gate(name)

    @rule(
        kinds=st.lists(
            st.tuples(st.sampled_from(["north", "south"]), st.sampled_from(TYPES), amounts, principals),
            min_size=2,
            max_size=5,
        )
    )
    def submit_some(self, kinds):
        """A batch that is a clean yes but for the bounds: decided as if one by one."""
        proposals, expires_at = [], self.now + timedelta(days=30)
        for account, action_type, amount, principal in kinds:
            self.names += 1
            name = f"i-{self.names}"
            fields = {"account": account, "type": action_type, "confidence": 0.9, "risk": "LOW"}
            fields |= {"amount": _known(amount), "principal": principal}
            self.model.propose(name, **fields, expires_at=expires_at, edited=False)
            told = {"account_id": account, "action_type": action_type, "expires_at": expires_at}
            proposals.append(proposal(name, self.world.tenant, **told, **_told(amount, principal)))
        for answer in self.world.app.submit(proposals):
            self.model.decided(answer.action_intent_id, self.now)
            assert (answer.result, answer.reason) == self.model.intents[answer.action_intent_id]["answer"]

    @precondition(lambda self: self.model.intents)
    @rule(data=st.data())
    def gate(self, data):
        self._gate(self._one(data))

    def _gate(self, name):
        answer = self._ask(self.world.app, name)
        if self.model.intents[name]["answer"] is None:
            self.model.decided(name, self.now)
        assert (answer.result, answer.reason) == self.model.intents[name]["answer"], self.model.intents[name]

    def _ask(self, app, name):
        account = self.model.intents[name]["account"]
        (answer,) = app.gate([GateRequest(name, self.world.tenant, account)])
        if isinstance(answer, Exception):
            raise answer
        return answer

    @precondition(lambda self: self.model.intents)
    @rule(data=st.data())
    def gate_two_at_once(self, data):
        names = [self._one(data, "PROPOSED"), self._one(data, "PROPOSED")]
        answers = both(*(partial(self._ask, self.world.app, name) for name in names))
        told = {name: (answer.result, answer.reason) for name, answer in zip(names, answers, strict=True)}
        # Whichever came first, the answers are those of one order.
        before = self._copied()
        for order in (names, names[::-1]):
            for name in order:
                if self.model.intents[name]["answer"] is None:
                    self.model.decided(name, self.now)
            if told == {name: self.model.intents[name]["answer"] for name in names}:
                return
            self._restore(before)
        raise AssertionError(f"{told} is the outcome of no order")

    def _copied(self):
        return {name: dict(intent) for name, intent in self.model.intents.items()}, self.model.used.copy()

    def _restore(self, before):
        self.model.intents = {name: dict(intent) for name, intent in before[0].items()}
        self.model.used = before[1].copy()

    @precondition(lambda self: self._in("PROPOSED"))
    @rule(data=st.data(), fault=st.sampled_from(["crash_before", "crash_after"]))
    def gate_and_die(self, data, fault):
        name = data.draw(st.sampled_from(self._in("PROPOSED")))
        self.world.store.arm(fault)
        with suppress(Crash):
            self._ask(self.world.app, name)
        self.world.store.disarm()
        if fault == "crash_after":
            self.model.decided(name, self.now)

    @precondition(lambda self: self.model.intents)
    @rule(data=st.data(), key=st.sampled_from("ab"))
    def begin_one(self, data, key):
        self._begin(self._own(data, "APPROVED"), key)

    @precondition(lambda self: self._owned("APPROVED"))
    @rule(data=st.data(), fault=st.sampled_from(["crash_before", "crash_after"]))
    def begin_and_die(self, data, fault):
        name = data.draw(st.sampled_from(self._owned("APPROVED")))
        self.world.store.arm(fault)
        with suppress(Crash):
            self.world.app.begin(self.world.tenant, name, by="agent", key="dead")
        self.world.store.disarm()
        if fault == "crash_after":
            self.model.begun(name, "dead", self.now, own=OWN, lease=LEASE)

    @precondition(lambda self: self._owned("APPROVED"))
    @rule(data=st.data())
    def begin_two_at_once(self, data):
        name = data.draw(st.sampled_from(self._owned("APPROVED")))
        before = self._copied()
        begins = [partial(self.world.app.begin, self.world.tenant, name, by="agent", key=key) for key in "xy"]
        permits = [begun.permit is not None for begun in both(*begins)]
        for order in ("xy", "yx"):
            given = {key: self.model.begun(name, key, self.now, own=OWN, lease=LEASE) for key in order}
            if permits == [given["x"], given["y"]]:
                return
            self._restore(before)
        raise AssertionError(f"{permits} is the outcome of no order")

    @rule(account=st.sampled_from(["north", "south"]), confidence=st.sampled_from([0.9, 0.9, 0.1]))
    def propose_and_begin(self, account, confidence):
        self.names += 1
        name, expires_at = f"i-{self.names}", self.now + timedelta(hours=30)
        fields = {"account": account, "type": OWN, "confidence": confidence, "risk": "LOW"}
        self.model.propose(name, **fields, expires_at=expires_at, edited=False)
        proposed = proposal(
            name,
            self.world.tenant,
            account_id=account,
            action_type=OWN,
            confidence_score=confidence,
            expires_at=expires_at,
        )
        answer = self.world.app.submit_and_begin(proposed, key="a")
        self.model.decided(name, self.now)
        assert (answer.result, answer.reason) == self.model.intents[name]["answer"]
        permitted = self.model.begun(name, "a", self.now, own=OWN, lease=LEASE)
        assert (answer.begun.permit is not None) == permitted

    def _begin(self, name, key):
        newest = self.model.newest(name)
        permitted = self.model.begun(newest, key, self.now, own=OWN, lease=LEASE)
        begun = self.world.app.begin(self.world.tenant, name, by="agent", key=key)
        assert begun.action_intent_id == newest
        # Of what a worker executes, the model says nothing.
        assert (begun.permit is not None) == bool(permitted), self.model.intents[newest]

    @precondition(lambda self: self._owned("RUNNING", "UNKNOWN", "SUCCEEDED", "FAILED"))
    @rule(data=st.data(), acted=st.sampled_from(["yes", "yes", "no", "unknown"]))
    def finish(self, data, acted):
        name = data.draw(st.sampled_from(self._owned("RUNNING", "UNKNOWN", "SUCCEEDED", "FAILED")))
        approval_id = self.world.case(name).attempt.approval_id
        status = self.model.finished(name, acted)
        if status == "SUCCEEDED":
            self.world.far.written[f"{self.world.tenant}/{name}"] = 1
        finished = self.world.app.finish(self.world.tenant, name, by="agent", approval_id=approval_id, acted=acted)
        assert finished.status == status

    @precondition(lambda self: self._owned("RUNNING"))
    @rule(data=st.data())
    def renew(self, data):
        name = data.draw(st.sampled_from(self._owned("RUNNING")))
        approval_id = self.world.case(name).attempt.approval_id
        permit = self.world.app.renew(self.world.tenant, name, by="agent", approval_id=approval_id)
        intent = self.model.intents[name]
        intent["lease"] = max(intent["lease"], self.now + LEASE)
        assert permit.lease_until == intent["lease"]

    # --- people ---

    @precondition(lambda self: self.model.intents)
    @rule(data=st.data())
    def approve(self, data):
        name = self._one(data, *WAITING)
        intent = self.model.intents[name]
        may = intent["status"] in WAITING and self.now < intent["expires_at"] and not self.model.blocked(intent)
        try:
            approval = self.world.approve(name)
        except Conflict:
            assert not may and intent["human"] is None
            return
        assert approval.approval_source == "HUMAN"
        assert may if intent["human"] is None else approval.approval_id == intent["human"]
        if intent["human"] is None:
            intent |= {"status": "APPROVED", "human": approval.approval_id}

    @precondition(lambda self: self.model.intents)
    @rule(data=st.data())
    def reject(self, data):
        name = self._one(data, *WAITING)
        intent = self.model.intents[name]
        try:
            self.world.app.reject(self.world.tenant, name, by="bob")
        except Conflict:
            assert intent["status"] not in (*WAITING, "REJECTED")
            return
        assert intent["status"] in (*WAITING, "REJECTED")
        intent["status"] = "REJECTED"

    @precondition(lambda self: self.model.intents)
    @rule(data=st.data())
    def edit(self, data):
        name = self._one(data, *WAITING)
        old = self.model.intents[name]
        try:
            answer = self.world.app.edit(
                self.world.tenant, name, by="bob", changes={"parameters.text": f"edited {self.steps}"}
            )
        except (Conflict, InvalidInput):
            assert old["status"] not in WAITING or self.now >= old["expires_at"]
            return
        assert old["status"] in WAITING and self.now < old["expires_at"]
        old |= {"status": "SUPERSEDED", "replaced_by": answer.action_intent_id}
        same = ("account", "type", "confidence", "risk", "expires_at", "amount", "principal")
        fields = {field: old[field] for field in same}
        self.model.propose(answer.action_intent_id, **fields, edited=True)
        self.model.decided(answer.action_intent_id, self.now)
        assert (answer.result, answer.reason) == self.model.intents[answer.action_intent_id]["answer"]

    @precondition(lambda self: self._in(*WAITING))
    @rule(data=st.data())
    def decide_again(self, data):
        name = data.draw(st.sampled_from(self._in(*WAITING)))
        old, before = self.model.intents[name], self._copied()
        (answer,) = self.world.app.decide_again(self.world.tenant, [name], by="bob")
        if self.now >= old["expires_at"]:
            assert isinstance(answer, Conflict)
            return
        new = answer.superseded_by or "looked at"
        same = ("account", "type", "confidence", "risk", "expires_at", "amount", "principal", "edited")
        self.model.propose(new, **{field: old[field] for field in same})
        self.model.decided(new, self.now)
        expected = self.model.intents[new]["answer"]
        assert (expected[0] == "AUTO_EXECUTED") is (answer.superseded_by is not None)
        # What takes the place of an edit is nobody's edit, and a person answers it all the same.
        assert old["edited"] or answer.reason == expected[1]
        if answer.superseded_by is None:
            self._restore(before)
        else:
            old |= {"status": "SUPERSEDED", "replaced_by": answer.superseded_by}

    @precondition(lambda self: self.model.intents)
    @rule(data=st.data())
    def withdraw(self, data):
        name = self._one(data, "PROPOSED", "APPROVED", *WAITING)
        newest = self.model.newest(name)
        status = self.model.intents[newest]["status"]
        try:
            self.world.app.withdraw(self.world.tenant, name, by="agent")
        except Conflict:
            assert status not in (*UNSTARTED, "WITHDRAWN")
            return
        assert status in (*UNSTARTED, "WITHDRAWN")
        if status in UNSTARTED:
            self.model.withdrawn(newest)

    @precondition(lambda self: self._in("UNKNOWN"))
    @rule(data=st.data(), status=st.sampled_from(["SUCCEEDED", "FAILED"]))
    def resolve(self, data, status):
        name = data.draw(st.sampled_from(self._in("UNKNOWN")))
        self.world.app.resolve(self.world.tenant, name, by="bob", status=status)
        self.model.intents[name] |= {"status": status, "resolved": True}

    # --- the bus, the workers, the far side, the clock ---

    @rule(receipt=receipts, times=st.integers(1, 4))
    def the_bus_will_say(self, receipt, times):
        self.world.bus.script += [receipt] * times

    @precondition(lambda self: self.world.bus.arrived)
    @rule(answers=st.lists(answers_of_the_far_side, min_size=1, max_size=4))
    def work(self, answers):
        """Carry out what has arrived."""
        self.world.far.script.extend(answers)
        self.world.work()
        self.world.far.script.clear()

    @precondition(lambda self: self.world.bus.arrived)
    @rule(where=st.sampled_from(["note", "call", "mark", "record", "start", "preflight", "map"]), later=st.booleans())
    def work_and_die(self, where, later):
        """Carry out one event and die: at the end of a step, or within `invoke` at its mark, its call or its note."""
        message = self.world.bus.take()
        assert message is not None

        def step(function, *arguments):
            if function.__name__ == "invoke" and where in ("mark", "note"):
                self.world.store.arm("crash_after", at=1 if where == "mark" else 2)
            if function.__name__ == "record" and where == "record":
                self.world.store.arm("crash_before")
            answer = function(*arguments)
            if function.__name__ == where:
                raise Crash
            return answer

        self.world.far.script.extend([self._die_in_the_call] if where == "call" else [])
        with suppress(Crash):
            self.world.run(message, step)
        self.world.store.disarm()
        self.world.far.script.clear()
        if later:
            self.world.clock.pass_(minutes=20)
            self.reconcile()

    def _die_in_the_call(self, call):
        self.world.far.act(call)
        raise Crash

    @rule(span=st.sampled_from([{"seconds": 5}, {"seconds": 45}, {"minutes": 20}, {"hours": 7}, {"hours": 26}]))
    def time_passes(self, span):
        self.world.clock.pass_(**span)

    @precondition(lambda self: self.names > 4)
    @rule()
    def a_season_passes(self):
        self.world.clock.pass_(days=100)

    @rule()
    def reconcile(self):
        # What nobody gated is gated now, one after the other, in the order in which it fell due.
        due = [case.action_intent_id for case in self.world.inner.due(self.now, 1000) if case.status == "PROPOSED"]
        self.world.app.reconcile()
        # Last of all: what the bus refused, and what has expired, was given back before.
        for name, status in self.world.statuses().items():
            if name not in due:
                self.model.saw(name, status, self.now)
        for name in due:
            self.model.decided(name, self.now)

    @rule()
    def the_process_is_restarted(self):
        self.world.restart()

    # --- what holds after every step ---

    @property
    def now(self):
        return self.world.clock.at

    def _in(self, *statuses):
        return [name for name, intent in self.model.intents.items() if intent["status"] in statuses]

    def _one(self, data, *rather):
        """An intent, mostly one in a status where the step makes sense."""
        likely = self._in(*rather)
        names = likely if likely and data.draw(st.integers(0, 4)) else list(self.model.intents)
        return data.draw(st.sampled_from(names))

    def _owned(self, *statuses):
        return [name for name in self._in(*statuses) if self.model.intents[name]["type"] == OWN]

    def _own(self, data, *rather):
        """An intent, mostly one that its proposer executes itself, in a status where the step makes sense."""
        likely = self._owned(*rather)
        names = likely if likely and data.draw(st.integers(0, 4)) else list(self.model.intents)
        return data.draw(st.sampled_from(names))

    @invariant()
    def the_counters_are_the_model_s(self):
        if not hasattr(self, "model"):
            return
        self.steps += 1
        for name, status in self.world.statuses().items():
            self.model.saw(name, status, self.now)
        day, usage = self.model.day(self.now), self.world.app.usage(self.world.tenant)
        # All in one look: a look at each account and type took most of the time. Who is not listed has used nothing.
        accounts = {account["account_id"]: account for account in usage["accounts"]}
        for account in ("north", "south"):
            listed = accounts.get(account, {"used": 0, "per_action_type": {}})
            assert listed["used"] == self.model.used[(*day, account, "all")]
            for action_type in TYPES:
                of_type = listed["per_action_type"].get(action_type, {"used": 0})
                assert of_type["used"] == self.model.used[(*day, account, action_type)]
        ceiling = usage["ceiling"]
        if ceiling:
            assert ceiling["used"] == self.model.used[(*self.model.ceiling_day(self.now), "ceiling")]
        assert self._used_of_limits() == self.model.used_of_limits()
        assert all(count >= 0 for count in self.model.used.values())
        self._assert_the_far_side_agrees()
        if self.steps % 10 == 0:
            self.world.assert_sound(export=False)

    def _used_of_limits(self):
        """What each limit holds, by limit and owner, in whatever windows."""
        found = Counter()
        for usage in self.world.inner.scan(USAGE, self.world.tenant):
            if usage.usage_id.count("|") == 4:
                _, _, _, owner, name = usage.usage_id.split("|")
                found[name, owner.partition(":")[2]] += usage.counters[""].used
        return +found

    def teardown(self):
        if not hasattr(self, "model"):
            return
        self.world.store.disarm()
        self.world.bus.script.clear()
        self.world.restart()
        for account, action_type, level in self.model.stops:
            self.world.resume(level, account_id=account, action_type=action_type)
        self.world.settle(rounds=200)
        self.world.assert_sound()
        for name, status in self.world.statuses().items():
            self.model.saw(name, status, self.now)
            # What its caller has not begun waits for it.
            waits = status == "APPROVED" and self.model.intents[name]["type"] == OWN
            assert waits or status in (*ENDED, *WAITING, "UNKNOWN"), (name, status)
        self._assert_the_far_side_agrees()

    def _assert_the_far_side_agrees(self):
        """It did nothing twice, what is said to be done, and nothing of what is said not to have begun."""
        for name, intent in self.model.intents.items():
            times, status = self.world.written(name), intent["status"]
            assert times <= 1, f"{name} was done {times} times"
            assert times == 1 or status != "SUCCEEDED" or intent.get("resolved"), name
            assert times == 0 or status not in NEVER_RAN, (name, status)


def _settings(kind):
    return settings(
        max_examples=EXAMPLES[kind] * (20 if THOROUGH else 1),
        stateful_step_count=80 if THOROUGH else 40,
        derandomize=bool(os.environ.get("CI")) and not THOROUGH,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )


@pytest.mark.parametrize("kind", STORES)
def test_whatever_happens_in_whatever_order_the_bounds_hold(open_store, kind):
    shared = Shared(partial(open_store, kind), queues=kind not in QUEUES_NOTHING)

    run_state_machine_as_test(lambda: Life(shared), settings=_settings(kind))


class LifeUnderOneSetOfBounds(Life):
    """In which a replay under the very bounds that were in force changes nothing."""

    def change_the_bounds(self):
        """No rule here: nobody does."""

    def teardown(self):
        super().teardown()
        if not hasattr(self, "model"):
            return
        in_force = self.world.app.bounds(self.world.tenant).bounds
        answer = self.world.app.replay(in_force, period="3650d")
        gated = sum("GATE_DECIDED" in self.world.events(name) for name in self.world.statuses())
        assert (answer["not_judged"], answer["other_reason"]) == ([], 0), answer
        assert (answer["decisions"], answer["unchanged"]) == (gated, gated), answer


@pytest.mark.parametrize("kind", ["memory"])
def test_a_replay_under_the_bounds_that_were_in_force_changes_nothing(open_store, kind):
    shared = Shared(partial(open_store, kind), queues=kind not in QUEUES_NOTHING)

    run_state_machine_as_test(lambda: LifeUnderOneSetOfBounds(shared), settings=_settings(kind))


def test_the_model_s_day_is_a_day():
    model = Model(WIDE)

    assert model.day(NOON) == ("UTC", "2026-03-10")
    model.change({**WIDE, "zone": "Pacific/Auckland"}, NOON)
    assert model.day(NOON) == ("UTC", "2026-03-10")
    assert model.day(NOON + timedelta(days=1)) == ("Pacific/Auckland", "2026-03-12")
