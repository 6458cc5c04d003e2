"""The report of a time, read from the ledger on each kind of store."""

import csv
import io
import json

import pytest

from remit.core.errors import InvalidInput
from remit.entrypoints.report_files import as_csv, as_html

from .world import ACCOUNT, NOON, OTHER, TENANT, TYPE, bounds, type_of

REFUND = {"amounts": {"refund": {"value": "parameters.amount", "unit": "EUR"}}, "title": "Refund {amounts.refund}"}


def day(world, text):
    return world.app.moment_of(TENANT, "from", text)


def reported(world, first="2026-03-10", before="2026-03-11", **more):
    return world.app.report(TENANT, day(world, first), day(world, before), **more)


@pytest.fixture
def busy(world):
    """Two refunds alone, one that failed, and of three that were asked about one of each answer."""
    world.apply(action_types={TYPE: {**type_of(), **REFUND}, OTHER: type_of()})
    for number, amount in enumerate((12.5, 7)):
        world.submit(f"alone-{number}", parameters={"amount": amount})
    world.settle()
    world.submit("failed", parameters={"amount": 3})
    world.far.script.append("no VALIDATION")
    world.settle()
    for name in ("approved", "rejected", "edited"):
        world.queued(name, parameters={"amount": 5, "text": "=1+1"})
    world.clock.pass_(seconds=90)
    world.approve("approved", by="bob")
    world.app.reject(TENANT, "rejected", by="bob", reason="not this one")
    world.app.edit(TENANT, "edited", by="eve", changes={"parameters.amount": 4})
    world.settle()
    world.stop()
    return world


def test_what_ran_alone_is_counted_by_type_with_its_sums_and_why(busy):
    alone = reported(busy)["alone"]

    assert alone["count"] == 3
    (of_type,) = alone["by_type"]
    assert (of_type["action_type"], of_type["statuses"]) == (TYPE, {"FAILED": 1, "SUCCEEDED": 2})
    assert of_type["sums"] == [{"name": "refund", "unit": "EUR", "value": "19.5"}]
    assert [(why["explanation"], why["count"]) for why in of_type["why"]] == [("Within the bounds", 3)]


def test_what_people_judged_afterwards_stands_in_it(world):
    stop_after = {"disagreements": 1, "of_sampled": 20}
    world.apply(action_types={TYPE: {**type_of(), **REFUND, "sample": 1, "stop_after": stop_after}})
    for number, amount in enumerate((12.5, 7)):
        world.submit(f"alone-{number}", parameters={"amount": amount})
    world.settle()
    world.app.judge(TENANT, "alone-0", by="bob", right=True)
    world.app.judge(TENANT, "alone-1", by="eve", right=False, reason="=not ours to pay")

    told = reported(world)

    said = [(line["action_intent_id"], line["right"], line["stopped"], line["by"]) for line in told["judged"]]
    assert said == [("alone-0", True, False, "bob"), ("alone-1", False, True, "eve")]
    assert [line["event_type"] for line in told["changes"]][-1] == "AUTONOMY_STOPPED"
    rows = [row for row in csv.DictReader(io.StringIO(as_csv(told))) if row["kind"] == "judged"]
    assert [(row["answer"], row["amount"], row["by"]) for row in rows] == [
        ("RIGHT", "12.5", "bob"),
        ("WRONG", "7", "eve"),
    ]
    assert rows[1]["explanation"] == "'=not ours to pay"
    assert "wrong, and stopped its type" in as_html(told)


def test_people_s_answers_say_who_how_and_how_fast(busy):
    told = reported(busy)

    answers = {line["action_intent_id"]: line for line in told["answers"]}
    assert {name: (line["answer"], line["by"]) for name, line in answers.items()} == {
        "approved": ("APPROVED", "bob"),
        "rejected": ("REJECTED", "bob"),
        "edited": ("EDITED", "eve"),
    }
    assert {line["after_s"] for line in answers.values()} == {90}
    assert answers["rejected"]["why"] == "not this one" and answers["approved"]["title"] == "Refund 5 EUR"
    bob, eve = told["people"]["by_person"]
    assert (bob["by"], bob["approved"], bob["rejected"], bob["median_s"]) == ("bob", 1, 1, 90)
    assert (eve["by"], eve["edited"]) == ("eve", 1)


def test_what_failed_and_what_was_changed_is_listed(busy):
    told = reported(busy)

    (failed,) = told["troubles"]
    assert (failed["action_intent_id"], failed["status"]) == ("failed", "FAILED")
    assert failed["error"] == "the far side refused"
    kinds = [line["event_type"] for line in told["changes"]]
    assert kinds.count("CONFIG_CHANGED") == 2 and kinds[-1] == "AUTONOMY_STOPPED"
    changed = [line for line in told["changes"] if line["event_type"] == "CONFIG_CHANGED"][-1]
    assert any(f"action_types/{TYPE}" in path for path in changed["paths"])


def test_it_says_what_verification_says_and_what_the_last_export_ends_with(busy):
    assert reported(busy)["last_seal"] is None
    *_, seal = busy.app.export(TENANT, by="ann")

    told = reported(busy, verified=busy.app.verify(TENANT))

    assert told["verified"]["ok"] and (told["last_seal"]["by"], told["last_seal"]["hash"]) == ("ann", seal["hash"])


def test_only_the_time_asked_for_is_told_and_days_are_the_tenant_s_own(new_world):
    world = new_world()
    world.apply(budget={"max_autonomous_per_day": 10, "timezone": "Pacific/Kiritimati"})
    world.clock.at = NOON.replace(hour=9, minute=59)
    world.submit("before")
    world.settle()
    world.clock.at = NOON.replace(hour=10)
    world.submit("after")
    world.settle()

    # Midnight there is ten in the morning, UTC.
    names = [line["action_intent_id"] for line in reported(world, "2026-03-11", "2026-03-12")["actions"]]

    assert names == ["after"]
    assert [line["action_intent_id"] for line in reported(world, "2026-03-10", "2026-03-11")["actions"]] == ["before"]


def test_an_approval_that_was_taken_back_is_told_and_counts_as_no_answer(world):
    world.queued()
    digest = world.app.intent(TENANT, "i-1").digest
    world.app.approve(TENANT, "i-1", by="bob", digest=digest, undo_for_s=5)
    world.app.undo(TENANT, "i-1", by="bob")

    told = reported(world)
    assert [line["answer"] for line in told["answers"]] == ["APPROVED", "UNDONE"]
    assert told["people"]["count"] == 0
    (bob,) = told["people"]["by_person"]
    assert (bob["approved"], bob["undone"], bob["median_s"]) == (0, 1, None)
    assert "0 answers" in as_html(told)


@pytest.mark.parametrize(
    ("first", "before"), [("2026-03-11", "2026-03-10"), ("2026-03-10", "2026-03-10"), ("soon", "2026-03-10")]
)
def test_a_time_that_is_none_is_refused(world, first, before):
    with pytest.raises(InvalidInput):
        reported(world, first, before)


def test_a_spreadsheet_gets_a_line_each_and_no_formula(busy):
    lines = list(csv.DictReader(io.StringIO(as_csv(reported(busy)))))

    assert [line["kind"] for line in lines].count("action") == 4
    alone = next(line for line in lines if line["action_intent_id"] == "alone-0")
    assert (alone["title"], alone["amount"], alone["unit"]) == ("Refund 12.50 EUR", "12.5", "EUR")
    assert not [cell for line in lines for cell in line.values() if cell.startswith(("=", "+", "@"))]


def test_the_page_for_paper_holds_all_of_it_and_nothing_that_does_not_show(busy):
    busy.queued("odd", parameters={"amount": 1}, target={"entity_type": "x", "entity_id": "<b>\u202e"})
    busy.app.reject(TENANT, "odd", by="bob", reason="<script>\u202e")
    html = as_html(reported(busy, verified=busy.app.verify(TENANT)))

    assert html.startswith("<!doctype html>") and "Every invariant holds" in html
    assert "<script>" not in html and "\u202e" not in html and "U+202E" in html
    assert "19.50 EUR" in html and "not this one" in html


def test_a_timeline_is_narrowed_to_a_time(world):
    world.submit("i-1")
    world.settle()
    world.clock.pass_(hours=24)
    world.submit("i-2")
    world.settle()
    since, before = day(world, "2026-03-10"), day(world, "2026-03-11")

    def names(**which):
        return {item["action_intent_id"] for item in world.app.timeline(TENANT, **which)[0]} - {None}

    assert names(since=since, before=before) == {"i-1"}
    assert names(since=before) == {"i-2"} and names(before=before) == {"i-1"}


def test_a_person_is_one_line_whatever_the_spelling(world):
    for name, by in (("i-1", "Bob"), ("i-2", "bob"), ("i-3", "ｂｏｂ")):
        world.queued(name)
        world.app.reject(TENANT, name, by=by)

    begin, end = (world.app.moment_of(TENANT, "from", day) for day in ("2026-03-10", "2026-03-11"))
    people = world.app.report(TENANT, begin, end)["people"]

    assert [(each["by"], each["rejected"]) for each in people["by_person"]] == [("ｂｏｂ", 3)]


def test_all_of_it_is_plain_json(busy):
    told = reported(busy, verified=busy.app.verify(TENANT))

    assert json.loads(json.dumps(told)) == told
    assert bounds()["tenant"] == told["tenant_id"] and ACCOUNT in json.dumps(told)
