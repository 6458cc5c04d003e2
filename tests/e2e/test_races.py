"""Two processes that share nothing but a database, begin at a barrier, and want what only one may have."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import asdict, replace

from remit import GateAnswer, GateRequest, Remit, RemitError
from remit.core.execution.approval import approved_event
from remit.core.records import case_key, chain_key
from remit.entrypoints.server.worker import work
from remit.flow.execute import lapse
from remit.flow.publish import IntentRef, publish_sent
from remit.flow.reconcile import expire
from remit.ports import REFUSED, Receipt
from tests.waiting import PATIENCE_S

TENANT, ACCOUNT = "acme", "north"
ROUNDS = 12
# Not forked: a child must not inherit the open connections of its parent.
SPAWN = multiprocessing.get_context("spawn")

Job = Callable[..., Any]


class Rivals:
    """Two processes; each runs the job it is given as soon as the other one is ready too."""

    def __init__(self):
        barrier = SPAWN.Barrier(2)
        self._processes = [
            ProcessPoolExecutor(1, mp_context=SPAWN, initializer=_meet_at, initargs=(barrier,)) for _ in range(2)
        ]

    def run(self, jobs, *arguments):
        """What the two jobs answered. Each is called with the `arguments`."""
        running = [process.submit(job, *arguments) for process, job in zip(self._processes, jobs, strict=True)]
        return [answer.result(PATIENCE_S) for answer in running]

    def close(self):
        for process in self._processes:
            process.shutdown()


@pytest.fixture(scope="module")
def rivals():
    rivals = Rivals()
    yield rivals
    rivals.close()


@pytest.fixture(params=["sqlite_url", "postgres_url"])
def url(request):
    """The URL of an empty database, of each kind in turn."""
    found: str = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def remit(url):
    with Remit.open(url) as remit:
        yield remit


def test_an_intent_that_is_gated_twice_at_once_is_charged_once_and_answered_the_same(url, remit, rivals):
    names = _propose(remit, ROUNDS)

    first, second = rivals.run([_gate_each, _gate_each], url, names)

    assert [_verdict(answer) for answer in first] == [_verdict(answer) for answer in second]
    assert {answer.result for answer in first} == {"AUTO_EXECUTED"}
    assert _used(remit)["used"] == ROUNDS
    assert _entries(remit, names, "ACTION_APPROVED") == _entries(remit, names, "ACTION_PUBLISHED") == [1] * ROUNDS
    _assert_sound(remit)


def test_processes_that_gate_at_once_exceed_no_limit_and_leave_no_room_unused(url, remit, rivals):
    types = [f"TYPE_{number}" for number in range(5)]
    budget = {"max_autonomous_per_day": 10, "max_per_action_type": dict.fromkeys(types, 3)}
    names = _propose(remit, 60, types=types, budget=budget)

    first, second = rivals.run([_gate_even, _gate_odd], url, names)

    ran = [answer for answer in first + second if answer.result == "AUTO_EXECUTED"]
    refused = [answer for answer in first + second if answer.result != "AUTO_EXECUTED"]
    used = _used(remit)
    assert (len(ran), used["used"]) == (10, 10)
    assert {answer.reason for answer in refused} == {"BUDGET_EXCEEDED"}
    by_type = {name: of["used"] for name, of in used["per_action_type"].items()}
    assert sum(by_type.values()) == 10
    assert max(by_type.values()) <= 3
    assert by_type == Counter(remit.intent(TENANT, answer.action_intent_id).action_type for answer in ran)
    _assert_sound(remit)


def test_processes_that_gate_at_once_exceed_no_sum_and_no_shared_window(url, remit, rivals):
    """Sixty of 2.5 each: the sum has room for 13, the principal for 12, and all accounts together for as many."""
    limits = [
        {"name": "money", "sum": "amount", "unit": "EUR", "most": "32.5", "per": "month", "of": "account"},
        {"name": "each", "most": 12, "per": "month", "of": "principal"},
        {"name": "together", "sum": "amount", "unit": "EUR", "most": "31", "per": "month", "of": "tenant"},
    ]
    paid = {"parameters": {"amount": "2.50"}, "on_behalf_of": "alice"}
    names = _propose(remit, 60, limits=limits, **paid)

    first, second = rivals.run([_gate_even, _gate_odd], url, names)

    ran = [answer for answer in first + second if answer.result == "AUTO_EXECUTED"]
    told = remit.usage(TENANT, account_id=ACCOUNT)
    left = [*told["accounts"][0]["limits"], *told["principals"][0]["limits"], *told["limits"]]
    assert len(ran) == 12
    assert {limit["name"]: (limit["used"], limit["left"]) for limit in left} == {
        "money": ("30", "2.5"),
        "each": (12, 0),
        "together": ("30", "1"),
    }
    _assert_sound(remit)


def test_of_an_approval_and_a_rejection_at_once_one_holds(url, remit, rivals):
    names = _propose(remit, ROUNDS, confidence_score=0.1)
    remit.gate([GateRequest(name, TENANT, ACCOUNT) for name in names])

    approved, rejected = rivals.run([_approve_each, _reject_each], url, names)

    assert [sorted(pair) for pair in zip(approved, rejected, strict=True)] == [["NotInThatState", "done"]] * ROUNDS
    expected = ["APPROVED" if answer == "done" else "REJECTED" for answer in approved]
    assert [remit.status(TENANT, name)["status"] for name in names] == expected
    assert _entries(remit, names, "ACTION_APPROVED") == [answer == "done" for answer in approved]
    assert _entries(remit, names, "ACTION_REJECTED") == [answer == "done" for answer in rejected]
    _assert_sound(remit)


def test_of_two_approvals_at_once_both_are_told_of_the_same(url, remit, rivals):
    names = _propose(remit, ROUNDS, confidence_score=0.1)
    remit.gate([GateRequest(name, TENANT, ACCOUNT) for name in names])

    first, second = rivals.run([_approval_ids, _approval_ids], url, names)

    assert first == second
    assert _entries(remit, names, "ACTION_APPROVED") == _entries(remit, names, "ACTION_PUBLISHED") == [1] * ROUNDS
    _assert_sound(remit)


def test_of_a_start_and_a_refusal_by_the_bus_at_once_one_holds(url, rivals):
    with Remit.open(url, publishing=False) as remit:
        names = _submit_unpublished(remit)

        started, released = rivals.run([_start_each, _refuse_each], url, names)

        _assert_started_or_released(remit, names, started, released, otherwise="AWAITING_APPROVAL")


def test_of_a_start_and_an_expiry_at_once_one_holds(url, rivals):
    with Remit.open(url, publishing=False) as remit:
        names = _submit_unpublished(remit)

        started, released = rivals.run([_start_each, _expire_each], url, names)

        _assert_started_or_released(remit, names, started, released, otherwise="EXPIRED")


def test_of_two_who_begin_at_once_one_is_permitted_and_of_two_under_one_key_both_are_the_same(url, remit, rivals):
    names = _submit_own(remit)

    first, second = rivals.run([_begin_even, _begin_odd], url, names)

    assert [(one is None) != (other is None) for one, other in zip(first, second, strict=True)] == [True] * ROUNDS
    assert _entries(remit, names, "EXECUTION_STARTED") == [1] * ROUNDS
    again = _submit_own(remit, first=ROUNDS)
    first, second = rivals.run([_begin_even, _begin_even], url, again)
    assert first == second and None not in first
    _assert_sound(remit)


def test_of_a_withdrawal_and_a_begin_at_once_one_holds(url, remit, rivals):
    names = _submit_own(remit)

    withdrawn, begun = rivals.run([_withdraw_each, _begin_even], url, names)

    assert [answer == "done" for answer in withdrawn] == [permit is None for permit in begun]
    assert {answer for answer in withdrawn if answer != "done"} <= {"NotInThatState"}
    expected = ["WITHDRAWN" if permit is None else "RUNNING" for permit in begun]
    assert [remit.status(TENANT, name)["status"] for name in names] == expected
    assert _used(remit)["used"] == sum(permit is not None for permit in begun)
    _assert_sound(remit)


def test_of_a_withdrawal_and_a_worker_at_once_one_holds(url, remit, rivals):
    names = _propose(remit, ROUNDS)
    remit.gate([GateRequest(name, TENANT, ACCOUNT) for name in names])

    withdrawn, taken = rivals.run([_withdraw_each, _start_each], url, names)

    assert [answer == "done" for answer in withdrawn] == [not started for started in taken]
    expected = ["RUNNING" if started else "WITHDRAWN" for started in taken]
    assert [remit.status(TENANT, name)["status"] for name in names] == expected
    assert _used(remit)["used"] == sum(taken)
    _assert_sound(remit)


def test_of_a_finish_and_a_lapse_at_once_its_caller_s_word_stands(url, remit, rivals):
    names = _submit_own(remit)
    for name in names:
        assert remit.begin(TENANT, name, by="agent").permit

    finished, lapsed = rivals.run([_finish_each, _lapse_each], url, names)

    assert finished == ["SUCCEEDED"] * ROUNDS
    assert [remit.status(TENANT, name)["status"] for name in names] == finished
    assert _entries(remit, names, "ACTION_UNKNOWN") == _entries(remit, names, "OUTCOME_RESOLVED") == [*map(int, lapsed)]
    _assert_sound(remit)


def test_bounds_that_are_applied_at_once_are_numbered_without_gaps(url, remit, rivals):
    first, second = rivals.run([_apply_even, _apply_odd], url)

    assert sorted(number for number, _ in first + second) == list(range(1, 2 * ROUNDS + 1))
    changes = [entry for entry in remit.export(TENANT) if entry["event_type"] == "CONFIG_CHANGED"]
    told = [(entry["data"]["config_sequence"], entry["data"]["set"]["/bounds/budget"]) for entry in changes]
    assert [number for number, _ in told] == list(range(1, 2 * ROUNDS + 1))
    assert {(number, budget["max_autonomous_per_day"]) for number, budget in told} == set(first + second)
    _assert_sound(remit)


@pytest.mark.parametrize("fresh", ["sqlite_url", "empty_postgres_url"])
def test_processes_that_open_one_fresh_database_at_once_carry_out_what_both_were_given(fresh, request, rivals):
    url = request.getfixturevalue(fresh)

    done = rivals.run([_open_and_work_even, _open_and_work_odd], url)

    assert sum(map(len, done)) == 2 * ROUNDS
    with Remit.open(url) as remit:
        assert remit.counts(TENANT) == {"SUCCEEDED": 2 * ROUNDS}
        _assert_sound(remit)


# --- what a process does ---


class _Refusing:
    """A bus that takes nothing."""

    def send(self, messages):
        return [Receipt(REFUSED, "no such bus")] * len(messages)


_barrier: Any = None


def _meet_at(barrier):
    global _barrier
    _barrier = barrier


def _together(items, act):
    """`act` on each item, every time when the other process is there too."""
    answers = []
    for item in items:
        _barrier.wait(PATIENCE_S)
        answers.append(act(item))
    return answers


def _gate_each(url, names):
    with Remit.open(url) as remit:
        return _together(names, lambda name: _gate(remit, name))


def _gate_even(url, names):
    return _gate_each(url, names[::2])


def _gate_odd(url, names):
    return _gate_each(url, names[1::2])


def _gate(remit, name):
    (answer,) = remit.gate([GateRequest(name, TENANT, ACCOUNT)])
    assert isinstance(answer, GateAnswer)
    return answer


def _approve_each(url, names):
    with Remit.open(url) as remit:
        digests = {name: remit.intent(TENANT, name).digest for name in names}
        return _together(names, lambda n: _told(lambda: remit.approve(TENANT, n, by="bob", digest=digests[n])))


def _reject_each(url, names):
    with Remit.open(url) as remit:
        return _together(names, lambda name: _told(lambda: remit.reject(TENANT, name, by="carol")))


def _approval_ids(url, names):
    with Remit.open(url) as remit:
        digests = {name: remit.intent(TENANT, name).digest for name in names}
        return _together(names, lambda n: remit.approve(TENANT, n, by="bob", digest=digests[n]).approval_id)


def _told(act):
    """An error of ours does not cross to another process; its name does."""
    try:
        act()
    except RemitError as error:
        return type(error).__name__
    return "done"


def _start_each(url, names):
    with Remit.open(url) as remit:
        events = {name: _event(remit, name) for name in names}
        return _together(names, lambda name: remit.executor(f"w/{name}").start(events[name]) is not None)


def _event(remit, name):
    chain_at = chain_key(TENANT, name)
    history = remit.context.store.read([chain_at]).get(chain_at)
    assert history is not None
    approval = history.approval(remit.status(TENANT, name)["approval_id"])
    assert approval is not None
    data: dict[str, Any] = approved_event(approval)["detail"]["data"]
    return data


def _refuse_each(url, names):
    with Remit.open(url) as remit:

        def refuse(name):
            (answer,) = publish_sent(remit.context, _Refusing(), [IntentRef(TENANT, name)], remit.now())
            return answer == "released"

        return _together(names, refuse)


def _expire_each(url, names):
    # What expires tomorrow has expired for a process whose clock is ahead.
    ahead = timedelta(days=2)
    with Remit.open(url) as remit:
        cases = {name: remit.context.store.read([at]).get(at) for name in names for at in [case_key(TENANT, name)]}

        def expire_one(name):
            (answer,) = expire(remit.context, [cases[name]], remit.now() + ahead)
            return answer is True

        return _together(names, expire_one)


def _begin_even(url, names):
    return _begin_each(url, names, "even")


def _begin_odd(url, names):
    return _begin_each(url, names, "odd")


def _begin_each(url, names, key):
    """The idempotency key and the lease of each permit; `None` where there is none."""
    with Remit.open(url) as remit:

        def begin(name):
            permit = remit.begin(TENANT, name, by="agent", key=key).permit
            return permit and (permit.idempotency_key, permit.lease_until)

        return _together(names, begin)


def _withdraw_each(url, names):
    with Remit.open(url) as remit:
        return _together(names, lambda name: _told(lambda: remit.withdraw(TENANT, name, by="agent")))


def _finish_each(url, names):
    with Remit.open(url) as remit:
        approvals = {name: remit.status(TENANT, name)["approval_id"] for name in names}

        def finish(name):
            return remit.finish(TENANT, name, by="agent", approval_id=approvals[name], acted="yes").status

        return _together(names, finish)


def _lapse_each(url, names):
    # What lapses in half a minute has lapsed for a process whose clock is ahead.
    ahead = timedelta(minutes=2)
    with Remit.open(url) as remit:
        cases = {name: remit.context.store.read([at]).get(at) for name in names for at in [case_key(TENANT, name)]}

        def lapse_one(name):
            (answer,) = lapse(remit.context, [cases[name]], remit.now() + ahead)
            return answer is True

        return _together(names, lapse_one)


def _apply_even(url):
    return _apply_each(url, range(0, 2 * ROUNDS, 2))


def _apply_odd(url):
    return _apply_each(url, range(1, 2 * ROUNDS, 2))


def _apply_each(url, limits):
    """The number that each change got, and the limit that it set."""
    with Remit.open(url) as remit:

        def apply(limit):
            _, after = remit.apply(_bounds(budget={"max_autonomous_per_day": limit}), by="ann")
            return after.config_sequence, limit

        return _together(limits, apply)


def _open_and_work_even(url):
    return _open_and_work(url, range(0, 2 * ROUNDS, 2))


def _open_and_work_odd(url):
    return _open_and_work(url, range(1, 2 * ROUNDS, 2))


def _open_and_work(url, numbers):
    """The status of each execution that this process ended."""
    _barrier.wait(PATIENCE_S)
    done: list[str] = []
    with Remit.open(url) as remit:
        remit.apply(_bounds(), by="ann")
        for answer in remit.submit([_proposal(number) for number in numbers]):
            assert isinstance(answer, GateAnswer), answer
        work(remit, until_idle=True, on_done=done.append)
    return done


# --- what the tests set up and see ---


def _submit_own(remit, first=0):
    """Approved intents that their proposer executes itself."""
    own = {"risk_tier": "LOW", "tool": {"connector": "caller"}}
    remit.apply({**_bounds(types=["OWN"]), "action_types": {"OWN": own}}, by="ann")
    names = [f"own-{first + number}" for number in range(ROUNDS)]
    answers = remit.submit(
        [{**_proposal(number), "action_intent_id": name, "action_type": "OWN"} for number, name in enumerate(names)]
    )
    assert {answer.status for answer in answers} == {"APPROVED"}
    return names


def _bounds(types=("ADD_NOTE",), budget=None, limits=()):
    tool = {"connector": "internal", "operation": "create_note"}
    amounts = {"amount": {"value": "parameters.amount", "unit": "EUR"}} if limits else {}
    return {
        "tenant": TENANT,
        "action_types": {name: {"risk_tier": "LOW", "tool": tool, "amounts": amounts} for name in types},
        "limits": list(limits),
        "allowlist": list(types),
        "modes": {"default": "AUTO_EXECUTE"},
        "budget": budget or {"max_autonomous_per_day": 100},
    }


def _proposal(number, action_type="ADD_NOTE", **changes):
    return {
        "action_intent_id": f"i-{number:02}",
        "tenant_id": TENANT,
        "account_id": ACCOUNT,
        "action_type": action_type,
        "target": {"entity_type": "contact", "entity_id": f"c-{number}"},
        "parameters": {"text": "hello"},
        "confidence_score": 0.9,
        "risk_level": "LOW",
        "proposed_by": "agent",
        **changes,
    }


def _propose(
    remit,
    count,
    *,
    types=("ADD_NOTE",),
    budget=None,
    limits=(),
    **changes,
):
    """Sets bounds and stores so many intents, of each type in turn; their ids."""
    remit.apply(_bounds(types, budget, limits), by="ann")
    stored = remit.propose([_proposal(n, types[n // 2 % len(types)], **changes) for n in range(count)])
    assert not any(isinstance(answer, RemitError) for answer in stored)
    return [f"i-{number:02}" for number in range(count)]


def _submit_unpublished(remit):
    """Approved by policy, charged, and not yet published."""
    tomorrow = remit.now() + timedelta(days=1)
    names = _propose(remit, ROUNDS, expires_at=tomorrow.isoformat())
    assert {_gate(remit, name).result for name in names} == {"AUTO_EXECUTED"}
    return names


def _assert_started_or_released(remit, names, started, released, *, otherwise):
    assert [sorted(pair) for pair in zip(started, released, strict=True)] == [[False, True]] * ROUNDS
    expected = ["RUNNING" if answer else otherwise for answer in started]
    assert [remit.status(TENANT, name)["status"] for name in names] == expected
    assert _entries(remit, names, "EXECUTION_STARTED") == started
    assert _entries(remit, names, "BUDGET_RELEASED") == released
    assert _used(remit)["used"] == sum(started)
    _assert_sound(remit)


def _verdict(answer):
    """What is answered, however far its publication was when it was asked for."""
    return asdict(replace(answer, already_published=False, reserved=False, status=None, approval=None))


def _used(remit):
    (account,) = remit.usage(TENANT, account_id=ACCOUNT)["accounts"]
    return dict(account)


def _entries(remit, names, event_type):
    """How often each intent's chain tells of such an event."""
    return [sum(entry["event_type"] == event_type for entry in remit.ledger(TENANT, name)) for name in names]


def _assert_sound(remit):
    report = remit.verify(TENANT)
    assert report.ok, [str(finding) for finding in report.findings]
