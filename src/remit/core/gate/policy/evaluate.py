"""
Asking a compiled set: pure and deterministic.

Determining policies come back from Cedar in no order; ours are ordered: the platform's as written, then the
tenant's by id. A rule that errors is skipped by the engine, so any error is a no.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from remit.core.gate.fact import NO_FACTS, Facts, lacking
from remit.core.gate.policy.parameters import Tags, fact_entities, read_all, read_key, read_named
from remit.core.gate.policy.question import Asked, PolicyQuestion, PolicyVerdict
from remit.core.gate.policy.reads import Compared, Reads
from remit.core.gate.policy.rule_part import KnownAnswers, RulePart, Said
from remit.core.gate.policy.source import Clause, PolicyDecision
from remit.core.paths import Path

if TYPE_CHECKING:
    # For annotations alone: who has a set to ask has loaded Cedar to compile it, and most commands have none.
    from cedarpy import pst

WITHIN_BOUNDS = "WITHIN_BOUNDS"
POLICY_ERROR = "POLICY_ERROR"
MOST_NAMED = 20
"""How many clauses, and how many errors, an answer names."""
_MOST_ERROR = 300


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, compiled. `tree` is what Cedar's parser made of its text."""

    clause_id: str
    effect: PolicyDecision
    reason: str
    explanation: str
    platform: bool
    reads: Reads
    tree: pst.Template = field(repr=False)

    def shown(self, text: str) -> Clause:
        return Clause(
            clause_id=self.clause_id,
            effect=self.effect,
            reason=self.reason,
            explanation=self.explanation,
            text=text,
            platform=self.platform,
        )


@dataclass(frozen=True, slots=True)
class PolicySet:
    """
    Compiled once, evaluated often.

    `of_values` are the rules that look at parameters or facts, `others` all the rest: those answer the same whatever
    an agent sends, and are asked once for many. `log_only` are the files that decide nothing, each a set of its own
    whose `version` is the file's name.
    """

    version: str
    rules: dict[str, Rule]
    others: RulePart
    of_values: RulePart | None
    reads: Reads
    paths: tuple[Path, ...]
    compared: Mapping[str, Compared] | None = field(repr=False)
    """By path; `None` where a path is worked out."""
    order: dict[str, int]
    answers: KnownAnswers[PolicyVerdict]
    looked_at: Callable[[PolicyQuestion], Asked] = field(repr=False)
    log_only: tuple[PolicySet, ...] = ()

    def key(self, parameters: dict[str, Any], facts: Facts = NO_FACTS) -> Hashable | None:
        """The key of all that the rules read of these; `None` where nothing can be known by it."""
        if self.of_values is None:
            return b""
        return read_key(parameters, self.paths, self.compared, facts if self.reads.facts else NO_FACTS)

    def evaluate(self, question: PolicyQuestion, key: Hashable | None = None) -> PolicyVerdict:
        """
        Never raises on odd input: what cannot be evaluated is `POLICY_ERROR`. `key` is what `key` said of its
        parameters and facts, where that is known.

        The same question has the same answer, so answers are kept under everything that a rule looks at.
        """
        key = self.key(question.parameters, question.facts) if key is None else key
        if key is None:
            return self._evaluate(question)
        asked = (*self.looked_at(question), key)
        answer = self.answers.get(asked)
        if answer is None:
            answer = self._evaluate(question)
            self.answers.keep(asked, answer)
        return answer

    def _evaluate(self, question: PolicyQuestion) -> PolicyVerdict:
        facts = question.facts if self.reads.facts else NO_FACTS
        tags, not_had = self._tags(question.parameters), lacking(facts)
        try:
            said = self._ask(question, tags, facts)
        except ValueError as problem:
            return not_evaluated([str(problem)], [])
        lost = [f"the fact {name} was not had: {why}" for name, why in sorted(not_had.items())]
        errors = [*lost, *sorted(tags.problems.values()), *sorted(said.errors)]
        # A rule that could not see what it reads did not decide; the others hold, and a block of theirs is not lifted.
        clauses = [rule for rule in self._determining(said) if not _is_blind(rule, tags, not_had)]
        return _verdict(said.allowed and not errors, clauses, errors)

    def _ask(self, question: PolicyQuestion, tags: Tags, facts: Facts) -> Said:
        said = self.others.known(question)
        if self.of_values is None:
            return said
        entities = [*tags.entities(), *fact_entities(facts)] if facts else tags.entities()
        return said.beside(self.of_values.ask(question, entities))

    def _tags(self, parameters: dict[str, Any]) -> Tags:
        if not self.reads.parameters:
            return Tags()
        tags = read_named(parameters, self.paths)
        return read_all(parameters, tags) if self.reads.computed else tags

    def evaluate_blindly(self, question: PolicyQuestion, why: str) -> PolicyVerdict:
        """
        The answer where some value of the parameters or the target is not to be had, for the reason `why`.

        It is never a yes. What forbids without looking at either, or at facts, holds, and so does a block of it.
        """
        said = self.others.known(question)
        seeing = [rule for rule in self._determining(said) if not rule.reads.of_intent]
        return _verdict(False, seeing, [why])

    def _determining(self, said: Said) -> list[Rule]:
        return sorted((self.rules[i] for i in said.reasons), key=lambda rule: self.order[rule.clause_id])


def _is_blind(rule: Rule, tags: Tags, not_had: Mapping[str, str]) -> bool:
    if rule.reads.facts and not_had:
        return True
    return tags.could_not_read(rule.reads.paths, rule.reads.computed)


def _verdict(allowed: bool, clauses: list[Rule], errors: list[str]) -> PolicyVerdict:
    if allowed and not errors:
        return PolicyVerdict(
            policy_decision="AUTO_EXECUTE",
            reason=WITHIN_BOUNDS,
            explanation=clauses[0].explanation,
            clauses=[rule.clause_id for rule in clauses],
            errors=[],
        )
    forbidding = [rule for rule in clauses if rule.effect != "AUTO_EXECUTE"]
    if not forbidding or (errors and not forbidding[0].platform):
        return not_evaluated(errors or ["no rule allowed it"], forbidding)
    first = forbidding[0]
    return PolicyVerdict(
        policy_decision=_strictest(forbidding),
        reason=first.reason,
        explanation=first.explanation,
        clauses=_named(forbidding),
        errors=_shown(errors),
    )


def not_evaluated(errors: Sequence[str], forbidding: Sequence[Rule]) -> PolicyVerdict:
    shown = _shown(errors)
    return PolicyVerdict(
        # A rule that failed does not lift a block that another rule holds.
        policy_decision=_strictest(forbidding),
        reason=POLICY_ERROR,
        explanation=_not_evaluated_in_words(shown),
        clauses=_named(forbidding),
        errors=shown,
    )


def without_details(verdict: PolicyVerdict) -> PolicyVerdict:
    """The answer about private values: what an error says of a value would stand in the ledger."""
    if not verdict.errors:
        return verdict
    errors = ["a rule that looks at private values could not be evaluated"]
    explanation = verdict.explanation
    if verdict.reason == POLICY_ERROR:
        explanation = _not_evaluated_in_words(errors)
    return replace(verdict, explanation=explanation, errors=errors)


def _not_evaluated_in_words(errors: Sequence[str]) -> str:
    return f"a policy could not be evaluated, so a person decides: {'; '.join(errors)}"


def _strictest(rules: Sequence[Rule]) -> PolicyDecision:
    return "BLOCK" if any(rule.effect == "BLOCK" for rule in rules) else "REQUIRE_APPROVAL"


def _named(rules: Sequence[Rule]) -> list[str]:
    return [rule.clause_id for rule in rules[:MOST_NAMED]]


def _shown(errors: Sequence[str]) -> list[str]:
    shown = [error if len(error) <= _MOST_ERROR else f"{error[:_MOST_ERROR]}…" for error in errors[:MOST_NAMED]]
    more = len(errors) - len(shown)
    return [*shown, f"and {more} more"] if more > 0 else shown
