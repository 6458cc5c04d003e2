"""Limits on policy text: one pass that reads strings and comments as Cedar does, and nothing that ends the process."""

import contextlib
import time

import cedarpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remit.core.gate.policy import PolicySource, check_texts, compile_policies
from remit.core.gate.policy.text_limits import MOST_BRACKETS, MOST_BYTES, MOST_DEPTH, MOST_FILES, tokens

RULE = "forbid (principal, action, resource) when {{ {} }};"
BLOCK = '@id("block") @effect("BLOCK")\nforbid (principal, action, resource);\n'
ODD_LINE_ENDS = ["\r", "\v", "\f", "\x85", "\u2028", "\u2029", "\0", "\x1c", "\x1e", "\u202e", "\u2066", "\x08", "\x7f"]

NESTINGS = {
    "parentheses": lambda n: "(" * n + "true" + ")" * n,
    "lists": lambda n: "[" * n + "]" * n + ".isEmpty()",
    "records": lambda n: "{a: " * n + "1" + "}" * n + " == 1",
    "calls": lambda n: "context.mode.contains(" * n + "1" + ")" * n,
    "mixed": lambda n: "([{a: " * n + "1" + "}])" * n,
}
CHAINS = {
    "and": lambda n: " && ".join(["true"] * n),
    "or": lambda n: " || ".join(["true"] * n),
    "plus": lambda n: " + ".join(["1"] * n) + " == 1",
    "minus": lambda n: " - ".join(["1"] * n) + " == 1",
    "times": lambda n: " * ".join(["1"] * n) + " == 1",
    "not": lambda n: "!" * n + "true",
    "negative": lambda n: "-" * n + "1 == 1",
    "members": lambda n: "context" + ".a" * n + " == 1",
    "members that are keywords": lambda n: "context" + ".has" * n + " == 1",
    "members over lines": lambda n: "context" + "\n.\n// x\na" * n + " == 1",
    "has": lambda n: "context has a" + ".a" * n,
    "indexes": lambda n: "context" + '["a"]' * n + " == 1",
    "methods": lambda n: "context" + ".contains(1)" * n,
    "if else": lambda n: "if true then true else " * n + "true",
    "if if": lambda n: "if " * n + "true" + " then true else true" * n,
    "names": lambda n: "A" + "::A" * n + '::"x" == principal',
    "is": lambda n: "principal is A" + "::A" * n,
    "when": lambda n: "true } " + "when { true } " * n + "when { true",
    "unless": lambda n: "true } " + "unless { false } " * n + "unless { false",
    "brackets in a chain": lambda n: "(true && " * (n // 3) + "context.a.a" + ")" * (n // 3),
}


def refused(*texts):
    with pytest.raises(ValueError) as caught:
        check_texts(sources(*texts))
    return str(caught.value)


def sources(*texts):
    return tuple(PolicySource.model_construct(name=f"p{number}.cedar", text=text) for number, text in enumerate(texts))


def quickly(call):
    began = time.process_time()
    with contextlib.suppress(ValueError):
        call()
    return time.process_time() - began < 1


@pytest.mark.parametrize("char", ODD_LINE_ENDS, ids=ascii)
@pytest.mark.parametrize("where", ["// a comment{}", "{}", "// {} and more", "forbid {}"])
def test_a_character_that_hides_text_from_somebody_is_refused_with_its_file_and_line(char, where):
    said = refused(BLOCK, "// fine\n" + where.format(char) + " \n" + BLOCK)

    assert said.startswith("p1.cedar, line 2: ")
    assert (
        f"U+{ord(char):04X}" in said
        or "carriage return" in said
        or any(name in said for name in ("tab", "feed", "NUL"))
    )


@pytest.mark.parametrize("char", [char for char in ODD_LINE_ENDS if char != "\0"], ids=ascii)
def test_a_string_may_hold_any_character_but_nul(char):
    check_texts(sources(RULE.format(f'context.target_id == "{char}"')))

    assert "NUL" in refused(RULE.format('context.target_id == "\0"'))


def test_lines_may_end_with_lf_and_with_crlf():
    (one,) = [
        rule for rule in compile_policies(sources(BLOCK.replace("\n", "\r\n"))).rules.values() if not rule.platform
    ]

    assert one.effect == "BLOCK"


@pytest.mark.parametrize("text", ["\ud800", '// "\udfff"', '"\ud800"'], ids=ascii)
def test_half_a_character_is_refused(text):
    assert "U+D" in refused(text)


@pytest.mark.parametrize("text", ['"', 'forbid "', '// "\n"', '"\\"', '"\\\n"'], ids=ascii)
def test_a_string_without_an_end_is_refused(text):
    assert "a string has no end" in refused(text)


@pytest.mark.parametrize("kind", NESTINGS)
def test_brackets_nest_up_to_the_limit_and_no_deeper(kind):
    per_level = 3 if kind == "mixed" else 1
    fits = (MOST_BRACKETS - 2) // per_level // 2

    check_texts(sources(RULE.format(NESTINGS[kind](fits))))
    assert "deep" in refused(RULE.format(NESTINGS[kind](MOST_BRACKETS)))


@pytest.mark.parametrize("kind", CHAINS)
def test_chains_of_every_operator_have_a_limit(kind):
    check_texts(sources(RULE.format(CHAINS[kind](15))))

    assert f"more than {MOST_DEPTH} deep" in refused(RULE.format(CHAINS[kind](2 * MOST_DEPTH + 60)))


@pytest.mark.parametrize("kind", [*NESTINGS, *CHAINS])
@pytest.mark.parametrize("length", [10, 30, 60, 64, 100, 700, 2000])
def test_text_of_any_depth_is_answered_within_a_second_and_ends_nothing(kind, length):
    text = RULE.format((NESTINGS | CHAINS)[kind](length))

    assert quickly(lambda: compile_policies(sources(text)))


@pytest.mark.parametrize("kind", [*NESTINGS, *CHAINS])
def test_the_longest_text_is_looked_at_in_time_that_grows_with_its_length_alone(kind):
    piece = (NESTINGS | CHAINS)[kind](3)

    assert quickly(lambda: check_texts(sources(RULE.format(piece * (60_000 // len(piece))))))


def test_what_fits_the_limits_is_never_too_deep_for_cedar():
    for chain in CHAINS.values():
        fitting = [n for n in range(1, MOST_DEPTH + 2) if fits(RULE.format(chain(n)))]
        text = RULE.format(chain(max(fitting)))

        try:
            cedarpy.PolicySet.from_str(text).to_pst()
        except ValueError as error:
            assert "nesting" not in str(error)


def fits(text):
    try:
        check_texts(sources(text))
    except ValueError:
        return False
    return True


def test_the_number_of_files_and_their_size_have_a_limit():
    assert f"the most is {MOST_FILES}" in refused(*[BLOCK] * (MOST_FILES + 1))
    assert f"the most is {MOST_BYTES}" in refused("// " + "é" * (MOST_BYTES // 2))


def test_a_chain_ends_with_its_rule_and_with_a_comma():
    a_few = RULE.format(" && ".join(["true"] * 20)) + "\n"

    check_texts(sources(a_few * 50))
    check_texts(sources(RULE.format("[" + ", ".join(["1 + 1"] * 500) + "].contains(2)")))


pieces = st.sampled_from(
    [
        "forbid (principal, action, resource);",
        '@id("a;b") forbid (principal, action, resource) when { context.target_id == "x;\\"; // y" };',
        'forbid (principal, action, resource) // ; " not a string\n;',
        "// forbid (principal, action, resource);\n",
        '// "\r\n',
        "//\n",
        "\r\n",
        "\t ",
        '@note("\\\\") forbid (principal, action, resource) unless { context.target_id like "*\\*;" };',
        '@note("a\nb//c") forbid (principal, action, resource);',
        'forbid (principal, action, resource) when { ["//", ";"].contains(context.target_id) };',
        '@u("\\u{3b}") forbid (principal, action, resource);',
        '"',
        "\\",
        "/",
        ";",
        "@",
        "é",
        "\u00a0",
    ]
)


@settings(max_examples=300)
@given(st.lists(pieces, max_size=8).map("".join))
def test_the_scan_and_cedar_see_the_same_rules(text):
    try:
        seen = cedarpy.PolicySet.from_str(text).to_pst().static_policies
    except ValueError:
        return
    if not fits(text):
        return

    assert sum(token.text == ";" for token in tokens(text)) == len(seen)
    assert "".join(token.text for token in tokens(text)) == text


@settings(max_examples=200)
@given(st.text(st.sampled_from('"\\/;\n\r\t ()[]{}.:!-&|@abx\u2028\x00é'), max_size=60))
def test_no_text_makes_it_raise_anything_but_value_errors(text):
    assert quickly(lambda: check_texts(sources(text)))
    assert quickly(lambda: compile_policies(sources(text)))
