"""Remembered answers: those of Cedar, asked about all rules and values at once."""

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from remit.core.gate.policy import PolicySet, PolicySource, Reads, compile_policies
from remit.core.gate.policy import compile as compiler
from remit.core.gate.policy.question import looked_at
from remit.core.gate.policy.rule_part import RulePart

from .make import question


def compiled(*whens):
    texts = [f"forbid (principal, action, resource) when {{ {when} }};" for when in whens]
    return compile_policies(tuple(PolicySource(name=f"own-{at}.cedar", text=text) for at, text in enumerate(texts)))


NUMBERS = [0, -0.0, 19.9999, 20, 20.0, 20.0001, 50, 999, 1e9, 1e12, 9e14, 1e15, 0.00001, True, "20", "true", None, []]
TEXTS = ["letter", "phone", "", "true", "a" * 8193, 20, False, None, {"a": 1}]
CONDITIONS = [
    "@.numbers.hasTag(#)",
    "@.texts.hasTag(#)",
    '@.numbers.hasTag(#) && @.numbers.getTag(#).greaterThan(decimal("20.0"))',
    '@.numbers.hasTag(#) && decimal("50.0").lessThanOrEqual(@.numbers.getTag(#))',
    '@.numbers.hasTag(#) && @.numbers.getTag(#) == decimal("1000000000000.0")',
    '@.numbers.hasTag(#) && [decimal("20.0001"), decimal("999.0")].contains(@.numbers.getTag(#))',
    "@.numbers.hasTag(#) && @.numbers.getTag(#) != @.numbers.getTag(#)",
    '@.numbers.hasTag("b") && @.numbers.hasTag("c") && @.numbers.getTag("b").lessThan(@.numbers.getTag("c"))',
    'Numbers::"parameters".hasTag(#) && Numbers::"parameters".getTag(#).lessThan(decimal("1.0"))',
    '@.texts.hasTag(#) && @.texts.getTag(#) == "letter"',
    '@.texts.hasTag(#) && ["phone", ""].contains(@.texts.getTag(#))',
    '@.texts.hasTag(#) && @.texts.getTag(#) like "*t*"',
    '@.mode == "DISABLED" || @.confidence < 8000',
    "@.confidence + 9223372036854775807 > 0",
    "@ has scopes && @.texts.hasTag(@.target_id)",
]


@given(
    st.lists(st.tuples(st.sampled_from(CONDITIONS), st.sampled_from("bc")), min_size=1, max_size=4),
    st.lists(
        st.fixed_dictionaries({}, optional={name: st.sampled_from(NUMBERS + TEXTS) for name in "bc"}),
        min_size=2,
        max_size=6,
    ),
    st.sampled_from(["AUTO_EXECUTE", "APPROVAL_REQUIRED", "DISABLED"]),
    st.sampled_from([6000, 7500, 9000]),
)
def test_what_is_remembered_is_what_cedar_says_of_all_rules_and_values_at_once(chosen, sent, mode, confidence):
    whens = [when.replace("@", "context").replace("#", f'"{name}"') for when, name in chosen]
    rules = compiled(*whens)

    for parameters in sent:
        asked = question(parameters=parameters, mode=mode, confidence=confidence, target_id="b")

        assert rules.evaluate(asked) == as_one_set(rules).evaluate(asked)


def as_one_set(rules):
    """The same rules asked as one, with nothing remembered, and nothing said of what they read."""
    engine = compiler._engine([*rules.rules.values()])
    whole = replace(rules.reads, whole=True)
    part = RulePart(engine, whole, looked_at(whole))
    nothing = RulePart(compiler._engine([]), Reads(), looked_at(Reads()))
    return OneSet(
        **{each.name: getattr(rules, each.name) for each in fields(rules)} | {"others": nothing, "of_values": part}
    )


class OneSet(PolicySet):
    def evaluate(self, question, key=None):
        return self._evaluate(question)

    def _ask(self, question, tags, facts):
        return self.of_values.ask(question, tags.entities())


@pytest.mark.parametrize(
    ("when", "alike", "apart"),
    [
        ('context.numbers.getTag("n").greaterThan(decimal("20.0"))', [20.0001, 21, 999], [19, 20, 21]),
        ('context.numbers.getTag("n") == decimal("20.0")', [21, 22.5], [19, 20, 21]),
        ('["a", "b"].contains(context.texts.getTag("n"))', ["c", "d"], ["a", "b", "c", 1, True]),
        ('context.texts.getTag("n") like "a*"', ["c"], ["a", "b", "c"]),
    ],
)
def test_values_that_no_comparison_of_a_rule_tells_apart_are_one_question(when, alike, apart):
    kind = when.split(".")[1] if when.startswith("context") else "texts"
    rules = compiled(f'context.{kind}.hasTag("n") && {when}')

    keys = [[rules.key({"n": value}) for value in values] for values in (alike, apart)]

    assert len({*keys[0]}) == 1
    assert len({*keys[1]}) == len(apart)
