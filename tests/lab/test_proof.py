"""Comparisons of bounds over all actions, and properties: each answer with an action that the gate confirms."""

import sys

import pytest

from remit.core.gate.bounds_checks import parse_bounds
from remit.lab.proof import compare, prove_never, questions
from remit.lab.proof.example import RANK
from remit.lab.proof.questions import Prover
from tests.lab.proof_world import Dice, in_force

TOOL = {"connector": "internal", "operation": "create_note"}
REFUND = {"risk_tier": "LOW", "tool": TOOL, "amounts": {"amount": {"value": "parameters.amount", "unit": "EUR"}}}


def bounds(*rules, **changed):
    written = {
        "tenant": "shop",
        "action_types": {"REFUND": REFUND, "NOTE": {"risk_tier": "MINIMAL", "tool": TOOL}},
        "allowlist": ["REFUND", "NOTE"],
        "modes": {"default": "AUTO_EXECUTE"},
        "budget": {"max_autonomous_per_day": 10},
        "policies": [{"name": "own.cedar", "text": "\n".join(rules)}] if rules else [],
    }
    return in_force(parse_bounds(written | changed))


def forbid(condition, effect="REQUIRE_APPROVAL"):
    return f'@effect("{effect}") forbid (principal, action, resource) when {{ {condition} }};'


def over(amount):
    return forbid(
        f'context.numbers.hasTag("amount") && context.numbers.getTag("amount").greaterThan(decimal("{amount:.1f}"))'
    )


def limit(most):
    return {
        "name": "refunds",
        "sum": "amount",
        "unit": "EUR",
        "most": most,
        "per": "month",
        "of": "account",
        "action_types": ["REFUND"],
    }


def of_type(**changed):
    return {"REFUND": REFUND | changed}


SCHEMA = {
    "type": "object",
    "properties": {"amount": {"type": "number", "minimum": 1, "maximum": 500}, "order": {"type": "string"}},
    "required": ["amount", "order"],
    "additionalProperties": False,
}


def with_schema(*, required=(), more=None, **properties):
    schema = {"type": "object", "properties": properties, "required": list(required), **(more or {})}
    return of_type(parameters=schema)


AMOUNT, ORDER = {"type": "number", "maximum": 500}, {"type": "string"}
NESTED = {"type": "object", "properties": {"total": {"type": "number", "maximum": 10}}, "required": ["total"]}
NEEDS_A = {"required": ["a"]}
TIGHTER_SCHEMAS = (
    (of_type(), with_schema(amount=AMOUNT)),
    (with_schema(amount=AMOUNT), with_schema(amount={**AMOUNT, "maximum": 400})),
    (with_schema(amount=AMOUNT), with_schema(amount={**AMOUNT, "exclusiveMaximum": 500})),
    (with_schema(amount=AMOUNT), with_schema(amount={**AMOUNT, "type": "integer"})),
    (with_schema(amount=AMOUNT), with_schema(amount={**AMOUNT, "multipleOf": 0.05})),
    (with_schema(amount=AMOUNT), with_schema(amount=AMOUNT, required=["amount"])),
    (with_schema(amount=AMOUNT), with_schema(amount=AMOUNT, more={"additionalProperties": False})),
    (with_schema(amount=AMOUNT, order=ORDER), with_schema(amount=AMOUNT, order={**ORDER, "enum": ["a", "b"]})),
    (with_schema(order={"enum": ["a", 2, None]}), with_schema(order={"enum": ["a", None]})),
    (with_schema(order={**ORDER, "maxLength": 9}), with_schema(order={**ORDER, "maxLength": 5})),
    (with_schema(order=ORDER), with_schema(order={**ORDER, "minLength": 1})),
    (with_schema(order=ORDER), with_schema(order={**ORDER, "pattern": "^o-"})),
    (with_schema(order={"$ref": "#/$defs/x"}, more={"$defs": {"x": ORDER}}), with_schema(order={"const": "a"})),
    (with_schema(order={"type": ["string", "null"]}), with_schema(order=ORDER)),
    (with_schema(order={"anyOf": [ORDER, AMOUNT]}), with_schema(order=AMOUNT)),
    (with_schema(order=AMOUNT), with_schema(order={"allOf": [AMOUNT], "not": {"const": 7}})),
    (with_schema(order=NESTED), with_schema(order={**NESTED, "additionalProperties": False})),
    (with_schema(order={"type": "object"}), with_schema(order=NESTED)),
    (with_schema(lines={"type": "array"}), with_schema(lines={"type": "array", "minItems": 2})),
    (with_schema(), with_schema(more={"dependentRequired": {"amount": ["order"]}})),
    (with_schema(), with_schema(more={"if": {"required": ["amount"]}, "then": {"required": ["order"]}})),
    (with_schema(more={"oneOf": [{"required": ["a"]}, {}]}), with_schema(required=["b"], more={"not": NEEDS_A})),
)
WITHOUT = (
    (bounds(), bounds(allowlist=["NOTE"])),
    (bounds(), bounds(over(100))),
    (bounds(over(200)), bounds(over(100))),
    (bounds(), bounds(modes={"default": "AUTO_EXECUTE", "NOTE": "PROPOSE_ONLY"})),
    (bounds(), bounds(modes={"default": "APPROVAL_REQUIRED", "REFUND": "AUTO_EXECUTE"})),
    (bounds(modes={"default": "PROPOSE_ONLY"}), bounds(modes={"default": "DISABLED"})),
    (bounds(), bounds(action_types=of_type(min_confidence=0.9))),
    (bounds(action_types=of_type()), bounds(action_types=of_type(risk_tier="MEDIUM"))),
    (bounds(), bounds(accounts={"north": {"allowlist": []}})),
    (bounds(), bounds(accounts={"north": {"budget": {"max_autonomous_per_day": 0}}})),
    (bounds(), bounds(budget={"max_autonomous_per_day": 10, "max_per_action_type": {"NOTE": 0}})),
    (bounds(), bounds(tenant_budget={"max_autonomous_per_day": 0})),
    (bounds(), bounds(limits=[limit(400)])),
    (bounds(limits=[limit(400)]), bounds(limits=[limit(100)])),
    (bounds(limits=[limit(400)]), bounds(limits=[limit(400), {**limit(5), "name": "x", "of": "principal"}])),
    (bounds(), bounds(forbid('context.weekday == "SUN"'))),
    (bounds(), bounds(forbid('context.date == "2026-12-24" && context.hour > 13'))),
    (bounds(), bounds(forbid('context.target_type == "contact"', effect="BLOCK"))),
    (bounds(forbid("context.hour < 6")), bounds(forbid("context.hour < 6", effect="BLOCK"))),
    (bounds(), bounds(accounts={"north": {"principals": ["ann"]}})),
    (
        bounds(action_types=of_type(required_scopes=["pay"]), principals={"ann": {"scopes": ["pay"]}}),
        bounds(action_types=of_type(required_scopes=["pay"]), principals={"ann": {"scopes": ["read"]}}),
    ),
    (bounds(), bounds(forbid('context.delegation.contains("planner")'))),
    (bounds(), bounds(forbid('context.numbers.hasTag("items.count")'))),
    (bounds(), bounds(forbid('context.texts.hasTag("items.0") && context.texts.getTag("items.0") == "gold"'))),
    (bounds(), bounds(forbid("context.confidence * 9223372036854775807 > 5"))),
    (bounds(action_types=of_type(parameters=SCHEMA)), bounds(over(100), action_types=of_type(parameters=SCHEMA))),
    *((bounds(action_types=more), bounds(action_types=less)) for more, less in TIGHTER_SCHEMAS),
)


@pytest.mark.parametrize("number", range(len(WITHOUT)))
def test_what_is_taken_away_is_narrower_and_the_other_way_round_wider(number):
    more, less = WITHOUT[number]

    narrower, wider = compare(more, less), compare(less, more)

    assert (narrower.verdict, wider.verdict) == ("NARROWER", "WIDER"), (narrower.wire(), wider.wire())
    for found, before, after in ((narrower.narrower, more, less), (wider.wider, less, more)):
        assert (found.example.said_by(before), found.example.said_by(after)) == (found.before, found.after)


def test_an_example_says_as_little_as_it_can():
    before, after = (bounds(over(amount), allowlist=["REFUND"]) for amount in (100, 200))

    found = compare(before, after).wire()["wider"]

    assert found["action"] == {
        "account_id": "some-account",
        "action_type": "REFUND",
        "parameters": {"amount": 101},
        "confidence_score": 0.9,
        "proposed_by": "agent",
    }
    assert (found["before"]["course"], found["after"]["course"]) == ("ASKS", "RUNS")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (bounds(over(100)), bounds(over(100), over(200))),
        (bounds(forbid("context.hour < 6")), bounds(forbid("!(context.hour >= 6)"))),
        (bounds(), bounds(forbid('context.risk == "HIGH"'))),
        (bounds(), bounds(allowlist=["REFUND", "NOTE", "GONE"])),
        (bounds(), bounds(forbid('context.mode == "DISABLED"', effect="BLOCK"))),
        (bounds(limits=[limit(400)]), bounds(limits=[limit(400), {**limit(9), "name": "watched", "log_only": True}])),
    ],
)
def test_what_is_written_otherwise_and_means_the_same_is_equal(one, other):
    assert compare(one, other).verdict == compare(other, one).verdict == "EQUAL"


def test_bounds_that_let_through_some_more_and_some_less_are_incomparable():
    found = compare(bounds(allowlist=["REFUND"]), bounds(allowlist=["NOTE"]))

    assert found.verdict == "INCOMPARABLE"
    assert found.wider.example.proposal.action_type == "NOTE"
    assert found.narrower.example.proposal.action_type == "REFUND"


def test_how_often_something_may_run_is_said_beside_the_verdict():
    before = bounds(budget={"max_autonomous_per_day": 10, "max_per_action_type": {"NOTE": 5}})
    burst = {"name": "burst", "most": 3, "per": "minute", "of": "account"}
    after = bounds(budget={"max_autonomous_per_day": 20}, limits=[burst])

    found = compare(before, after)

    assert found.verdict == "EQUAL"
    assert [(each.path, each.change, each.before, each.after) for each in found.limits] == [
        ("budget.max_autonomous_per_day", "WIDER", 10, 20),
        ("budget.max_per_action_type.NOTE", "WIDER", 5, None),
        ("limits.burst", "NARROWER", None, 3),
    ]


def test_what_had_no_bound_at_all_and_so_ran_nothing_alone_grew_from_nothing():
    burst = {"name": "burst", "most": 3, "per": "minute", "of": "account"}

    found = compare(bounds(budget=None), bounds(budget=None, limits=[burst]))

    assert [(each.path, each.change, each.before, each.after) for each in found.limits] == [
        ("budget.max_autonomous_per_day", "WIDER", 0, None),
        ("limits.burst", "NARROWER", None, 3),
    ]


def test_an_account_that_loses_its_own_zone_sees_other_hours():
    early = forbid("context.hour < 6")
    before = bounds(early, accounts={"north": {"budget": {"timezone": "Asia/Tokyo"}}})

    found = compare(before, bounds(early))

    assert found.verdict == "INCOMPARABLE"
    assert found.wider.example.proposal.account_id == found.narrower.example.proposal.account_id == "north"


# --- what is not translated ---


LIKE = forbid('context.texts.hasTag("note") && context.texts.getTag("note") like "*refund*"')


def test_a_construct_that_is_not_translated_is_named_where_it_decides():
    found = compare(bounds(), bounds(LIKE))

    assert (found.verdict, found.wider) == ("NOT_PROVED", None)
    assert [(each.rule, each.construct) for each in found.not_proved] == [("own", "like")]


def test_a_construct_that_stands_on_both_sides_decides_nothing():
    found = compare(bounds(LIKE), bounds(LIKE, over(100)))

    assert found.verdict == "NARROWER"


def test_a_path_that_is_worked_out_is_not_translated():
    found = compare(bounds(), bounds(forbid("context.texts.hasTag(context.target_id)")))

    assert [each.construct for each in found.not_proved] == ["a tag that is worked out"]


def test_a_pattern_that_changes_into_another_is_not_translated():
    before, after = (bounds(action_types=with_schema(order={"pattern": text})) for text in ("^o-9+$", "^p-9+$"))

    found = compare(before, after)

    assert found.verdict == "NOT_PROVED"
    (problem,) = (each.problem for each in found.not_proved)
    assert problem == "the schema of REFUND says pattern of parameters.order, which is not translated"


def test_what_schemas_of_both_sides_leave_open_decides_nothing():
    open_on_both = {"pattern": "^[A-Z]{3}$", "type": "string"}
    before, after = (
        bounds(action_types=with_schema(amount={**AMOUNT, "maximum": most}, unit=open_on_both, required=["unit"]))
        for most in (500, 400)
    )

    found = compare(before, after)

    assert (found.verdict, found.narrower.after.course) == ("NARROWER", "REFUSED")


def test_a_schema_that_says_more_and_lets_through_the_same_is_equal():
    before = with_schema(amount=AMOUNT, order=ORDER)
    written = {"allOf": [{"$ref": "#/$defs/amount"}], "$defs": {"amount": {"properties": {"amount": AMOUNT}}}}
    after = with_schema(order={"anyOf": [ORDER, {"const": "a"}], "title": "An order"}, more=written)

    assert compare(bounds(action_types=before), bounds(action_types=after)).verdict == "EQUAL"


def test_a_fact_that_is_looked_up_elsewhere_may_say_something_else():
    before, after = ({"order": {"url": f"https://{host}/orders", "keep": ["total"]}} for host in ("old", "new"))

    found = compare(bounds(action_types=of_type(facts=before)), bounds(action_types=of_type(facts=after)))

    assert found.verdict == "NOT_PROVED"
    assert {each.problem for each in found.not_proved} == {"the fact order of REFUND is looked up elsewhere"}


def test_a_question_that_takes_too_long_has_no_answer():
    prover = Prover((bounds(), bounds(over(100))))
    prover._logic._until = 0

    found = prover.compare()

    assert found.verdict == "NOT_PROVED" and "longer" in found.not_proved[0].problem


def test_bounds_that_take_too_long_to_translate_have_no_answer(monkeypatch):
    monkeypatch.setattr(questions, "TIMEOUT_S", 0.0)

    found = compare(bounds(), bounds(over(100)))

    assert found.verdict == "NOT_PROVED" and "longer" in found.not_proved[0].problem


def test_without_the_solver_nothing_is_proved_and_the_way_to_it_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "z3", None)

    found = compare(bounds(), bounds(over(100)))
    (never,) = prove_never(bounds(), ['risk == "HIGH"'])

    assert found.verdict == "NOT_PROVED" and not never.holds
    assert "remit[prove]" in found.not_proved[0].problem and "remit[prove]" in never.not_proved[0].problem


def test_bounds_that_do_not_load_are_compared_with_nothing():
    found = compare(bounds("nonsense;"), bounds())

    assert found.verdict == "NOT_PROVED" and "do not load" in found.not_proved[0].problem


# --- properties ---


@pytest.mark.parametrize(
    "never",
    [
        'risk == "HIGH"',
        'context.risk == "MEDIUM" || mode != "AUTO_EXECUTE"',
        "confidence < 7000",
        "confidence < min_confidence",
        '!["REFUND", "NOTE"].contains(action_type) // nothing else',
        'numbers.hasTag("amount") && numbers.getTag("amount").greaterThan(decimal("100.0"))',
    ],
)
def test_what_never_runs_alone_is_proved(never):
    (answer,) = prove_never(bounds(over(100)), [never])

    assert answer.holds, answer.wire()


def test_what_no_arguments_may_be_by_their_schema_never_runs_alone():
    total = {"type": "number", "minimum": 0, "multipleOf": 0.01, "anyOf": [{"maximum": 10}, {"const": 20}]}
    closed = {"additionalProperties": False}
    types = with_schema(order={"type": "object", "properties": {"total": total}}, more=closed)
    over = 'numbers.hasTag("order.total") && numbers.getTag("order.total").greaterThan(decimal("{}.0"))'

    answer, broken = prove_never(bounds(allowlist=["REFUND"], action_types=types), [over.format(20), over.format(19)])

    assert answer.holds, answer.wire()
    assert broken.example.proposal.parameters == {"order": {"total": 20}}


def test_a_name_that_makes_a_path_ambiguous_breaks_a_property_about_it():
    types = with_schema(order=NESTED)
    over = 'numbers.hasTag("order.total") && numbers.getTag("order.total").greaterThan(decimal("10.0"))'

    (answer,) = prove_never(bounds(allowlist=["REFUND"], action_types=types), [over])

    assert "order.total" in answer.example.proposal.parameters


@pytest.mark.parametrize(
    "never",
    [
        'action_type == "REFUND"',
        'numbers.hasTag("amount") && numbers.getTag("amount").greaterThan(decimal("99.0"))',
        'on_behalf_of == ""',
        "scopes.isEmpty()",
        # True of nothing, and it cannot be asked of what no rule can read.
        'texts.hasTag("note") && numbers.hasTag("note")',
        "context.hour * 9223372036854775807 > 5",
    ],
)
def test_what_would_run_alone_breaks_a_property_by_an_example(never):
    in_question = bounds(over(100))

    (answer,) = prove_never(in_question, [never])

    assert answer.example.said_by(in_question).course == "RUNS" and not answer.holds


def test_a_property_that_is_not_translated_does_not_hold():
    (answer,) = prove_never(bounds(), ['texts.hasTag("note") && texts.getTag("note") like "*a*b*c*"'])

    assert not answer.holds and answer.not_proved[0].construct == "like"


# --- random bounds ---


def test_what_is_proved_of_random_bounds_no_random_action_denies():
    verdicts = set()
    for seed in range(12):
        dice = Dice(seed)
        written = dice.bounds(rules=3)
        before, after = in_force(written), in_force(dice.changed(written))
        found = compare(before, after)
        for _ in range(40):
            action = dice.action()
            ranks = [RANK[action.said_by(each).course] for each in (before, after)]
            assert not (ranks[1] > ranks[0] and found.wider is None), (seed, action.wire())
            assert not (ranks[1] < ranks[0] and found.narrower is None), (seed, action.wire())
        verdicts.add(found.verdict)
    assert verdicts >= {"EQUAL", "NARROWER", "WIDER"}
