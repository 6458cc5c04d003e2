"""What forms mean and what charts draw, without a server."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import get_args

import pytest

from remit.core.edit import edited_proposal
from remit.core.errors import InvalidInput
from remit.core.gate.autonomy import Stop, StopScope
from remit.core.gate.bounds_checks import parse_bounds
from remit.core.intent import complete, parse_proposal
from remit.core.lifecycle import Status
from remit.core.notifications.notice_kind import NoticeKind
from remit.entrypoints.bounds_file import BoundsFile, as_yaml
from remit.entrypoints.console import charts, labels
from remit.entrypoints.console.bounds_form import with_form
from remit.entrypoints.console.edit import changes, fields
from tests.entrypoints.http_world import EMAIL, NOTE, bounds, proposal

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


def _day(date, *decisions):
    names = ("action_type", "result", "reason", "count")
    return {"date": date, "decisions": [dict(zip(names, line, strict=True)) for line in decisions]}


def _stop(**scope):
    said = {"level": "autonomy", "stopped_by": "ann", "reason": "odd", "stopped_at": NOW}
    return Stop(scope=StopScope(tenant_id="acme", **scope), **said)


@pytest.mark.parametrize(
    ("scopes", "said"),
    [
        ([{"account_id": "a-1"}], "1 of 3 accounts stopped"),
        ([{"account_id": "a-1"}, {"account_id": "unseen"}], "2 of 4 accounts stopped"),
        ([{"action_type": NOTE}], "1 of 1 action type stopped"),
        ([{"account_id": "a-1"}, {"action_type": EMAIL}], "1 of 3 accounts and 1 of 2 action types stopped"),
        ([{"account_id": "a-1", "action_type": NOTE}], "Partly stopped"),
    ],
)
def test_a_stop_of_a_part_says_of_how_many(scopes, said):
    stops = [_stop(**scope) for scope in scopes]

    assert labels.stopped_part(stops, {"a-1", "a-2", "a-3"}, {NOTE}) == said


DAYS = [
    _day("2026-03-09", (NOTE, "AUTO_EXECUTED", "WITHIN_BOUNDS", 6), (EMAIL, "REQUIRE_APPROVAL", "RISK_LEVEL_HIGH", 2)),
    _day("2026-03-10", (NOTE, "REQUIRE_APPROVAL", "BUDGET_EXCEEDED", 4)),
]


def test_the_tallest_day_is_as_high_as_the_picture_and_its_parts_stand_on_each_other():
    first, second = charts.bars(DAYS)

    assert (first.autonomous, first.asked, second.autonomous, second.asked) == (6, 2, 0, 4)
    assert first.autonomous_height + first.asked_height == charts.HEIGHT
    assert first.autonomous_y + first.autonomous_height == charts.HEIGHT
    assert first.asked_y + first.asked_height == first.autonomous_y
    assert second.asked_height == charts.HEIGHT / 2
    assert first.x + first.width < second.x


def test_days_without_anything_draw_nothing():
    (bar,) = charts.bars([_day("2026-03-10")])

    assert (bar.asked_height, bar.autonomous_height) == (0, 0)
    assert charts.by_type([_day("2026-03-10")]) == []


def test_breakdowns_are_the_largest_first_and_asked_alone_by_reason():
    by_type, by_reason = charts.by_type(DAYS), charts.by_reason(DAYS)

    assert [(s.name, s.autonomous, s.asked) for s in by_type] == [(NOTE, 6, 4), (EMAIL, 0, 2)]
    assert [(s.name, s.asked) for s in by_reason] == [("BUDGET_EXCEEDED", 4), ("RISK_LEVEL_HIGH", 2)]
    assert by_type[0].autonomous_share + by_type[0].asked_share == 100


RULE = """@id("x") @reason("X") @explanation("x")
forbid (principal, action, resource) when { context.hour > 24 };
"""
WHOLE = parse_bounds(
    bounds(
        accounts={"a": {"allowlist": [], "modes": {NOTE: "DISABLED"}, "budget": {"max_per_action_type": {NOTE: 0}}}},
        tenant_budget={"max_autonomous_per_day": 50, "timezone": "Europe/Berlin"},
        policies=[{"name": "a.cedar", "text": RULE}],
    )
)


def test_a_form_sent_back_as_it_was_shown_changes_nothing():
    said = {"list": "own", "mode:default": "AUTO_EXECUTE", f"mode:{NOTE}": "", "limit": "10"}
    said |= {f"allow:{name}": "on" for name in WHOLE.allowlist}

    wanted = with_form(WHOLE, None, {**said, f"limit:{NOTE}": "", "timezone": "", "ceiling": "50"})

    assert parse_bounds(wanted) == WHOLE


def test_none_ticked_is_an_empty_list_and_not_no_list():
    assert with_form(WHOLE, "a", {"list": "own"})["accounts"]["a"]["allowlist"] == []
    assert with_form(WHOLE, "a", {"list": "inherit", f"allow:{NOTE}": "on"})["accounts"]["a"]["allowlist"] is None


def test_zero_is_a_limit_and_empty_is_none():
    budget = with_form(WHOLE, "b", {"limit": "0", f"limit:{NOTE}": ""})["accounts"]["b"]["budget"]

    assert budget == {"max_autonomous_per_day": 0, "max_per_action_type": {}, "timezone": None}
    assert with_form(WHOLE, "b", {"limit": ""})["accounts"]["b"]["budget"] is None


@pytest.mark.parametrize("wrong", ["-1", "1.5", "ten", "1" * 11])
def test_a_limit_that_is_no_count_is_named(wrong):
    with pytest.raises(InvalidInput, match=f"limit:{NOTE}"):
        with_form(WHOLE, None, {f"limit:{NOTE}": wrong})


def test_bounds_written_as_a_file_read_back_as_the_same():
    assert BoundsFile.of_text("bounds.yaml", as_yaml(WHOLE)).bounds == WHOLE


def _intent(**parameters):
    return complete(
        parse_proposal({**proposal("i-1", parameters=parameters), "tenant_id": "acme", "proposed_by": "agent"}),
        action_intent_id="i-1",
        trace_id="t",
        now=NOW,
        expires_after=datetime(2030, 1, 1, tzinfo=UTC) - NOW,
        registry_version=1,
    )


def test_an_edit_is_only_what_the_form_says_otherwise():
    found = _intent(text="a\nb", amount=1.5, urgent=True, lines=[1], **{"dotted.name": 1})
    said = {
        "target.entity_id": "c-1",
        "parameters.text": "a\r\nb",
        "parameters.amount": "1.50",
        "parameters.urgent": "false",
        "parameters.lines": "[1, 2]",
        "parameters.dotted.name": "3",
        'parameters["dotted.name"]': "2",
    }

    assert changes(found, said) == {
        "parameters.urgent": False,
        "parameters.lines": [1, 2],
        'parameters["dotted.name"]': 2,
    }
    assert changes(found, {"remove:parameters.text": "on"}) == {"parameters.text": None}


def test_a_yes_that_becomes_a_1_is_an_edit():
    assert changes(_intent(urgent=True), {"parameters.urgent": "1"}) == {"parameters.urgent": 1}


def test_every_parameter_can_be_edited_by_the_path_that_the_form_gives_it():
    names = ["a", "account.iban", "", "count", "0", "it's", 'say "x"', "[0]", "back\\slash", "größe"]
    found = _intent(**dict.fromkeys(names, 1))

    paths = [field.path for field in fields(found, {}) if field.path.startswith("parameters")]
    edited = edited_proposal(found, dict.fromkeys(paths, 2), new_id="i-2")

    assert edited.parameters == dict.fromkeys(names, 2)


@pytest.mark.parametrize(("field", "wrong"), [("parameters.amount", "much"), ("parameters.lines", "[1")])
def test_an_edit_that_cannot_be_read_names_its_field(field, wrong):
    with pytest.raises(InvalidInput, match=field):
        changes(_intent(amount=1, lines=[1]), {field: wrong})


def test_every_code_that_has_a_word_is_one_that_there_is():
    assert set(labels.STATUSES) == set(get_args(Status))
    assert set(labels.NOTICES) == set(get_args(NoticeKind))
    assert labels.reason("REFUND_ABOVE_50") == "Refund above 50"


SCHEMA = {
    "type": "object",
    "properties": {
        "amount": {"type": "number"},
        "currency": {"enum": ["EUR", "USD"]},
        "urgent": {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
        "note": {"$ref": "#/$defs/Note"},
        "to": {"type": "array"},
    },
    "$defs": {"Note": {"type": "string", "maxLength": 500}},
}


def test_the_form_has_the_controls_that_the_schema_declares_also_for_what_is_not_given():
    shown = fields(_intent(currency="EUR", note="hello"), {}, SCHEMA)

    assert [(field.path, field.control, field.missing) for field in shown[2:]] == [
        ("parameters.currency", "choice", False),
        ("parameters.note", "long", False),
        ("parameters.amount", "number", True),
        ("parameters.urgent", "yes_no", True),
        ("parameters.to", "json", True),
    ]
    assert shown[2].choices == ('"EUR"', '"USD"') and shown[2].text == '"EUR"'


@pytest.mark.parametrize("currency", [{"enum": ["EUR", None]}, {"anyOf": [{"enum": ["EUR"]}, {"type": "null"}]}])
def test_a_choice_does_not_offer_null_which_would_take_the_argument_away(currency):
    (field,) = fields(_intent(currency="EUR"), {}, {"properties": {"currency": currency}})[2:]

    assert (field.control, field.choices) == ("choice", ('"EUR"',))


def test_what_was_not_given_is_set_by_an_edit_and_stays_away_where_the_form_says_nothing():
    found = _intent(currency="EUR")
    said = {"parameters.currency": '"USD"', "parameters.amount": "12.50", "parameters.urgent": "", "parameters.to": ""}

    assert changes(found, said, SCHEMA) == {"parameters.currency": "USD", "parameters.amount": 12.5}


@pytest.mark.parametrize("item", ["GBP", 5, None, ["EUR"]])
def test_a_value_that_its_schema_does_not_have_is_still_shown_as_it_is(item):
    (field,) = [each for each in fields(_intent(currency=item), {}, SCHEMA) if each.path == "parameters.currency"]

    assert field.control != "choice" and field.before == item


@pytest.mark.parametrize("schema", [{"properties": []}, {"properties": {"a": True}}, {"$defs": 5}, {"enum": []}])
def test_a_schema_of_any_shape_makes_a_form(schema):
    assert [field.path for field in fields(_intent(a=1), {}, schema)][2:] == ["parameters.a"]
