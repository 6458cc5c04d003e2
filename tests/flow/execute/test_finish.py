"""Finish: what its caller says came of an action, once; renewing a permit, and what a lapsed one comes to."""

import pytest

from remit.core.errors import Conflict, Forbidden, InvalidInput, NotFound, NotInThatState
from remit.core.execution.outcome import ExternalObjectRef
from remit.core.execution.result import json_answer

from ..world import NOON, OWN, TENANT, TYPE, own_type, type_of

REF = ExternalObjectRef(system="crm", object_type="note", object_id="n-1")


@pytest.fixture
def own(world):
    """A world with one type that its proposer executes itself."""
    types = {OWN: own_type(), TYPE: type_of()}
    world.apply(action_types=types, allowlist=list(types))
    return world


def begun(world, name="i-1"):
    world.submit(name, action_type=OWN)
    return world.app.begin(TENANT, name, by="agent", key="call-1").permit


def finish(world, permit, acted="yes", **more):
    return finishing(permit, acted, **more)(world.app)


def finishing(permit, acted="yes", *, by="agent", **more):
    fields = {"approval_id": permit.approval_id, **more}
    return lambda app: app.finish(TENANT, permit.action_intent_id, by=by, acted=acted, **fields)


def lapse(world):
    world.clock.pass_(seconds=60)
    return world.app.reconcile()


# --- finish ---


@pytest.mark.parametrize(("acted", "status"), [("yes", "SUCCEEDED"), ("no", "FAILED"), ("unknown", "UNKNOWN")])
def test_what_came_of_it_is_recorded_in_its_caller_s_words(own, acted, status):
    permit = begun(own)
    own.clock.pass_(seconds=10)
    error = {} if acted == "yes" else {"error_code": "NO", "error_class": "AUTH", "error_message": "not allowed"}

    finished = finish(own, permit, acted, external_object_refs=[REF] if acted == "yes" else [], **error)

    assert (finished.status, finished.recorded, own.status()) == (status, True, status)
    outcome, ended = own.outcome(), own.history().entries[-1]
    assert (outcome.status, outcome.approval_id, outcome.attempt_count) == (status, permit.approval_id, 1)
    assert (outcome.approval_source, outcome.auto_executed) == ("POLICY", True)
    assert outcome.external_object_refs == ([REF] if acted == "yes" else [])
    assert (outcome.error_code, outcome.error_message) == ((None, None) if acted == "yes" else ("NO", "not allowed"))
    assert (ended.actor, outcome.completed_at, own.used()) == ("agent", own.clock.now(), 1)
    assert own.case().due_at is None and not own.attempt().invoking
    own.assert_sound()


@pytest.mark.parametrize("again", ["yes", "no", "unknown"])
@pytest.mark.parametrize("first", ["yes", "no"])
def test_twice_is_once_and_is_told_what_is_recorded(own, first, again):
    permit = begun(own)
    status = finish(own, permit, first).status
    before = own.events()

    finished = finish(own, permit, again)

    assert (finished.status, finished.recorded, own.status()) == (status, False, status)
    assert own.events() == before
    own.assert_sound()


def test_a_lapsed_permit_is_finished_while_no_outcome_is_recorded(own):
    permit = begun(own)
    own.clock.pass_(hours=3)

    assert finish(own, permit).recorded

    assert own.status() == "SUCCEEDED"
    assert lapse(own).lapsed == 0
    own.assert_sound()


@pytest.mark.parametrize(("acted", "status"), [("yes", "SUCCEEDED"), ("no", "FAILED")])
def test_what_is_known_after_all_resolves_what_was_said_to_be_unknown(own, acted, status):
    permit = begun(own)
    finish(own, permit, "unknown")

    finished = finish(own, permit, acted, external_object_refs=[REF])

    assert (finished.status, finished.recorded, own.status()) == (status, True, status)
    assert own.outcome().status == "UNKNOWN"
    resolution = own.history().resolution
    assert (resolution.resolved_by, resolution.external_object_refs) == ("agent", [REF])
    assert finish(own, permit, "unknown").status == status
    own.assert_sound()


def test_what_a_person_found_out_stays(own):
    permit = begun(own)
    finish(own, permit, "unknown")
    own.app.resolve(TENANT, "i-1", by="bob", status="FAILED")

    finished = finish(own, permit, "yes")

    assert (finished.status, finished.recorded, own.status()) == ("FAILED", False, "FAILED")
    own.assert_sound()


def test_only_its_proposer_says_what_came_of_it_and_only_of_its_permit(own):
    permit = begun(own)

    with pytest.raises(Forbidden):
        finish(own, permit, by="another-agent")
    with pytest.raises(Forbidden):
        finish(own, permit, accounts=frozenset({"south"}))
    with pytest.raises(Conflict, match="another approval"):
        finish(own, permit, approval_id="019c0000-0000-7000-8000-00000000000f")
    with pytest.raises(InvalidInput, match="acted"):
        finish(own, permit, "maybe")
    with pytest.raises(NotFound):
        own.app.finish(TENANT, "nothing", by="agent", approval_id=permit.approval_id, acted="yes")

    assert own.status() == "RUNNING"


def test_what_was_not_begun_is_not_finished(own):
    own.submit(action_type=OWN)

    with pytest.raises(NotInThatState, match="is APPROVED: it cannot be finished; begin it first"):
        own.app.finish(TENANT, "i-1", by="agent", approval_id=own.case().approval_id, acted="yes")


def test_nobody_but_a_worker_says_what_came_of_its_execution(sending):
    sending.submit()
    sending.executor().start(sending.bus.take().data)

    with pytest.raises(Conflict, match="executed by a worker"):
        sending.app.finish(TENANT, "i-1", by="agent", approval_id=sending.case().approval_id, acted="yes")

    assert sending.status() == "RUNNING"


def test_two_who_finish_at_once_otherwise_record_one_outcome(own):
    permit = begun(own)

    answers = own.race(finishing(permit, "yes"), finishing(permit, "no"))

    assert sorted(answer.recorded for answer in answers) == [False, True]
    assert {answer.status for answer in answers} == {own.status()}
    own.assert_sound()


# --- lapse ---


def test_a_permit_that_lapses_ends_unknown_and_keeps_its_charge(own):
    begun(own)

    own.clock.pass_(seconds=59)
    assert own.app.reconcile().lapsed == 0 and own.status() == "RUNNING"
    own.clock.pass_(seconds=1)
    assert own.app.reconcile().lapsed == 1

    assert (own.status(), own.used()) == ("UNKNOWN", 1)
    assert own.outcome().error_code == "PERMIT_LAPSED"
    assert own.history().entries[-1].actor == "remit"
    assert own.app.reconcile().total == 0
    own.assert_sound()


@pytest.mark.parametrize(("acted", "status"), [("yes", "SUCCEEDED"), ("no", "FAILED"), ("unknown", "UNKNOWN")])
def test_who_finishes_after_the_lapse_resolves_it(own, acted, status):
    permit = begun(own)
    lapse(own)

    finished = finish(own, permit, acted)

    assert (finished.status, own.status(), finished.recorded) == (status, status, acted != "unknown")
    assert own.outcome().status == "UNKNOWN"
    own.assert_sound()


def test_of_a_finish_and_a_lapse_at_once_the_caller_s_word_stands(own):
    permit = begun(own)
    own.clock.pass_(seconds=60)

    finished, _ = own.race(finishing(permit, "yes"), lambda app: app.reconcile())

    assert finished.status == own.status() == "SUCCEEDED" and finished.recorded
    own.assert_sound()


def test_a_person_is_told_of_what_nobody_knows(own):
    begun(own)
    lapse(own)

    assert own.app.timeline(TENANT)[0][0]["text"].startswith("Whoever began RUN_OWN_TOOL on contact c-1")


def test_what_a_person_approved_is_told_as_its_caller_s_doing(own):
    own.queued(action_type=OWN)
    own.approve()
    finish(own, own.app.begin(TENANT, "i-1", by="agent").permit)

    assert own.app.timeline(TENANT)[0][0]["text"].startswith("On a person's approval, agent did RUN_OWN_TOOL")


# --- renew ---


def renew(world, permit, **more):
    return world.app.renew(TENANT, "i-1", **{"by": "agent", "approval_id": permit.approval_id, **more})


def test_a_renewed_permit_lives_on_and_is_the_same_but_for_its_lease(own):
    permit = begun(own)
    own.clock.pass_(seconds=50)

    longer = renew(own, permit)

    assert longer.lease_until == NOON.replace(minute=1, second=50) == own.case().due_at
    assert longer == permit.changed(lease_until=longer.lease_until)
    own.clock.pass_(seconds=59)
    assert own.app.reconcile().lapsed == 0
    assert own.app.begin(TENANT, "i-1", by="agent", key="call-1").permit == longer
    own.assert_sound()


def test_a_permit_whose_lease_is_over_is_renewed_until_its_outcome_is_recorded(own):
    permit = begun(own)
    own.clock.pass_(minutes=5)

    assert renew(own, permit).lease_until == own.clock.now().replace(minute=6)
    lapse(own)
    with pytest.raises(NotInThatState, match="is UNKNOWN: it cannot be renewed"):
        renew(own, permit)


def test_only_its_proposer_renews_and_only_its_permit(own):
    permit = begun(own)

    with pytest.raises(Forbidden):
        renew(own, permit, by="another-agent")
    with pytest.raises(Conflict):
        renew(own, permit, approval_id="019c0000-0000-7000-8000-00000000000f")

    assert own.case().due_at == permit.lease_until


def test_of_a_renewal_and_a_lapse_at_once_one_holds(own):
    permit = begun(own)
    own.clock.pass_(seconds=60)

    renewed, _ = own.race(lambda app: app.renew(TENANT, "i-1", by="agent", approval_id=permit.approval_id), lapsing)

    assert own.status() == ("UNKNOWN" if isinstance(renewed, NotInThatState) else "RUNNING")
    own.assert_sound()


def lapsing(app):
    return app.reconcile()


# --- what the tool answered ---


def test_what_the_tool_answered_is_kept_as_its_type_says(own):
    permit = begun(own)

    finish(own, permit, result=json_answer({"order": "o-17"}))

    assert own.app.result(TENANT, "i-1")["content"] == '{"order":"o-17"}'
    assert own.app.answer(TENANT, "i-1")["result"]["state"] == "KEPT"
    own.assert_sound()


def test_a_type_s_settings_hold_for_what_its_caller_reports(own):
    types = {OWN: {**own_type(), "result": {"drop_paths": ["email"]}}, TYPE: type_of()}
    own.apply(action_types=types, allowlist=list(types))

    finish(own, begun(own), "no", result=json_answer({"id": 7, "email": "a@b"}))

    assert own.app.result(TENANT, "i-1")["content"] == '{"id":7}'
    own.assert_sound()


def test_a_late_report_brings_its_result_and_a_second_one_changes_nothing(own):
    permit = begun(own)
    lapse(own)

    finish(own, permit, result=json_answer("first"))
    finish(own, permit, result=json_answer("second"))

    assert own.status() == "SUCCEEDED"
    assert own.app.result(TENANT, "i-1")["content"] == '"first"'
    own.assert_sound()


def test_a_report_after_an_outcome_that_told_of_a_result_leaves_that(own):
    permit = begun(own)
    finish(own, permit, "unknown", result=json_answer("in doubt"))

    finish(own, permit, "yes", result=json_answer("found"))

    assert own.status() == "SUCCEEDED"
    assert own.app.result(TENANT, "i-1")["content"] == '"in doubt"'
    own.assert_sound()
