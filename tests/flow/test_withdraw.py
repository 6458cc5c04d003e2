"""What the proposer takes back: nothing that was started, and what it cost comes back with it."""

import pytest

from remit.core.errors import Conflict, Forbidden, NotFound, NotInThatState
from remit.core.identity.credential import Credential
from remit.flow.gate import GateRequest
from remit.ports import REFUSED

from .world import ACCOUNT, NOON, TENANT, both

SOON = NOON.replace(hour=13).isoformat()
KEY = Credential("key", "k-1", made_by=("ann",))


def withdraw(world, name="i-1", *, by="agent", **more):
    return world.app.withdraw(TENANT, name, by=by, **more)


def withdrawing(name="i-1"):
    return lambda app: app.withdraw(TENANT, name, by="agent")


def test_what_waits_is_taken_back_by_who_proposed_it_and_nobody_can_answer_it_any_more(world):
    world.queued()

    case = withdraw(world, reason="found it myself", credential=KEY)

    assert (case.status, world.status()) == ("WITHDRAWN", "WITHDRAWN")
    assert world.app.queue(TENANT)[0] == []
    told = world.history().withdrawal
    assert (told["withdrawn_by"], told["reason"]) == ("agent", "found it myself")
    assert told["credential"] == KEY.wire() and told["digest"] == case.digest
    assert world.app.why(TENANT, "i-1")["withdrawal"] == told
    for act in (world.approve, lambda: world.app.reject(TENANT, "i-1", by="bob")):
        with pytest.raises(NotInThatState, match="is WITHDRAWN"):
            act()
    assert world.app.timeline(TENANT)[0][0]["text"].startswith("agent took back UPDATE_CONTACT")
    world.assert_sound()


def test_a_charge_is_given_back_in_the_write_that_takes_it_back_into_its_own_window(world):
    world.reserve()
    assert world.used() == 1
    world.clock.pass_(hours=13)

    withdraw(world)

    assert world.events()[-2:] == ["BUDGET_RELEASED", "INTENT_WITHDRAWN"]
    (released,) = [e for e in world.history().entries if e.event_type == "BUDGET_RELEASED"]
    assert released.data["why"] == "INTENT_WITHDRAWN"
    assert {charge["window_id"].split("@")[0] for charge in released.data["charges"]} == {"2026-03-10"}
    world.clock.at = NOON
    assert world.used() == 0
    world.assert_sound()


def test_what_a_person_approved_is_taken_back_until_a_worker_has_it(world):
    world.queued()
    world.approve()

    withdraw(world)

    assert world.state().status == "RELEASED"
    # Its event may have left: it finds nothing to do.
    assert [status for status in world.work() if status] == [] and world.written() == 0
    world.settle()
    assert world.status() == "WITHDRAWN"
    world.assert_sound()


def test_what_nobody_decided_yet_is_taken_back_and_is_never_decided(world):
    world.propose()

    withdraw(world)
    answer = world.gate()

    assert (answer.result, answer.reason, answer.status) == ("REQUIRE_APPROVAL", "INTENT_WITHDRAWN", "WITHDRAWN")
    assert not answer.reserved and world.events() == ["INTENT_PROPOSED", "INTENT_WITHDRAWN"]
    world.settle()
    assert (world.status(), world.used()) == ("WITHDRAWN", 0)
    world.assert_sound()


def test_taken_back_twice_is_taken_back_once(world):
    world.queued()

    first = withdraw(world, reason="first")
    second = withdraw(world, reason="second")

    assert first == second
    assert world.events().count("INTENT_WITHDRAWN") == 1


def test_nobody_else_takes_it_back_and_nothing_changes(world):
    world.queued()

    with pytest.raises(Forbidden, match="only its proposer may"):
        withdraw(world, by="another-agent")
    with pytest.raises(Forbidden, match="not for the account"):
        withdraw(world, accounts=frozenset({"south"}))
    with pytest.raises(NotFound):
        withdraw(world, "nothing")
    with pytest.raises(NotFound):
        world.app.withdraw("globex", "i-1", by="agent")

    assert world.status() == "AWAITING_APPROVAL"
    assert withdraw(world, accounts=frozenset({ACCOUNT})).status == "WITHDRAWN"


def test_what_has_ended_or_was_answered_no_is_not_taken_back(world):
    world.submit("done"), world.queued("no"), world.queued("old"), world.submit("new", supersedes="old")
    world.app.reject(TENANT, "no", by="bob")
    world.work()

    for name, status in (("done", "SUCCEEDED"), ("no", "REJECTED"), ("old", "SUCCEEDED")):
        with pytest.raises(NotInThatState, match=f"is {status}: it cannot be withdrawn"):
            withdraw(world, name)


def test_of_one_that_people_have_edited_the_newest_is_taken_back_and_nobody_else_s(world):
    world.queued()
    edited = world.app.edit(TENANT, "i-1", by="bob", changes={"parameters.text": "better"}).action_intent_id
    again = world.app.edit(TENANT, edited, by="bob", changes={"parameters.text": "best"}).action_intent_id

    with pytest.raises(Forbidden):
        withdraw(world, by="another-agent")
    first, second = withdraw(world), withdraw(world)

    assert (first.action_intent_id, first.status, second) == (again, "WITHDRAWN", first)
    assert (world.status(), world.status(edited), world.status(again)) == ("SUPERSEDED", "SUPERSEDED", "WITHDRAWN")
    world.assert_sound()


def test_what_runs_is_not_taken_back(sending):
    sending.submit()
    sending.executor().start(sending.bus.take().data)

    with pytest.raises(NotInThatState, match="is RUNNING: it cannot be withdrawn"):
        withdraw(sending)

    assert sending.used() == 1
    sending.assert_sound()


def test_its_event_finds_nothing_to_start_once_it_was_taken_back(sending):
    sending.submit()
    event = sending.bus.take().data

    withdraw(sending)

    assert sending.executor().start(event) is None
    assert (sending.status(), sending.used()) == ("WITHDRAWN", 0)
    sending.assert_sound()


def test_what_was_taken_back_is_published_no_more(sending):
    sending.reserve()
    sending.clock.pass_(seconds=5)

    withdraw(sending)
    sending.app.reconcile()
    sending.clock.pass_(minutes=20)
    sending.app.reconcile()

    assert sending.bus.sent == [] and sending.status() == "WITHDRAWN"


def test_an_event_that_the_bus_refuses_after_it_was_taken_back_releases_nothing_twice(sending):
    sending.reserve()
    sending.clock.pass_(seconds=5)
    sending.bus.script += [lambda _: (withdraw(sending), REFUSED)[1]]

    sending.app.reconcile()

    assert (sending.status(), sending.used()) == ("WITHDRAWN", 0)
    sending.assert_sound()


@pytest.mark.parametrize("other", ["approve", "reject", "edit", "withdraw"])
def test_taking_back_and_an_answer_at_once_exclude_each_other(world, other):
    world.queued()
    digest = world.app.intent(TENANT, "i-1").digest
    acts = {
        "approve": lambda app: app.approve(TENANT, "i-1", by="bob", digest=digest),
        "reject": lambda app: app.reject(TENANT, "i-1", by="bob"),
        "edit": lambda app: app.edit(TENANT, "i-1", by="bob", changes={"parameters.text": "better"}),
        "withdraw": withdrawing(),
    }

    answers = world.race(withdrawing(), acts[other])
    world.settle()

    closing = [event for event in world.events() if event in CLOSING]
    if other == "approve" and closing == ["ACTION_APPROVED", "INTENT_WITHDRAWN"]:
        # Approved first, and taken back before anybody started it.
        assert world.events()[-2] == "BUDGET_RELEASED" and world.status() == "WITHDRAWN" and world.written() == 0
    elif closing == ["INTENT_SUPERSEDED"]:
        # Edited first, and what the person made of it is taken back.
        assert world.status(world.case().superseded_by) == "WITHDRAWN" and answers[0].status == "WITHDRAWN"
    else:
        assert len(closing) == 1
        assert other == "withdraw" or any(isinstance(answer, Conflict) for answer in answers)
    world.assert_sound()


CLOSING = ("ACTION_APPROVED", "ACTION_REJECTED", "INTENT_SUPERSEDED", "INTENT_WITHDRAWN")


def test_of_taking_back_and_gating_at_once_either_comes_first_and_nothing_stays_charged(world):
    world.propose()

    taken, gated = world.race(withdrawing(), lambda app: app.gate(GateRequest("i-1", TENANT, ACCOUNT)))
    world.settle()

    assert taken.status == "WITHDRAWN" and gated.reason in ("WITHIN_BOUNDS", "INTENT_WITHDRAWN")
    assert (world.status(), world.used(), world.written()) == ("WITHDRAWN", 0, 0)
    world.assert_sound()


def test_of_taking_back_and_a_worker_s_take_at_once_one_holds(queueing):
    queueing.submit()
    first, second = queueing.racers()

    taken, withdrawn = both(lambda: first.take(1, "w-1"), lambda: second.withdraw(TENANT, "i-1", by="agent"))
    queueing.app.settle([(each, *queueing.app.carry_out([each])) for each in taken])

    assert bool(taken) == isinstance(withdrawn, NotInThatState)
    assert queueing.status() == ("SUCCEEDED" if taken else "WITHDRAWN")
    assert (queueing.used(), queueing.written()) == ((1, 1) if taken else (0, 0))
    queueing.assert_sound()


def test_of_taking_back_and_a_start_at_once_one_holds(sending):
    sending.submit()
    event = sending.bus.take().data

    started, withdrawn = sending.race(lambda app: app.executor("w-1").start(event), withdrawing())

    assert (started is not None) == isinstance(withdrawn, NotInThatState)
    assert sending.status() == ("RUNNING" if started else "WITHDRAWN")
    assert sending.used() == (1 if started else 0)
    sending.assert_sound()


def test_a_day_counts_what_was_taken_back(world):
    world.queued("waiting"), world.reserve("reserved")
    withdraw(world, "waiting"), withdraw(world, "reserved")

    world.app.follow()

    (day,) = world.app.tally(TENANT, "2026-03-10", "2026-03-10")["days"]
    assert [(row["answer"], row["count"]) for row in day["answers"]] == [("WITHDRAWN", 2)]
