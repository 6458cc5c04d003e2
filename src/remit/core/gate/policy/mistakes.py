"""
Mistakes in a tenant's policies, all of them, each with file, line and column and in words that say what to write.

Cedar says of a rule that it does not fit, and not where: the place is looked for in the rule's own text by what Cedar
names. `compile` says the same of stored text, and stops at the first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from functools import partial

import cedarpy
from cedarpy import pst
from msgspec import Struct

from remit.core.errors import InvalidInput, PlacedMistake
from remit.core.gate.policy import compile as compiling
from remit.core.gate.policy.platform import SCHEMA
from remit.core.gate.policy.source import PolicySource
from remit.core.gate.policy.text_limits import check_texts, tokens

FIELD, NOT_CEDAR = "policies", "is not Cedar"
MOST_MISTAKES = 100
_SEE = "see docs/policies.md for what a rule may look at"
_TAGS = {
    "Texts": "texts",
    "Numbers": "numbers",
    "FactTexts": "facts_texts",
    "FactNumbers": "facts_numbers",
    "FactBooleans": "facts_booleans",
}
_UNASKED = r"safety of access to tag `([^`]*)` on entity type `([A-Za-z]+)`"
_ATTRIBUTES = re.findall(r"^    ([a-z_]+): ", SCHEMA, re.MULTILINE)
Words = tuple[str, str, str]
"""The problem, the way out, and the text of the rule that it is about."""


class _Piece(Struct, frozen=True):
    """One rule as it is written, and where it begins in its file."""

    start: int
    text: str


def find_mistakes(sources: Sequence[PolicySource]) -> list[InvalidInput]:
    """Everything that is wrong with these files, in their order; what they are together only where each is sound."""
    try:
        check_texts(sources)
    except ValueError as error:
        return [InvalidInput(FIELD, str(error))]
    found = [mistake for source in sources for mistake in _of_file(source)]
    if not found:
        try:
            compiling.compile_policies(tuple(sources))
        except ValueError as error:
            found = [InvalidInput(FIELD, str(error))]
    return found[:MOST_MISTAKES]


def _of_file(source: PolicySource) -> list[InvalidInput]:
    pieces = [*_pieces(source.text)]
    problem = _problem_of(partial(cedarpy.PolicySet.from_str, source.text))
    if problem is None:
        return [*_not_sound(source, pieces)]
    return [*_not_cedar(source, pieces)] or [_placed(source, _Piece(0, source.text), _in_words(problem), NOT_CEDAR)]


def _not_cedar(source: PolicySource, pieces: Sequence[_Piece]) -> Iterator[InvalidInput]:
    """Of a file that cannot be read as a whole each rule is looked at alone."""
    for piece in pieces:
        said = _problem_of(partial(cedarpy.PolicySet.from_str, piece.text))
        if said is not None:
            yield _placed(source, piece, _in_words(said), NOT_CEDAR)
        else:
            for misfit in _misfits(piece.text).values():
                yield _placed(source, piece, _in_words(_cause(misfit, piece.text)), "")


def _not_sound(source: PolicySource, pieces: Sequence[_Piece]) -> Iterator[InvalidInput]:
    """Rules that Cedar reads and that do not fit the schema, or what a tenant may say."""
    file = compiling.file_of(source.name, cedarpy.PolicySet.from_str(source.text).to_pst())
    misfits = _misfits(source.text)
    for number, (cedars_id, rule) in enumerate(file.rules.items()):
        piece = pieces[number] if len(pieces) == len(file.rules) else _Piece(0, source.text)
        if cedars_id in misfits:
            cause = _cause(misfits[cedars_id], piece.text)
            yield _placed(source, piece, _in_words(cause), f"rule {file.clause_id(rule)!r}")
        else:
            yield from _not_ours(source, piece, file, rule)


def _misfits(text: str) -> dict[str, list[str]]:
    """The mistakes against the schema, by Cedar's id of the rule."""
    valid = cedarpy.validate_policies(text, cedarpy.Schema.from_str(SCHEMA))
    found: dict[str, list[str]] = {}
    for each in valid.errors:
        found.setdefault(str(each.policy_id), []).append(re.sub(r"^for policy `[^`]*`, ", "", str(each.error)))
    return found


def _cause(misfits: Sequence[str], text: str) -> str:
    """
    The one of a rule's mistakes that the others may follow from: behind any mistake Cedar takes every tag for one that
    nobody asked for, also one that is.
    """

    def follows(said: str) -> tuple[bool, bool, int]:
        if not (unasked := re.search(_UNASKED, said)):
            return False, False, 0
        return True, f"hasTag({unasked[1]})" in text, text.find(f"getTag({unasked[1]})")

    return min(misfits, key=follows)


def _not_ours(
    source: PolicySource, piece: _Piece, file: compiling.PolicyFile, rule: pst.Template
) -> Iterator[InvalidInput]:
    problem = _problem_of(lambda: compiling.rule_of(file, rule, platform=False))
    if problem is not None:
        problem, _, way_out = problem.removeprefix(f"{source.name}: ").partition("; ")
        yield _placed(source, piece, (problem, way_out or _SEE, ""), "")


def _problem_of(question: Callable[[], object]) -> str | None:
    try:
        compiling.asked(question)
    except ValueError as error:
        return str(error)
    return None


def _pieces(text: str) -> Iterator[_Piece]:
    """The text of each rule, and what is left behind the last."""
    start: int | None = None
    for token in tokens(text):
        if start is None and token.kind not in ("space", "comment"):
            start = token.start
        if token.text == ";" and start is not None:
            yield _Piece(start, text[start : token.start + 1])
            start = None
    if start is not None:
        yield _Piece(start, text[start:])


def _placed(source: PolicySource, piece: _Piece, words: Words, called: str) -> InvalidInput:
    problem, way_out, about = words
    at = piece.start + max(piece.text.find(about), 0)
    line = source.text.count("\n", 0, at) + 1
    column = at - source.text.rfind("\n", 0, at)
    said = f"{called}: {problem}" if called else problem
    return PlacedMistake(source.name, line, column, FIELD, said, way_out)


# --- in words ---


def _in_words(said: str) -> Words:
    for pattern, words in _WORDS:
        if found := re.search(pattern, said):
            return words(found)
    named = re.search(r"`([^`]+)`", said)
    return said, _SEE, named[1] if named else ""


def _unasked_tag(found: re.Match[str]) -> Words:
    tag, of = found[1], f"context.{_TAGS.get(found[2], found[2])}"
    return (
        f"reads the tag {tag} without asking whether it is there",
        f"ask {of}.hasTag({tag}) first, with &&",
        f"getTag({tag})",
    )


def _no_attribute(found: re.Match[str]) -> Words:
    name = found[1]
    near = get_close_matches(name, _ATTRIBUTES, n=1)
    way_out = f"did you mean context.{near[0]}?" if near else f"there is: {', '.join(_ATTRIBUTES)}"
    return f"context has no {name}", way_out, name


def _other_type(found: re.Match[str]) -> Words:
    wanted, seen = found[1], found[2]
    ways = {
        ("decimal", "Long"): 'write a number with its places: decimal("5.0")',
        ("Long", "decimal"): "compare decimals with lessThan, lessThanOrEqual, greaterThan or greaterThanOrEqual",
    }
    return f"has a {seen} where a {wanted} is needed", ways.get((wanted, seen), _SEE), ""


_WORDS: list[tuple[str, Callable[[re.Match[str]], Words]]] = [
    (_UNASKED, _unasked_tag),
    (r"attribute `([^`]*)` in context for .* not found", _no_attribute),
    (r"expected (\w+) but saw (\w+)", _other_type),
    (r"'=' is not a valid operator", lambda _: ("compares with =", "write ==", " = ")),
    (
        r"unexpected token `([^`]*)`",
        lambda found: (
            f"has {found[1]} where it cannot stand",
            'correct what stands before it; a number with places is written decimal("5.0")',
            found[1],
        ),
    ),
    (
        r"unexpected end of input",
        lambda _: ("ends in the middle", "close its brackets and strings, and end it with ;", ""),
    ),
    (
        r"failed to parse as a decimal value: `([^`]*)`",
        lambda found: (
            f"has {found[1]}, which is no decimal",
            'write one to four decimal places: decimal("5.0")',
            found[1],
        ),
    ),
]
