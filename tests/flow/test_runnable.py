"""A worker takes what it can run: what it cannot stays for one that can, is not in its way, and expires as ever."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from remit import Remit, action
from remit.core.execution.approval import approved_event
from remit.core.execution.outcome import CallResult
from remit.core.execution.places import Places
from remit.core.records import case_key, chain_key
from remit.entrypoints.server.worker import work
from remit.ports import Claim, Runnable
from remit.testing.samples import NOON, SECOND, ids, make_case, putting_cases
from tests.waiting import ended

REFUND, SHIP, NOTE = "REFUND_ORDER", "SHIP_ORDER", "CREATE_NOTE"
EVERYTHING = Runnable({"internal": None, "function": None, "": None})


def function_for(action_type):
    return action(action_type, execute="worker")(lambda order_id: f"{action_type} {order_id}")


class Clock:
    ahead = timedelta()

    def now(self):
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def opened(request, clock, tmp_path):
    """Opens the same database, again and again, as processes with these functions do."""
    kind: str = request.param
    url = "memory://" if kind == "memory" else request.getfixturevalue(f"{kind}_url")
    first = Remit.open(url, clock=clock, environ={})
    every = [first]
    first.apply(bounds(), by="ann")

    def open_with(*names, connectors=None):
        functions = [function_for(name) for name in names]
        remit = Remit.open(url, clock=clock, environ={}, functions=functions, connectors=connectors)
        if kind == "memory":
            object.__setattr__(remit.context, "store", first.context.store)
        every.append(remit)
        return remit

    yield open_with
    for remit in every:
        remit.close()


def bounds():
    types = {name: {"risk_tier": "LOW", "tool": {"connector": "function"}} for name in (REFUND, SHIP)}
    types[NOTE] = {"risk_tier": "LOW", "tool": {"connector": "internal", "operation": "create_note"}}
    return {
        "tenant": "acme",
        "action_types": types,
        "allowlist": list(types),
        "modes": {"default": "AUTO_EXECUTE"},
        "budget": {"max_autonomous_per_day": 1000},
    }


def submit(remit, name, action_type, **changes):
    answer = remit.submit(
        {
            "tenant_id": "acme",
            "account_id": "a-1",
            "action_intent_id": name,
            "action_type": action_type,
            "confidence_score": 0.9,
            "proposed_by": "agent",
            "parameters": {"order_id": "o-1"},
            **changes,
        }
    )
    assert (answer.result, answer.executed_by) == ("AUTO_EXECUTED", "worker")
    return name


def worked(remit):
    """Everything that a worker of this process does until it is idle, by status."""
    done = []
    worker = threading.Thread(target=work, args=(remit,), kwargs={"until_idle": True, "on_done": done.append})
    worker.start()
    ended(worker)
    return done


def status(remit, name):
    return remit.status("acme", name)["status"]


def test_a_worker_without_the_function_leaves_it_and_does_the_rest(opened):
    plain, with_refund = opened(), opened(REFUND)
    submit(plain, "refund", REFUND)
    submit(plain, "note", NOTE)

    assert worked(plain) == ["SUCCEEDED"]
    assert (status(plain, "refund"), status(plain, "note")) == ("APPROVED", "SUCCEEDED")

    assert worked(with_refund) == ["SUCCEEDED"]
    assert with_refund.result("acme", "refund")["content"] == "REFUND_ORDER o-1"
    assert with_refund.verify("acme").ok


def test_each_of_two_workers_takes_what_it_has_a_function_for(opened):
    refunds, ships = opened(REFUND), opened(SHIP)
    names = [submit(refunds, f"{kind}-{n}".lower(), kind) for kind in (REFUND, SHIP) for n in range(3)]

    assert len(worked(refunds)) == 3
    assert [status(ships, name) for name in names] == ["SUCCEEDED"] * 3 + ["APPROVED"] * 3
    assert len(worked(ships)) == 3


def test_a_worker_takes_of_other_connectors_only_those_that_it_has(opened):
    class Far:
        always_honours_key = True

        def check(self, tool):
            """Anything goes."""

        def map(self, tool, intent):
            return {}

        def invoke(self, call):
            return CallResult(acted="yes")

    far = opened(connectors={"far": Far()})
    far.apply({**bounds(), "action_types": {NOTE: {"risk_tier": "LOW", "tool": {"connector": "far"}}}}, by="ann")
    submit(far, "i-1", NOTE)

    assert worked(opened()) == []
    assert worked(far) == ["SUCCEEDED"]


def test_there_is_nothing_to_wait_for_where_only_others_can_run_it(opened):
    plain = opened()
    submit(plain, "refund", REFUND)

    assert not plain.has_queued(Places(10)) and not plain.busy()
    assert opened(REFUND).has_queued(Places(10)) and opened(REFUND).busy()


def test_what_nobody_can_run_expires_and_gives_its_charge_back(opened, clock):
    plain = opened()
    submit(plain, "refund", REFUND)
    clock.ahead = timedelta(days=8)

    assert plain.reconcile().expired == 1
    assert status(plain, "refund") == "EXPIRED"
    (used,) = plain.usage("acme", account_id="a-1")["accounts"]
    assert used["used"] == 0
    assert plain.verify("acme").ok


def test_what_no_worker_takes_says_so_and_which_worker_would(opened, clock):
    plain = opened()
    submit(plain, "refund", REFUND)
    assert plain.status("acme", "refund")["not_taken"] is None
    clock.ahead = timedelta(minutes=2)

    told = plain.status("acme", "refund")["not_taken"]

    assert told["connector"] == "function"
    assert "a function for REFUND_ORDER (remit worker --import MODULE)" in told["explanation"]
    assert plain.why("acme", "refund")["not_taken"] == told
    assert "No worker has taken it since" in plain.answer("acme", "refund")["text"]
    assert 120 <= plain.measure("acme").not_taken_s["acme", REFUND] < 180
    worked(opened(REFUND))
    assert plain.status("acme", "refund")["not_taken"] is None
    assert plain.measure("acme").not_taken_s == {}


def test_an_engine_s_step_leaves_what_this_process_cannot_run(opened):
    plain = opened()
    submit(plain, "refund", REFUND)
    case, chain = (key("acme", "refund") for key in (case_key, chain_key))
    known = plain.context.store.read([case, chain])
    event = approved_event(known.get(chain).approval(known.get(case).approval_id), "remit")
    approved = event["detail"]["data"]

    assert plain.executor("w-1").start(approved) is None
    assert plain.executor("w-2").at_once(approved) == {"status": None}
    assert status(plain, "refund") == "APPROVED"
    assert opened(REFUND).executor("w-3").at_once(approved) == {"status": "SUCCEEDED"}


# The store's part, with more queues than one look of a store knows.


def queued(store, tenants, connector, action_type):
    cases = [
        make_case(
            f"{tenant}-{action_type}",
            tenant=tenant,
            status="APPROVED",
            connector=connector,
            action_type=action_type,
            queued=True,
            due_at=NOON,
        )
        for tenant in tenants
    ]
    for start in range(0, len(cases), 50):
        store.transact([putting_cases(*cases[start : start + 50])])


def claimed(store, runnable, limit=10):
    taken = []

    def take(case):
        taken.append(case)
        return putting_cases(case.changed(due_at=NOON + SECOND))

    store.claim(Claim(NOON, runnable, Places(1000), limit), take)
    return ids(taken)


def test_queues_of_thousands_that_a_worker_cannot_run_do_not_hide_what_it_can(opened):
    store = opened().context.store
    queued(store, [f"a-{n:04}" for n in range(600)], "function", SHIP)
    queued(store, ["middle"], "internal", NOTE)
    queued(store, ["zz"], "function", REFUND)
    plain = Runnable({"internal": None, "": None})

    assert claimed(store, plain) == [f"middle-{NOTE}"]
    assert claimed(store, Runnable({"function": {REFUND}})) == [f"zz-{REFUND}"]
    assert claimed(store, plain) == [] and not store.has_queued(Claim(NOON, plain, Places(10), 1))
    assert store.busy() and store.busy(EVERYTHING) and store.busy(Runnable({"function": [SHIP]}))
    assert not store.busy(Runnable({"http": None})) and not store.busy(Runnable({}))


def test_of_more_queues_than_one_look_knows_each_comes_to_its_turn(opened):
    store = opened().context.store
    tenants = [f"a-{n:04}" for n in range(600)]
    queued(store, tenants, "function", SHIP)
    queued(store, ["few"], "function", REFUND)
    queued(store, ["few"], "internal", NOTE)

    taken = [name for _ in range(8) for name in claimed(store, EVERYTHING, 200)]

    assert len(taken) == len(set(taken)) == 602


@pytest.mark.parametrize(
    ("connector", "action_type", "runs"),
    [
        ("internal", NOTE, True),
        ("function", REFUND, True),
        ("function", SHIP, False),
        ("http", NOTE, False),
        ("", NOTE, True),
    ],
)
def test_of_a_connector_every_type_can_be_run_or_those_that_it_names(connector, action_type, runs):
    assert Runnable({"internal": None, "function": [REFUND], "": None}).runs(connector, action_type) is runs
