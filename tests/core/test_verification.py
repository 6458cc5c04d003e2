"""
Verification finds each broken invariant, and only that one, in a file whose hashes are all right again.

Each mutation is made on a real export, renumbered and rehashed up to the seal: what is found is found by
looking at what the entries say.
"""

import copy
import json
from collections import Counter, defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.app import verify_export
from remit.core.gate.budget import Counter as Window
from remit.core.intent import digest_of_wire
from remit.core.ledger.entries import Head, entry_hash, seal_parts
from remit.core.ledger.verification import INVARIANTS, verify
from remit.core.records import USAGE
from remit.ports import REFUSED, UNCONFIRMED
from remit.stores.memory import MemoryStore

from ..flow.world import NOON, OTHER, TENANT, TYPE, World, bounds, type_of

LATE = "SELDOM_DONE"


class Lines:
    """An export that can be altered and made right again."""

    def __init__(self, lines):
        self.lines = copy.deepcopy(lines)

    def chain(self, name):
        return [line for line in self.lines if line["action_intent_id"] == name]

    def entry(self, name, event_type, nth=0):
        return [line for line in self.chain(name) if line["event_type"] == event_type][nth]

    def data(self, name, event_type, nth=0):
        return self.entry(name, event_type, nth)["data"]

    def drop(self, name, event_type=None):
        self.lines = [
            line
            for line in self.lines
            if line["action_intent_id"] != name or event_type not in (None, line["event_type"])
        ]

    def insert_after(self, entry, *more):
        """Copies of `more`, behind `entry`."""
        place = next(i for i, line in enumerate(self.lines) if line is entry) + 1
        self.lines[place:place] = copy.deepcopy(list(more))

    def configs(self):
        return [line["data"] for line in self.lines if line["event_type"] == "CONFIG_CHANGED"]

    def movements(self, window_id):
        found = [
            (charge["position"], sign, charge)
            for line in self.lines
            for sign in [{"ACTION_APPROVED": 1, "BUDGET_RELEASED": -1}.get(line["event_type"])]
            if sign
            for charge in line["data"]["charges"]
            if charge["window_id"] == window_id
        ]
        return [(sign, charge) for _, sign, charge in sorted(found, key=lambda each: each[0])]

    def renumbered(self):
        """Positions without gaps and uses that follow from them, in every window."""
        windows = {charge["window_id"] for line in self.lines for charge in line["data"].get("charges", [])}
        for window_id in windows:
            used = 0
            for position, (sign, charge) in enumerate(self.movements(window_id), start=1):
                used += sign
                charge |= {"position": position, "used_after": used}
        return self

    def rehashed(self):
        """Sequences, hashes and the closing seal as they would be had all of this been written so."""
        chains = defaultdict(list)
        for line in self.lines:
            chains[line["action_intent_id"]].append(line)
        heads = {name: link(chain) for name, chain in chains.items() if name is not None}
        own = chains[None]
        if own and own[-1]["event_type"] == "LEDGER_SEALED":
            before = link(own[:-1])
            entries = sum(map(len, chains.values())) - 1
            (own[-1]["data"],) = seal_parts(heads, entries, before)
        link(own)
        self.lines = [line for chain in chains.values() for line in chain]
        return self.lines


def link(chain):
    previous = None
    for sequence, line in enumerate(chain, start=1):
        line |= {"sequence": sequence, "previous_hash": previous}
        line["hash"] = previous = entry_hash(line)
    return Head(sequence=len(chain), hash=previous)


def rehash(lines):
    """A file altered at will, with every hash, sequence, seal head and count made right again."""
    return Lines(lines).rehashed()


def own_bounds(**changes):
    types = {TYPE: type_of(), OTHER: type_of(honours_idempotency_key=True), LATE: type_of()}
    budget = {"max_autonomous_per_day": 5, "max_per_action_type": {OTHER: 1}}
    return bounds(
        action_types=types,
        allowlist=list(types),
        budget=budget,
        tenant_budget={"max_autonomous_per_day": 50},
        **changes,
    )


@pytest.fixture(scope="module")
def world():
    """Everything that can happen to an intent has happened here."""
    world = World(MemoryStore, sending=True)
    world.app.apply(own_bounds(), by="ann")
    for name in ("auto-1", "auto-2"):
        world.submit(name)
    world.submit("auto-3", action_type=OTHER, supersedes=None)
    world.submit("spill", action_type=OTHER)
    world.work()
    world.approve("spill")
    world.far.script += ["no VALIDATION"]
    world.submit("failed")
    world.work()
    people(world)
    doubts(world)
    endings(world)
    list(world.app.export(TENANT))
    return world


def people(world):
    for name in ("rejected", "edited", "answered", "superseded"):
        world.queued(name, account_id="south")
    world.app.reject(TENANT, "rejected", by="bob", reason="no")
    edited = world.app.edit(TENANT, "edited", by="bob", changes={"parameters.text": "better"}).action_intent_id
    world.approve(edited)
    world.approve("answered")
    world.submit("superseding", account_id="south", supersedes="superseded")
    world.app.apply(own_bounds(modes={"default": "AUTO_EXECUTE", LATE: "DISABLED"}), by="ann")
    world.submit("blocked", action_type=LATE)
    world.work()


def doubts(world):
    world.far.script += ["lost"]
    world.submit("unknown", account_id="south")
    world.work()
    world.app.resolve(TENANT, "unknown", by="bob", status="SUCCEEDED", note="looked it up")
    world.submit("stopped", account_id="south")
    world.stop()
    world.work()
    world.submit("while-stopped", account_id="south")
    world.resume()
    world.bus.script += [REFUSED]
    world.submit("refused", account_id="south")
    world.approve("refused")
    world.work()


def endings(world):
    world.bus.script += [UNCONFIRMED]
    soon = (NOON.replace(hour=13)).isoformat()
    world.submit("expired-reserved", account_id="east", expires_at=soon)
    world.queued("expired-waiting", account_id="east", expires_at=soon)
    world.clock.pass_(hours=2)
    world.app.reconcile()
    world.app.apply(own_bounds(accounts={"east": {"budget": {"max_autonomous_per_day": 4}}}), by="ann")
    world.submit("late", account_id="east", action_type=TYPE)
    world.work()
    world.submit("running", account_id="east")
    message = world.bus.take()
    world.executor().start(message.data)


@pytest.fixture(scope="module")
def exported(world):
    return list(world.app.export(TENANT))


@pytest.fixture
def lines(exported):
    return Lines(exported)


def found(lines):
    return {finding.invariant for finding in verify_export(iter(lines)).findings}


def test_a_real_export_with_everything_in_it_is_sound(world, exported):
    report = verify_export(iter(exported))

    events = Counter(line["event_type"] for line in exported)
    assert report.ok, [str(finding) for finding in report.findings]
    assert report.sealed and report.running == 1 and report.tenant_id == TENANT
    assert events["CONFIG_CHANGED"] == 3 and events["LEDGER_SEALED"] == 2
    assert set(events) == {
        *("INTENT_PROPOSED", "INTENT_SUPERSEDED", "INTENT_EXPIRED", "GATE_DECIDED", "ACTION_APPROVED"),
        *("ACTION_REJECTED", "ACTION_PUBLISHED", "BUDGET_RELEASED", "EXECUTION_STARTED", "ACTION_EXECUTED"),
        *("ACTION_FAILED", "ACTION_UNKNOWN", "EXECUTION_CANCELLED", "OUTCOME_RESOLVED", "CONFIG_CHANGED"),
        *("AUTONOMY_STOPPED", "AUTONOMY_RESUMED", "LEDGER_SEALED"),
    }
    world.assert_sound()


def test_it_is_as_sound_after_a_round_through_json_lines(exported):
    read_back = [json.loads(json.dumps(line)) for line in exported]

    assert verify_export(iter(read_back)).ok


def test_rehashing_what_was_not_altered_changes_nothing(exported):
    assert rehash(exported) == exported


WINDOW = "2026-03-10@UTC|account:north|all"
BROKEN = []


def breaks(invariant):
    def register(mutate):
        BROKEN.append(pytest.param(invariant, mutate, id=f"{invariant}-{mutate.__name__}"))
        return mutate

    return register


@breaks(1)
def a_position_is_taken_twice(lines):
    lines.data("auto-2", "ACTION_APPROVED")["charges"][0]["position"] = 1


@breaks(1)
def a_use_is_one_too_low(lines):
    lines.data("auto-2", "ACTION_APPROVED")["charges"][0]["used_after"] = 1


@breaks(1)
def a_charge_is_dropped_and_the_rest_renumbered(lines):
    charges = lines.data("auto-2", "ACTION_APPROVED")["charges"]
    charges[:] = [charge for charge in charges if charge["window_id"] != WINDOW]
    lines.renumbered()


@breaks(1)
def the_last_charge_of_a_window_is_dropped(lines):
    """No gap shows: only the bounds say that it should have been charged."""
    _, last = lines.movements(WINDOW)[-1]
    for line in lines.lines:
        charges = line["data"].get("charges", [])
        charges[:] = [charge for charge in charges if charge is not last]


@breaks(1)
def policy_approved_for_nothing(lines):
    lines.data("auto-2", "ACTION_APPROVED")["charges"] = []
    lines.renumbered()


@breaks(1)
def a_person_s_approval_is_charged(lines):
    _, last = lines.movements(WINDOW)[-1]
    more = {**last, "position": last["position"] + 1, "used_after": last["used_after"] + 1}
    lines.data("spill", "ACTION_APPROVED")["charges"] = [more]


@breaks(1)
def a_release_goes_into_another_window(lines):
    charge = lines.data("stopped", "BUDGET_RELEASED")["charges"][0]
    charge["window_id"] = charge["window_id"].replace("2026-03-10", "2026-03-09")
    lines.renumbered()


@breaks(1)
def an_approval_is_cut_off_with_its_charges(lines):
    """Cut from the end of the windows, so that no position is missing."""
    lines.drop("running", "ACTION_APPROVED")
    lines.drop("running", "ACTION_PUBLISHED")
    lines.drop("running", "EXECUTION_STARTED")


@breaks(2)
def the_limit_was_lower_than_the_use(lines):
    for config in lines.configs():
        config["bounds"]["budget"]["max_autonomous_per_day"] = 2
    for _, charge in lines.movements(WINDOW) + lines.movements(WINDOW.replace("north", "south")):
        charge["limit"] = 2


@breaks(2)
def a_limit_is_claimed_higher_than_the_bounds_said(lines):
    lines.data("auto-2", "ACTION_APPROVED")["charges"][0]["limit"] = 50


@breaks(2)
def a_limit_is_claimed_to_be_none(lines):
    lines.data("auto-3", "ACTION_APPROVED")["charges"][1]["limit"] = None


@breaks(2)
def the_bounds_are_altered_afterwards(lines):
    lines.configs()[0]["bounds"]["budget"]["max_autonomous_per_day"] = 6


@breaks(2)
def the_ceiling_is_altered_afterwards(lines):
    lines.configs()[0]["bounds"]["tenant_budget"]["max_autonomous_per_day"] = 40


@breaks(2)
def a_decision_claims_bounds_that_never_were(lines):
    lines.data("auto-1", "GATE_DECIDED")["config_sequence"] = 17


@breaks(2)
def a_change_of_the_bounds_is_taken_out(lines):
    lines.lines.remove(lines.entry(None, "CONFIG_CHANGED", 1))


@breaks(3)
def a_second_approval_is_in_force(lines):
    approved = lines.entry("answered", "ACTION_APPROVED")
    second = copy.deepcopy(approved)
    second["data"]["approval_id"] = "019c0000-0000-7000-8000-00000000000f"
    lines.insert_after(approved, second)


@breaks(3)
def the_outcome_s_source_is_flipped(lines):
    outcome = lines.data("auto-1", "ACTION_EXECUTED")["outcome"]
    outcome |= {"approval_source": "HUMAN", "auto_executed": False}


@breaks(3)
def the_source_and_auto_executed_of_an_approval_disagree(lines):
    for line in lines.chain("answered"):
        for part in (line["data"], line["data"].get("outcome") or {}):
            if "auto_executed" in part:
                part["auto_executed"] = True


@breaks(3)
def the_start_says_another_source_than_the_approval(lines):
    lines.data("auto-1", "EXECUTION_STARTED")["approval_source"] = "HUMAN"


@breaks(3)
def there_are_two_outcomes(lines):
    done = lines.entry("auto-1", "ACTION_EXECUTED")
    second = copy.deepcopy(done)
    second["event_type"], second["data"]["outcome"]["status"] = "ACTION_FAILED", "FAILED"
    lines.insert_after(done, second)


@breaks(3)
def it_was_started_twice(lines):
    started = lines.entry("auto-1", "EXECUTION_STARTED")
    lines.insert_after(started, started)


@breaks(3)
def it_was_decided_twice(lines):
    decided = lines.entry("auto-1", "GATE_DECIDED")
    lines.insert_after(decided, decided)


@breaks(3)
def an_outcome_says_another_status_than_its_entry(lines):
    lines.data("auto-1", "ACTION_EXECUTED")["outcome"]["status"] = "FAILED"


@breaks(3)
def policy_approved_what_the_gate_left_to_a_person(lines):
    lines.data("auto-1", "GATE_DECIDED")["result"] = "REQUIRE_APPROVAL"


@breaks(3)
def a_person_approved_what_the_gate_decided(lines):
    """The charge is gone with it, so that the counters agree."""
    for line in lines.chain("auto-1"):
        for part in (line["data"], line["data"].get("outcome") or {}):
            if "approval_source" in part:
                part |= {"approval_source": "HUMAN", "auto_executed": False}
    lines.data("auto-1", "ACTION_APPROVED")["charges"] = []
    lines.renumbered()


@breaks(3)
def a_known_outcome_is_resolved(lines):
    resolved = copy.deepcopy(lines.entry("unknown", "OUTCOME_RESOLVED"))
    done = lines.entry("auto-1", "ACTION_EXECUTED")
    for name in ("approval_id", "digest", "approval_source", "auto_executed"):
        resolved["data"][name] = done["data"][name]
    resolved["data"]["outcome"]["action_intent_id"] = resolved["action_intent_id"] = "auto-1"
    resolved["account_id"] = done["account_id"]
    lines.insert_after(done, resolved)


@breaks(3)
def an_outcome_is_resolved_twice(lines):
    resolved = lines.entry("unknown", "OUTCOME_RESOLVED")
    lines.insert_after(resolved, resolved)


@breaks(4)
def the_proposal_s_parameters_are_changed(lines):
    lines.data("auto-1", "INTENT_PROPOSED")["parameters"]["text"] = "pay"


@breaks(4)
def the_proposal_is_changed_with_its_digest(lines):
    intent = lines.data("auto-1", "INTENT_PROPOSED")
    intent["parameters"]["text"] = "pay"
    intent["digest"] = digest_of_wire(intent)


@breaks(4)
def the_approval_is_of_another_digest(lines):
    lines.data("auto-1", "ACTION_APPROVED")["intent_digest"] = "0" * 64


@breaks(4)
def the_execution_points_to_an_approval_of_another_digest(lines):
    lines.data("auto-1", "EXECUTION_STARTED")["digest"] = lines.data("auto-3", "INTENT_PROPOSED")["digest"]


@breaks(4)
def the_outcome_points_to_an_approval_of_another_digest(lines):
    lines.data("answered", "ACTION_EXECUTED")["digest"] = "0" * 64


@breaks(4)
def the_decision_is_about_another_digest(lines):
    lines.data("auto-1", "GATE_DECIDED")["intent_digest"] = "0" * 64


@breaks(4)
def it_was_executed_without_an_approval(lines):
    lines.drop("answered", "ACTION_APPROVED")
    lines.drop("answered", "ACTION_PUBLISHED")


@breaks(5)
def an_executed_approval_was_never_published(lines):
    lines.drop("auto-1", "ACTION_PUBLISHED")


@breaks(5)
def an_executed_approval_was_released(lines):
    released = copy.deepcopy(lines.entry("stopped", "BUDGET_RELEASED"))
    done = lines.entry("late", "ACTION_EXECUTED")
    approved = lines.data("late", "ACTION_APPROVED")
    released |= {"action_intent_id": "late", "account_id": done["account_id"]}
    released["data"] |= {
        "approval_id": approved["approval_id"],
        "charges": [{**charge, "position": 99} for charge in approved["charges"]],
    }
    lines.insert_after(done, released)
    lines.renumbered()


@breaks(5)
def a_released_approval_was_executed(lines):
    """The release stands before the start, as if a late event had been let in."""
    released = lines.entry("stopped", "BUDGET_RELEASED")
    lines.lines.remove(released)
    lines.insert_after(lines.entry("stopped", "ACTION_PUBLISHED"), released)


@breaks(5)
def a_cancelled_execution_kept_its_charge(lines):
    lines.drop("stopped", "BUDGET_RELEASED")
    lines.renumbered()


@breaks(5)
def it_expired_and_its_approval_stayed_in_force(lines):
    lines.drop("expired-reserved", "BUDGET_RELEASED")
    lines.renumbered()


@breaks(5)
def it_ended_without_having_started(lines):
    lines.drop("auto-1", "EXECUTION_STARTED")


@breaks(5)
def it_was_released_twice(lines):
    released = lines.entry("stopped", "BUDGET_RELEASED")
    again = copy.deepcopy(released)
    again["data"]["charges"] = []
    lines.insert_after(released, again)


@breaks(5)
def it_was_approved_after_it_was_rejected(lines):
    approved = copy.deepcopy(lines.entry("answered", "ACTION_APPROVED"))
    approved["action_intent_id"] = approved["data"]["action_intent_id"] = "rejected"
    approved["data"]["intent_digest"] = lines.data("rejected", "INTENT_PROPOSED")["digest"]
    lines.insert_after(lines.entry("rejected", "ACTION_REJECTED"), approved)


@breaks(5)
def something_was_published_that_nobody_approved(lines):
    lines.data("auto-1", "ACTION_PUBLISHED")["approval_id"] = "019c0000-0000-7000-8000-00000000000f"


@breaks(7)
def a_line_of_another_tenant(lines):
    lines.entry("auto-1", "ACTION_PUBLISHED")["tenant_id"] = "globex"


@breaks(7)
def a_whole_chain_of_another_tenant(lines):
    for line in lines.chain("rejected"):
        line["tenant_id"] = "globex"
        if "tenant_id" in line["data"]:
            line["data"]["tenant_id"] = "globex"
    intent = lines.data("rejected", "INTENT_PROPOSED")
    intent["digest"] = lines.data("rejected", "GATE_DECIDED")["intent_digest"] = digest_of_wire(intent)


@breaks(7)
def a_charge_to_another_account_s_window(lines):
    for charge in lines.data("late", "ACTION_APPROVED")["charges"]:
        if "account:east" in charge["window_id"]:
            charge |= {"window_id": charge["window_id"].replace("east", "north"), "position": 99}
    lines.renumbered()


@breaks(7)
def data_that_names_another_account(lines):
    lines.data("auto-1", "ACTION_EXECUTED")["outcome"]["account_id"] = "south"


@breaks(7)
def data_that_names_another_intent(lines):
    lines.data("auto-1", "GATE_DECIDED")["action_intent_id"] = "auto-2"


@breaks(7)
def a_chain_that_wanders_from_account_to_account(lines):
    lines.entry("auto-1", "ACTION_PUBLISHED")["account_id"] = "south"


@breaks(7)
def another_tenant_s_bounds(lines):
    lines.configs()[0]["bounds"]["tenant"] = "globex"


@breaks(7)
def another_tenant_s_stop(lines):
    lines.data(None, "AUTONOMY_STOPPED")["scope"]["tenant_id"] = "globex"


@pytest.mark.parametrize("invariant, mutate", BROKEN)
def test_what_breaks_one_invariant_is_reported_as_that_one_alone(lines, invariant, mutate):
    mutate(lines)

    altered = lines.rehashed()

    report = verify_export(iter(altered))
    assert {finding.invariant for finding in report.findings} == {invariant}, [str(f) for f in report.findings]
    assert INVARIANTS[invariant] in str(report.findings[0])


def test_each_invariant_that_content_can_break_is_broken_in_more_than_one_way():
    ways = Counter(parameter.values[0] for parameter in BROKEN)

    assert set(ways) == {1, 2, 3, 4, 5, 7} and min(ways.values()) >= 2


# --- invariant 6: here the hashes are what is wrong, or what a seal alone can show ---


def altered_without_rehash(lines):
    lines.data("auto-1", "INTENT_PROPOSED")["why"] = ["because"]


def the_tail_is_cut_off(lines):
    """From the seals on."""
    lines.lines = [line for line in lines.lines if line["event_type"] != "LEDGER_SEALED"]


def an_intent_s_last_entry_is_cut_off(lines):
    lines.lines.remove(lines.chain("running")[-1])


def a_whole_chain_is_dropped(lines):
    lines.drop("blocked")


def a_chain_is_added(lines):
    chain = copy.deepcopy(lines.chain("blocked"))
    for line in chain:
        line["action_intent_id"] = "zz"
        for part in (line["data"],):
            if "action_intent_id" in part:
                part["action_intent_id"] = "zz"
    link(chain)
    lines.lines = chain + lines.lines


def two_entries_change_places(lines):
    first, second = lines.chain("blocked")
    at = [i for i, line in enumerate(lines.lines) if line["action_intent_id"] == "blocked"]
    lines.lines[at[0]], lines.lines[at[1]] = second, first


def a_chain_is_taken_up_again_later(lines):
    last = lines.chain("running")[-1]
    lines.lines.remove(last)
    lines.lines.append(last)


def the_seal_names_another_head(lines):
    seal = lines.lines[-1]
    seal["data"]["heads"]["blocked"]["hash"] = "0" * 64
    seal["hash"] = entry_hash(seal)


def the_seal_counts_other_entries(lines):
    seal = lines.lines[-1]
    seal["data"]["entries"] += 1
    seal["hash"] = entry_hash(seal)


def the_seal_names_another_head_of_the_tenant(lines):
    seal = lines.lines[-1]
    seal["data"]["tenant_head"]["sequence"] -= 1
    seal["hash"] = entry_hash(seal)


def one_part_of_a_seal_in_two_is_missing(lines):
    seal = lines.lines[-1]
    seal["data"]["parts"] = 2
    seal["hash"] = entry_hash(seal)


def a_line_lacks_a_field(lines):
    del lines.chain("blocked")[1]["actor"]


def a_line_is_not_an_object(lines):
    lines.lines.insert(3, ["not", "an", "entry"])


def a_line_is_there_twice(lines):
    lines.lines.insert(1, lines.lines[0])


@pytest.mark.parametrize(
    "mutate",
    [
        altered_without_rehash,
        the_tail_is_cut_off,
        an_intent_s_last_entry_is_cut_off,
        a_whole_chain_is_dropped,
        a_chain_is_added,
        two_entries_change_places,
        a_chain_is_taken_up_again_later,
        the_seal_names_another_head,
        the_seal_counts_other_entries,
        the_seal_names_another_head_of_the_tenant,
        one_part_of_a_seal_in_two_is_missing,
        a_line_lacks_a_field,
        a_line_is_not_an_object,
        a_line_is_there_twice,
    ],
)
def test_what_breaks_a_chain_is_reported_as_a_broken_chain(lines, mutate):
    mutate(lines)

    assert 6 in found(lines.lines)
    if mutate not in (two_entries_change_places, a_line_lacks_a_field, a_line_is_there_twice, a_chain_is_added):
        assert found(lines.lines) == {6}


def an_entry_is_of_no_known_type(lines):
    lines.entry("auto-1", "ACTION_PUBLISHED")["event_type"] = "MOVE"


def a_bounds_entry_stands_in_an_intent_s_chain(lines):
    stray = copy.deepcopy(lines.entry(None, "AUTONOMY_STOPPED"))
    stray |= {"action_intent_id": "blocked", "account_id": lines.chain("blocked")[0]["account_id"]}
    lines.insert_after(lines.chain("blocked")[-1], stray)


def an_intent_s_entry_stands_in_the_tenant_s_chain(lines):
    lines.entry(None, "AUTONOMY_STOPPED")["event_type"] = "ACTION_REJECTED"


def an_entry_lacks_what_its_type_carries(lines):
    del lines.data("blocked", "GATE_DECIDED")["intent_digest"]


def a_chain_does_not_begin_with_its_proposal(lines):
    lines.drop("blocked", "INTENT_PROPOSED")


@pytest.mark.parametrize(
    "mutate",
    [
        an_entry_is_of_no_known_type,
        a_bounds_entry_stands_in_an_intent_s_chain,
        an_intent_s_entry_stands_in_the_tenant_s_chain,
        an_entry_lacks_what_its_type_carries,
        a_chain_does_not_begin_with_its_proposal,
    ],
)
def test_entries_that_are_not_what_their_type_says_break_the_chain_even_when_rehashed(lines, mutate):
    mutate(lines)

    assert 6 in found(lines.rehashed())


def test_an_export_without_any_seal_is_cut_off_and_an_empty_one_too(lines):
    lines.lines = [line for line in lines.lines if line["event_type"] != "LEDGER_SEALED"]

    assert found(lines.rehashed()) == {6}
    assert found([]) == {6}


def test_an_earlier_seal_does_not_cover_what_came_after_it(lines):
    """Cut back to the first seal, with a change made since."""
    first = next(i for i, line in enumerate(lines.lines) if line["event_type"] == "LEDGER_SEALED")
    lines.lines = lines.lines[: first + 1]
    later = copy.deepcopy(lines.chain("blocked")[-1])
    later["event_type"], later["data"] = "ACTION_REJECTED", {"rejected_by": "bob"}
    lines.insert_after(lines.chain("blocked")[-1], later)
    link(lines.chain("blocked"))

    assert found(lines.lines) == {6}


# --- the live counters ---


def live_counters(world):
    return {
        f"{usage.usage_id}|{name}": counter
        for usage in world.inner.scan(USAGE, TENANT)
        for name, counter in usage.counters.items()
    }


def live(world, exported, change):
    counters = live_counters(world)
    counters[WINDOW] = change(counters[WINDOW])
    return {f.invariant for f in verify(iter(exported), counters=counters, sealed=False).findings}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda c: Window(used=c.used + 1, position=c.position), id="one-too-many"),
        pytest.param(lambda c: Window(used=c.used - 1, position=c.position), id="one-too-few"),
        pytest.param(lambda c: Window(used=c.used - 1, position=c.position - 1), id="a-charge-lost-with-its-position"),
        pytest.param(lambda c: Window(used=c.used + 1, position=c.position + 1), id="a-charge-that-no-entry-tells-of"),
        pytest.param(lambda c: Window(), id="set-back-to-nothing"),
    ],
)
def test_a_live_counter_that_is_not_what_its_charges_say_is_found(world, exported, change):
    assert live(world, exported, change) == {1}
    assert live(world, exported, lambda counter: counter) == set()


def test_a_live_counter_of_a_window_that_nothing_was_charged_to_is_found(world, exported):
    counters = {**live_counters(world), "2026-03-10@UTC|account:west|all": Window(used=1, position=1)}

    assert {f.invariant for f in verify(iter(exported), counters=counters, sealed=False).findings} == {1}


def test_what_is_charged_while_verification_reads_is_not_taken_for_a_mistake(world, exported):
    """Counters first, entries later: the entries are ahead of the counters, and the counters catch up."""
    before = {name: Window() for name in live_counters(world)}

    report = verify(iter(exported), counters=before, counters_after=lambda: live_counters(world), sealed=False)

    assert report.ok


# --- whatever else is done to a file ---


@given(data=st.data())
def test_nothing_in_a_file_makes_verification_raise_or_pass(exported, data):
    """One value anywhere, replaced by anything, without a new hash."""
    lines = copy.deepcopy(exported)
    place = data.draw(st.integers(0, len(lines) - 1))
    holder, key = lines[place], data.draw(st.sampled_from(sorted(lines[place])))
    while isinstance(holder[key], dict) and holder[key] and data.draw(st.booleans()):
        holder = holder[key]
        key = data.draw(st.sampled_from(sorted(holder)))
    other = data.draw(st.sampled_from([None, 0, -1, 2**70, "x", "", [], {}, [[]], {"a": 1}, 1.5, True]))
    if holder[key] == other and type(holder[key]) is type(other):
        return
    holder[key] = other

    assert not verify_export(iter(lines)).ok


@given(data=st.data())
def test_nothing_in_a_rehashed_file_makes_verification_raise(exported, data):
    lines = copy.deepcopy(exported)
    place = data.draw(st.integers(0, len(lines) - 2))
    holder, key = lines[place]["data"], data.draw(st.sampled_from(sorted(lines[place]["data"])))
    while isinstance(holder[key], dict) and holder[key] and data.draw(st.booleans()):
        holder = holder[key]
        key = data.draw(st.sampled_from(sorted(holder)))
    holder[key] = data.draw(st.sampled_from([None, 0, -1, 2**40, "x", "", [], {}, [[]], {"a": 1}, 1.5, True]))

    verify_export(iter(rehash(lines)))
