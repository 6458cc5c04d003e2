"""The auto-approval policy: each reason in its order, tenants that can only narrow, and errors that are never a yes."""

import json
import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.core.gate.policy import (
    PLATFORM_SET,
    POLICY_ERROR,
    PolicySource,
    clauses_of,
    compile_policies,
    platform_set_of,
    policy_version,
    ten_thousandths,
)
from remit.core.gate.policy import compile as compiler

from .make import TYPE, question

OVERFLOWS = "context.confidence + 9223372036854775807 > 0"
BLOCKS = '@id("blocks") @effect("BLOCK")\nforbid (principal, action, resource) when { context.target_id == "c-1" };'


def sources(*texts):
    return tuple(PolicySource(name=f"own-{number}.cedar", text=text) for number, text in enumerate(texts))


def forbid(when, notes=""):
    return f"{notes}\nforbid (principal, action, resource) when {{ {when} }};"


def ask(*texts, **changes):
    return compile_policies(sources(*texts)).evaluate(question(**changes))


def refused(*texts):
    with pytest.raises(ValueError) as caught:
        compile_policies(sources(*texts))
    return str(caught.value)


def expected_reason(mode, risk, confidence):
    by_mode = {"DISABLED": "ACTION_TYPE_DISABLED", "PROPOSE_ONLY": "PROPOSE_ONLY", "APPROVAL_REQUIRED": "TENANT_POLICY"}
    if mode != "AUTO_EXECUTE":
        return by_mode[mode]
    if risk in ("MEDIUM", "HIGH"):
        return "RISK_LEVEL_HIGH"
    return "CONFIDENCE_BELOW_THRESHOLD" if confidence < 7000 else "WITHIN_BOUNDS"


EVERY_QUESTION = list(
    product(
        ["AUTO_EXECUTE", "APPROVAL_REQUIRED", "PROPOSE_ONLY", "DISABLED"],
        ["MINIMAL", "LOW", "MEDIUM", "HIGH"],
        [0, 6999, 7000, 10_000],
    )
)


@pytest.mark.parametrize(("mode", "risk", "confidence"), EVERY_QUESTION)
def test_the_first_reason_that_applies_is_given_and_only_a_clean_yes_runs(mode, risk, confidence):
    reason = expected_reason(mode, risk, confidence)

    answer = ask(mode=mode, risk=risk, confidence=confidence)

    assert answer.reason == reason
    assert (answer.policy_decision == "AUTO_EXECUTE") == (reason == "WITHIN_BOUNDS")
    assert (answer.policy_decision == "BLOCK") == (mode == "DISABLED")
    assert answer.explanation
    assert answer.clauses


@pytest.mark.parametrize(("mode", "risk", "confidence"), EVERY_QUESTION)
def test_a_tenant_s_own_clause_comes_after_the_platform_s(mode, risk, confidence):
    reason = expected_reason(mode, risk, confidence)

    answer = ask(forbid("true", '@id("a_first") @reason("OWN")'), mode=mode, risk=risk, confidence=confidence)

    assert answer.reason == ("OWN" if reason == "WITHIN_BOUNDS" else reason)
    assert answer.policy_decision == ("BLOCK" if mode == "DISABLED" else "REQUIRE_APPROVAL")
    assert answer.clauses[-1] == "a_first"


def test_every_clause_that_determined_it_is_listed_in_order():
    answer = ask(mode="DISABLED", risk="HIGH", confidence=0)

    assert answer.clauses == ["action_type_disabled", "risk_too_high", "confidence_below_threshold"]


@pytest.mark.parametrize("field", ["mode", "risk"])
@pytest.mark.parametrize("value", ["", "auto_execute", "low", "CRITICAL", "NONE"])
def test_what_no_rule_knows_is_refused_by_default(field, value):
    assert ask(**{field: value}).policy_decision != "AUTO_EXECUTE"


@pytest.mark.parametrize("order", [1, -1])
def test_a_tenant_s_clauses_give_their_reason_in_the_order_of_their_ids(order):
    texts = [forbid("true", f'@id("{name}") @reason("R_{name.upper()}")') for name in ("b", "a", "c")][::order]

    answer = ask(*texts)

    assert answer.clauses == ["a", "b", "c"]
    assert answer.reason == "R_A"


def test_one_block_among_the_clauses_is_a_block():
    answer = ask(forbid("true", '@id("a")'), forbid("true", '@id("b") @effect("BLOCK")'))

    assert (answer.policy_decision, answer.reason) == ("BLOCK", "A")


def test_each_of_many_rules_keeps_its_own_reason_and_text():
    texts = [
        "\n".join(
            forbid(f'context.target_id == "t-{file}-{number}"', f'@id("r{file}_{number}") @reason("R_{file}_{number}")')
            for number in range(6)
        )
        for file in range(3)
    ]
    policies = compile_policies(sources(*texts))

    for file, number in product(range(3), range(6)):
        answer = policies.evaluate(question(target_id=f"t-{file}-{number}"))
        clause = next(c for c in clauses_of(sources(*texts)) if c.clause_id == answer.clauses[0])

        assert (answer.clauses, answer.reason) == ([f"r{file}_{number}"], f"R_{file}_{number}")
        assert f"t-{file}-{number}" in clause.text


def test_a_rule_without_notes_takes_its_id_and_reason_from_its_file():
    policies = compile_policies((PolicySource(name="rules/no-weekends.cedar", text=forbid("true")),))

    answer = policies.evaluate(question())

    assert (answer.clauses, answer.reason) == (["no-weekends"], "NO_WEEKENDS")


@pytest.mark.parametrize(
    ("when", "changes"),
    [
        ('context.action_type == "SEND_NOTE"', {"action_type": "OTHER"}),
        ('context.target_type == "contact"', {"target_type": "deal"}),
        ('context.target_id like "c-*"', {"target_id": "d-1"}),
        ('context.date == "2026-03-10"', {"local_date": "2026-03-11"}),
        ('context.weekday == "TUE"', {"local_weekday": "WED"}),
        ("context.hour >= 12", {"local_hour": 11}),
        ("context.confidence < 9500", {"confidence": 9500}),
        ('principal == Agent::"agent"', {"proposed_by": "other"}),
        ('resource == Account::"north"', {"account_id": "south"}),
    ],
)
def test_a_rule_may_look_at_everything_the_question_holds(when, changes):
    assert ask(forbid(when)).policy_decision == "REQUIRE_APPROVAL"
    assert ask(forbid(when), **changes).policy_decision == "AUTO_EXECUTE"


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["permit (principal, action, resource);"], "can only forbid"),
        ([forbid("true") + "\npermit (principal, action, resource) when { false };"], "can only forbid"),
        (["forbid (principal == ?principal, action, resource);"], "template"),
        (["forbid (principal"], "not Cedar"),
        (["# a comment of another language"], "not Cedar"),
        ([forbid("context.amount > 5")], "schema"),
        ([forbid("context.confidence > 0.5")], "own-0.cedar"),
        ([forbid('context.hour == "12"')], "schema"),
        ([forbid('context.numbers.getTag("n").greaterThan(decimal("1.0"))')], "schema"),
        ([forbid("true", '@id("x")'), forbid("true", '@id("x")')], "used twice"),
        ([forbid("true", '@id("risk_too_high")')], "used twice"),
        ([forbid("true", '@effect("AUTO_EXECUTE")')], "AUTO_EXECUTE"),
        ([forbid("true", '@effect("block")')], "block"),
        ([forbid("true", '@effect("")')], "own-0"),
        ([forbid("true", '@reason("not upper")')], "UPPER_SNAKE"),
    ],
)
def test_a_tenant_s_policies_that_are_not_plain_sound_forbids_are_refused(texts, said):
    assert said in refused(*texts)


@pytest.mark.parametrize("effect", ["", '@effect("BLOCK")', '@effect("REQUIRE_APPROVAL")'])
def test_a_rule_that_errors_is_never_a_yes(effect):
    answer = ask(forbid(OVERFLOWS, effect))

    assert (answer.policy_decision, answer.reason) == ("REQUIRE_APPROVAL", POLICY_ERROR)
    assert answer.errors
    assert answer.explanation


def test_a_rule_that_errors_hides_behind_no_other_rule_of_the_tenant():
    answer = ask(forbid(OVERFLOWS, '@id("z")'), forbid("true", '@id("a") @reason("FINE")'))

    assert (answer.policy_decision, answer.reason, answer.clauses) == ("REQUIRE_APPROVAL", POLICY_ERROR, ["a"])


@pytest.mark.parametrize(("mode", "risk", "confidence"), EVERY_QUESTION)
def test_an_error_lets_nothing_run_and_lifts_no_block(mode, risk, confidence):
    answer = ask(forbid(OVERFLOWS), mode=mode, risk=risk, confidence=max(confidence, 1))

    assert answer.policy_decision == ("BLOCK" if mode == "DISABLED" else "REQUIRE_APPROVAL")
    assert answer.errors


def test_an_error_does_not_lift_a_block_of_the_tenant_s_own():
    assert ask(forbid(OVERFLOWS), BLOCKS).policy_decision == "BLOCK"
    assert ask(forbid(OVERFLOWS), BLOCKS, target_id="c-2").policy_decision == "REQUIRE_APPROVAL"


READS = 'context.numbers.hasTag("x") && context.numbers.getTag("x").greaterThan(decimal("5.0"))'
UNREADABLE = [
    {"x": 1e-5},
    {"x": 10**15},
    {"x": "true"},
    {"x": "y" * 9000},
    {"x": [6]},
    {"x": {"": 6}},
]


@pytest.mark.parametrize("parameters", UNREADABLE, ids=str)
def test_parameters_that_cannot_be_read_are_an_error_and_lift_no_block(parameters):
    clean = ask(forbid(READS), parameters=parameters)
    disabled = ask(forbid(READS), parameters=parameters, mode="DISABLED")
    blocked = ask(forbid(READS), BLOCKS, parameters=parameters)

    assert (clean.policy_decision, clean.reason) == ("REQUIRE_APPROVAL", POLICY_ERROR)
    assert clean.errors
    assert disabled.policy_decision == "BLOCK"
    assert (blocked.policy_decision, blocked.reason) == ("BLOCK", POLICY_ERROR)


def test_a_rule_that_could_not_see_the_parameters_is_not_said_to_have_decided():
    answer = ask(forbid('!context.texts.hasTag("x")', '@id("x_is_missing")'), parameters={"x": 1e-5})

    assert (answer.reason, answer.clauses) == (POLICY_ERROR, [])


@pytest.mark.parametrize("parameters", UNREADABLE, ids=str)
def test_parameters_that_no_rule_reads_are_no_obstacle(parameters):
    assert ask(forbid("context.hour < 0"), parameters=parameters).policy_decision == "AUTO_EXECUTE"


@pytest.mark.parametrize(
    ("parameters", "forbidden"),
    [
        ({"x": 5}, False),
        ({"x": 5.0}, False),
        ({"x": 5.0001}, True),
        ({"x": 6}, True),
        ({"x": -6}, False),
        ({"x": -0.0}, False),
        ({"x": 922337203685477}, True),
        ({"x": "6"}, False),
        ({"x": True}, False),
        ({"x": None}, False),
        ({"y": 6}, False),
        ({}, False),
    ],
    ids=str,
)
def test_a_number_is_read_as_a_decimal_by_its_path(parameters, forbidden):
    answer = ask(forbid(READS), parameters=parameters)

    assert answer.policy_decision == ("REQUIRE_APPROVAL" if forbidden else "AUTO_EXECUTE")


@pytest.mark.parametrize(
    ("when", "parameters"),
    [
        ('context.texts.hasTag("a.b.1.c") && context.texts.getTag("a.b.1.c") == "x"', {"a": {"b": [0, {"c": "x"}]}}),
        ('context.texts.hasTag("a") && context.texts.getTag("a") like "*evil*"', {"a": "so evil"}),
        ('context.texts.hasTag("a") && context.texts.getTag("a") == "true"', {"a": True}),
        ('context.numbers.hasTag("a.count") && context.numbers.getTag("a.count") == decimal("2.0")', {"a": [None, 1]}),
        ('context.numbers.hasTag("a.count") && context.numbers.getTag("a.count") == decimal("0.0")', {"a": []}),
    ],
)
def test_texts_yes_and_no_and_lengths_are_read_by_dotted_path(when, parameters):
    assert ask(forbid(when), parameters=parameters).policy_decision == "REQUIRE_APPROVAL"
    assert ask(forbid(when), parameters={}).policy_decision == "AUTO_EXECUTE"


def reads(path):
    return forbid(f'context.numbers.hasTag("{path}") && context.numbers.getTag("{path}").greaterThan(decimal("5.0"))')


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("a.b", {"a.b": 1, "a": {"b": 1}}),
        ("a.b", {"a": {"b": 1}, "a.b": None}),
        ("a.b", {"a": {"b": None}, "a.b": 1}),
        ("a.b", {"a.b": 1}),
        ("a.b.c", {"a.b": {"c": 1}, "a": {"b": {"c": 1}}}),
        ("a.b.c", {"a": {"b.c": 1, "b": {"c": 1}}}),
        ("a.b.c", {"a": {"b.c": 1}}),
        ("a.0", {"a": [1], "a.0": 2}),
        ("a.0", {"a": {"0": 1}}),
        ("a.count", {"a": [], "a.count": 0}),
        ("a.count", {"a": {"count": 1, "list": [6] * 500}}),
        ("a.count", {"a": {"count": None}}),
        ("a.b.count", {"a": {"b": {"count": 9}}}),
    ],
    ids=str,
)
def test_a_path_that_could_mean_two_values_is_an_error_whichever_comes_first(path, parameters):
    assert ask(reads(path), parameters=parameters).reason == POLICY_ERROR
    assert ask(reads(path), parameters=dict(reversed(parameters.items()))).reason == POLICY_ERROR


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        (r"[\"a.b\"]", {"a.b": 6, "a": {"b": 1}}),
        ("['a.b']", {"a.b": 6}),
        ("['a.b'].c", {"a.b": {"c": 6}, "a": {"b": {"c": 1}}}),
        ("['']", {"": 6}),
        ("[''].amount", {"": {"amount": 6}, "amount": 1}),
        ("a['count']", {"a": {"count": 6}}),
        ("a['0']", {"a": {"0": 6}}),
        ("a[0]", {"a": [6]}),
        ("a.0", {"a": [6]}),
        ("a.count", {"a": [0] * 6}),
        ("count", {"count": 6}),
        ("0", {"0": 6}),
        (r"['it\\'s']", {"it's": 6}),
        ("it's", {"it's": 6}),
        ("größe", {"größe": 6}),
    ],
    ids=str,
)
def test_every_value_has_a_path(path, parameters):
    assert ask(reads(path), parameters=parameters).reason == "OWN_0"


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("amount", {"": {"amount": 6}}),
        ("amount", {"": {"": {"amount": 6}}}),
        ("a[0]", {"a": {"0": 6}}),
        ("a['0']", {"a": [6]}),
        ("a['count']", {"a": [0] * 6}),
        ("x", {"a.b": 1, "a": {"b": 6}}),
    ],
    ids=str,
)
def test_a_path_means_no_value_of_another_path(path, parameters):
    assert ask(reads(path), parameters=parameters).policy_decision == "AUTO_EXECUTE"


COMPUTED = forbid(
    "context.numbers.hasTag(context.action_type) && "
    'context.numbers.getTag(context.action_type).greaterThan(decimal("5.0"))'
)


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"SEND_NOTE": 6}, "OWN_0"),
        ({"SEND_NOTE": 5}, "WITHIN_BOUNDS"),
        ({"list": [1] * 900}, "WITHIN_BOUNDS"),
        ({"list": [1] * 20_000}, POLICY_ERROR),
        ({"a.b": 1}, POLICY_ERROR),
        ({"": {"SEND_NOTE": 6}}, POLICY_ERROR),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_path_that_is_worked_out_is_looked_for_among_all_up_to_a_limit(parameters, reason):
    assert ask(COMPUTED, parameters=parameters).reason == reason


def test_an_answer_is_not_kept_for_values_that_only_look_equal():
    text = forbid('context.texts.hasTag("x") && context.texts.getTag("x") == "true"', '@reason("SAID_YES")')

    assert ask(text, parameters={"x": 1}).reason == "WITHIN_BOUNDS"
    assert ask(text, parameters={"x": True}).reason == "SAID_YES"
    assert ask(text, parameters={"x": 1.0}).reason == "WITHIN_BOUNDS"


@pytest.mark.parametrize("number", [1e-5, 0.00001, 0.12345, 1e-300, 5e-324, 10**15, -(10**15), 2**53 - 1, 1e15])
def test_a_number_that_a_decimal_cannot_hold_is_an_error_that_names_it(number):
    answer = ask(reads("a.n"), parameters={"a": {"n": number}})

    assert answer.reason == POLICY_ERROR
    assert "parameters.a.n" in answer.explanation


@pytest.mark.parametrize(
    ("value", "down", "up"),
    [
        (0.7, 7000, 7000),
        (0.69999, 6999, 7000),
        (0.69994, 6999, 7000),
        (0.57, 5700, 5700),
        (0.29, 2900, 2900),
        (0.1 + 0.2, 3000, 3001),
        (0.7000000000000001, 7000, 7001),
        (1.0, 10_000, 10_000),
        (1, 10_000, 10_000),
        (0.0, 0, 0),
        (-0.0, 0, 0),
        (5e-324, 0, 1),
        (0.9999999999999999, 9999, 10_000),
        (1e-4, 1, 1),
    ],
)
def test_doubt_rounds_a_confidence_down_and_a_threshold_up(value, down, up):
    assert (ten_thousandths(value, up=False), ten_thousandths(value, up=True)) == (down, up)


@given(st.floats(0, 1), st.floats(0, 1))
def test_rounding_never_lets_a_confidence_reach_a_threshold_it_is_below(confidence, threshold):
    reaches = ten_thousandths(confidence, up=False) >= ten_thousandths(threshold, up=True)

    assert not reaches or confidence >= threshold


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_rounding_loses_nothing_of_four_places(confidence, threshold):
    reaches = ten_thousandths(confidence / 10_000, up=False) >= ten_thousandths(threshold / 10_000, up=True)

    assert reaches == (confidence >= threshold)


def test_the_version_names_the_policy_and_the_hash_of_its_content():
    assert re.fullmatch(r"AutoApprovalPolicyV1@[0-9a-f]{64}", policy_version(()))
    assert compile_policies(sources(BLOCKS)).version == policy_version(sources(BLOCKS))


def test_the_version_changes_with_any_byte():
    named = PolicySource(name="a", text=BLOCKS)
    versions = [
        (),
        (named,),
        (PolicySource(name="b", text=BLOCKS),),
        (PolicySource(name="a", text=BLOCKS + " "),),
        (PolicySource(name="a", text=BLOCKS.replace("c-1", "c-2")),),
        (PolicySource(name="a", text=BLOCKS + "// a comment"),),
        (named, PolicySource(name="b", text=forbid("true"))),
        (PolicySource(name="b", text=forbid("true")), named),
    ]

    assert len({policy_version(version) for version in versions}) == len(versions)


def test_compiling_again_gives_the_same_answers():
    texts = [forbid("true", f'@id("r{number}")') for number in range(12)]

    answers = []
    for _ in range(5):
        compiler.compile_policies.cache_clear()
        answers.append(ask(*texts))

    assert all(answer == answers[0] for answer in answers)


READS_ONE_FIELD = {
    "context.action_type": ("action_type", TYPE, "OTHER"),
    "context.agent_tier": ("agent_tier", "api", "background"),
    "context.target_type": ("target_type", "contact", "order"),
    "context.target_id": ("target_id", "c-1", "c-2"),
    "context.on_behalf_of": ("on_behalf_of", "ann", "bob"),
    "context.scopes": ("scopes", ("pay",), ("mail",)),
    "context.delegation": ("delegation", ("planner",), ("bot",)),
    "context.date": ("local_date", "2026-03-10", "2026-03-11"),
    "context.weekday": ("local_weekday", "TUE", "WED"),
    "context.hour": ("local_hour", 12, 13),
    "context.confidence": ("confidence", 9000, 8000),
    "context.min_confidence": ("min_confidence", 7000, 6000),
    "context.confidence_said": ("confidence_said", True, False),
    "principal": ("proposed_by", "agent", "bot"),
    "resource": ("account_id", "north", "south"),
}


@pytest.mark.parametrize("read", READS_ONE_FIELD)
def test_an_answer_is_not_that_of_a_question_which_differs_in_what_a_rule_reads(read):
    field, wanted, other = READS_ONE_FIELD[read]
    rules = compile_policies(sources(forbid(f"{read} == {_in_cedar(read, wanted)}")))

    answers = [rules.evaluate(question(**{field: value})).reason for value in (wanted, other, wanted)]

    assert answers[0] == answers[2] != "WITHIN_BOUNDS"
    assert answers[1] == "WITHIN_BOUNDS"


def _in_cedar(read, value):
    if read in ("principal", "resource"):
        return f'{"Agent" if read == "principal" else "Account"}::"{value}"'
    return json.dumps(value)


@pytest.mark.parametrize(
    ("scope", "field", "other"),
    [
        ('principal == Agent::"agent", action, resource', "proposed_by", "bot"),
        ('principal, action, resource in Account::"north"', "account_id", "south"),
    ],
)
def test_what_stands_in_a_rules_head_is_read_as_well(scope, field, other):
    rules = compile_policies(sources(f"forbid ({scope});"))

    answers = [rules.evaluate(question(**changes)).reason for changes in ({}, {field: other})]

    assert answers[0] != "WITHIN_BOUNDS" == answers[1]


@pytest.mark.parametrize("has", ["context has target_id", "context has date && context has scopes"])
def test_a_rule_that_asks_whether_a_field_is_there_sees_that_it_is(has):
    assert ask(forbid(has)).reason != "WITHIN_BOUNDS"


def test_what_no_rule_reads_is_not_asked_about_again():
    rules = compile_policies(sources(forbid('context.target_id == "c-9"')))
    asked = [question(account_id=f"acct-{hour}", local_hour=hour, proposed_by=f"agent-{hour}") for hour in range(20)]

    answers = [rules.evaluate(each) for each in asked]

    assert all(answer is answers[0] for answer in answers)


parameter_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(-1e15, 1e15) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(st.text("ab.x0", max_size=3), parameter_values, max_size=4),
    st.sampled_from(["AUTO_EXECUTE", "PROPOSE_ONLY", "DISABLED"]),
)
def test_no_parameters_make_it_raise_or_answer_differently_in_another_key_order(parameters, mode):
    answer = ask(forbid(READS), parameters=parameters, mode=mode)
    turned = ask(forbid(READS), parameters=dict(reversed(parameters.items())), mode=mode)

    assert answer == turned
    assert mode == "AUTO_EXECUTE" or answer.policy_decision != "AUTO_EXECUTE"
    assert mode != "DISABLED" or answer.policy_decision == "BLOCK"


SHIPPED = ("AutoApprovalPolicyV1@2e1b89137ec4ee0218a00543916fa740894ebd349251d9006bc6353ebeda02e2",)
"""The version of each platform set that was ever in use, with no policies beside it."""


@pytest.mark.parametrize("version", SHIPPED)
def test_every_platform_set_that_was_in_use_is_known_by_its_hash(version):
    assert platform_set_of(version, []) is not None


def test_a_set_that_never_was_is_not_known():
    assert platform_set_of("AutoApprovalPolicyV1@0", []) is None


def test_todays_set_is_no_earlier_one():
    assert platform_set_of(policy_version([]), []) == PLATFORM_SET
