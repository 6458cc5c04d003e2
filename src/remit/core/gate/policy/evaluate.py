"""
Asking a compiled set: pure and deterministic.

Determining policies come back from Cedar in no order; ours are ordered: the platform's as written, then the
tenant's by id. A rule that errors is skipped by the engine, so any error is a no.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from hashlib import sha256
from threading import Lock
from typing import TYPE_CHECKING, Any, Self

import orjson

from remit.core.gate.fact import NO_FACTS, Facts, lacking
from remit.core.gate.policy.parameters import Tags, fact_entities, read_all, read_named
from remit.core.gate.policy.question import Asked, PolicyQuestion, PolicyVerdict
from remit.core.gate.policy.reads import Reads
from remit.core.gate.policy.source import Clause, PolicyDecision
from remit.core.paths import Path

if TYPE_CHECKING:
    # For annotations alone: who has a set to ask has loaded Cedar to compile it, and most commands have none.
    import cedarpy
    from cedarpy import pst

WITHIN_BOUNDS = "WITHIN_BOUNDS"
POLICY_ERROR = "POLICY_ERROR"
MOST_ANSWERS = 2000
"""How many questions a policy set remembers the answers to."""
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
class ParametersRead:
    """
    Parameters and facts as the rules read them: `entities` for Cedar, `key` for all of it. `lacking` are the facts
    that were not had, each with why.

    The key is of the text that Cedar is given, never of Python's values: for those `1 == True`.
    """

    tags: Tags
    entities: str
    key: str
    lacking: dict[str, str]

    @classmethod
    def of(cls, tags: Tags, facts: Facts) -> Self:
        seen = [*tags.entities(), *fact_entities(facts)] if facts else tags.entities()
        entities = orjson.dumps(seen, option=orjson.OPT_SORT_KEYS).decode()
        problems = lacking(facts)
        return cls(tags, entities, sha256(f"{entities}{tags.problems}{problems}".encode()).hexdigest(), problems)


_NOTHING_READ = ParametersRead(Tags(), "", "", {})


class KnownAnswers:
    """The latest answers of one set, each by everything that was looked at for it."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Asked, PolicyVerdict] = OrderedDict()
        self._lock = Lock()

    def get(self, asked: Asked) -> PolicyVerdict | None:
        with self._lock:
            return self._kept.get(asked)

    def keep(self, asked: Asked, answer: PolicyVerdict) -> None:
        with self._lock:
            self._kept[asked] = answer
            # The oldest goes: what was just worked out for a batch is still there when the batch is written.
            if len(self._kept) > MOST_ANSWERS:
                self._kept.popitem(last=False)


@dataclass(frozen=True, slots=True)
class PolicySet:
    """
    Compiled once, evaluated often.

    `log_only` are the files that decide nothing, each a set of its own whose `version` is the file's name.
    """

    version: str
    rules: dict[str, Rule]
    engine: cedarpy.PolicySet
    reads: Reads
    paths: tuple[Path, ...]
    order: dict[str, int]
    answers: KnownAnswers
    looked_at: Callable[[PolicyQuestion], Asked] = field(repr=False)
    log_only: tuple[PolicySet, ...] = ()

    def read(self, parameters: dict[str, Any], facts: Facts = NO_FACTS) -> ParametersRead:
        """The values of these parameters and facts that the rules read."""
        facts = facts if self.reads.facts else NO_FACTS
        if not (self.reads.parameters or facts):
            return _NOTHING_READ
        tags = read_named(parameters, self.paths)
        return ParametersRead.of(read_all(parameters, tags) if self.reads.computed else tags, facts)

    def evaluate(self, question: PolicyQuestion, read: ParametersRead | None = None) -> PolicyVerdict:
        """
        Never raises on odd input: what cannot be evaluated is `POLICY_ERROR`. `read` is what `read` said of its
        parameters and facts, where that is known.

        The same question has the same answer, so answers are kept under everything that a rule looks at.
        """
        read = self.read(question.parameters, question.facts) if read is None else read
        asked = (*self.looked_at(question), read.key)
        answer = self.answers.get(asked)
        if answer is None:
            answer = self._evaluate(question, read)
            self.answers.keep(asked, answer)
        return answer

    def _evaluate(self, question: PolicyQuestion, read: ParametersRead) -> PolicyVerdict:
        tags = read.tags
        try:
            answer = self._ask(question, _entities(read.entities) if read.entities else _no_entities())
        except ValueError as problem:
            return not_evaluated([str(problem)], [])
        lost = [f"the fact {name} was not had: {why}" for name, why in sorted(read.lacking.items())]
        errors = [*lost, *sorted(tags.problems.values()), *sorted(answer.diagnostics.errors)]
        # A rule that could not see what it reads did not decide; the others hold, and a block of theirs is not lifted.
        clauses = [rule for rule in self._determining(answer) if not self._is_blind(rule, read)]
        return _verdict(answer.allowed and not errors, clauses, errors)

    def evaluate_blindly(self, question: PolicyQuestion, why: str) -> PolicyVerdict:
        """
        The answer where some value of the parameters or the target is not to be had, for the reason `why`.

        It is never a yes. What forbids without looking at either, or at facts, holds, and so does a block of it.
        """
        answer = self._ask(question, _no_entities())
        seeing = [rule for rule in self._determining(answer) if not rule.reads.of_intent]
        return _verdict(False, seeing, [why])

    def _ask(self, question: PolicyQuestion, entities: cedarpy.Entities) -> Any:
        import cedarpy

        return cedarpy.is_authorized(question.request(self.reads), self.engine, entities)

    def _determining(self, answer: Any) -> list[Rule]:
        return sorted((self.rules[i] for i in answer.diagnostics.reasons), key=lambda rule: self.order[rule.clause_id])

    def _is_blind(self, rule: Rule, read: ParametersRead) -> bool:
        if rule.reads.facts and read.lacking:
            return True
        return read.tags.could_not_read(rule.reads.paths, rule.reads.computed)


def _entities(written: str) -> cedarpy.Entities:
    import cedarpy

    return cedarpy.Entities.from_json_str(written)


@cache
def _no_entities() -> cedarpy.Entities:
    return _entities("[]")


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
