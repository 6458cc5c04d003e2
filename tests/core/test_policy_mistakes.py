"""Mistakes in policies: all of them, each with its place and in words that say what to write."""

from __future__ import annotations

import pytest

from remit.core.gate.policy import PolicySource, find_mistakes

HEAD = "forbid (principal, action, resource)"


def told(*texts):
    return find_mistakes([PolicySource(name=f"p{n}.cedar", text=text) for n, text in enumerate(texts)])


@pytest.mark.parametrize(
    ("text", "place", "problem", "way_out"),
    [
        (
            f'@id("small")\n{HEAD}\nunless {{ context.numbers.getTag("amount") == decimal("5.0") }};',
            (3, 26),
            "rule 'small': reads the tag \"amount\" without asking whether it is there",
            'ask context.numbers.hasTag("amount") first',
        ),
        (
            f'{HEAD} unless {{ context.facts_texts.getTag("o.c") == "EUR" }};',
            (1, 67),
            'reads the tag "o.c"',
            'ask context.facts_texts.hasTag("o.c") first',
        ),
        (
            f'{HEAD}\nwhen {{ context.action_typ == "X" }};',
            (2, 16),
            "context has no action_typ",
            "context.action_type?",
        ),
        (f"{HEAD} when {{ context.hour == 5.0 }};", (1, 63), "is not Cedar: has 0 where", 'decimal("5.0")'),
        (f"{HEAD}\nwhen {{ context.risk = 5 }};", (2, 20), "compares with =", "write =="),
        (f"{HEAD} when {{ context.risk == ", (1, 1), "ends in the middle", "close its brackets"),
        (
            f'{HEAD} unless {{ context.numbers.hasTag("a") && context.numbers.getTag("a") > 5 }};',
            (1, 1),
            "has a decimal where a Long is needed",
            "lessThan",
        ),
        (
            f'{HEAD} unless {{ context.numbers.hasTag("a") && context.numbers.getTag("a") == decimal("1.12345") }};',
            (1, 117),
            "1.12345",
            "one to four decimal places",
        ),
        (f"// fine\n\n  {HEAD};\npermit (principal, action, resource);", (4, 1), "is a permit", ""),
        (f'\n@effect("MAYBE")\n{HEAD};', (2, 1), "has @effect 'MAYBE'", "use REQUIRE_APPROVAL or BLOCK"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_to_write(text, place, problem, way_out):
    (mistake,) = told(text)

    assert (mistake.file, (mistake.line, mistake.column)) == ("p0.cedar", place)
    assert problem in mistake.problem
    assert way_out in mistake.way_out
    assert str(mistake).startswith(f"p0.cedar:{place[0]}:{place[1]}: ")


NUMBERS, TEXTS = "context.numbers", "context.texts"
IN_EURO = f'{TEXTS}.hasTag("currency") && {TEXTS}.getTag("currency") == "EUR"'


@pytest.mark.parametrize(
    ("amount", "problem"),
    [
        (f'{NUMBERS}.hasTag("amount") && {NUMBERS}.getTag("amount").lessThan(50)', "has a Long where a decimal is"),
        (f'{NUMBERS}.getTag("amount").lessThan(decimal("5.0"))', 'reads the tag "amount" without asking'),
        (f'{NUMBERS}.hasTag("x") && {NUMBERS}.getTag("amount").lessThan(decimal("5.0"))', 'reads the tag "amount"'),
        (f'{TEXTS}.getTag("a") == "b" && {TEXTS}.getTag("b") == "b"', 'reads the tag "a" without asking'),
    ],
)
def test_a_mistake_that_follows_from_another_does_not_hide_it(amount, problem):
    (mistake,) = told(f"{HEAD} unless {{ {amount} && {IN_EURO} }};")

    assert problem in mistake.problem


def test_every_rule_of_every_file_is_looked_at_also_where_one_cannot_be_read():
    sound, odd, broken = f"{HEAD};", f"{HEAD} when {{ context.foo == 1 }};", f"{HEAD} when {{ ;"

    mistakes = told(f"{odd}\n{sound}\n{odd}", sound, f"{broken}\n{odd}\n{broken}")

    places = [(each.file, each.line) for each in mistakes]
    assert places == [("p0.cedar", 1), ("p0.cedar", 3), ("p2.cedar", 1), ("p2.cedar", 2), ("p2.cedar", 3)]


def test_what_is_wrong_with_them_together_is_told_where_each_is_sound():
    named = f'@id("same") {HEAD};'

    (twice,) = told(named, named)

    assert "'same' is used twice" in twice.problem
    assert told(named) == []
