"""Suggestions and what only watches, at the console: shown with what they would do, and put in force with a press."""

from __future__ import annotations

import re
from html import unescape

from tests.entrypoints.http_world import ACME, NOTE, bounds

from .conftest import text_of

WATCHING = {
    "policies": [
        {
            "name": "notes.cedar",
            "text": '@reason("NO_NOTES") forbid (principal, action, resource);',
            "log_only": True,
        }
    ],
    "limits": [{"name": "burst", "most": 2, "per": "month", "of": "account", "log_only": True}],
}


def rejected(world, count):
    for number in range(count):
        world.submit(f"no-{number}", confidence_score=0.1)
        world.remit.reject(ACME, f"no-{number}", by="bob")


def hidden(answer):
    """The bounds that a page carries, and which it looked at."""
    fields = {
        name: unescape(value) for name, value in re.findall(r'name="(wanted|sequence)" value="([^"]*)"', answer.text)
    }
    assert fields.keys() == {"wanted", "sequence"}, answer.text
    return fields


def test_a_suggestion_is_shown_with_its_evidence_then_with_what_it_would_do_and_put_in_force(world, visit):
    world.submit("alone")
    rejected(world, 14)
    admin = visit()

    page = admin.get("/console/suggestions")
    looked_at = admin.post("/console/bounds/replay", hidden(page))
    done = admin.post("/console/bounds/apply", hidden(looked_at))

    told, shown = text_of(page), text_of(looked_at)
    assert "14 answered: 14 rejected" in told and "Answers in a second or two are little evidence" in told
    assert "Have a person asked about all of it?" in told
    assert "Over all possible actions: narrower" in shown
    assert "1 ran alone, and a person would have been asked" in shown
    assert done.status_code == 303 and world.remit.bounds(ACME).bounds.modes[NOTE] == "APPROVAL_REQUIRED"


def test_of_what_people_judged_afterwards_no_times_are_told(world, visit):
    own = bounds()
    own["action_types"][NOTE] |= {"sample": 1}
    world.remit.apply(own, by="ann")
    for name in ("i-1", "i-2"):
        world.submit(name)
    world.work()
    world.remit.judge(ACME, "i-1", by="bob", right=True)
    world.remit.judge(ACME, "i-2", by="bob", right=False)

    told = text_of(visit().get("/console/suggestions"))

    assert "2 answered: 1 right, 1 wrong" in told and "half of the answers" not in told


def test_where_people_answered_nothing_nothing_is_suggested(visit):
    assert "have not answered anything yet" in text_of(visit().get("/console/suggestions"))


def test_bounds_and_report_lead_to_suggestions_for_whoever_may_use_them(visit):
    for path in ("/console/bounds", "/console/report"):
        assert "/console/suggestions" in visit().get(path).text
        assert "/console/suggestions" not in visit(roles={"auditor"}).get(path).text


def test_what_only_watches_is_shown_with_what_it_would_have_said_and_made_to_count(world, visit):
    world.remit.apply(bounds(**WATCHING), by="the test")
    for number in range(4):
        world.submit(f"alone-{number}")
    admin = visit()
    begun = {
        "notes.cedar": admin.get("/console/policies?name=notes.cedar").text,
        "burst": admin.get("/console/bounds").text,
    }

    for name, kind, count in (("burst", "limits", 2), ("notes.cedar", "policies", 4)):
        path = f"/console/bounds/promote?name={kind}.{name}"
        looked_at = admin.get(path)
        admin.post("/console/bounds/apply", hidden(looked_at))

        assert path in begun[name]
        assert f"{count} ran alone, and a person would have been asked" in text_of(looked_at)
    now = world.remit.bounds(ACME).bounds
    assert not any(each.log_only for each in (*now.limits, *now.policies))
    assert world.submit("now").reason == "NO_NOTES"


def test_bounds_that_changed_meanwhile_are_not_replaced_by_what_was_looked_at(world, visit):
    world.remit.apply(bounds(**WATCHING), by="the test")
    admin = visit()
    looked_at = hidden(admin.get("/console/bounds/promote?name=burst"))
    world.remit.apply(bounds(), by="somebody else")

    answers = [admin.post(f"/console/bounds/{what}", looked_at) for what in ("replay", "apply")]

    assert [answer.status_code for answer in answers] == [409, 409]


def test_a_preview_offers_what_the_change_would_have_done(world, visit):
    world.submit("alone")
    admin = visit()
    wanted = bounds(allowlist=[])

    plain = admin.post("/console/bounds/file", {"sequence": "1", "text": str(wanted).replace("None", "null")})
    replayed = admin.post("/console/bounds/replay", hidden(plain))

    assert 'formaction="/console/bounds/replay"' in plain.text and "ran alone" not in text_of(plain)
    assert "1 ran alone, and a person would have been asked" in text_of(replayed)


def test_the_name_of_nothing_that_watches_is_told_so(visit):
    answer = visit().get("/console/bounds/promote?name=nothing")

    assert answer.status_code == 422 and "is no policy file and no limit" in text_of(answer)
