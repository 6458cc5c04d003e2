"""After a restore from a backup nothing runs again on a guess, on every store."""

import pytest

from remit.core.ledger.verification import heads_of
from remit.core.records import CHAIN_HEAD, THE_ONE, USAGE, Key

from ..conftest import QUEUES_NOTHING
from .backups import backups
from .test_live_rows import write
from .world import TENANT, World

OPEN = ("running", "published", "reserved")


@pytest.fixture
def backup(request, world, store_kind):
    with backups(request, store_kind, world.inner) as take:
        yield take


@pytest.fixture
def restored(store_kind):
    """A process over what was restored: the same clock, the same far side, nothing else."""
    sending = store_kind in QUEUES_NOTHING
    return lambda before, restore: World(restore, sending=sending, clock=before.clock, far=before.far)


def begun(world):
    """One done, one whose call is under way, one published, one reserved, one that waits, one not decided."""
    world.submit("done")
    world.work()
    world.submit("running")
    world.executor().start(world.bus.take().data)
    world.submit("published")
    world.reserve("reserved")
    world.queued("waits")
    world.propose("proposed")


def executed_after_all(world):
    """What the database forgets: everything runs. Answers the calls."""
    world.clock.pass_(minutes=5)
    world.settle()
    return list(world.far.calls)


def test_what_may_have_run_after_the_backup_is_unknown_and_never_called_again(world, backup, restored):
    begun(world)
    restore = backup()
    calls = executed_after_all(world)
    assert set(calls) == {f"{TENANT}/{name}" for name in ("done", *OPEN, "proposed")}
    again = restored(world, restore)

    (found,) = [each for each in again.app.recover(by="ann") if each.tenant_id == TENANT]

    assert (found.attempts, found.published, found.reserved) == (["running"], ["published"], ["reserved"])
    assert (found.proposed, found.waiting, found.findings, found.failed) == (["proposed"], 1, [], [])
    again.clock.pass_(days=1)
    again.settle()
    assert [again.status(name) for name in OPEN] == ["UNKNOWN"] * 3
    assert {again.outcome(name).error_code for name in OPEN} == {"RESTORED"}
    assert (again.status("done"), again.status("proposed")) == ("SUCCEEDED", "AWAITING_APPROVAL")
    assert again.far.calls == calls
    again.assert_sound()


def test_a_late_event_from_before_the_restore_starts_nothing(world, backup, restored):
    begun(world)
    late = world.bus.take()
    again = restored(world, backup())
    again.app.recover(by="ann")

    assert late.data["action_intent_id"] == "published"
    assert again.run(late) is None
    assert again.status("published") == "UNKNOWN"


def test_what_may_have_run_keeps_its_charge_and_a_person_finds_out(world, backup, restored):
    begun(world)
    again = restored(world, backup())
    used = again.used()

    again.app.recover(by="ann")
    again.app.resolve(TENANT, "published", by="bob", status="SUCCEEDED", note="seen at the far side")

    assert again.used() == used
    assert again.status("published") == "SUCCEEDED"
    again.assert_sound()


def test_an_answer_that_was_noted_before_the_backup_is_what_is_recorded(world, backup, restored):
    """The worker died between the answer and the record."""
    world.submit()
    executor = world.executor()
    ref = executor.start(world.bus.take().data)
    assert executor.preflight(ref)
    executor.invoke(ref, executor.map(ref)["request"])
    again = restored(world, backup())

    again.app.recover(by="ann")

    assert again.status() == "SUCCEEDED"
    again.assert_sound()


def test_autonomy_stays_stopped_until_somebody_resumes_it(world, backup, restored):
    begun(world)
    again = restored(world, backup())
    again.app.recover(by="ann")
    again.restart()

    assert again.submit("new").reason == "AUTONOMY_STOPPED"
    (stop,) = again.app.usage(TENANT)["stops"]
    assert stop["stopped_by"] == "ann" and "restored from a backup" in stop["reason"]
    again.resume(tenant_id=None)
    assert again.submit("newer").result == "AUTO_EXECUTED"
    told = [(entry.event_type, entry.actor) for entry in again.inner.chain("*", None)]
    assert told == [("AUTONOMY_STOPPED", "ann"), ("AUTONOMY_RESUMED", "ann")]
    again.settle()
    assert again.status("newer") == "SUCCEEDED" and not {again.status(name) for name in OPEN} - {"UNKNOWN"}


def test_what_people_approve_after_a_restore_runs(world, backup, restored):
    begun(world)
    again = restored(world, backup())
    again.app.recover(by="ann")

    again.approve("waits")
    again.settle()

    assert again.status("waits") == "SUCCEEDED"


def test_recovering_twice_changes_nothing_more(world, backup, restored):
    begun(world)
    again = restored(world, backup())
    again.app.recover(by="ann")
    events = {name: again.events(name) for name in (*OPEN, "proposed")}

    (found,) = [each for each in again.app.recover(by="ann") if each.tenant_id == TENANT]

    assert not (found.attempts or found.published or found.reserved or found.proposed)
    assert {name: again.events(name) for name in (*OPEN, "proposed")} == events


def test_an_export_that_is_newer_than_the_backup_says_what_was_forgotten(world, backup, restored):
    begun(world)
    restore = backup()
    world.submit("forgotten")
    world.work()
    export = list(world.app.export(TENANT))
    again = restored(world, restore)

    found = again.app.recover(by="ann", kept={TENANT: heads_of(export)})

    said = [text for each in found for text in each.findings]
    assert any("intent forgotten" in text and "it is not here" in text for text in said)
    assert any("intent published" in text and "entries of it" in text for text in said)


def test_counters_and_heads_that_a_backup_tore_apart_are_told(world, backup, restored):
    begun(world)
    again = restored(world, backup())
    (usage,) = again.inner.scan(USAGE, TENANT)
    head = Key(CHAIN_HEAD, TENANT, THE_ONE)
    torn = again.record(head).changed(chain=again.record(head).chain.changed(sequence=9))

    write(again, Key(USAGE, TENANT, usage.usage_id), usage.changed(counters={}))
    write(again, head, torn)

    (found,) = [each for each in again.app.recover(by="ann") if each.tenant_id == TENANT]

    assert any("its counter" in text for text in found.findings)
    assert any("its head is entry 9" in text for text in found.findings)


def test_what_may_still_be_taken_back_is_ended_once_it_may_not(world):
    world.queued("held")
    held = world.app.intent(TENANT, "held").digest
    world.app.approve(TENANT, "held", by="bob", digest=held, undo_for_s=30)

    (early,) = [each for each in world.app.recover(by="ann") if each.tenant_id == TENANT]
    world.clock.pass_(seconds=31)
    (late,) = [each for each in world.app.recover(by="ann") if each.tenant_id == TENANT]

    assert early.failed == ["held: its approval may be taken back until 2026-03-10T12:00:30Z; run this again then"]
    assert (late.failed, world.status("held")) == ([], "UNKNOWN")
    assert world.app.verify(TENANT).ok
