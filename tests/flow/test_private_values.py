"""Private values from proposal to outcome: used and shown while they are kept, never in the ledger, and erased."""

import json
import logging
from typing import Any

import pytest

from remit.core.errors import Conflict, InvalidInput, NotFound
from remit.core.execution.outcome import CallResult, ExternalObjectRef
from remit.core.private_values import PrivateValues
from remit.core.records import KINDS, PRIVATE_VALUES, Key, private_key
from remit.ports import UnitOfWork, Writes

from .notified import bring, notifying_world, subscribe
from .world import OWN, TENANT, TYPE, own_type, proposal, type_of

EMAIL, PHONE, NAME, REASON = "alice@example.org", "+49 30 1234567", "customer-4711", "alice asked for it"
PRIVATE = ["parameters.customer", "target.entity_id", "why"]
SECRETS = (EMAIL, PHONE, NAME, REASON)
PARAMETERS = {"customer": {"email": EMAIL, "phone": PHONE}, "text": "hello"}
ASKED: dict[str, Any] = {
    "target": {"entity_type": "contact", "entity_id": NAME},
    "parameters": PARAMETERS,
    "why": [REASON],
}
ALICE_ALONE = {
    "name": "alice.cedar",
    "text": '@effect("BLOCK") forbid (principal, action, resource) unless { context.texts.hasTag("customer.email") '
    f'&& context.texts.getTag("customer.email") == "{EMAIL}" && context.target_id == "{NAME}" }};',
}


@pytest.fixture
def private(world):
    """Intents of the one type have private parameters, targets and reasons, and a policy looks at them."""
    world.apply(action_types={TYPE: {**type_of(), "private": PRIVATE}}, policies=[ALICE_ALONE])
    return world


def submit(world, name="i-1", **changes):
    return world.submit(name, **{**ASKED, **changes})


def queued(world, name="i-1", **changes):
    return submit(world, name, confidence_score=0.1, **changes)


def erase(world, name="i-1", **changes):
    return world.app.erase(TENANT, name, **{"by": "dora", "reason": "asked by the customer", **changes})


def kept(world, name="i-1"):
    return world.record(private_key(TENANT, name))


def put(world, name, record):
    """As somebody who can write the database would."""
    key = private_key(TENANT, name)
    writes = Writes(answer=None, puts=[(key, record)] if record else [], deletes=[] if record else [key])
    world.inner.transact([UnitOfWork(reads=[key], decide=lambda _: writes)])


def altered(world, name="i-1"):
    """The values with the first of them changed, and its salt kept."""
    values = dict(kept(world, name).values)
    first = next(name for name, value in values.items() if value.path == "parameters.customer")
    values[first] = values[first].changed(value='{"email":"mallory@example.org"}')
    return PrivateValues(values=values)


def everything_but_values(world):
    """Every record of the tenant that is no private value, and its whole ledger, as text."""
    kinds = [kind for kind in KINDS.values() if kind not in (PRIVATE_VALUES,) and kind.name != "internal_objects"]
    records = [record.to_json() for kind in kinds for _, record in world.inner.records(kind, TENANT)]
    entries = [line.decode() for line in world.app.export_lines(TENANT)]
    return "\n".join([*records, *entries])


def assert_unsaid(world, *secrets):
    text = everything_but_values(world).replace(ALICE_ALONE["text"], "").replace(json.dumps(ALICE_ALONE["text"]), "")
    bounds = json.dumps(ALICE_ALONE["text"])[1:-1]
    text = text.replace(bounds, "")
    assert not [secret for secret in secrets or SECRETS if secret in text]


def test_policies_and_the_tool_see_values_and_the_ledger_does_not(private):
    seen = []
    private.far.script.append(lambda call: seen.append(call) or "yes")

    answer = submit(private)
    private.work()

    assert (answer.result, private.status()) == ("AUTO_EXECUTED", "SUCCEEDED")
    (call,) = seen
    assert call.intent.parameters == PARAMETERS
    assert call.intent.target.entity_id == NAME
    assert_unsaid(private)
    private.assert_sound()


def test_a_policy_s_no_to_a_private_value_is_verified_too(private):
    answer = submit(private, parameters={"customer": {"email": "bob@example.org"}})

    assert (answer.result, answer.reason, private.status()) == ("REQUIRE_APPROVAL", "ALICE", "BLOCKED")
    private.assert_sound()
    erase(private)
    private.assert_sound()


def test_a_person_sees_the_values_and_what_was_approved_runs(private):
    queued(private)

    ((item,), _) = private.app.queue(TENANT)
    assert (item["target"]["entity_id"], item["parameters"]) == (NAME, PARAMETERS)
    assert item["why"] == [REASON] == private.app.why(TENANT, "i-1")["why_proposed"]
    assert item["obstacle"] is None
    stands = private.app.status(TENANT, "i-1")["intent"]
    assert (stands["parameters"], stands["target"]["entity_id"]) == (PARAMETERS, NAME)
    private.approve()
    private.work()

    assert private.status() == "SUCCEEDED"
    private.assert_sound()


def test_proposed_again_it_is_the_same_intent_and_with_another_value_a_conflict(private):
    first = private.propose(**ASKED)

    again = private.propose(**ASKED)
    assert (again.digest, again.wire()) == (first.digest, first.wire())
    with pytest.raises(Conflict, match="parameters"):
        private.propose(**{**ASKED, "parameters": {**PARAMETERS, "customer": {"email": "bob@example.org"}}})
    assert submit(private).result == submit(private).result == "AUTO_EXECUTED"
    private.assert_sound()


def test_salts_stay_as_they_are_when_a_unit_is_asked_again_after_a_conflict(private):
    """Two processes propose and decide two intents at once: whoever loses the counter decides again."""
    one = {**ASKED, "parameters": {"customer": {"email": EMAIL}}}

    answers = private.race(
        lambda app: app.submit([proposal("i-1", **one)]), lambda app: app.submit([proposal("i-2", **one)])
    )

    assert [answer.result for answered in answers for answer in answered] == ["AUTO_EXECUTED"] * 2
    assert kept(private, "i-1") != kept(private, "i-2")
    private.assert_sound()


def test_an_intent_without_private_values_keeps_none(private):
    private.apply(action_types={TYPE: {**type_of(), "private": ["parameters.iban"]}})
    private.submit("plain")
    private.work()

    assert private.status("plain") == "SUCCEEDED"
    assert list(private.inner.records(PRIVATE_VALUES, TENANT)) == []


def test_an_intent_keeps_what_was_private_when_it_was_proposed(private):
    queued(private)
    private.apply(action_types={TYPE: type_of()})

    private.approve()
    private.work()

    assert private.status() == "SUCCEEDED"
    assert_unsaid(private)
    private.assert_sound()


# --- erasing ---


@pytest.mark.parametrize("when", ["done", "waiting"])
def test_what_is_erased_is_gone_and_everything_verifies(private, when):
    (submit if when == "done" else queued)(private)
    private.work()
    before = list(private.app.export_lines(TENANT))

    erased = erase(private)

    assert erased.paths == ["parameters.customer", "target.entity_id", "why"]
    assert kept(private) is None
    entry = private.app.ledger(TENANT, "i-1")[-1]
    assert (entry["event_type"], entry["actor"]) == ("CONTENT_ERASED", "dora")
    assert entry["data"]["paths"] == erased.paths
    assert (entry["data"]["erased_by"], entry["data"]["reason"]) == ("dora", "asked by the customer")
    assert entry["data"]["credential"]["kind"] == "process"
    after = list(private.app.export_lines(TENANT))
    assert [line for line in before if b'"i-1"' in line] == [line for line in after if b'"i-1"' in line][:-1]
    private.assert_sound()


def test_one_value_may_be_erased_and_the_others_stay(private):
    queued(private)

    assert erase(private, paths=["target['entity_id']"]).paths == ["target.entity_id"]

    stands = private.app.status(TENANT, "i-1")["intent"]
    assert stands["target"]["entity_id"]["state"] == "ERASED"
    assert stands["parameters"] == PARAMETERS
    private.assert_sound()
    assert erase(private).paths == ["parameters.customer", "why"]
    private.assert_sound()


def test_erasing_again_erases_nothing_and_writes_nothing(private):
    submit(private)
    erase(private)
    events = private.events()

    assert erase(private).paths == []
    assert erase(private, paths=["why"]).paths == []
    assert private.events() == events


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"paths": ["parameters.text"]}, InvalidInput),
        ({"paths": ["parameters.customer.email"]}, InvalidInput),
        ({"paths": ["..."]}, InvalidInput),
        ({"reason": " "}, InvalidInput),
        ({"by": ""}, InvalidInput),
        ({"name": "i-2"}, NotFound),
    ],
)
def test_erasing_names_somebody_a_reason_and_what_is_private_or_changes_nothing(private, changes, error):
    submit(private)
    before = kept(private)

    with pytest.raises(error):
        erase(private, **changes)

    assert (kept(private), "CONTENT_ERASED" in private.events()) == (before, False)


def test_an_intent_without_private_values_has_nothing_to_erase(world):
    world.submit()

    assert world.app.erase(TENANT, "i-1", by="dora", reason="asked").paths == []
    with pytest.raises(InvalidInput, match="nothing of it is"):
        world.app.erase(TENANT, "i-1", by="dora", reason="asked", paths=["parameters.text"])


def test_erased_before_it_is_decided_it_is_a_policy_error(private):
    private.propose(**ASKED)
    erase(private, paths=["parameters.customer"])

    answer = private.gate()

    assert (answer.result, answer.reason) == ("REQUIRE_APPROVAL", "POLICY_ERROR")
    assert "parameters.customer" in answer.explanation
    private.assert_sound()


def test_altered_before_it_is_decided_it_is_a_policy_error(private):
    private.propose(**ASKED)
    put(private, "i-1", altered(private))

    assert private.gate().reason == "POLICY_ERROR"


def test_erased_while_it_waits_it_cannot_be_approved_and_says_why(private):
    queued(private)
    erase(private, paths=["parameters.customer"])

    obstacle = private.app.status(TENANT, "i-1")["obstacle"]
    assert obstacle["code"] == "MAPPING"
    assert "parameters.customer" in obstacle["explanation"]
    with pytest.raises(Conflict, match="was erased"):
        private.approve()
    assert private.app.reject(TENANT, "i-1", by="bob").status == "REJECTED"
    private.assert_sound()


@pytest.mark.parametrize("tampered", [False, True])
def test_erased_or_altered_after_its_approval_it_fails_before_it_is_called(private, tampered):
    submit(private)
    put(private, "i-1", altered(private)) if tampered else erase(private)

    private.work()

    outcome = private.outcome()
    assert (outcome.status, outcome.error_code, private.called()) == ("FAILED", "MAPPING", 0)
    assert "parameters.customer" in outcome.error_message or "target.entity_id" in outcome.error_message


def test_reasons_that_were_erased_keep_nothing_from_running(private):
    submit(private)
    erase(private, paths=["why"])

    private.work()

    assert private.status() == "SUCCEEDED"
    assert private.app.why(TENANT, "i-1")["why_proposed"][0]["state"] == "ERASED"


def test_proposed_again_after_it_was_erased_it_is_a_conflict(private):
    submit(private)
    erase(private)

    with pytest.raises(Conflict, match="parameters"):
        private.propose(**ASKED)


def test_an_edit_has_values_and_salts_of_its_own(private):
    queued(private)

    answer = private.app.edit(TENANT, "i-1", by="bob", changes={"parameters.text": "bye"})

    edited = private.app.intent(TENANT, answer.action_intent_id)
    assert edited.parameters == {**PARAMETERS, "text": "bye"}
    assert not kept(private, answer.action_intent_id).values.keys() & kept(private).values.keys()
    erase(private)
    assert private.app.intent(TENANT, answer.action_intent_id).missing == {}
    private.assert_sound()


# --- what is never said ---


def test_what_the_far_side_repeats_is_not_written_down(private):
    said = f"no user {EMAIL} ({PHONE})"
    ref = ExternalObjectRef(
        system="far", object_type="contact", object_id=NAME, object_url=f"https://far.example/{NAME}"
    )
    results = [
        CallResult(acted="no", error_code="E", error_class="VALIDATION", error_message=said),
        CallResult(acted="yes", external_object_refs=[ref]),
    ]
    private.far.invoke = lambda call: results.pop(0)
    submit(private, "refused")
    private.work()
    submit(private, "done")
    private.work()

    assert private.outcome("refused").error_message == "no user (private) ((private))"
    assert private.outcome("done").external_object_refs[0].object_url == "https://far.example/(private)"
    assert_unsaid(private)


def test_what_a_mapping_or_a_connector_says_when_it_breaks_is_neither_written_down_nor_logged(private, caplog):
    caplog.set_level(logging.DEBUG, logger="remit")

    def broken(*_):
        raise RuntimeError(f"cannot send {EMAIL}")

    def wrong(*_):
        raise InvalidInput("customer", f"is {EMAIL}")

    mapped = private.far.map
    for name, member, does in (("a", "map", broken), ("b", "map", wrong), ("c", "invoke", broken)):
        private.far.map = mapped
        setattr(private.far, member, does)
        submit(private, name)
        private.work()

    assert [private.status(name) for name in "abc"] == ["FAILED", "FAILED", "UNKNOWN"]
    assert private.outcome("b").error_message == "customer: is (private)"
    assert_unsaid(private)
    assert not [secret for secret in SECRETS if secret in caplog.text]


def test_an_engine_is_handed_no_private_value_between_the_steps(private):
    seen = []

    def step(function, *arguments):
        answered = function(*arguments)
        seen.append((arguments, answered))
        return answered

    submit(private)
    message = private.bus.take()

    assert private.run(message, step) == "SUCCEEDED"
    assert private.written() == 1
    assert not [secret for secret in SECRETS if secret in repr(seen)]


def test_an_engine_s_step_fails_where_a_value_was_erased_after_it_was_mapped(private):
    submit(private)
    message = private.bus.take()

    def step(function, *arguments):
        answered = function(*arguments)
        if "request" in (answered or {} if isinstance(answered, dict) else {}):
            erase(private)
        return answered

    assert private.run(message, step) == "FAILED"
    assert private.called() == 0


@pytest.mark.parametrize(("gone", "status"), [(False, "SUCCEEDED"), (True, "FAILED")])
def test_an_engine_that_has_it_carried_out_at_once_brings_no_value_and_needs_none(new_world, gone, status):
    world = new_world(sending=True)
    world.apply(action_types={TYPE: {**type_of(), "private": PRIVATE}})
    seen = []
    world.far.script.append(lambda call: seen.append(call.request["parameters"]) or "yes")
    submit(world)
    data = world.bus.take().data
    erase(world) if gone else None

    answer = world.executor().at_once(data)

    assert (answer, world.status()) == ({"status": status}, status)
    assert seen == ([] if gone else [PARAMETERS])
    world.assert_sound()


def test_timeline_and_notices_say_that_something_is_private(private):
    queued(private)
    erase(private, paths=["why"])
    told = [item["text"] for item in private.app.timeline(TENANT)[0]]

    assert any("on contact (private)" in text for text in told)
    assert any("dora erased why" in text for text in told)
    assert not [secret for secret in SECRETS if any(secret in text for text in told)]


@pytest.mark.parametrize("title", [None, "{parameters.customer.email} {target.entity_id}"])
def test_headlines_of_queue_lists_and_reports_say_no_private_value(world, title):
    # Its type has the title since it is private no more.
    world.apply(action_types={TYPE: {**type_of(), "private": PRIVATE}})
    queued(world)
    world.apply(action_types={TYPE: {**type_of(), **({"title": title} if title else {})}})

    in_queue = world.app.queue(TENANT)[0][0]["title"]
    in_list = world.app.intents(TENANT, describe=True)[0][0]["title"]
    world.approve()
    world.work()

    begin, end = (world.app.moment_of(TENANT, "from", day) for day in ("2026-03-10", "2026-03-11"))
    (reported,) = world.app.report(TENANT, begin, end)["answers"]
    for said in (in_queue, in_list, reported["title"], world.app.status(TENANT, "i-1")["title"]):
        assert "(private)" in said
        assert not [secret for secret in SECRETS if secret in said]


@pytest.mark.parametrize("path", ["target", "target.entity_id"])
def test_lists_and_reports_say_no_private_target_and_its_card_shows_it(world, path):
    world.apply(action_types={TYPE: {**type_of(), "private": [path, "why"], "sample": 1}})
    queued(world, "waits")
    submit(world, "ran")
    world.settle()
    erase(world, "ran", paths=["why"])

    listed, _ = world.app.intents(TENANT, describe=True)
    begin, end = (world.app.moment_of(TENANT, "from", day) for day in ("2026-03-10", "2026-03-11"))
    reported = world.app.report(TENANT, begin, end)

    assert [line["target"]["entity_id"].keys() for line in listed] == [{"$committed"}] * 2
    assert any("dora erased why of" in change["text"] for change in reported["changes"])
    assert NAME not in json.dumps([listed, reported])
    ((waiting,), _), ((sampled,), _) = world.app.queue(TENANT), world.app.sampled(TENANT)
    assert waiting["target"] == sampled["target"] == ASKED["target"]


def test_people_outside_are_told_no_private_value(new_world):
    world, receiver = notifying_world(new_world)
    world.apply(action_types={TYPE: {**type_of(), "private": PRIVATE}})
    subscribe(world)
    queued(world)

    bring(world)

    (text,) = receiver.told("NEEDS_INPUT")
    assert text.startswith(f"A person is asked about {TYPE} on contact (private) for north: ")
    assert not [secret for secret in SECRETS if secret in str(receiver.mailings)]
    assert_unsaid(world)


# --- who proposes executes ---


@pytest.fixture
def own(world):
    """Intents with private values that their proposer executes itself."""
    world.apply(action_types={OWN: {**own_type(), "private": PRIVATE}}, allowlist=[OWN], policies=[ALICE_ALONE])
    return world


def begin(world, name="i-1"):
    return world.app.begin(TENANT, name, by="agent", key="call-1")


def test_a_permit_has_the_values_and_what_its_caller_says_of_them_is_not_written_down(own):
    submit(own, action_type=OWN)

    permit = begin(own).permit

    assert (permit.parameters, permit.target.entity_id) == (PARAMETERS, NAME)
    assert begin(own).permit == permit
    said = {"error_code": "NO", "error_class": "VALIDATION", "error_message": f"no user {EMAIL}"}
    own.app.finish(TENANT, "i-1", by="agent", approval_id=permit.approval_id, acted="no", **said)
    assert own.outcome().error_message == "no user (private)"
    assert_unsaid(own)
    own.assert_sound()


def test_a_proposal_is_begun_in_its_own_write_with_its_values(own):
    answer = own.app.submit_and_begin(proposal("i-1", **{**ASKED, "action_type": OWN}), key="call-1")

    assert answer.begun.permit.parameters == PARAMETERS
    again = own.app.submit_and_begin(proposal("i-1", **{**ASKED, "action_type": OWN}), key="call-1")
    assert again.begun.permit == answer.begun.permit
    own.assert_sound()


def test_what_is_erased_before_it_is_begun_fails_and_afterwards_the_permit_is_not_given_again(own):
    submit(own, "early", action_type=OWN)
    erase(own, "early")
    submit(own, "late", action_type=OWN)
    permit = begin(own, "late").permit
    erase(own, "late")

    early = begin(own, "early")

    assert (early.permit, early.status, own.outcome("early").error_code) == (None, "FAILED", "MAPPING")
    with pytest.raises(Conflict, match="cannot be given again"):
        begin(own, "late")
    with pytest.raises(Conflict, match="cannot be given again"):
        own.app.renew(TENANT, "late", by="agent", approval_id=permit.approval_id)
    own.app.finish(TENANT, "late", by="agent", approval_id=permit.approval_id, acted="yes")
    assert own.status("late") == "SUCCEEDED"
    own.assert_sound()


# --- verification ---


def findings(world):
    return [str(finding) for finding in world.app.verify(TENANT).findings]


def test_a_value_that_does_not_match_its_commitment_is_found(private):
    submit(private)
    private.work()
    put(private, "i-1", altered(private))

    assert findings(private) == [
        "invariant 8 (what decided is what the ledger says was in force) is broken at intent i-1: "
        "the private value at parameters.customer does not match its commitment"
    ]


def test_values_that_vanished_came_back_or_belong_to_nothing_are_found(private):
    submit(private)
    submit(private, "i-2")
    private.work()
    values = kept(private)
    assert findings(private) == []

    put(private, "i-1", None)
    assert len(findings(private)) == 3
    assert all("is gone, and no entry says that it was erased" in text for text in findings(private))
    put(private, "i-1", values)
    erase(private)
    put(private, "i-1", values)
    assert all("was erased, and is still there" in text for text in findings(private))
    assert len(findings(private)) == 3
    put(private, "i-1", None)
    put(private, "i-3", values)
    put(private, "a-0", values)
    assert [text for text in findings(private) if "nothing of it is committed to" not in text] == []
    assert len(findings(private)) == 2


def test_an_intent_of_no_private_type_costs_no_record_and_no_look(private):
    key = Key(PRIVATE_VALUES, TENANT, "plain")
    private.apply(action_types={TYPE: type_of()})
    private.submit("plain")

    assert private.record(key) is None
    assert findings(private) == []
