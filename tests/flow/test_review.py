"""What a person does: approve what they saw, reject, edit; each excludes the others."""

import pytest

from remit.core.errors import Conflict, DigestChanged, Forbidden, InvalidInput, NotFound, NotInThatState
from remit.core.execution.votes import Vote
from remit.core.identity.credential import PROCESS
from remit.core.records import case_key
from remit.flow.reconcile import expire
from remit.flow.review import ApproveIntent
from remit.ports import REFUSED

from .world import ACCOUNT, NOON, TENANT, TYPE, bounds, type_of

SOON = NOON.replace(hour=13).isoformat()


def digest(world, name="i-1"):
    return world.app.intent(TENANT, name).digest


def approving(world, name="i-1", by="bob"):
    seen = digest(world, name)
    return lambda app: app.approve(TENANT, name, by=by, digest=seen)


def rejecting(name="i-1"):
    return lambda app: app.reject(TENANT, name, by="eve")


def editing(name="i-1", text="better", by="bob"):
    return lambda app: app.edit(TENANT, name, by=by, changes={"parameters.text": text})


# --- approve ---


def test_a_person_s_approval_is_executed_and_charges_no_budget(world):
    world.queued()

    approval = world.approve()
    world.work()

    assert (approval.approval_source, approval.auto_executed, approval.approved_by) == ("HUMAN", False, "bob")
    assert approval.charges == [] and approval.approved_at == NOON
    assert (world.status(), world.used(), world.written()) == ("SUCCEEDED", 0, 1)
    outcome = world.outcome()
    assert (outcome.approval_source, outcome.auto_executed) == ("HUMAN", False)
    world.assert_sound()


def test_approving_writes_approval_entry_and_state_in_one_write(world):
    world.queued()
    vote = Vote(voted_by="bob", credential=PROCESS)
    world.inner.transact([ApproveIntent(world.app.context, TENANT, "i-1", vote, digest(world), NOON).unit()])

    published = world.app.context.publishes
    assert world.events()[2:] == ["ACTION_APPROVED", *(["ACTION_PUBLISHED"] if published else [])]
    assert world.state().status == ("PUBLISHED" if published else "RESERVED")
    assert world.state().approval_source == "HUMAN"


def test_an_approval_is_bound_to_the_digest_that_was_seen(world):
    world.queued()

    with pytest.raises(DigestChanged) as refused:
        world.app.approve(TENANT, "i-1", by="bob", digest="0" * 64)

    assert refused.value.current == digest(world)
    assert world.status() == "AWAITING_APPROVAL" and world.state() is None


def test_approving_twice_gives_one_execution_and_the_first_approval(world):
    world.queued()

    first, second = world.approve(by="bob"), world.approve(by="eve")
    world.work()
    third = world.approve(by="eve")

    assert first == second == third
    assert world.written() == 1 and world.events().count("ACTION_APPROVED") == 1
    world.assert_sound()


def test_two_people_who_approve_at_once_give_one_approval(world):
    world.queued()

    first, second = world.race(approving(world), approving(world, by="eve"))
    world.work()

    assert first == second
    assert world.written() == 1 and world.events().count("ACTION_APPROVED") == 1
    world.assert_sound()


def test_what_policy_approved_is_not_a_person_s_to_approve(world):
    world.submit()

    with pytest.raises(NotInThatState):
        world.approve()

    assert world.case().approval_source == "POLICY"


def test_what_is_not_gated_yet_is_not_in_the_queue(world):
    world.propose()

    for act in (approving(world), rejecting(), editing()):
        with pytest.raises(NotInThatState):
            act(world.app)


def test_approving_looks_again_at_the_expiry(world):
    world.queued(expires_at=SOON)
    world.clock.pass_(hours=2)

    with pytest.raises(Conflict, match="expired"):
        world.approve()

    assert world.state() is None


def test_approving_looks_again_at_disabled_and_again_when_the_block_is_lifted(world):
    world.queued()
    world.apply(modes={"default": "AUTO_EXECUTE", TYPE: "DISABLED"})
    with pytest.raises(Conflict, match="blocked"):
        world.approve()

    world.apply()

    world.approve()
    world.work()
    assert world.status() == "SUCCEEDED"


def test_a_blocked_intent_shows_as_blocked_and_can_be_approved_once_the_block_is_lifted(world):
    world.apply(modes={"default": "DISABLED"})
    assert world.submit().status == "BLOCKED"
    with pytest.raises(Conflict, match="lift the block"):
        world.approve()

    world.apply(modes={"default": "APPROVAL_REQUIRED"})
    world.approve()
    world.work()

    assert world.status() == "SUCCEEDED"
    world.assert_sound()


def test_a_tenant_s_own_block_blocks_a_person_too(world):
    rule = '@id("closed") @effect("BLOCK") @reason("CLOSED") forbid (principal, action, resource);'
    world.apply(policies=[{"name": "own.cedar", "text": rule}])
    assert world.submit().status == "BLOCKED"

    with pytest.raises(Conflict, match="CLOSED"):
        world.approve()


def test_nobody_s_name_is_no_name(world):
    world.queued()

    for nobody in ("", "  ", "x" * 129):
        with pytest.raises(InvalidInput):
            world.app.approve(TENANT, "i-1", by=nobody, digest=digest(world))
        with pytest.raises(InvalidInput):
            world.app.reject(TENANT, "i-1", by=nobody)


def test_what_is_another_tenant_s_is_not_found(world):
    world.queued()
    seen = digest(world)
    world.app.apply(bounds("globex"), by="ann")

    for act in (
        lambda: world.app.approve("globex", "i-1", by="bob", digest=seen),
        lambda: world.app.reject("globex", "i-1", by="bob"),
        lambda: world.app.edit("globex", "i-1", by="bob", changes={"parameters.a": 1}),
        lambda: world.app.resolve("globex", "i-1", by="bob", status="FAILED"),
    ):
        with pytest.raises(NotFound):
            act()

    assert world.status() == "AWAITING_APPROVAL"


# --- reject ---


def test_a_rejected_intent_is_never_executed(world):
    world.queued()

    world.app.reject(TENANT, "i-1", by="bob", reason="not today")
    again = world.app.reject(TENANT, "i-1", by="eve")

    assert again.status == "REJECTED" and world.events().count("ACTION_REJECTED") == 1
    with pytest.raises(NotInThatState):
        world.approve()
    with pytest.raises(NotInThatState):
        editing()(world.app)
    world.settle()
    assert world.written() == 0
    world.assert_sound()


def test_reject_after_approve_is_a_conflict(world):
    world.queued()
    world.approve()

    with pytest.raises(NotInThatState):
        world.app.reject(TENANT, "i-1", by="bob")

    world.work()
    with pytest.raises(NotInThatState):
        world.app.reject(TENANT, "i-1", by="bob")
    assert world.status() == "SUCCEEDED"


@pytest.mark.parametrize("answer", ["reject", "supersede"])
def test_the_released_state_of_what_was_answered_otherwise_is_gone_in_its_time(sending, answer):
    sending.bus.script += [REFUSED]
    sending.submit()
    if answer == "reject":
        sending.app.reject(TENANT, "i-1", by="bob")
    else:
        sending.submit("i-2", supersedes="i-1")
    assert sending.state().status == "RELEASED"

    sending.clock.pass_(days=100)
    for _ in range(3):
        sending.app.reconcile()

    assert sending.state() is None and sending.status() in ("REJECTED", "SUPERSEDED")


# --- edit ---


def test_approving_an_edit_executes_the_edited_parameters(world):
    world.queued(parameters={"text": "hello", "amount": 5})
    seen = []
    world.far.script += [lambda call: seen.append(call.request["parameters"]) or "yes"]

    edited = world.app.edit(TENANT, "i-1", by="bob", changes={"parameters.amount": 7, "parameters.text": None})
    world.approve(edited.action_intent_id)
    world.work()

    assert seen == [{"amount": 7}]
    assert world.status() == "SUPERSEDED" and world.written() == 0
    new = world.app.intent(TENANT, edited.action_intent_id)
    assert (new.supersedes, new.proposed_by, new.account_id) == ("i-1", "agent", ACCOUNT)
    assert world.app.ledger(TENANT, new.action_intent_id)[0]["actor"] == "bob"
    assert new.digest != digest(world)
    world.assert_sound()


def test_an_edit_of_what_would_be_a_clean_yes_still_waits_for_a_person(world):
    world.queued()
    world.apply(action_types={TYPE: {**type_of(tier="MINIMAL"), "min_confidence": 0}})

    edited = editing()(world.app)

    assert (edited.result, edited.reason) == ("REQUIRE_APPROVAL", "EDITED_BY_PERSON")
    assert world.used() == 0


def test_the_one_who_approved_the_old_one_by_its_digest_has_not_approved_the_edit(world):
    world.queued()
    seen = digest(world)
    edited = editing()(world.app)

    with pytest.raises(NotInThatState, match="replaced"):
        world.app.approve(TENANT, "i-1", by="eve", digest=seen)
    with pytest.raises(DigestChanged):
        world.app.approve(TENANT, edited.action_intent_id, by="eve", digest=seen)


@pytest.mark.parametrize(
    "changes",
    [{"action_type": "OTHER"}, {"account_id": "south"}, {"tenant_id": "globex"}, {"parameters": {}}, {"": 1}, {}],
)
def test_an_edit_cannot_change_whose_it_is_or_what_kind_or_nothing(world, changes):
    world.queued()

    with pytest.raises(InvalidInput):
        world.app.edit(TENANT, "i-1", by="bob", changes=changes)

    assert world.status() == "AWAITING_APPROVAL" and len(world.statuses()) == 1


def test_a_target_and_an_expiry_can_be_edited(world):
    world.queued()

    edited = world.app.edit(
        TENANT, "i-1", by="bob", changes={"target.entity_id": "c-2", "expires_at": "2026-03-20T00:00:00Z"}
    )

    new = world.app.intent(TENANT, edited.action_intent_id)
    assert new.target.entity_id == "c-2" and new.expires_at.day == 20


# --- they exclude each other ---


def ended(world):
    return [world.status(), len(world.statuses()), world.written()]


@pytest.mark.parametrize("first", ["approve", "reject", "edit", "expire"])
@pytest.mark.parametrize("second", ["approve", "reject", "edit", "expire"])
def test_what_two_do_to_one_intent_at_once_exclude_each_other(world, first, second):
    if first == second == "expire":
        pytest.skip("expiring twice is expiring")
    world.queued(expires_at=SOON)
    acts = {
        "approve": approving(world),
        "reject": rejecting(),
        "edit": editing(),
        # Another process, whose clock is ahead.
        "expire": lambda app: expired(app),
    }

    answers = world.race(acts[first], acts[second])
    world.work()

    statuses = world.statuses()
    assert statuses["i-1"] in ("SUCCEEDED", "REJECTED", "SUPERSEDED", "EXPIRED")
    told = [event for event in world.events() if event in CLOSING]
    if told == ["ACTION_APPROVED", "INTENT_EXPIRED"]:
        # Approved first, and expired before anybody started it: that approval was taken back.
        assert "BUDGET_RELEASED" in world.events() and world.written() == 0
    else:
        assert len(told) == 1, told
        assert first == second or any(isinstance(answer, Conflict) or answer == [False] for answer in answers)
    world.assert_sound()


CLOSING = ("ACTION_APPROVED", "ACTION_REJECTED", "INTENT_SUPERSEDED", "INTENT_EXPIRED")


def expired(app):
    key = case_key(TENANT, "i-1")
    case = app.context.store.read([key]).get(key)
    return expire(app.context, [case], NOON.replace(hour=14))


def test_no_answer_is_neither_yes_nor_no(world):
    world.queued(expires_at=SOON)
    world.clock.pass_(hours=2)

    assert world.app.reconcile().expired == 1

    assert world.status() == "EXPIRED" and world.app.queue(TENANT)[0] == []
    for act in (approving(world), rejecting(), editing()):
        with pytest.raises((Conflict, InvalidInput)):
            act(world.app)
    assert "expired before it was answered or begun" in world.app.timeline(TENANT)[0][0]["text"]
    world.assert_sound()


# --- resolve ---


def unknown(world):
    world.far.script += ["lost"]
    world.submit()
    world.work()
    assert world.status() == "UNKNOWN"


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED"])
def test_a_person_resolves_an_unknown_outcome_and_the_outcome_stays_as_it_was(world, status):
    unknown(world)
    before = world.outcome()

    resolution = world.app.resolve(TENANT, "i-1", by="bob", status=status, note="looked it up")
    again = world.app.resolve(TENANT, "i-1", by="eve", status=status)

    assert resolution == again and resolution.resolved_by == "bob"
    assert world.outcome() == before and world.status() == status
    assert world.app.status(TENANT, "i-1")["outcome"]["status"] == "UNKNOWN"
    assert world.used() == 1
    world.assert_sound()


def test_what_was_resolved_is_not_resolved_otherwise(world):
    unknown(world)
    world.app.resolve(TENANT, "i-1", by="bob", status="FAILED")

    with pytest.raises(NotInThatState):
        world.app.resolve(TENANT, "i-1", by="eve", status="SUCCEEDED")
    with pytest.raises(InvalidInput):
        world.app.resolve(TENANT, "i-1", by="eve", status="CANCELLED")


def test_two_who_resolve_differently_at_once_leave_one_resolution(world):
    unknown(world)

    answers = world.race(
        lambda app: app.resolve(TENANT, "i-1", by="bob", status="SUCCEEDED"),
        lambda app: app.resolve(TENANT, "i-1", by="eve", status="FAILED"),
    )

    assert [isinstance(answer, NotInThatState) for answer in answers].count(True) == 1
    assert world.events().count("OUTCOME_RESOLVED") == 1
    world.assert_sound()


def test_only_an_unknown_outcome_can_be_resolved(world):
    world.submit()
    with pytest.raises(NotInThatState):
        world.app.resolve(TENANT, "i-1", by="bob", status="FAILED")

    world.work()
    with pytest.raises(NotInThatState):
        world.app.resolve(TENANT, "i-1", by="bob", status="FAILED")


def test_a_person_s_name_need_not_be_an_id_to_edit(world):
    world.queued()

    edited = world.app.edit(TENANT, "i-1", by="Ann Smith", changes={"parameters.amount": 7})

    assert world.app.why(TENANT, edited.action_intent_id)["edited_by"] == "Ann Smith"
    assert edited.reason == "EDITED_BY_PERSON"


def test_where_the_proposer_may_not_approve_neither_may_the_one_who_edited(world):
    world.apply(proposer_may_approve=False)
    world.queued()
    edited = world.app.edit(TENANT, "i-1", by="bob", changes={"parameters.amount": 7})

    with pytest.raises(Forbidden):
        world.approve(edited.action_intent_id, by="bob")

    assert world.approve(edited.action_intent_id, by="carol").approved_by == "carol"


def test_a_type_that_asks_for_two_approvers_is_approved_by_the_second_different_one(world):
    world.apply(action_types={TYPE: {**type_of(), "approvals_required": 2}})
    world.queued()

    first, again = world.approve(by="bob"), world.approve(by="bob")
    assert (first.approved_by, again.approved_by, world.status()) == (["bob"], ["bob"], "AWAITING_APPROVAL")
    approval = world.approve(by="carol")

    assert (approval.approved_by, world.status()) == ("carol", "APPROVED")
    told = [entry for entry in world.app.ledger(TENANT, "i-1") if entry["event_type"] == "ACTION_APPROVED"]
    assert told[0]["data"]["approvers"] == ["bob", "carol"]
    world.assert_sound()


# --- names with dots ---

DOTTED = {"account.iban": "DE1", "account": {"name": "x"}, "bcc.list": "everybody", "amount": True}


@pytest.mark.parametrize("changes", [{"parameters.account.iban": "DE2"}, {"parameters.bcc.list": None}], ids=str)
def test_an_edit_that_would_add_beside_a_name_with_a_dot_is_refused(world, changes):
    world.queued(parameters=DOTTED)

    with pytest.raises(InvalidInput, match="which has a dot in it"):
        world.app.edit(TENANT, "i-1", by="bob", changes=changes)

    assert world.status() == "AWAITING_APPROVAL"


def test_a_name_with_a_dot_is_edited_by_its_path_in_brackets(world):
    world.queued(parameters=DOTTED)
    changes = {'parameters["account.iban"]': "DE2", "parameters['bcc.list']": None, "parameters.amount": 1}

    answer = world.app.edit(TENANT, "i-1", by="bob", changes=changes)

    edited = world.app.intent(TENANT, answer.action_intent_id).parameters
    assert edited == {"account.iban": "DE2", "account": {"name": "x"}, "amount": 1} and edited["amount"] is not True


def test_a_yes_that_becomes_a_1_is_a_change(world):
    world.queued(parameters={"amount": True})

    answer = world.app.edit(TENANT, "i-1", by="bob", changes={"parameters.amount": 1})

    assert world.app.intent(TENANT, answer.action_intent_id).parameters["amount"] is not True
