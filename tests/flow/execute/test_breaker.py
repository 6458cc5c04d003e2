"""A tool that keeps failing is paused for its tenant: by every process, over a restart, until a trial is answered."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from remit.app import App
from remit.core.execution.breaker import FIRST_PAUSE_S, PAUSE_AFTER
from remit.core.execution.places import Places
from remit.core.records import TOOL_BREAKER
from remit.flow import breakers as breakers_flow
from remit.flow import execute
from remit.flow.breakers import failing_tools
from remit.flow.fact_lookups import FactLookups
from remit.ports import CaseFilter
from remit.testing.faults import StoreWrapper

from ..world import NOON, OTHER, TENANT, TYPE, proposal, type_of
from .attempts import begun

ONCE = {TYPE: type_of(max_attempts=1), OTHER: type_of(max_attempts=1)}
DOWN = "no DOWNSTREAM"


@pytest.fixture
def desk(queueing):
    """A queue whose tools are tried once, with room for many intents."""
    queueing.apply(action_types=ONCE, budget={"max_autonomous_per_day": 1000})
    return queueing


def submit(world, count, name="i", **changes):
    return [world.submit(f"{name}-{number}", **changes) and f"{name}-{number}" for number in range(count)]


def fail_often(world, answer=DOWN, count=PAUSE_AFTER):
    submit(world, count, "failed")
    world.far.script += [answer] * count
    world.work()
    assert not world.far.script


def breakers(world, tenant=TENANT):
    return world.inner.scan(TOOL_BREAKER, tenant)


def another(world):
    """A second process over the same store."""
    context = replace(world.app.context, store=world._open_store())
    return App(context, world.clock)


def taken(app, holder="w-x", limit=100):
    return [each for each in app.take(limit, holder) if isinstance(each, execute.Taken)]


def name_of(each):
    return each.call.intent.action_intent_id


# --- the pause ---


def test_after_so_many_failures_in_a_row_nobody_calls_the_tool(desk):
    fail_often(desk)
    waiting = submit(desk, 5)

    assert taken(desk.app) == [] == taken(another(desk))
    assert not desk.app.has_queued(Places(10)) and desk.app.busy()
    assert {desk.status(name) for name in waiting} == {"APPROVED"}


def test_other_tools_and_other_tenants_are_called_as_ever(desk):
    desk.app.apply({**_bounds_of("globex")}, by="ann")
    fail_often(desk)
    submit(desk, 1, "other", action_type=OTHER)
    desk.app.submit([proposal("theirs", "globex")])

    assert sorted(map(name_of, taken(desk.app))) == ["other-0", "theirs"]


def _bounds_of(tenant):
    return {
        "tenant": tenant,
        "action_types": ONCE,
        "allowlist": [TYPE, OTHER],
        "modes": {"default": "AUTO_EXECUTE"},
        "budget": {"max_autonomous_per_day": 10},
    }


@pytest.mark.parametrize("answer, paused", [("no TIMEOUT", True), ("nothing", True), ("no VALIDATION", False)])
def test_a_refusal_of_what_one_call_asks_for_is_no_failing_tool(desk, answer, paused):
    fail_often(desk, answer, 2 * PAUSE_AFTER if not paused else PAUSE_AFTER)
    submit(desk, 1)

    assert bool(taken(desk.app)) is not paused


def test_a_success_ends_the_row_and_nothing_is_kept(desk):
    fail_often(desk, count=PAUSE_AFTER - 1)
    assert [each.failures for each in breakers(desk)] == [PAUSE_AFTER - 1]

    submit(desk, 1, "good")
    desk.work()

    assert breakers(desk) == []
    fail_often_again = submit(desk, PAUSE_AFTER - 1, "again")
    desk.far.script += [DOWN] * len(fail_often_again)
    desk.work()
    submit(desk, 1, "last")
    assert len(taken(desk.app)) == 1


def test_where_calls_succeed_nothing_more_is_read_or_written(desk, monkeypatch):
    submit(desk, 3)
    calls = taken(desk.app)
    seen = []
    transact = desk.inner.transact
    monkeypatch.setattr(desk.inner, "transact", lambda units: seen.append(units) or transact(units))

    desk.app.settle([(each, desk.app.carry_out([each])[0]) for each in calls])

    ((units,),) = ([seen],)
    assert len(units[0]) == 3 and breakers(desk) == []
    assert not any(key.kind is TOOL_BREAKER for unit in units[0] for key in unit.reads)


def test_a_process_that_is_told_to_pause_nothing_calls_on(desk):
    fail_often(desk)
    submit(desk, 3)
    off = App(replace(desk.app.context, breaker=None), desk.clock)

    assert len(taken(off)) == 3 and off.failing_tools(TENANT) == []
    assert off.status(TENANT, "i-0")["paused_tool"] is None


def test_what_only_fails_takes_no_place_among_the_tools_that_are_known_to_be_paused(desk, monkeypatch):
    monkeypatch.setattr(breakers_flow, "MOST_KNOWN", 1)
    desk.far.script += [DOWN]
    submit(desk, 1, "other", action_type=OTHER)
    desk.work()
    desk.clock.pass_(seconds=60)
    fail_often(desk)
    submit(desk, 1)

    assert len(breakers(desk)) == 2 and taken(desk.app) == []


# --- the trial ---


def test_one_call_is_the_trial_and_its_success_lets_all_others_go(desk):
    fail_often(desk)
    submit(desk, 5)
    desk.clock.pass_(seconds=FIRST_PAUSE_S)
    second = another(desk)

    (trial,) = taken(desk.app, "w-a")
    assert taken(second, "w-b") == [] == taken(desk.app, "w-c")
    desk.app.settle([(trial, desk.app.carry_out([trial])[0])])

    assert len(taken(second, "w-d")) == 4
    assert breakers(desk) == []


def test_a_trial_that_fails_doubles_the_pause(desk):
    fail_often(desk)
    submit(desk, 3)
    desk.clock.pass_(seconds=FIRST_PAUSE_S)
    desk.far.script += [DOWN]
    (trial,) = taken(desk.app)
    desk.app.settle([(trial, desk.app.carry_out([trial])[0])])

    desk.clock.pass_(seconds=2 * FIRST_PAUSE_S - 1)
    assert taken(desk.app, "w-early") == []
    desk.clock.pass_(seconds=1)
    assert len(taken(desk.app, "w-due")) == 1


def test_of_two_workers_that_see_a_trial_due_at_once_one_makes_it(desk):
    fail_often(desk)
    submit(desk, 3)
    desk.clock.pass_(seconds=FIRST_PAUSE_S)
    second = another(desk)
    seen_due = failing_tools(second.context)

    assert len(taken(desk.app)) == 1
    lookups = FactLookups(second.context, desk.clock)
    late = execute.take(second.context, Places(10), 10, "w-late", desk.clock.now(), seen_due, lookups)

    assert late == [None]
    assert sorted(name for name, status in desk.statuses().items() if status == "APPROVED") == ["i-1", "i-2"]
    desk.assert_sound()


def test_a_trial_whose_worker_dies_is_followed_by_another(desk):
    fail_often(desk)
    submit(desk, 2)
    desk.clock.pass_(seconds=FIRST_PAUSE_S)
    assert len(taken(desk.app, "w-dead")) == 1

    desk.recover()
    assert taken(desk.app) == []
    desk.clock.pass_(seconds=40)

    assert len(taken(desk.app)) == 1


def test_a_pause_outlives_every_process(desk):
    fail_often(desk)
    submit(desk, 2)

    desk.recover()

    assert taken(desk.app) == []
    desk.clock.pass_(seconds=FIRST_PAUSE_S)
    assert len(taken(desk.app)) == 1


def test_calls_that_began_before_the_pause_do_not_prolong_it(desk):
    submit(desk, PAUSE_AFTER + 5)
    calls = taken(desk.app)
    desk.far.script += [DOWN] * len(calls)
    results = [(each, desk.app.carry_out([each])[0]) for each in calls]

    desk.app.settle(results[:PAUSE_AFTER])
    (paused,) = breakers(desk)
    desk.clock.pass_(seconds=5)
    desk.app.settle(results[PAUSE_AFTER:])

    assert breakers(desk) == [paused]


# --- what waits ---


def test_what_expires_behind_a_paused_tool_gives_its_charge_back(desk):
    fail_often(desk)
    submit(desk, 2, "soon", expires_at=(NOON + timedelta(minutes=1)).isoformat())
    assert desk.used() == PAUSE_AFTER + 2

    desk.clock.pass_(minutes=2)
    assert desk.app.reconcile().expired == 2

    assert {desk.status("soon-0"), desk.status("soon-1")} == {"EXPIRED"}
    assert (desk.used(), desk.called("soon-0")) == (PAUSE_AFTER, 0)
    desk.assert_sound()


def test_what_has_begun_and_expires_between_two_calls_is_cancelled(desk):
    desk.apply(action_types={TYPE: type_of(max_attempts=5)}, budget={"max_autonomous_per_day": 1000})
    desk.submit("begun", expires_at=(NOON + timedelta(seconds=60)).isoformat())
    desk.far.script += [DOWN]
    (call,) = taken(desk.app, "w-0")
    desk.app.settle([(call, desk.app.carry_out([call])[0])])
    desk.apply(action_types=ONCE, budget={"max_autonomous_per_day": 1000})
    submit(desk, PAUSE_AFTER - 1, "failed")
    calls = [each for each in taken(desk.app, "w-1") if name_of(each) != "begun"]
    desk.far.script += [DOWN] * len(calls)
    desk.app.settle([(each, desk.app.carry_out([each])[0]) for each in calls])
    assert taken(desk.app, "w-2") == []

    desk.clock.pass_(seconds=61)
    desk.app.reconcile()

    assert (desk.status("begun"), desk.called("begun")) == ("CANCELLED", 1)
    assert desk.used() == PAUSE_AFTER - 1
    desk.assert_sound()


def test_a_person_resumes_a_tool_at_once(desk, caplog):
    fail_often(desk)
    submit(desk, 3)
    woken = []
    with desk.app.waking(lambda: woken.append(True)):
        assert desk.app.resume_tool(TENANT, TYPE, by="ann") is True

    assert woken and len(taken(another(desk))) == 3
    assert desk.app.resume_tool(TENANT, TYPE, by="ann") is False
    assert f"ann resumed {TYPE}'s tool" in caplog.text


def test_a_pause_and_its_end_are_logged(desk, caplog):
    fail_often(desk)
    assert f"{TYPE}'s tool is paused since 2026-03-10T12:00:00Z" in caplog.text
    caplog.clear()

    submit(desk, 1)
    desk.clock.pass_(seconds=FIRST_PAUSE_S)
    desk.work()

    assert "answers again" in caplog.text


def test_what_waits_behind_a_paused_tool_says_so(desk):
    fail_often(desk)
    submit(desk, 1)
    desk.queued("asked")

    told = desk.app.status(TENANT, "i-0")["paused_tool"]
    assert told["explanation"].startswith(f"{TYPE}'s tool is paused since 2026-03-10T12:00:00Z after 10 failed calls")
    assert (told["paused_since"], told["next_trial_at"]) == ("2026-03-10T12:00:00Z", "2026-03-10T12:00:10Z")
    listed = {line["action_intent_id"]: line["paused_tool"] for line in desk.app.intents(TENANT, limit=500)[0]}
    assert listed["i-0"] == listed["asked"] == told and listed["failed-0"] is None
    assert desk.app.why(TENANT, "i-0")["paused_tool"] == told == desk.app.queue(TENANT)[0][0]["paused_tool"]
    assert [tool["action_type"] for tool in desk.app.failing_tools(TENANT)] == [TYPE]
    assert desk.app.status(TENANT, "failed-0")["paused_tool"] is None
    assert desk.app.failing_tools("globex") == []


class CountingReads(StoreWrapper):
    """Counts reads of records; a list of cases is none."""

    reads = 0

    def read(self, keys):
        self.reads += 1
        return self.inner.read(keys)


def test_a_page_of_intents_reads_the_pauses_of_its_tools_once_and_not_where_nothing_waits(new_world):
    world = new_world(wrap=CountingReads)
    world.apply()
    submit(world, 5)
    submit(world, 5, "other", action_type=OTHER)

    def reads_of(*statuses):
        before = world.store.reads
        lines, _ = world.app.intents(TENANT, CaseFilter(statuses))
        return len(lines), world.store.reads - before

    assert reads_of("APPROVED") == (10, 1)
    world.work()
    assert reads_of("SUCCEEDED") == (10, 0)


def test_how_long_a_tool_is_paused_is_measured(desk):
    fail_often(desk)
    desk.clock.pass_(seconds=7)

    assert desk.app.measure().tool_paused_s == {(TENANT, TYPE): 7.0}


# --- one step after the other, as a state machine takes them ---


def _pause_by_steps(world):
    for number in range(PAUSE_AFTER):
        _, executor, ref, request = begun(world, name=f"failed-{number}")
        world.far.script += [DOWN]
        executor.record(ref, executor.invoke(ref, request))


@pytest.fixture
def steps(sending):
    sending.apply(action_types=ONCE, budget={"max_autonomous_per_day": 1000})
    _pause_by_steps(sending)
    return sending


def test_a_step_waits_until_the_trial_and_holds_its_attempt_meanwhile(steps):
    _, executor, ref, request = begun(steps)

    assert executor.invoke(ref, request) == {"retry_in_s": FIRST_PAUSE_S}

    assert (steps.called(), steps.attempt().attempt_count) == (0, 0)
    assert steps.attempt().lease_until >= NOON + timedelta(seconds=FIRST_PAUSE_S)
    steps.clock.pass_(seconds=FIRST_PAUSE_S)
    assert executor.invoke(ref, request)["status"] == "SUCCEEDED"
    assert breakers(steps) == []


def test_of_two_executions_one_makes_the_trial_and_the_other_waits_for_it(steps):
    _, first, ref, request = begun(steps, name="a")
    _, second, other_ref, other_request = begun(steps, name="b")
    waits = []

    def meanwhile(call):
        waits.append(second.invoke(other_ref, other_request))
        return "yes"

    steps.clock.pass_(seconds=FIRST_PAUSE_S)
    steps.far.script += [meanwhile]
    assert first.invoke(ref, request)["status"] == "SUCCEEDED"

    assert waits == [{"retry_in_s": 35.0}] and steps.called("b") == 0
    assert second.invoke(other_ref, other_request)["status"] == "SUCCEEDED"


def test_a_step_that_waits_is_cancelled_when_its_intent_expires(steps):
    _, executor, ref, request = begun(steps, expires_at=(NOON + timedelta(seconds=4)).isoformat())
    used = steps.used()

    assert executor.invoke(ref, request) == {"retry_in_s": 4.0}
    steps.clock.pass_(seconds=4)
    assert executor.invoke(ref, request) == {"stop": True}

    assert (steps.status(), steps.called(), steps.used()) == ("CANCELLED", 0, used - 1)
    steps.assert_sound()


def test_a_step_goes_on_when_a_person_has_resumed_the_tool(steps):
    _, executor, ref, request = begun(steps)
    assert "retry_in_s" in executor.invoke(ref, request)

    steps.app.resume_tool(TENANT, TYPE, by="ann")

    assert executor.invoke(ref, request)["status"] == "SUCCEEDED"


def test_a_pause_is_shown_and_measured_on_every_store(steps):
    begun(steps)
    steps.clock.pass_(seconds=7)

    assert steps.app.measure().tool_paused_s == {(TENANT, TYPE): 7.0}
    assert steps.app.status(TENANT, "i-1")["paused_tool"] == steps.app.failing_tools(TENANT)[0]


def test_an_answer_is_recorded_where_its_call_cannot_be_counted(steps, monkeypatch, caplog):
    steps.app.resume_tool(TENANT, TYPE, by="ann")
    _, executor, ref, request = begun(steps)
    steps.far.script += [DOWN]
    transact = steps.inner.transact

    def unless_breaker(units):
        from remit.core.errors import TryLater

        if any(key.kind is TOOL_BREAKER for unit in units for key in unit.reads):
            raise TryLater("busy")
        return transact(units)

    monkeypatch.setattr(steps.inner, "transact", unless_breaker)

    assert executor.invoke(ref, request)["status"] == "FAILED"
    assert "not counted" in caplog.text
