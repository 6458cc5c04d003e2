"""
From text to rules: Cedar's own parser says what a rule is and numbers them, and nothing here reads the text again.

`compile_policies` takes text as sound or raises; `load_policies` takes what is stored and says why it cannot be
used. Text that came from outside is compiled in a process of its own first (`ports.PolicyChecker`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import groupby
from typing import Any, TypeVar

import cedarpy
from cedarpy import pst
from msgspec import Struct, structs

from remit.core.errors import InvalidInput
from remit.core.gate.policy.evaluate import PolicySet, Rule
from remit.core.gate.policy.parameters import parse_paths
from remit.core.gate.policy.platform import PLATFORM_SET, SCHEMA, policy_version
from remit.core.gate.policy.question import ENTITIES, looked_at
from remit.core.gate.policy.reads import together
from remit.core.gate.policy.rule_part import KnownAnswers, RulePart
from remit.core.gate.policy.rule_reads import compared_by, reads_of, with_entities_named
from remit.core.gate.policy.shipped import PlatformSet
from remit.core.gate.policy.source import Clause, PolicySource
from remit.core.gate.policy.text_limits import check_text_of, check_texts, tokens

MOST_RULES = 1000
MOST_PATHS = 256
"""How many parameters all rules of a tenant may name together."""
MOST_WILDCARDS = 4096
"""How many characters the patterns of all `like` may have together: each is tried along a text's whole length."""
_MOST_ID, _MOST_REASON, _MOST_EXPLANATION = 200, 100, 1000
_PERMIT = '@id("permitted unless a rule of its file forbids it") permit (principal, action, resource);'
T = TypeVar("T")


@lru_cache(maxsize=256)
def compile_policies(sources: tuple[PolicySource, ...], platform: PlatformSet = PLATFORM_SET) -> PolicySet:
    """
    The platform's set, or one of an earlier release, with a tenant's beside it.

    Raises `ValueError` naming the file and the rule: text beyond the limits, that does not parse or does
    not fit the schema, a `permit`, a template, an id used twice, an unknown effect, a path that is none.
    """
    check_texts(sources)
    own = _rules("platform", platform.policies, platform=True)
    files = [(source, _rules(source.name, source.text, platform=False)) for source in sources]
    # All of them together: one that decides nothing yet is sound when it does.
    _check_together(own, [rule for _, rules in files for rule in rules])
    counting = [rule for source, rules in files if not source.log_only for rule in rules]
    log_only = [_unless_forbidden(source.name, rules) for source, rules in files if source.log_only]
    return _set(policy_version(sources), own, counting, log_only)


def _set(version: str, own: Sequence[Rule], tenants: Sequence[Rule], log_only: Sequence[PolicySet] = ()) -> PolicySet:
    ordered = [*own, *sorted(tenants, key=lambda rule: rule.clause_id)]
    reads = together(rule.reads for rule in ordered)
    of_values = [rule for rule in ordered if rule.reads.values]
    return PolicySet(
        version=version,
        rules={rule.clause_id: rule for rule in ordered},
        others=_part([rule for rule in ordered if not rule.reads.values]),
        of_values=_part(of_values) if of_values else None,
        reads=reads,
        paths=parse_paths(reads.paths),
        compared=None if reads.computed else compared_by([rule.tree for rule in of_values]),
        order={rule.clause_id: place for place, rule in enumerate(ordered)},
        answers=KnownAnswers(),
        looked_at=looked_at(reads),
        log_only=tuple(log_only),
    )


def _part(rules: Sequence[Rule]) -> RulePart:
    reads = together(rule.reads for rule in rules)
    if not reads.whole:
        # Most of Cedar's time goes to reading the question, and a name in the rules is read once.
        rules = [replace(rule, tree=with_entities_named(rule.tree)) for rule in rules]
        reads = structs.replace(reads, fields=reads.fields - ENTITIES.keys())
    return RulePart(_engine(rules), reads, looked_at(reads))


def _unless_forbidden(file: str, rules: Sequence[Rule]) -> PolicySet:
    """The rules of one file that decides nothing, asked by themselves."""
    permit = _rules("platform", _PERMIT, platform=True)
    _check_together(permit, rules)
    return _set(file, permit, rules)


@lru_cache(maxsize=256)
def load_policies(sources: tuple[PolicySource, ...], platform: PlatformSet = PLATFORM_SET) -> PolicySet | str:
    """The policies that are stored: the set, or why it cannot be used. Never raises."""
    try:
        return compile_policies(sources, platform)
    except ValueError as error:
        return str(error)


def clauses_of(sources: Sequence[PolicySource]) -> list[Clause]:
    """A tenant's own rules as they are shown, file by file. Raises `ValueError` as `compile_policies` does."""
    rules = compile_policies(tuple(sources)).rules
    return [
        rules[rule.clause_id].shown(text)
        for source in sources
        for rule, text in _with_texts(_rules(source.name, source.text, platform=False), source.text)
    ]


def find_clause(platform: str, sources: Sequence[PolicySource], clause_id: str) -> Clause | None:
    """The rule by that id in one kept version of the policies; `None` also where its file cannot be read any more."""
    files = [("platform", platform, True), *((source.name, source.text, False) for source in sources)]
    for name, text, is_platform in files:
        try:
            rules = _rules(name, text, platform=is_platform)
        except ValueError:
            continue
        for rule, written in _with_texts(rules, text):
            if rule.clause_id == clause_id:
                return rule.shown(written)
    return None


class PolicyFile(Struct, frozen=True):
    """One file, parsed: its rules by Cedar's id for them, in the order in which they are written."""

    name: str
    rules: dict[str, pst.Template]

    def clause_id(self, rule: pst.Template) -> str:
        stem = self.name.rsplit("/", 1)[-1].removesuffix(".cedar")
        unnamed = f"{stem}.{_number(rule.id) + 1}" if len(self.rules) > 1 else stem
        return rule.annotations.get("id") or unnamed


@lru_cache(maxsize=512)
def _rules(name: str, text: str, *, platform: bool) -> list[Rule]:
    file = _parsed(name, text)
    return [rule_of(file, rule, platform) for rule in file.rules.values()]


def _parsed(name: str, text: str) -> PolicyFile:
    check_text_of(name, text)
    try:
        found = asked(lambda: cedarpy.PolicySet.from_str(text, release_gil=True).to_pst())
        valid = asked(lambda: cedarpy.validate_policies(text, _schema(), release_gil=True))
    except ValueError as error:
        raise ValueError(f"{name} is not Cedar: {error}") from None
    file = file_of(name, found)
    if not valid.validation_passed:
        raise ValueError(_misfit(file, valid.errors[0]))
    if found.templates:
        raise ValueError(f"{name} holds a template; write the rule out")
    return file


def file_of(name: str, found: pst.PolicySet) -> PolicyFile:
    """The rules that Cedar found in one file, in the order in which they are written."""
    return PolicyFile(name, dict(sorted(found.static_policies.items(), key=lambda rule: _number(rule[0]))))


def _number(cedars_id: str) -> int:
    """Cedar calls the rules of one text policy0, policy1 and so on, as they are written."""
    return int(cedars_id.removeprefix("policy"))


@lru_cache(maxsize=1)
def _schema() -> cedarpy.Schema:
    return cedarpy.Schema.from_str(SCHEMA)


def asked(question: Callable[[], T]) -> T:
    """Cedar's answer. A panic inside the binding is no `Exception`, and ends nothing here."""
    try:
        return question()
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise ValueError(f"Cedar gave up: {error}") from None


def _misfit(file: PolicyFile, error: Any) -> str:
    rule = file.rules.get(error.policy_id)
    if rule is None:
        return f"{file.name} does not fit the schema: {error.error}"
    problem = str(error.error).removeprefix(f"for policy `{error.policy_id}`, ")
    return f"{file.name}: rule {file.clause_id(rule)!r} does not fit the schema: {problem}"


def rule_of(file: PolicyFile, rule: pst.Template, platform: bool) -> Rule:
    """One of its rules. Raises `ValueError` for what a tenant may not say."""
    clause_id = file.clause_id(rule)
    called = f"{file.name}: rule {clause_id[:_MOST_ID]!r}"
    if rule.effect == "permit" and not platform:
        raise ValueError(f"{called} is a permit; a tenant's policies can only forbid")
    effect: Any = "AUTO_EXECUTE" if rule.effect == "permit" else rule.annotations.get("effect", "REQUIRE_APPROVAL")
    if rule.effect != "permit" and effect not in ("REQUIRE_APPROVAL", "BLOCK"):
        raise ValueError(f"{called} has @effect {effect!r}; use REQUIRE_APPROVAL or BLOCK")
    reason = rule.annotations.get("reason") or re.sub(r"[^A-Z0-9]+", "_", clause_id.upper()).strip("_")
    if not re.fullmatch(r"[A-Z][A-Z0-9_]*", reason):
        raise ValueError(f"{called} has no usable @reason; use UPPER_SNAKE")
    explanation = rule.annotations.get("explanation") or _asks_for_a_person(clause_id)
    _check_lengths(called, clause_id, reason, explanation)
    reads = reads_of(rule)
    try:
        parse_paths(reads.paths)
    except InvalidInput as error:
        raise ValueError(f"{called} reads a parameter by {error}") from None
    return Rule(
        clause_id=clause_id,
        effect=effect,
        reason=reason,
        explanation=explanation,
        platform=platform,
        reads=reads,
        tree=rule,
    )


def _asks_for_a_person(clause_id: str) -> str:
    return f"the rule {clause_id!r} of your own policies asks for a person"


def _check_lengths(called: str, clause_id: str, reason: str, explanation: str) -> None:
    texts = (("@id", clause_id, _MOST_ID), ("@reason", reason, _MOST_REASON))
    for note, text, most in (*texts, ("@explanation", explanation, _MOST_EXPLANATION)):
        if len(text) > most:
            raise ValueError(f"{called}: {note} has {len(text)} characters, the most is {most}")


def _check_together(own: Sequence[Rule], tenants: Sequence[Rule]) -> None:
    by_id = sorted(rule.clause_id for rule in (*own, *tenants))
    for clause_id, same in groupby(by_id):
        if len([*same]) > 1:
            raise ValueError(f"the policy id {clause_id!r} is used twice; give each rule its own @id")
    if len(tenants) > MOST_RULES:
        raise ValueError(f"there are {len(tenants)} rules, the most is {MOST_RULES}; say it with fewer")
    reads = together(rule.reads for rule in tenants)
    if len(reads.paths) > MOST_PATHS:
        raise ValueError(f"the rules name {len(reads.paths)} parameters, the most is {MOST_PATHS}")
    if reads.wildcards > MOST_WILDCARDS:
        raise ValueError(f"the patterns of `like` have {reads.wildcards} characters, the most is {MOST_WILDCARDS}")


def _engine(rules: Sequence[Rule]) -> cedarpy.PolicySet:
    """One set under our own ids: what Cedar names as determining, and in its errors, is the rule's id."""
    named = {rule.clause_id: replace(rule.tree, id=rule.clause_id) for rule in rules}
    return asked(lambda: cedarpy.PolicySet.from_pst(_set_of(named), release_gil=True))


def _set_of(rules: dict[str, pst.Template]) -> pst.PolicySet:
    return pst.PolicySet(templates={}, static_policies=rules, template_links=())


def _with_texts(rules: Sequence[Rule], text: str) -> Iterator[tuple[Rule, str]]:
    """
    Each rule with its text: as it was written where Cedar reads that piece alone as this rule, else as Cedar writes it.
    """
    pieces = _pieces(text)
    for number, rule in enumerate(rules):
        written = pieces[number] if len(pieces) == len(rules) else ""
        yield rule, written if _is(rule, written) else _as_cedar_writes(rule)


def _pieces(text: str) -> list[str]:
    ends = [token.start + 1 for token in tokens(text) if token.text == ";"]
    return [text[start:end].strip() for start, end in zip([0, *ends], ends, strict=False)]


def _is(rule: Rule, written: str) -> bool:
    try:
        found = cedarpy.PolicySet.from_str(written).to_pst().static_policies
    except ValueError:
        return False
    return len(found) == 1 and replace(found["policy0"], id=rule.tree.id) == rule.tree


def _as_cedar_writes(rule: Rule) -> str:
    return cedarpy.format_policies(str(cedarpy.PolicySet.from_pst(_set_of({rule.tree.id: rule.tree})))).strip()
