"""
The auto-approval policy: a pure, versioned Cedar rule set (https://docs.cedarpolicy.com).

The platform's own set, `AutoApprovalPolicyV1`, permits the clean yes and forbids, each with its own
reason, everything else. A tenant's policies stand beside it and may only `forbid`, so they can only
narrow. Determining policies come back from Cedar in no order; ours are ordered: the platform's as
written, then the tenant's by id. A rule that errors is skipped by the engine, so any error is a no.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, Literal

import cedarpy
from pydantic import Field

from remit.core.canonical import digest_of
from remit.core.gate.autonomy import AutonomyMode
from remit.core.values import Document, Request, RiskLevel

PolicyDecision = Literal["AUTO_EXECUTE", "REQUIRE_APPROVAL", "BLOCK"]
POLICY_NAME = "AutoApprovalPolicyV1"
WITHIN_BOUNDS = "WITHIN_BOUNDS"
POLICY_ERROR = "POLICY_ERROR"
MOST_ANSWERS = 10_000
"""How many questions a policy set remembers the answers to."""

SCHEMA = """
entity Agent, Account;
// Text and yes/no parameters by dotted path; numbers likewise, and the length of a list as "path.count".
entity Texts tags String;
entity Numbers tags decimal;
action "auto_execute" appliesTo {
  principal: Agent,
  resource: Account,
  context: {
    action_type: String,
    mode: String,            // AUTO_EXECUTE, APPROVAL_REQUIRED, PROPOSE_ONLY, DISABLED
    risk: String,            // the effective risk: MINIMAL, LOW, MEDIUM, HIGH
    confidence: Long,        // ten-thousandths, rounded down
    min_confidence: Long,    // ten-thousandths, rounded up
    target_type: String,
    target_id: String,
    date: String,            // 2026-11-23, in the account's time zone; so are the next two
    weekday: String,         // MON TUE WED THU FRI SAT SUN
    hour: Long,              // 0 to 23
    texts: Texts,
    numbers: Numbers
  }
};
"""

PLATFORM_POLICIES = """
@id("auto_execute_within_bounds")
@explanation("mode, risk and confidence allow it to run on its own")
permit (principal, action, resource)
when {
  context.mode == "AUTO_EXECUTE"
  && (context.risk == "MINIMAL" || context.risk == "LOW")
  && context.confidence >= context.min_confidence
};

@id("action_type_disabled") @reason("ACTION_TYPE_DISABLED") @effect("BLOCK")
@explanation("this action type is switched off here; nobody can approve it until it is switched on again")
forbid (principal, action, resource) when { context.mode == "DISABLED" };

@id("propose_only") @reason("PROPOSE_ONLY") @effect("REQUIRE_APPROVAL")
@explanation("this action type may be proposed here, and only a person carries it on")
forbid (principal, action, resource) when { context.mode == "PROPOSE_ONLY" };

@id("approval_required") @reason("TENANT_POLICY") @effect("REQUIRE_APPROVAL")
@explanation("a person approves every action of this type here")
forbid (principal, action, resource) when { context.mode == "APPROVAL_REQUIRED" };

@id("risk_too_high") @reason("RISK_LEVEL_HIGH") @effect("REQUIRE_APPROVAL")
@explanation("its risk is above LOW")
forbid (principal, action, resource) when { context.risk == "MEDIUM" || context.risk == "HIGH" };

@id("confidence_below_threshold") @reason("CONFIDENCE_BELOW_THRESHOLD") @effect("REQUIRE_APPROVAL")
@explanation("the agent is less sure than this action type asks for")
forbid (principal, action, resource) when { context.confidence < context.min_confidence };
"""


class PolicySource(Request):
    """One file of a tenant's policies."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._/@ -]{1,200}$")]
    text: Annotated[str, Field(min_length=1, max_length=64 * 1024)]


class Clause(Document):
    """One rule: what it does, the reason it gives, and its text."""

    clause_id: str
    effect: PolicyDecision
    reason: str
    explanation: str
    text: str
    platform: bool


@dataclass(frozen=True, slots=True)
class PolicyQuestion:
    """Everything a policy may look at. `local_*` are in the account's time zone."""

    tenant_id: str
    account_id: str
    proposed_by: str
    action_type: str
    mode: AutonomyMode
    risk: RiskLevel
    confidence: int
    min_confidence: int
    target_type: str
    target_id: str
    local_date: str
    local_weekday: str
    local_hour: int
    parameters: dict[str, Any]

    def without_parameters(self, *, target: bool) -> tuple[Any, ...]:
        """Everything a rule may look at but the parameters, and the target only if asked for."""
        who = (self.account_id, self.proposed_by, self.action_type, self.mode, self.risk)
        what = (self.target_type, self.target_id) if target else ()
        return (*who, self.confidence, self.min_confidence, self.local_date, self.local_weekday, self.local_hour, *what)


@dataclass(frozen=True, slots=True)
class PolicyVerdict:
    """What the policy says. `clauses` are the determining ones, the one that gave the reason first."""

    policy_decision: PolicyDecision
    reason: str
    explanation: str
    clauses: list[str]
    errors: list[str]


@lru_cache(maxsize=4096)
def ten_thousandths(value: float, *, up: bool) -> int:
    """A number from 0 to 1 as whole ten-thousandths: thresholds go `up`, confidences down, so doubt never helps."""
    scaled = Decimal(repr(value)) * 10_000
    return int(scaled.to_integral_value(rounding="ROUND_CEILING" if up else "ROUND_FLOOR"))


_READS_PARAMETERS = re.compile(r"\b(get|has)Tag\b")
# Also where the context is used whole, as in `context == {…}` or `context["target_id"]`.
_READS_TARGET = re.compile(r"target_|\bcontext\b(?!\s*\.\s*\w)")


@dataclass(frozen=True, slots=True)
class PolicySet:
    """Parsed once, evaluated often."""

    version: str
    clauses: dict[str, Clause]
    engine: cedarpy.PolicySet
    reads_parameters: bool
    reads_target: bool
    order: dict[str, int]
    answers: dict[tuple[Any, ...], PolicyVerdict]

    def evaluate(self, question: PolicyQuestion) -> PolicyVerdict:
        """
        Pure and deterministic. Never raises on odd input: what cannot be evaluated is `POLICY_ERROR`.

        The same question has the same answer, so answers are kept (agents ask the same few), unless the
        rules look into parameters.
        """
        if self.reads_parameters:
            return self._evaluate(question)
        asked = question.without_parameters(target=self.reads_target)
        answer = self.answers.get(asked)
        if answer is None:
            if len(self.answers) >= MOST_ANSWERS:
                self.answers.clear()
            answer = self.answers[asked] = self._evaluate(question)
        return answer

    def _evaluate(self, question: PolicyQuestion) -> PolicyVerdict:
        entities: list[dict[str, Any]] | cedarpy.Entities = _NO_ENTITIES
        if self.reads_parameters:
            try:
                entities = _parameter_entities(question.parameters)
            except ValueError as problem:
                return self._without_parameters(question, str(problem))
        try:
            answer = cedarpy.is_authorized(_request(question), self.engine, entities)
        except ValueError as problem:
            return _not_evaluated([str(problem)], [])
        return _verdict(answer.allowed, self._determining(answer), sorted(answer.diagnostics.errors))

    def _without_parameters(self, question: PolicyQuestion, problem: str) -> PolicyVerdict:
        # The rules that do not look at parameters still hold: a block of theirs is not lifted.
        answer = cedarpy.is_authorized(_request(question), self.engine, _NO_ENTITIES)
        clauses = [clause for clause in self._determining(answer) if not _READS_PARAMETERS.search(clause.text)]
        return _verdict(False, clauses, [problem])

    def _determining(self, answer: Any) -> list[Clause]:
        return sorted((self.clauses[i] for i in answer.diagnostics.reasons), key=lambda c: self.order[c.clause_id])


def _verdict(allowed: bool, clauses: list[Clause], errors: list[str]) -> PolicyVerdict:
    if allowed and not errors:
        return PolicyVerdict(
            policy_decision="AUTO_EXECUTE",
            reason=WITHIN_BOUNDS,
            explanation=clauses[0].explanation,
            clauses=[clause.clause_id for clause in clauses],
            errors=[],
        )
    forbidding = [clause for clause in clauses if clause.effect != "AUTO_EXECUTE"]
    if not forbidding or (errors and not forbidding[0].platform):
        return _not_evaluated(errors or ["no rule allowed it"], forbidding)
    first = forbidding[0]
    return PolicyVerdict(
        policy_decision=_strictest(forbidding),
        reason=first.reason,
        explanation=first.explanation,
        clauses=[clause.clause_id for clause in forbidding],
        errors=errors,
    )


def _not_evaluated(errors: list[str], forbidding: list[Clause]) -> PolicyVerdict:
    return PolicyVerdict(
        # A rule that failed does not lift a block that another rule holds.
        policy_decision=_strictest(forbidding),
        reason=POLICY_ERROR,
        explanation=f"a policy could not be evaluated, so a person decides: {'; '.join(errors)}",
        clauses=[clause.clause_id for clause in forbidding],
        errors=errors,
    )


def _strictest(clauses: list[Clause]) -> PolicyDecision:
    return "BLOCK" if any(clause.effect == "BLOCK" for clause in clauses) else "REQUIRE_APPROVAL"


def policy_version(sources: tuple[PolicySource, ...]) -> str:
    """The name and the content hash of the platform's set with these beside it."""
    content = [SCHEMA, PLATFORM_POLICIES, [[source.name, source.text] for source in sources]]
    return f"{POLICY_NAME}@{digest_of(content)}"


@lru_cache(maxsize=256)
def compile_policies(sources: tuple[PolicySource, ...]) -> PolicySet:
    """
    The platform's set with a tenant's beside it.

    Raises `ValueError` naming the file and the rule: text that does not parse or does not fit the
    schema, a `permit`, a template, an id used twice, an unknown effect.
    """
    own = list(_clauses("platform", PLATFORM_POLICIES, platform=True))
    tenants = [clause for source in sources for clause in _clauses(source.name, source.text, platform=False)]
    seen: set[str] = set()
    for clause in [*own, *tenants]:
        if clause.clause_id in seen:
            raise ValueError(f"the policy id {clause.clause_id!r} is used twice; give each rule its own @id")
        seen.add(clause.clause_id)
    everything = "\n".join([PLATFORM_POLICIES, *(source.text for source in sources)])
    ordered = [*own, *sorted(tenants, key=lambda clause: clause.clause_id)]
    return PolicySet(
        version=policy_version(sources),
        # Cedar numbers the rules of one text in the order they are written.
        clauses={f"policy{number}": clause for number, clause in enumerate([*own, *tenants])},
        engine=cedarpy.PolicySet.from_str(everything),
        reads_parameters=any(_READS_PARAMETERS.search(source.text) for source in sources),
        reads_target=any(_READS_TARGET.search(source.text) for source in sources),
        answers={},
        order={clause.clause_id: place for place, clause in enumerate(ordered)},
    )


def find_clause(platform: str, sources: tuple[PolicySource, ...], clause_id: str) -> Clause | None:
    """The rule by that id in one kept version of the policies."""
    rules = [*_clauses("platform", platform, platform=True)]
    rules += [clause for source in sources for clause in _clauses(source.name, source.text, platform=False)]
    return next((clause for clause in rules if clause.clause_id == clause_id), None)


def _clauses(name: str, text: str, *, platform: bool) -> Iterator[Clause]:
    try:
        parsed = json.loads(cedarpy.policies_to_json_str(text))
        valid = cedarpy.validate_policies(text, SCHEMA)
    except ValueError as error:
        raise ValueError(f"{name} is not Cedar: {error}") from None
    rules = parsed["staticPolicies"]
    if not valid.validation_passed:
        raise ValueError(_misfit(name, rules, valid.errors[0]))
    if parsed["templates"]:
        raise ValueError(f"{name} holds a template; write the rule out")
    for number, written in enumerate(_rules_as_written(text)):
        yield _clause(name, number, len(rules), rules[f"policy{number}"], written, platform)


def _misfit(name: str, rules: dict[str, Any], error: Any) -> str:
    rule = rules.get(error.policy_id)
    if rule is None:
        return f"{name} does not fit the schema: {error.error}"
    clause_id = _clause_id(name, int(error.policy_id.removeprefix("policy")), len(rules), rule)
    problem = str(error.error).removeprefix(f"for policy `{error.policy_id}`, ")
    return f"{name}: rule {clause_id!r} does not fit the schema: {problem}"


def _clause_id(name: str, number: int, of: int, rule: dict[str, Any]) -> str:
    stem = name.rsplit("/", 1)[-1].removesuffix(".cedar")
    return (rule.get("annotations") or {}).get("id") or (stem if of == 1 else f"{stem}.{number + 1}")


def _rules_as_written(text: str) -> Iterator[str]:
    """The text of each rule, in order: what stands up to a semicolon that is not in a string or a comment."""
    rule = ""
    for part in re.findall(r'"(?:\\.|[^"\\])*"|//[^\n]*|[^";/]+|.', text, re.DOTALL):
        rule += part
        if part == ";":
            yield rule.strip()
            rule = ""


def _clause(name: str, number: int, of: int, rule: dict[str, Any], written: str, platform: bool) -> Clause:
    notes = rule.get("annotations") or {}
    clause_id = _clause_id(name, number, of, rule)
    if rule["effect"] == "permit":
        if not platform:
            raise ValueError(f"{name}: rule {clause_id!r} is a permit; a tenant's policies can only forbid")
        effect: Any = "AUTO_EXECUTE"
    else:
        effect = notes.get("effect", "REQUIRE_APPROVAL")
        if effect not in ("REQUIRE_APPROVAL", "BLOCK"):
            raise ValueError(f"{name}: rule {clause_id!r} has @effect {effect!r}; use REQUIRE_APPROVAL or BLOCK")
    reason = notes.get("reason") or re.sub(r"[^A-Z0-9]+", "_", clause_id.upper()).strip("_")
    if not re.fullmatch(r"[A-Z][A-Z0-9_]*", reason):
        raise ValueError(f"{name}: rule {clause_id!r} has no usable @reason; use UPPER_SNAKE")
    return Clause(
        clause_id=clause_id,
        effect=effect,
        reason=reason,
        explanation=notes.get("explanation") or f"the rule {clause_id!r} of your own policies asks for a person",
        text=written,
        platform=platform,
    )


def _request(q: PolicyQuestion) -> dict[str, Any]:
    return {
        "principal": {"type": "Agent", "id": q.proposed_by},
        "action": {"type": "Action", "id": "auto_execute"},
        "resource": {"type": "Account", "id": q.account_id},
        "context": {
            "action_type": q.action_type,
            "mode": q.mode,
            "risk": q.risk,
            "confidence": q.confidence,
            "min_confidence": q.min_confidence,
            "target_type": q.target_type,
            "target_id": q.target_id,
            "date": q.local_date,
            "weekday": q.local_weekday,
            "hour": q.local_hour,
            "texts": _TEXTS,
            "numbers": _NUMBERS,
        },
    }


_TEXTS = {"__entity": {"type": "Texts", "id": "parameters"}}
_NUMBERS = {"__entity": {"type": "Numbers", "id": "parameters"}}
_NO_ENTITIES = cedarpy.Entities.from_json_str("[]")
_LARGEST_DECIMAL = Decimal("922337203685477.5807")


def _parameter_entities(parameters: dict[str, Any]) -> list[dict[str, Any]]:
    texts: dict[str, Any] = {}
    numbers: dict[str, Any] = {}
    paths: set[str] = set()
    for path, value in _flattened("", parameters):
        if path in paths:
            raise ValueError(f"parameters: {path!r} names two values")
        paths.add(path)
        if isinstance(value, str):
            texts[path] = value
        elif isinstance(value, bool):
            texts[path] = "true" if value else "false"
        elif value is not None:
            numbers[path] = {"__extn": {"fn": "decimal", "arg": _decimal(path, value)}}
    return [
        {"uid": {"type": "Texts", "id": "parameters"}, "attrs": {}, "parents": [], "tags": texts},
        {"uid": {"type": "Numbers", "id": "parameters"}, "attrs": {}, "parents": [], "tags": numbers},
    ]


def _flattened(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        # Sorted: a store may give the same parameters back in another order.
        for name, inner in sorted(value.items()):
            yield from _flattened(f"{path}.{name}" if path else name, inner)
    elif isinstance(value, list):
        yield f"{path}.count", len(value)
        for index, inner in enumerate(value):
            yield from _flattened(f"{path}.{index}", inner)
    else:
        yield path, value


def _decimal(path: str, value: int | float) -> str:
    number = Decimal(repr(value))
    if abs(number) > _LARGEST_DECIMAL or number != round(number, 4):
        raise ValueError(f"parameters.{path} does not fit a decimal of four places")
    return f"{number:.4f}"
