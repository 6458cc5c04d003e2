"""Begin: the caller's own start, preflight and mark in one write, for one permit an intent and for good."""

from dataclasses import replace

import pytest

from remit.core.errors import Conflict, Forbidden, InvalidInput, NotFound, NotInThatState
from remit.core.execution.approval import approved_event
from remit.core.identity.credential import Credential
from remit.core.records import ACTION_TYPE, Key, case_key, type_id
from remit.ports import UNCONFIRMED, UnitOfWork, Writes
from remit.testing.faults import FaultyStore

from ..world import NOON, OWN, TENANT, TYPE, both, own_type, proposal, type_of

SOON = NOON.replace(hour=13).isoformat()
KEY = Credential("key", "k-1")


@pytest.fixture
def own(world):
    """A world with one type that its proposer executes itself."""
    return having(world)


@pytest.fixture
def own_sending(sending):
    return having(sending)


def having(world, **changes):
    types = {OWN: own_type(**changes), TYPE: type_of()}
    world.apply(action_types=types, allowlist=list(types))
    return world


def begin(world, name="i-1", *, key="call-1", by="agent", **more):
    return world.app.begin(TENANT, name, by=by, key=key, **more)


def approved(world, name="i-1", **changes):
    return world.submit(name, action_type=OWN, **changes)


def submit_and_begin(world, name="i-1", *, key="call-1", **changes):
    return world.app.submit_and_begin(proposal(name, **{"action_type": OWN, **changes}), key=key)


def writes_of(world, act):
    """How many writes it made."""
    faulty = FaultyStore(world.inner)
    world.store = faulty
    world.restart()
    act()
    return faulty.writes


# --- a permit ---


def test_an_approved_intent_is_begun_in_one_write_which_answers_what_to_run(own):
    approved(own)
    before = own.events()

    assert writes_of(own, lambda: begin(own)) == 1
    begun = begin(own)

    permit = begun.permit
    assert (begun.status, begun.action_intent_id) == ("RUNNING", "i-1")
    assert (permit.parameters, permit.target.entity_id) == ({"text": "hello"}, "c-1")
    assert (permit.action_type, permit.account_id) == (OWN, "north")
    intent, attempt = own.app.intent(TENANT, "i-1"), own.attempt()
    assert (permit.digest, permit.approval_id) == (intent.digest, own.case().approval_id)
    assert (permit.idempotency_key, permit.lease_until) == (attempt.idempotency_key, attempt.lease_until)
    assert (attempt.status, attempt.invoking, attempt.attempt_count) == ("RUNNING", True, 1)
    assert own.case().due_at == attempt.lease_until == NOON.replace(minute=1)
    published = [] if "ACTION_PUBLISHED" in before else ["ACTION_PUBLISHED"]
    assert own.events() == [*before, *published, "EXECUTION_STARTED"]
    started = own.history().entries[-1]
    assert (started.actor, started.data["approval_id"]) == ("agent", permit.approval_id)
    own.assert_sound()


def test_what_a_person_approved_and_edited_runs_as_it_was_approved_under_the_name_that_it_has_now(own):
    own.queued(action_type=OWN)
    edited = own.app.edit(TENANT, "i-1", by="bob", changes={"parameters.text": "better"}).action_intent_id
    again = own.app.edit(TENANT, edited, by="bob", changes={"parameters.text": "best"}).action_intent_id
    own.approve(again, by="eve")

    permit = begin(own).permit

    assert (permit.action_intent_id, permit.parameters) == (again, {"text": "best"})
    assert permit.digest == own.app.intent(TENANT, again).digest
    assert own.statuses() == {"i-1": "SUPERSEDED", edited: "SUPERSEDED", again: "RUNNING"}
    own.assert_sound()


def test_parameters_are_mapped_as_the_tool_says(own):
    tool = {"connector": "caller", "parameters": {"to": "{target.entity_id}", "body": "Dear {parameters.text}"}}
    having(own, tool=tool)
    approved(own)

    assert begin(own).permit.parameters == {"to": "c-1", "body": "Dear hello"}


def test_an_intent_that_cannot_be_mapped_fails_and_nothing_may_run(own):
    having(own, tool={"connector": "caller", "parameters": {"to": "{parameters.address}"}})
    approved(own)

    begun = begin(own)

    assert (begun.permit, begun.status, own.status()) == (None, "FAILED", "FAILED")
    assert own.outcome().error_code == "MAPPING" and "parameters.address" in begun.explanation
    assert own.attempt().attempt_count == 0
    own.assert_sound()


def test_the_tool_is_that_of_the_version_the_intent_pinned(own):
    approved(own)
    having(own, tool={"connector": "caller", "parameters": {"changed": True}})

    assert begin(own).permit.parameters == {"text": "hello"}


# --- one permit for good ---


def test_asked_again_under_the_same_key_it_is_the_same_permit_while_it_lives(own):
    approved(own)
    first = begin(own)
    own.clock.pass_(seconds=59)

    assert begin(own) == first
    assert writes_of(own, lambda: begin(own)) == 1 and own.events().count("EXECUTION_STARTED") == 1
    own.clock.pass_(seconds=1)
    late = begin(own)
    assert (late.permit, late.status) == (None, "RUNNING")
    assert "must not run again" in late.explanation


@pytest.mark.parametrize(
    "other", [{"key": "call-2"}, {"key": None}, {"credential": KEY}, {"credential": replace(KEY, id="k-2")}], ids=str
)
def test_under_another_key_or_credential_there_is_no_second_permit(own, other):
    approved(own)
    assert begin(own).permit

    begun = begin(own, **other)

    assert (begun.permit, begun.status) == (None, "RUNNING")
    assert own.events().count("EXECUTION_STARTED") == 1


def test_without_a_key_a_permit_is_answered_once(own):
    approved(own)

    assert begin(own, key=None).permit
    assert begin(own, key=None).permit is None


def test_what_has_ended_is_told_with_what_is_recorded(own):
    approved(own)
    permit = begin(own).permit
    own.app.finish(TENANT, "i-1", by="agent", approval_id=permit.approval_id, acted="yes")

    begun = begin(own)

    assert (begun.permit, begun.status, begun.outcome.status) == (None, "SUCCEEDED", "SUCCEEDED")


@pytest.mark.parametrize("key", ["", "  ", "x" * 201])
def test_a_key_that_is_none_is_the_caller_s_mistake(own, key):
    approved(own)

    with pytest.raises(InvalidInput, match="key"):
        begin(own, key=key)

    assert own.status() == "APPROVED"


def test_of_two_who_begin_at_once_under_two_keys_one_is_permitted(own):
    approved(own)

    answers = own.race(
        lambda app: app.begin(TENANT, "i-1", by="agent", key="a"),
        lambda app: app.begin(TENANT, "i-1", by="agent", key="b"),
    )

    assert sorted(answer.permit is None for answer in answers) == [False, True]
    assert own.events().count("EXECUTION_STARTED") == 1
    own.assert_sound()


def test_of_two_who_begin_at_once_under_one_key_both_are_given_the_same(own):
    approved(own)
    begins = [lambda app: app.begin(TENANT, "i-1", by="agent", key="a")] * 2

    first, second = own.race(*begins)

    assert first == second and first.permit
    assert own.events().count("EXECUTION_STARTED") == 1


# --- not permitted ---


def test_what_is_not_approved_is_told_so_and_nothing_is_marked(own):
    own.propose("undecided", action_type=OWN)
    own.queued("asked", action_type=OWN), own.queued("no", action_type=OWN), own.queued("back", action_type=OWN)
    own.app.reject(TENANT, "no", by="bob"), own.app.withdraw(TENANT, "back", by="agent")
    before = {name: own.events(name) for name in own.statuses()}

    told = {name: begin(own, name) for name in before}

    expected = {"undecided": "PROPOSED", "asked": "AWAITING_APPROVAL", "no": "REJECTED", "back": "WITHDRAWN"}
    assert {name: begun.status for name, begun in told.items()} == expected
    assert all(begun.permit is None and begun.explanation for begun in told.values())
    assert {name: own.events(name) for name in before} == before


def test_what_has_expired_is_not_begun_and_ends_expired_with_its_charge_given_back(own):
    approved(own, expires_at=SOON)
    own.clock.pass_(hours=2)

    begun = begin(own)

    assert (begun.permit, begun.status, own.status(), own.used()) == (None, "EXPIRED", "EXPIRED", 0)
    assert "EXECUTION_STARTED" not in own.events()
    own.assert_sound()


@pytest.mark.parametrize("level", ["autonomy", "everything"])
def test_what_is_stopped_ends_cancelled_with_its_charge_given_back(own, level):
    approved(own)
    own.stop(level)

    begun = begin(own)

    assert (begun.permit, begun.status, own.status(), own.used()) == (None, "CANCELLED", "CANCELLED", 0)
    assert begun.outcome.error_code == "AUTONOMY_STOPPED" and "incident" in begun.explanation
    assert own.attempt().attempt_count == 0
    own.assert_sound()


def test_what_a_person_approved_is_stopped_by_a_stop_of_everything_alone(own):
    own.queued("a", action_type=OWN), own.queued("b", action_type=OWN)
    own.approve("a"), own.approve("b")
    own.stop("autonomy")

    assert begin(own, "a").permit
    own.stop("everything")
    assert begin(own, "b").status == "CANCELLED"
    own.assert_sound()


def test_another_s_intent_is_not_begun(own):
    approved(own)

    with pytest.raises(Forbidden, match="only its proposer may"):
        begin(own, by="another-agent")
    with pytest.raises(Forbidden, match="not for the account"):
        begin(own, accounts=frozenset({"south"}))
    with pytest.raises(NotFound):
        begin(own, "nothing")
    with pytest.raises(NotFound):
        own.app.begin("globex", "i-1", by="agent")

    assert own.status() == "APPROVED"


def test_what_a_worker_executes_is_not_begun_by_its_caller(own):
    own.submit()

    begun = begin(own)

    assert (begun.permit, begun.status) == (None, "APPROVED") and "executed by a worker" in begun.explanation
    own.settle()
    assert (own.status(), own.written()) == ("SUCCEEDED", 1)


def test_a_tool_that_was_altered_in_the_database_gives_no_permit(own):
    approved(own)
    first, second = (Key(ACTION_TYPE, TENANT, type_id(OWN, version)) for version in (1, 1))
    row = own.record(first)
    altered = row.changed(spec=row.spec.model_copy(update={"tool": type_of_tool("far")}))
    own.inner.transact([UnitOfWork([second], lambda _: Writes(None, puts=[(second, altered)]))])

    with pytest.raises(Conflict, match="executed by a worker"):
        begin(own)

    assert own.status() == "APPROVED"


def type_of_tool(connector):
    from remit.core.gate.action_type import Tool

    return Tool(connector=connector)


def test_an_approval_that_does_not_match_the_case_gives_no_permit(own):
    approved(own)
    at = case_key(TENANT, "i-1")
    altered = own.case().changed(publication=own.case().publication.changed(approval_id="other"))
    own.inner.transact([UnitOfWork([at], lambda _: Writes(None, puts=[(at, altered)]))])

    with pytest.raises(Conflict):
        begin(own)

    assert own.status() == "APPROVED"


# --- workers, starters and publishers leave it alone ---


def test_no_worker_takes_it_and_nothing_is_due_until_it_expires(own):
    approved(own, expires_at=SOON)
    own.app.reconcile()

    assert not own.case().queued and own.case().due_at == own.case().expires_at
    assert not any(own.work()) and own.app.reconcile().total == 0
    assert not own.inner.busy() and not own.app.busy()
    own.clock.pass_(hours=2)
    assert own.app.reconcile().expired == 1
    assert (own.status(), own.used(), own.written()) == ("EXPIRED", 0, 0)
    own.assert_sound()


def test_it_is_announced_once_and_never_again(own_sending):
    approved(own_sending)
    for _ in range(5):
        own_sending.clock.pass_(minutes=20)
        own_sending.app.reconcile()

    assert len(own_sending.bus.sent) == 1
    assert own_sending.events().count("ACTION_PUBLISHED") == 1
    assert begin(own_sending).permit
    own_sending.clock.pass_(minutes=20)
    own_sending.app.reconcile()
    assert len(own_sending.bus.sent) == 1


def test_it_is_announced_until_it_is_delivered(own_sending):
    own_sending.bus.script += [UNCONFIRMED, UNCONFIRMED]
    approved(own_sending)
    for _ in range(4):
        own_sending.clock.pass_(seconds=10)
        own_sending.app.reconcile()

    assert len(own_sending.bus.sent) == 3 and own_sending.state().status == "PUBLISHED"


def test_its_event_starts_nothing(own_sending):
    approved(own_sending)

    assert own_sending.executor().start(own_sending.bus.take().data) is None
    assert not any(own_sending.work()) and own_sending.status() == "APPROVED"


def test_a_begin_writes_that_it_is_published_where_nobody_has_yet(own):
    own.reserve(action_type=OWN)

    assert begin(own).permit

    assert own.state().status == "PUBLISHED"
    assert own.events()[-2:] == ["ACTION_PUBLISHED", "EXECUTION_STARTED"]
    own.settle()
    own.assert_sound()


def test_of_a_begin_and_a_start_by_its_event_at_once_only_the_caller_is_permitted(own):
    approved(own)
    event = approved_event(own.history().approval(own.case().approval_id))["detail"]["data"]

    begun, started = own.race(
        lambda app: app.begin(TENANT, "i-1", by="agent", key="a"), lambda app: app.executor("w-1").start(event)
    )

    assert begun.permit and started is None
    own.assert_sound()


def test_of_a_begin_and_a_worker_at_once_only_the_caller_is_permitted(queueing):
    own = having(queueing)
    approved(own)
    first, second = own.racers()

    begun, taken = both(lambda: first.begin(TENANT, "i-1", by="agent", key="a"), lambda: second.take(1, "w-1"))

    assert begun.permit and taken == []
    own.assert_sound()


def test_of_a_begin_and_a_withdrawal_at_once_one_holds(own):
    approved(own)

    begun, withdrawn = own.race(
        lambda app: app.begin(TENANT, "i-1", by="agent", key="a"), lambda app: app.withdraw(TENANT, "i-1", by="agent")
    )

    assert (begun.permit is not None) == isinstance(withdrawn, NotInThatState)
    assert own.status() == ("RUNNING" if begun.permit else "WITHDRAWN")
    assert own.used() == (1 if begun.permit else 0)
    own.assert_sound()


def test_of_a_begin_and_a_publication_at_once_it_is_published_once(own_sending):
    own_sending.reserve(action_type=OWN)
    own_sending.clock.pass_(seconds=5)

    begun, _ = own_sending.race(lambda app: app.begin(TENANT, "i-1", by="agent", key="a"), lambda app: app.reconcile())

    assert begun.permit and own_sending.events().count("ACTION_PUBLISHED") == 1
    assert own_sending.status() == "RUNNING" and own_sending.case().due_at == begun.permit.lease_until
    own_sending.assert_sound()


# --- from a proposal to a permit ---


def test_from_a_proposal_to_a_permit_it_is_one_write(own):
    answers = []

    assert writes_of(own, lambda: answers.append(submit_and_begin(own))) == 1

    (answer,) = answers
    assert (answer.result, answer.status) == ("AUTO_EXECUTED", "RUNNING")
    assert answer.begun.permit.parameters == {"text": "hello"}
    assert own.events() == [
        *("INTENT_PROPOSED", "GATE_DECIDED", "ACTION_APPROVED", "ACTION_PUBLISHED", "EXECUTION_STARTED"),
    ]
    assert own.used() == 1
    own.assert_sound()


def test_proposed_and_begun_again_under_the_same_key_it_is_the_same_permit(own):
    first = submit_and_begin(own)

    assert submit_and_begin(own).begun == first.begun
    assert submit_and_begin(own, key="another").begun.permit is None
    assert (own.used(), own.events().count("EXECUTION_STARTED")) == (1, 1)


def test_what_a_person_is_asked_is_not_begun_and_is_when_it_is_proposed_again_after_the_yes(own):
    asked = submit_and_begin(own, confidence_score=0.1)
    own.approve()

    assert (asked.result, asked.begun.permit, asked.begun.status) == ("REQUIRE_APPROVAL", None, "AWAITING_APPROVAL")
    again = submit_and_begin(own, confidence_score=0.1)
    assert (again.result, again.status) == ("REQUIRE_APPROVAL", "RUNNING") and again.begun.permit


def test_what_a_person_edited_is_begun_when_the_first_is_proposed_again(own):
    submit_and_begin(own, confidence_score=0.1)
    edited = own.app.edit(TENANT, "i-1", by="bob", changes={"parameters.text": "better"}).action_intent_id
    own.approve(edited, by="eve")

    begun = submit_and_begin(own, confidence_score=0.1).begun

    assert (begun.action_intent_id, begun.permit.parameters) == (edited, {"text": "better"})


def test_what_a_worker_executes_is_proposed_all_the_same_and_says_who_executes_it(own):
    answer = submit_and_begin(own, action_type=TYPE)

    assert (answer.executed_by, answer.status, answer.begun.permit) == ("worker", "APPROVED", None)
    assert "executed by a worker" in answer.begun.explanation and answer.wire()["executed_by"] == "worker"
    own.settle()
    assert (own.status(), own.written(), own.used()) == ("SUCCEEDED", 1, 1)
    assert submit_and_begin(own, action_type=TYPE).executed_by == "worker"
    own.assert_sound()


def test_what_has_no_tool_is_executed_by_nobody(own):
    answer = submit_and_begin(own, action_type="UNREGISTERED")

    assert (answer.executed_by, answer.begun.permit) == (None, None)


def test_while_autonomy_is_stopped_a_person_is_asked_and_nothing_is_begun(own):
    own.stop()

    answer = submit_and_begin(own)

    assert (answer.reason, answer.begun.permit) == ("AUTONOMY_STOPPED", None)
    own.assert_sound()


def test_many_are_begun_each_by_itself(own):
    proposals = [proposal(f"i-{n}", action_type=kind) for n, kind in enumerate((OWN, TYPE, OWN))]

    first, second, third = own.app.submit_and_begin(proposals, key="batch")

    assert first.begun.permit and third.begun.permit and second.begun.permit is None
    assert own.statuses() == {"i-0": "RUNNING", "i-1": "APPROVED", "i-2": "RUNNING"}
    own.assert_sound()


def test_proposed_and_begun_twice_at_once_there_is_one_charge_and_one_permit(own):
    def act(key):
        return lambda app: app.submit_and_begin(proposal("i-1", action_type=OWN), key=key)

    answers = own.race(act("a"), act("b"))

    assert sorted(answer.begun.permit is None for answer in answers) == [False, True]
    assert (own.used(), own.events().count("ACTION_APPROVED")) == (1, 1)
    own.assert_sound()


def test_ten_at_once_in_an_hour_with_room_for_three_are_three_permits(own):
    own.apply(action_types={OWN: own_type()}, allowlist=[OWN], budget={"max_autonomous_per_day": 3})

    answers = own.app.submit_and_begin([proposal(f"i-{n}", action_type=OWN) for n in range(10)])

    assert sum(answer.begun.permit is not None for answer in answers) == own.used() == 3
    own.assert_sound()
