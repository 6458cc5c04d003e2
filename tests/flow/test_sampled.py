"""Demotion: automatic actions that people are shown afterwards, and the no that stops a type's autonomy."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest

from remit.core.errors import Conflict, Forbidden, InvalidInput, NotFound
from remit.core.execution.sample import SHOWN_FOR, Sample, SampleTally
from remit.core.gate.sampling import is_sampled
from remit.core.identity.credential import Credential
from remit.core.records import SAMPLE, SAMPLE_TALLY, sample_key, tally_key
from remit.stores.memory import MemoryStore

from .notified import bring, notifying_world, only, subscribe
from .test_live_rows import findings, write
from .world import OTHER, OWN, TENANT, TYPE, World, own_type, proposal, type_of

KEY = Credential("key", "k-1")
ONE_OF_TWENTY = {"disagreements": 1, "of_sampled": 20}


def shown(world, *, sample=1, stop_after=None, **changes):
    """Everything of the type that runs alone is shown to people afterwards."""
    how = {"sample": sample, **({"stop_after": stop_after} if stop_after else {})}
    world.apply(action_types={TYPE: {**type_of(), **how}, OTHER: type_of()}, allowlist=[TYPE, OTHER], **changes)


def ran(world, *names, **changes):
    for name in names:
        world.submit(name, **changes)
    world.settle()


def listed(world):
    return [item["action_intent_id"] for item in world.app.sampled(TENANT)[0]]


def judge(world, name="i-1", *, right=False, by="bob", **changes):
    return world.app.judge(TENANT, name, by=by, right=right, **changes)


@pytest.fixture
def alone():
    """In memory: what no store could do otherwise."""
    world = World(MemoryStore)
    world.apply()
    return world


def test_a_no_beyond_the_bound_stops_the_type_in_the_write_that_records_it(world):
    shown(world, stop_after={"disagreements": 2, "of_sampled": 3})
    ran(world, "i-1", "i-2", "i-3", "i-4")
    assert listed(world) == ["i-1", "i-2", "i-3", "i-4"]

    first = judge(world, "i-1", reason="the wrong customer", credential=KEY)
    agreed = judge(world, "i-2", right=True)
    assert not first.stopped and not agreed.stopped and world.app.stops(TENANT) == []
    last = judge(world, "i-3", by="eve", reason="twice")

    assert (last.stopped, last.disagreements, last.of_sampled, last.number) == (True, 2, 3, 3)
    (stop,) = world.app.stops(TENANT)
    assert (stop.scope.action_type, stop.scope.account_id, stop.level) == (TYPE, None, "autonomy")
    assert "2 of the last 3" in stop.reason and "i-3" in stop.reason and "eve says: twice" in stop.reason
    answered = world.app.ledger(TENANT, "i-3")[-1]
    stopped = world.inner.chain(TENANT, None)[-1].wire()
    assert (answered["event_type"], answered["actor"]) == ("AUTONOMY_SAMPLED", "eve")
    assert (stopped["event_type"], stopped["actor"], stopped["at"]) == ("AUTONOMY_STOPPED", "remit", answered["at"])
    assert stopped["data"]["sampled"] == {"action_intent_id": "i-3", "number": 3}
    # What is proposed now asks, what is of another type runs, and a person puts it back as any stop.
    assert world.submit("i-5").reason == "AUTONOMY_STOPPED"
    assert world.submit("other", action_type=OTHER).result == "AUTO_EXECUTED"
    world.resume(action_type=TYPE)
    assert world.submit("i-6").result == "AUTO_EXECUTED"
    assert listed(world) == ["i-4"] and world.app.verify(TENANT).ok
    world.assert_sound()


def test_an_answer_is_given_once(world):
    shown(world, stop_after=ONE_OF_TWENTY)
    ran(world, "i-1")

    first = judge(world, right=True, credential=KEY)
    assert judge(world, right=True, by="eve") == first
    with pytest.raises(Conflict, match=r"bob said already that .* was right"):
        judge(world, right=False, by="eve")

    assert world.events().count("AUTONOMY_SAMPLED") == 1 and world.app.stops(TENANT) == []
    (entry,) = [each for each in world.app.ledger(TENANT, "i-1") if each["event_type"] == "AUTONOMY_SAMPLED"]
    assert entry["data"]["credential"]["id"] == "k-1" and entry["data"]["config_sequence"] == 2
    assert world.app.status(TENANT, "i-1")["sample_answer"]["answered_by"] == "bob"
    world.assert_sound()


def test_two_answers_at_once_are_both_counted(world):
    shown(world, stop_after={"disagreements": 2, "of_sampled": 20})
    ran(world, "i-1", "i-2")

    answers = world.race(
        lambda app: app.judge(TENANT, "i-1", by="bob", right=False),
        lambda app: app.judge(TENANT, "i-2", by="eve", right=False),
    )

    assert sorted(answer.number for answer in answers) == [1, 2]
    assert sorted(answer.stopped for answer in answers) == [False, True]
    assert [stop.scope.action_type for stop in world.app.stops(TENANT)] == [TYPE]
    world.assert_sound()


def test_a_decision_that_races_with_the_answer_sees_the_stop_at_the_latest_when_it_is_carried_out(world):
    shown(world, stop_after=ONE_OF_TWENTY)
    ran(world, "i-1")

    _, decided = world.race(
        lambda app: app.judge(TENANT, "i-1", by="bob", right=False), lambda app: app.submit([proposal("i-2")])[0]
    )
    world.settle()

    stopped = "AUTONOMY_STOPPED"
    assert (decided.reason, world.status("i-2")) in ((stopped, "AWAITING_APPROVAL"), ("WITHIN_BOUNDS", "CANCELLED"))
    if world.status("i-2") == "CANCELLED":
        assert world.outcome("i-2").error_code == stopped
    assert world.called("i-2") == 0
    world.assert_sound()


def test_what_was_decided_before_the_stop_is_not_carried_out_after_it(alone):
    shown(alone, stop_after=ONE_OF_TWENTY)
    ran(alone, "i-1")
    assert alone.submit("i-2").result == "AUTO_EXECUTED"

    judge(alone, "i-1")
    alone.settle()

    assert (alone.status("i-2"), alone.called("i-2")) == ("CANCELLED", 0)
    # What never ran is nobody's to judge.
    assert listed(alone) == []
    with pytest.raises(Conflict):
        judge(alone, "i-2")
    alone.assert_sound()


def test_only_who_has_a_say_in_it_judges_what_is_shown(alone):
    shown(alone, stop_after=ONE_OF_TWENTY)
    ran(alone, "i-1")
    ran(alone, "other", action_type=OTHER)
    alone.queued("waits")

    with pytest.raises(Forbidden, match="Agent's own"):
        judge(alone, by="Agent")
    for name in ("other", "waits"):
        with pytest.raises(Conflict, match="not among the automatic actions"):
            judge(alone, name)
    with pytest.raises(NotFound):
        judge(alone, "nothing")
    with pytest.raises(InvalidInput, match="by"):
        judge(alone, by=" ")
    with pytest.raises(InvalidInput, match="reason"):
        judge(alone, reason="x" * 2001)

    assert listed(alone) == ["i-1"] and alone.app.stops(TENANT) == []


def test_the_list_says_what_it_was_and_what_came_of_it_a_page_at_a_time(alone):
    shown(alone)
    ran(alone, "i-1", "i-2")
    ran(alone, "i-3", account_id="south")

    page, after = alone.app.sampled(TENANT, limit=2)
    rest, end = alone.app.sampled(TENANT, after=after, limit=2)
    (south,) = alone.app.sampled(TENANT, account_id="south")[0]

    assert [item["action_intent_id"] for item in page + rest] == ["i-1", "i-2", "i-3"] and end is None
    assert (south["action_intent_id"], south["status"]) == ("i-3", "SUCCEEDED")
    assert south["parameters"] == {"text": "hello"} and south["title"] == "Update contact · text hello · contact c-1"
    assert south["external_object_refs"][0]["object_id"] == "acme/i-3"
    assert alone.app.status(TENANT, "i-1")["sampled"] and not alone.app.status(TENANT, "i-1")["sample_answer"]


def test_of_a_share_those_are_shown_whose_outcomes_say_so(alone):
    shown(alone, sample=0.3, budget={"max_autonomous_per_day": 100})
    ran(alone, *(f"i-{number}" for number in range(40)))

    outcomes = {f"i-{n}": alone.app.ledger(TENANT, f"i-{n}")[-1] for n in range(40)}
    due = {name for name, entry in outcomes.items() if is_sampled("0.3", entry["hash"])}

    assert {*listed(alone)} == due and 0 < len(due) < 40
    assert alone.app.verify(TENANT).ok


def test_what_its_proposer_executes_is_shown_too_and_what_people_approved_is_not(alone):
    types = {OWN: own_type(sample=1), TYPE: {**type_of(), "sample": 1}}
    alone.apply(action_types=types, allowlist=[*types])
    alone.submit("own", action_type=OWN)
    permit = alone.app.begin(TENANT, "own", by="agent").permit
    alone.app.finish(TENANT, "own", by="agent", approval_id=permit.approval_id, acted="no")
    alone.queued("asked")
    alone.approve("asked")
    alone.settle()

    assert (alone.status("own"), alone.status("asked")) == ("FAILED", "SUCCEEDED")
    assert listed(alone) == ["own"]


def test_what_nobody_judges_leaves_the_list_in_time_and_can_be_judged_still(world):
    shown(world, stop_after=ONE_OF_TWENTY)
    ran(world, "i-1")
    sample = world.record(sample_key(TENANT, "i-1"))
    assert sample.shown_until == sample.ended_at + SHOWN_FOR

    world.clock.pass_(days=SHOWN_FOR.days)
    assert listed(world) == []
    world.app.reconcile()

    assert world.record(sample_key(TENANT, "i-1")) is None
    assert judge(world).stopped
    world.assert_sound()


def test_a_share_that_comes_later_shows_nothing_of_before(alone):
    ran(alone, "i-1")
    shown(alone)

    assert listed(alone) == [] and "sample" not in alone.app.ledger(TENANT, "i-1")[2]["data"]


def test_the_bounds_of_the_answer_say_when_to_stop(alone):
    shown(alone)
    ran(alone, "i-1", "i-2")
    assert not judge(alone).stopped

    shown(alone, stop_after={"disagreements": 2, "of_sampled": 20})

    assert judge(alone, "i-2").stopped
    alone.assert_sound()


def test_people_are_told_of_the_stop_and_of_the_day():
    world, receiver = notifying_world(partial(World, MemoryStore))
    shown(world, stop_after=ONE_OF_TWENTY)
    subscribe(world, **only("STOPPED"))
    ran(world, "i-1")

    judge(world, reason="the wrong customer")
    bring(world)

    counted = "people disagreed with 1 of the last 1 sampled actions"
    said = f"{counted}, the last of them i-1, as bob says: the wrong customer"
    assert receiver.told() == [f'remit stopped action type {TYPE} (autonomy): "{said}"']
    (day,) = world.app.tally(TENANT, "2026-03-10", "2026-03-10")["days"]
    assert [(row["answer"], row["count"]) for row in day["answers"]] == [("WRONG", 1)]
    told = [line["text"] for line in world.app.timeline(TENANT)[0]]
    assert any("bob judged afterwards that" in text and 'was wrong: "the wrong customer"' in text for text in told)


def test_rows_that_were_altered_are_found(world):
    shown(world, stop_after={"disagreements": 2, "of_sampled": 20})
    ran(world, "i-1", "i-2")
    judge(world)
    assert findings(world) == []
    waiting, answered = sample_key(TENANT, "i-2"), sample_key(TENANT, "i-1")
    tally_at = tally_key(TENANT, TYPE)
    sample, tally = world.record(waiting), world.record(tally_at)
    altered = [
        (waiting, None, "missing from the list"),
        (waiting, sample.changed(account_id="south"), "something else than it is"),
        (answered, sample.changed(action_intent_id="i-1"), "was judged"),
        (sample_key(TENANT, "i-9"), sample, "none that they are shown"),
        (tally_at, None, "not what the entries come to"),
        (tally_at, tally.changed(disagreed=[]), "not what the entries come to"),
        (tally_at, tally.changed(answered=5), "their tally has 5, the ledger 1"),
        (tally_key(TENANT, OTHER), SampleTally(action_type=OTHER, answered=2), "their tally has 2, the ledger 0"),
    ]

    for key, record, said in altered:
        before = world.record(key)
        write(world, key, record)
        (found,) = findings(world)
        assert said in found, found
        write(world, key, before)

    assert findings(world) == []
    assert [*world.inner.records(SAMPLE, TENANT)] == [("i-2", sample)]
    assert [*world.inner.records(SAMPLE_TALLY, TENANT)] == [(TYPE, tally)]
    assert isinstance(sample, Sample) and sample.ended_at + timedelta(days=30) == sample.shown_until


MONEY = {"name": "money-out", "most": 100, "per": "day", "of": "account", "action_types": [TYPE, OTHER]}


def limited(world, *limits, **changes):
    """Both types are shown, and count in these limits."""
    both = {**type_of(), "sample": 1}
    wanted = {"action_types": {TYPE: both, OTHER: both}, "allowlist": [TYPE, OTHER], **changes}
    world.apply(**wanted, limits=list(limits))


def test_a_no_beyond_a_limits_bound_stops_what_it_is_over_for_whom_it_was_charged(world):
    limited(world, {**MONEY, "stop_after": {"disagreements": 2, "of_sampled": 5}})
    ran(world, "i-1", "south-1", account_id="south")
    ran(world, "n-1", "n-2")
    ran(world, "n-3", action_type=OTHER)

    # Another account's answers are counted by themselves.
    assert not judge(world, "south-1").stops and not judge(world, "n-1").stops
    assert not judge(world, "n-2", right=True).stops
    last = judge(world, "n-3", by="eve", reason="twice")

    (counted,) = last.limits
    assert (counted.limit, counted.scope, counted.number, counted.stopped) == ("money-out", "account:north", 3, True)
    assert (counted.disagreements, counted.of_sampled) == (2, 3)
    assert not last.stopped and last.stops == ["limit money-out of account north"]
    stops = world.app.stops(TENANT)
    assert [(stop.scope.account_id, stop.scope.action_type) for stop in stops] == [("north", TYPE), ("north", OTHER)]
    assert "2 of the last 3 sampled actions of limit money-out, the last of them n-3" in stops[0].reason
    assert world.submit("n-4").reason == world.submit("n-5", action_type=OTHER).reason == "AUTONOMY_STOPPED"
    assert world.submit("south-2", account_id="south").result == "AUTO_EXECUTED"
    # Counting begins anew with the stop.
    world.resume(account_id="north", action_type=TYPE)
    ran(world, "n-6")
    assert judge(world, "n-6").limits[0].disagreements == 1
    assert findings(world) == [] and world.app.verify(TENANT).ok
    world.assert_sound()


def test_two_answers_at_once_about_one_limit_are_both_counted(world):
    limited(world, {**MONEY, "stop_after": {"disagreements": 2, "of_sampled": 20}})
    ran(world, "i-1")
    ran(world, "i-2", action_type=OTHER)

    answers = world.race(
        lambda app: app.judge(TENANT, "i-1", by="bob", right=False),
        lambda app: app.judge(TENANT, "i-2", by="eve", right=False),
    )

    assert sorted(answer.limits[0].number for answer in answers) == [1, 2]
    assert len(world.app.stops(TENANT)) == 2
    world.assert_sound()


@pytest.mark.parametrize(
    "of, scope, still_runs",
    [
        ("principal", {"principal": "ann"}, {"on_behalf_of": "eve"}),
        ("tenant", {}, None),
    ],
)
def test_a_limit_over_all_types_stops_all_that_its_owner_does(alone, of, scope, still_runs):
    everything = {"name": "all", "most": 100, "per": "week", "of": of, "stop_after": ONE_OF_TWENTY}
    limited(alone, everything)
    ran(alone, "i-1", on_behalf_of="ann")
    assert alone.submit("before", on_behalf_of="ann").result == "AUTO_EXECUTED"

    assert judge(alone).stops == [f"limit all of {of if of == 'tenant' else 'principal ann'}"]
    alone.settle()

    (stop,) = alone.app.stops(TENANT)
    assert stop.scope.model_dump(exclude_none=True) == {"tenant_id": TENANT, **scope}
    assert alone.submit("i-2", on_behalf_of="ann", action_type=OTHER).reason == "AUTONOMY_STOPPED"
    # What was decided before it is not carried out after it.
    assert (alone.status("before"), alone.called("before")) == ("CANCELLED", 0)
    assert still_runs is None or alone.submit("i-3", **still_runs).result == "AUTO_EXECUTED"
    assert alone.app.verify(TENANT).ok
    alone.assert_sound()


def test_an_answer_counts_for_the_limits_that_it_was_charged_to_as_the_bounds_are_then(alone):
    few = {"name": "few", "most": 100, "per": "day", "of": "account", "action_types": [OTHER]}
    watched = {"name": "watched", "most": 100, "per": "day", "of": "account", "log_only": True}
    later = {**MONEY, "name": "later"}
    limited(alone, few, watched, later)
    ran(alone, "i-1", "i-2")
    assert "limits" not in judge(alone, right=True).wire()

    stop_after = {"disagreements": 1, "of_sampled": 20}
    new = {**MONEY, "name": "new"}
    limited(alone, *({**each, "stop_after": stop_after} for each in (few, watched, later, new)))

    assert [(each.limit, each.number) for each in judge(alone, "i-2").limits] == [("later", 1)]
    assert findings(alone) == [] and alone.app.verify(TENANT).ok


@pytest.mark.parametrize(
    "limit, types, said",
    [
        ({"action_types": [f"T{n}" for n in range(21)]}, {}, "at most 20 action types"),
        ({"action_types": [OTHER]}, {OTHER: type_of()}, "over none"),
        ({"stop_after": {"disagreements": 3, "of_sampled": 2}}, {}, "never 3 disagreements"),
    ],
)
def test_a_limit_whose_answers_could_stop_nothing_is_refused(alone, limit, types, said):
    wanted = {**MONEY, "stop_after": ONE_OF_TWENTY, **limit}

    with pytest.raises(InvalidInput, match=said):
        limited(alone, wanted, **({"action_types": {TYPE: type_of(), **types}} if types else {}))


def test_rows_of_a_limits_answers_that_were_altered_are_found(alone):
    limited(alone, {**MONEY, "stop_after": {"disagreements": 2, "of_sampled": 20}})
    ran(alone, "i-1")
    judge(alone)
    tally_at = tally_key(TENANT, "account:north|money-out")
    tally = alone.record(tally_at)

    for record in (None, tally.changed(disagreed=[]), tally.changed(scope="account:south"), tally.changed(answered=5)):
        write(alone, tally_at, record)
        (found,) = findings(alone)
        assert "answers about account:north|money-out" in found

    write(alone, tally_at, tally)
    assert findings(alone) == [] and tally.disagreed == [1]


def test_people_are_told_once_an_hour_at_most_of_what_they_may_judge():
    world, receiver = notifying_world(partial(World, MemoryStore))
    shown(world)
    subscribe(world, **only("TO_JUDGE"))
    subscribe(world, "south", **only("TO_JUDGE"), accounts=["south"])
    ran(world, "i-1", "i-2")
    bring(world)
    ran(world, "i-3")
    ran(world, "s-1", account_id="south")

    # What ends meanwhile gathers.
    bring(world)
    first = receiver.told()
    judge(world, "i-1")
    world.clock.pass_(hours=1)
    bring(world)
    both_told = receiver.told()
    # What people were told of is told no more, though nobody judged it.
    for _ in range(3):
        world.clock.pass_(hours=1)
        bring(world)

    north = "{} automatic actions of account north may be judged: was this right?"
    south = "1 automatic action of account south may be judged: was this right?"
    assert first == [north.format(2)]
    assert sorted(both_told[1:]) == sorted([south, south, north.format(2)]) and receiver.told() == both_told
    letter = receiver.letters[0]
    assert letter.subject.startswith("Was this right? Automatic actions to judge")
    assert [url.rpartition("/console")[2] for _, url in letter.lines] == ["/sampled"]


def test_nobody_is_told_of_what_is_judged_already():
    world, receiver = notifying_world(partial(World, MemoryStore))
    shown(world)
    subscribe(world, **only("TO_JUDGE"))
    ran(world, "i-1")
    judge(world, right=True)

    bring(world)

    assert receiver.told() == []
