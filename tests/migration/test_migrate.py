"""Everything of one database comes into another as it is, whoever is killed on the way, and nothing is done twice."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from itertools import count
from typing import Any

import pytest

from remit.core.errors import Conflict, InvalidInput, RemitError, TryLater
from remit.core.gate.autonomy import StopScope
from remit.core.records import CASE, CHAIN_HEAD, CONSUMER, KINDS, PRIVATE_VALUES, case_key
from remit.flow.migrate import migrate
from remit.testing.faults import Crash, Fault, FaultyStore
from remit.testing.samples import make_entry, make_object, putting
from tests.flow.notified import follow
from tests.flow.world import OTHER, OWN, SetClock, World, new_id, own_type, type_of

from .conftest import move, no_bar

ACME, GLOBEX, PLATFORM = "acme", "globex", "*"


def world_in(place, **more):
    return World(place.open, sending=not place.is_queue, **more)


class Unsent:
    """A channel that takes any subscription, and sends nothing."""

    def check(self, asked):
        """Anything goes."""


def filled(place):
    """An intent in each status but RUNNING, two tenants, and everything that is kept beside intents."""
    world = world_in(place, notifiers={"webhook": Unsent()})
    world.apply(
        action_types={
            "UPDATE_CONTACT": {**type_of(), "private": ["parameters.iban"]},
            OTHER: {**type_of(), "approvals_required": 2},
            OWN: own_type(),
        },
        allowlist=["UPDATE_CONTACT", OTHER, OWN],
        budget={"max_autonomous_per_day": 50},
        # So many that they are stored in parts.
        accounts={f"branch-{number}": {"budget": {"max_autonomous_per_day": 20}} for number in range(200)},
    )
    for step, name in (("yes", "done"), ("no VALIDATION", "refused"), ("lost", "unknown"), ("lost", "found-out")):
        world.far.script.append(step)
        world.submit(name)
        world.work()
    world.app.resolve(ACME, "found-out", by="ann", status="SUCCEEDED")
    for name in ("rejected", "edited", "waiting", "voted"):
        world.queued(name, action_type=OTHER if name == "voted" else "UPDATE_CONTACT")
    world.app.reject(ACME, "rejected", by="bob", reason="no")
    world.approve("voted")
    world.app.edit(ACME, "edited", by="bob", changes={"parameters.text": "goodbye"})
    for name in ("private", "erased"):
        world.queued(name, parameters={"iban": "DE02120300000000202051"})
    world.app.erase(ACME, "erased", by="dora", reason="asked for")
    world.stop(account_id="south")
    world.app.stop(StopScope(), by="ann", reason="incident", level="everything", even_if_unknown=True)
    world.app.resume(StopScope(), by="ann", reason="over", level="everything")
    world.app.create_key(ACME, {"name": "crm-agent", "roles": ["agent"]}, by="ann")
    asked = {"channel": "webhook", "url": "https://hooks.example.com/x", "signing_secret": "${SIGNING}"}
    world.app.set_subscription(ACME, "hook", {**asked, "notices": ["NEEDS_INPUT"]}, by="ann")
    world.propose("proposed")
    world.reserve("reserved")
    world.submit("published")
    world.queued("withdrawn")
    world.app.withdraw(ACME, "withdrawn", by="agent")
    world.submit("own", action_type=OWN), world.submit("own-begun", action_type=OWN)
    list(world.app.export(ACME))
    World(place.open, sending=not place.is_queue, tenant=GLOBEX, clock=world.clock).apply()
    follow(world)
    return world


def held(store, *, queue=False):
    """Everything that a store holds, but for who carries approvals, and for positions, which are its own."""
    found: dict[str, Any] = {}
    for tenant_id in store.tenants():
        entries = [*store.export(tenant_id), *store.chain(tenant_id, None)]
        found[tenant_id] = {
            "lines": [entry.line for entry in entries],
            "cases": {id: case.changed(queued=queue) for id, case in store.records(CASE, tenant_id)},
            "consumers": {id: each.changed(position="") for id, each in store.records(CONSUMER, tenant_id)},
            **{name: dict(store.records(kind, tenant_id)) for name, kind in KINDS.items() if name not in SHOWN},
        }
    return found


SHOWN = (CASE.name, CONSUMER.name)
PAIRS = [
    ("sqlite", "sqlite"),
    ("sqlite", "postgres"),
    ("postgres", "sqlite"),
    ("postgres", "dynamodb"),
    ("dynamodb", "sqlite"),
    ("dynamodb", "dynamodb"),
]


@pytest.mark.parametrize(("from_kind", "to_kind"), PAIRS)
def test_everything_comes_along_as_it_is(new_place, from_kind, to_kind):
    source, target = new_place(from_kind), new_place(to_kind)
    filled(source)
    before = held(source.open())

    done = move(source, target)

    assert held(target.open()) == before
    assert set(before) == {ACME, GLOBEX, PLATFORM}
    assert (done.tenants, done.intents) == (2, sum(len(each["cases"]) for each in before.values()))
    assert done.entries == sum(len(each["lines"]) for each in before.values())


@pytest.mark.parametrize(("from_kind", "to_kind"), PAIRS)
def test_what_was_approved_is_executed_once_in_the_new_database(new_place, from_kind, to_kind):
    source, target = new_place(from_kind), new_place(to_kind)
    world = filled(source)
    move(source, target)

    after = world_in(target, clock=world.clock, far=world.far)
    after.clock.pass_(minutes=2)
    after.settle()

    assert [after.status(name) for name in ("reserved", "published", "proposed")] == ["SUCCEEDED"] * 3
    assert [world.far.written[f"{ACME}/{name}"] for name in ("done", "reserved", "published", "proposed")] == [1] * 4
    after.assert_sound()


@pytest.mark.parametrize(("from_kind", "to_kind"), PAIRS)
def test_what_its_caller_executes_stays_its_caller_s_in_the_new_database(new_place, from_kind, to_kind):
    source, target = new_place(from_kind), new_place(to_kind)
    world = filled(source)
    permit = world.app.begin(ACME, "own-begun", by="agent", key="call-1").permit
    move(source, target)

    after = world_in(target, clock=world.clock, far=world.far)
    assert after.app.begin(ACME, "own-begun", by="agent", key="call-1").permit == permit
    after.clock.pass_(minutes=2)
    after.settle()

    assert (after.status("own-begun"), after.status("own")) == ("UNKNOWN", "APPROVED")
    assert after.app.begin(ACME, "own", by="agent").permit
    after.assert_sound()


def test_private_values_come_along_and_what_was_erased_stays_so(new_place):
    source, target = new_place("sqlite"), new_place("sqlite")
    filled(source)
    move(source, target)

    after = world_in(target)

    assert after.app.intent(ACME, "private").parameters == {"iban": "DE02120300000000202051"}
    assert after.app.intent(ACME, "erased").missing == {"parameters.iban": "ERASED"}
    assert [id for id, _ in target.open().records(PRIVATE_VALUES, ACME)] == ["private"]
    after.assert_sound()


class DyingTarget:
    """A target whose process ends at one of its writes, or before it says that it is complete."""

    def __init__(self, inner, fault, at):
        self._inner = inner
        self.name, self.migration_id, self.is_queue = inner.name, inner.migration_id, inner.is_queue
        self.complete, self.close, self.settle = inner.complete, inner.close, inner.settle
        self.store: Any = FaultyStore(inner.store, fault, at=at)

    def finish(self):
        self._inner.finish()


def dies(source, target, fault, at):
    """Did a run reach its `at`-th write, and end there?"""
    here, there = source.source(), target.target()
    try:
        migrate(here, DyingTarget(there, fault, at), no_bar, SetClock(), new_id)
    except Crash:
        return True
    finally:
        here.close()
        there.close()
    return False


def test_killed_at_any_write_and_started_again_it_ends_the_same(new_place):
    source = new_place("sqlite")
    filled(source)
    before = held(source.open())
    fault: Fault

    for at in count(1):
        for fault in ("crash_before", "crash_after"):
            copied, target = new_place("sqlite"), new_place("sqlite")
            sqlite3.connect(source.path).backup(sqlite3.connect(copied.path))
            if not dies(copied, target, fault, at):
                assert at > 20
                return
            assert not move(copied, target).already
            assert held(target.open()) == before


def test_killed_again_and_again_it_comes_to_its_end(new_place):
    source, target = new_place("postgres"), new_place("dynamodb")
    filled(source)
    before = held(source.open())

    runs = next(run for run in count() if not dies(source, target, "crash_after", 1 + run // 2))

    assert runs > 5
    assert held(target.open()) == before


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_killed_between_the_closing_of_one_and_the_opening_of_the_other_it_goes_on(new_place, kind):
    source, target = new_place(kind), new_place("sqlite")
    filled(source)
    here, there = source.source(), target.target()
    there.finish = lambda: (_ for _ in ()).throw(Crash)
    with pytest.raises(Crash):
        migrate(here, there, no_bar, SetClock(), new_id)
    with pytest.raises(InvalidInput, match="was moved"):
        source.open()
    with pytest.raises(InvalidInput, match="being filled"):
        target.open()

    move(source, target)

    assert target.open().counts(ACME)["SUCCEEDED"] == 2


def test_a_second_run_after_the_end_says_that_it_is_done(new_place):
    source, target = new_place("sqlite"), new_place("sqlite")
    filled(source)
    move(source, target)
    world = world_in(target)
    world.submit("later")

    again = move(source, target)

    assert again.already
    assert world.status("later") == "APPROVED"


@pytest.mark.parametrize("kind", ["sqlite", "postgres", "dynamodb"])
def test_the_target_refuses_work_until_it_is_complete(new_place, kind):
    target = new_place(kind)
    target.target().close()

    with pytest.raises((InvalidInput, TryLater), match="being filled by remit migrate"):
        world_in(target).apply()


@pytest.mark.parametrize("kind", ["sqlite", "postgres", "dynamodb"])
def test_a_database_that_was_moved_refuses_work(new_place, kind):
    source = new_place(kind)
    filled(source)
    move(source, new_place("sqlite"))

    with pytest.raises((InvalidInput, TryLater), match="was moved"):
        world_in(source).apply()


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_whoever_has_the_old_database_open_is_refused_every_write(new_place, kind):
    source, target = new_place(kind), new_place("sqlite")
    world = filled(source)
    calls = len(world.far.calls)

    move(source, target)

    with pytest.raises(TryLater, match="was moved to SQLite"):
        world.app.take(10, "w-late")
    with pytest.raises(TryLater, match="was moved to SQLite"):
        world.submit("too-late")
    assert len(world.far.calls) == calls
    assert "too-late" not in world.statuses()


class Meanwhile:
    """A progress bar that has something done in FROM while what is finished is copied."""

    def __init__(self, do):
        self._do = do

    def __call__(self, what, total):
        if what == "copying what is finished":
            self._do()
        return no_bar(what, total)


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_an_attempt_that_is_marked_and_called_while_copying_is_not_called_again(new_place, kind):
    source, target = new_place(kind), new_place("sqlite")
    world = filled(source)
    # The call has gone out and was answered by nobody when the database is moved.
    world.far.script.append("lost")
    taken: list[Any] = []

    def call():
        taken.extend(world.app.take(1, "w-old"))
        world.app.carry_out(taken)

    move(source, target, progress=Meanwhile(call))
    after = world_in(target, clock=world.clock, far=world.far)
    after.clock.pass_(minutes=5)
    after.settle()

    name = taken[0].keys.case.id
    assert after.status(name) == "UNKNOWN"
    assert world.far.calls.count(f"{ACME}/{name}") == 1


def test_nobody_writes_between_the_last_copy_and_the_closing(new_place):
    """Otherwise an attempt copied unmarked could be marked and called in FROM, and called again in TO."""
    source, target = new_place("postgres"), new_place("sqlite")
    world = filled(source)
    here, there = source.source(), target.target()

    with here.frozen():
        worker: Any = source.open()
        with pytest.raises(RemitError):
            impatient(worker).transact([putting(make_object("late"))])

    assert "late" not in dict(worker.records(KINDS["internal_objects"], ACME))
    here.close()
    there.close()
    del world


def impatient(store):
    """A writer that waits a moment for a lock, and not half a minute."""
    driver = store._writer._connected().driver_connection
    driver.execute("SET lock_timeout = '50ms'")
    driver.commit()
    return store


def test_a_table_on_dynamodb_is_left_as_it_is_until_the_operator_says_that_it_is_stopped(new_place):
    source, target = new_place("dynamodb"), new_place("sqlite")
    world = filled(source)

    with pytest.raises(InvalidInput, match="--from-is-stopped"):
        move(source, target, stopped=False)

    world.submit("goes-on")
    with pytest.raises(InvalidInput, match="being filled"):
        target.open()
    move(source, target)
    assert target.open().counts(ACME) == world.inner.counts(ACME)


def test_what_the_first_run_left_behind_is_brought_up_to_date(new_place):
    source, target = new_place("dynamodb"), new_place("sqlite")
    world = filled(source)
    with suppress(InvalidInput):
        move(source, target, stopped=False)
    world.settle()
    world.app.resolve(ACME, "unknown", by="ann", status="FAILED")
    world.app.remove_subscription(ACME, "hook", by="ann")
    follow(world)
    before = held(world.inner)

    move(source, target)

    assert held(target.open()) == before


def test_a_chain_longer_than_one_write_is_copied_in_parts(new_place):
    source, target = new_place("sqlite"), new_place("dynamodb")
    world = world_in(source)
    world.apply()
    for number in range(130):
        world.stop(account_id=f"a-{number}")

    move(source, target)

    assert len(target.open().chain(ACME, None)) == 131
    assert dict(target.open().records(CHAIN_HEAD, ACME)) == dict(world.inner.records(CHAIN_HEAD, ACME))


def test_a_database_in_use_is_never_filled(new_place):
    source, target = new_place("sqlite"), new_place("sqlite")
    filled(source)
    world_in(target).apply()

    with pytest.raises(InvalidInput, match="is in use"):
        move(source, target)

    assert source.open().counts(ACME)["SUCCEEDED"] == 2


def test_a_moved_database_moves_nowhere_else(new_place):
    source = new_place("sqlite")
    filled(source)
    move(source, new_place("sqlite"))

    with pytest.raises(InvalidInput, match="was moved into another database"):
        move(source, new_place("sqlite"))


def test_a_target_that_another_database_has_begun_to_fill_is_no_target(new_place):
    first, second, target = (new_place("sqlite") for _ in range(3))
    filled(first)
    world = world_in(second)
    world.apply()
    dies(first, target, "crash_after", 5)

    with pytest.raises(Conflict):
        move(second, target)

    world.submit("goes-on")
    assert world.status("goes-on") == "APPROVED"


def test_a_ledger_that_is_broken_is_moved_nowhere(new_place):
    source, target = new_place("sqlite"), new_place("sqlite")
    world = filled(source)
    entry = make_entry("forged", event="ACTION_EXECUTED", data={})
    forged = world.case("done").changed(action_intent_id="forged", chain=entry.head)
    world.inner.transact([putting((case_key(ACME, "forged"), forged), entries=[entry])])

    with pytest.raises(Conflict, match="broken, in FROM as in TO"):
        move(source, target)

    world.submit("goes-on")
