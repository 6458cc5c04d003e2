"""
Chains that are like others: what is not asked again of them is found all the same.

Of a decision that says what one before it said, and of charges into windows that are known, little is looked at again.
So whatever is altered in such a chain has to be found just as it is where nothing is known and everything is asked.
"""

import copy
import json
from datetime import datetime, timedelta

import pytest

from remit.app.offline import verify_export
from remit.core.canonical import canonical
from remit.core.intent import digest_of_wire
from remit.core.ledger.entries import entry_hash
from remit.core.ledger.verification import decision_checks, limits_seen, read_line, verifier
from remit.core.ledger.verification.lines import SoundEntry
from remit.core.ledger.verification.windows import Windows
from remit.stores.memory import MemoryStore

from ...flow.world import TENANT, World, bounds
from .exports import Lines, verified

ALIKE = ("alike-1", "alike-2", "alike-3", "alike-4")
ALTERED = "alike-3"


@pytest.fixture(scope="module")
def exported():
    """All at noon; in UTC the windows of the account are from 15:00 on the day before, that of the tenant from 4:00."""
    world = World(MemoryStore, sending=True)
    budget = {"max_autonomous_per_day": 10, "timezone": "Asia/Tokyo"}
    ceiling = {"max_autonomous_per_day": 50, "timezone": "America/New_York"}
    world.app.apply(bounds(budget=budget, tenant_budget=ceiling), by="ann")
    for name in ALIKE:
        world.submit(name)
        world.work()
    return list(world.app.export(TENANT))


def as_exported(line):
    return read_line(canonical(line))


def in_order(lines):
    """Every name in its place, as lines are written: what is out of it is read with care."""
    return [json.loads(canonical(line)) for line in lines]


def judged(lines):
    return verified(in_order(lines.rehashed()))


def test_they_are_alike(exported):
    lines = Lines(exported)
    said = [lines.data(name, "GATE_DECIDED") for name in ALIKE]

    assert verified(exported).ok
    assert {data["result"] for data in said} == {"AUTO_EXECUTED"}
    assert len({json.dumps(data["checks"][1:-1]) for data in said}) == 1


def test_nothing_is_asked_again_of_those_that_are(exported, monkeypatch):
    asked = []
    whole = decision_checks.DecisionChecks._check_course
    monkeypatch.setattr(
        decision_checks.DecisionChecks, "_check_course", lambda *given: (asked.append(1), whole(*given))
    )

    assert verify_export([as_exported(line) for line in exported]).ok
    assert len(asked) == 1


def places_in(value, path=()):
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in inside:
        yield (*path, key)
        yield from places_in(inner, (*path, key))


def others_than(value):
    """Values of its own kind, and such as are equal to it in Python alone."""
    yield from (None, [], {}, "x")
    if isinstance(value, bool):
        yield from (not value, int(value))
    elif isinstance(value, int | float):
        yield from (value + 1, value - 1, float(value) if isinstance(value, int) else int(value), bool(value))
    elif isinstance(value, str):
        yield from (f"{value}x", value.swapcase(), value.replace("2026-03-10", "2026-03-12"), "2026-03-10T16:00:00Z")
    elif isinstance(value, list):
        yield from ([*value, *value], value[:-1], value[::-1])
    elif isinstance(value, dict):
        yield {**value, "more": 1}


def alterations(entry):
    """Copies of an entry, each with one value replaced or taken out."""
    for path in places_in(entry):
        if path[0] in ("hash", "previous_hash", "sequence"):
            continue
        altered = copy.deepcopy(entry)
        *outer, key = path
        holder = altered
        for name in outer:
            holder = holder[name]
        value = holder.pop(key)
        if len(path) > 1:
            yield path, altered
        for other in others_than(value):
            if type(other) is not type(value) or other != value:
                again = copy.deepcopy(altered)
                holder = again
                for name in outer:
                    holder = holder[name]
                holder.insert(key, other) if isinstance(holder, list) else holder.update({key: other})
                yield path, again


def asked_everything(lines, monkeypatch):
    """The report of a verification that takes no shorter way, of entries as another JSON reader gives them."""
    with monkeypatch.context() as careful:
        careful.setattr(verifier, "_is_linked", lambda _: False)
        careful.setattr(verifier, "_is_of_one_owner", lambda *_: False)
        careful.setattr(decision_checks, "claims_of", lambda *_: None)
        careful.setattr(limits_seen, "_counts_as_charged", lambda *_: False)
        careful.setattr(Windows, "_agree", lambda *_: None)
        return verify_export(in_order(lines))


@pytest.mark.parametrize(
    "event_type",
    [
        *("INTENT_PROPOSED", "GATE_DECIDED", "ACTION_APPROVED", "ACTION_PUBLISHED"),
        *("EXECUTION_STARTED", "ACTION_EXECUTED"),
    ],
)
def test_whatever_is_altered_is_judged_as_if_everything_were_asked(exported, event_type, monkeypatch):
    lines = Lines(exported)
    broken = sound = 0
    for path, altered in alterations(lines.entry(ALTERED, event_type)):
        others = [
            altered if line["entry_id"] == lines.entry(ALTERED, event_type)["entry_id"] else line for line in exported
        ]
        try:
            written = Lines(others).rehashed()
        except (ValueError, TypeError):
            # What is no name of a chain cannot be put in order.
            continue

        entries = [as_exported(line) for line in written]
        sound += all(type(entry) is SoundEntry for entry in entries)

        report = verify_export(entries)

        assert report.wire() == asked_everything(written, monkeypatch).wire(), (path, altered)
        broken += not report.ok
    assert broken > 20 and sound > 20


def moved(lines, name, by, *fields):
    """The times of a chain's entries, and these fields of their data, some hours later."""
    for entry in lines.chain(name):
        for holder, field in ((entry, "at"), *((entry["data"], field) for field in fields)):
            if field in holder:
                later = datetime.fromisoformat(holder[field]) + timedelta(hours=by)
                holder[field] = later.isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize("by", [26, -8])
def test_an_hour_that_no_clock_shows_then_is_found(exported, by):
    """Their policies saw 21 o'clock, nine hours ahead of UTC."""
    lines = Lines(exported)
    moved(lines, ALTERED, by, "decided_at")

    problems = [finding.problem for finding in judged(lines).findings]

    assert any("saw the local time" in problem for problem in problems)


@pytest.mark.parametrize(("by", "windows"), [(2, 0), (4, 2), (13, 2), (17, 3), (-7, 0), (-9, 1), (-22, 3)])
def test_a_charge_into_windows_of_another_time_is_found(exported, by, windows):
    lines = Lines(exported)
    moved(lines, ALTERED, by, "decided_at", "approved_at")

    findings = [each for each in judged(lines).findings if "not charged on that day" in each.problem]

    assert len(findings) == windows


def test_what_passed_for_one_intent_passes_for_no_other(exported):
    """An intent whose risk, or confidence, is another: its decision may say what theirs say."""
    for name, value in {"risk_level": "HIGH", "confidence_score": 0.2, "registry_version": None}.items():
        lines = Lines(exported)
        lines.data(ALTERED, "INTENT_PROPOSED")[name] = value

        findings = judged(lines).findings

        assert 8 in {finding.invariant for finding in findings if finding.where == f"intent {ALTERED}"}


LOOKS = [
    ("parameters", 'context.texts.hasTag("text") && context.texts.getTag("text") == "secret"'),
    ("target", 'context.target_id == "c-9"'),
    ("proposed_by", 'principal == Agent::"mallory"'),
]


@pytest.mark.parametrize("looked_at", [name for name, _ in LOOKS])
def test_what_rules_look_at_makes_a_decision_another(looked_at):
    """Of an intent that a rule forbids, the decision says what those of others say."""
    world = World(MemoryStore, sending=True)
    policies = [{"name": f"{name}.cedar", "text": rule(name, condition)} for name, condition in LOOKS]
    world.app.apply(bounds(policies=policies), by="ann")
    for name in ALIKE:
        world.submit(name)
    lines = Lines(list(world.app.export(TENANT)))
    assert verified(lines.lines).ok
    proposed = lines.entry(ALTERED, "INTENT_PROPOSED")
    forbidden = {"parameters": {"text": "secret"}, "target": {"entity_type": "contact", "entity_id": "c-9"}}
    proposed["data"] |= {looked_at: forbidden.get(looked_at, "mallory")}
    proposed["actor"] = proposed["data"]["proposed_by"]
    digest = digest_of_wire(proposed["data"])
    for entry in lines.chain(ALTERED):
        entry["data"] |= {name: digest for name in ("digest", "intent_digest") if name in entry["data"]}

    findings = judged(lines).findings

    assert {(each.where, each.invariant) for each in findings} == {(f"intent {ALTERED}", 8)}
    assert "its check 'policy' has policy_decision 'AUTO_EXECUTE'" in " ".join(each.problem for each in findings)


def rule(name, condition):
    return f'@id("{name}") @reason("NOT_THIS") forbid (principal, action, resource) when {{ {condition} }};'


def test_facts_that_no_bounds_ask_for_are_found_in_a_decision_like_others(exported):
    lines = Lines(exported)
    lines.data(ALTERED, "GATE_DECIDED")["facts"] = {"stock": {"problem": "unreachable"}}

    assert {finding.invariant for finding in judged(lines).findings} & {6, 8}


def test_a_sound_entry_that_follows_another_one_is_found(exported):
    lines = Lines(exported)
    for number in (1, 3):
        again = copy.deepcopy(exported)
        entry = Lines(again).chain(ALTERED)[number]
        entry["previous_hash"] = lines.chain(ALIKE[0])[0]["hash"]
        entry["hash"] = entry_hash(entry)
        again = [entry if line["entry_id"] == entry["entry_id"] else line for line in again]

        problems = {finding.problem for finding in verified(in_order(again)).findings}

        assert "it does not follow the entry before it" in problems
