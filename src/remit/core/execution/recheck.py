"""
Facts that are looked at again right before a call: which, and whether the call may be made by what they are now.

The yardstick is what the decision recorded on which the approval rests, a person's approval too. What it had not is
nobody's to compare: a person has approved without it.
"""

from __future__ import annotations

from collections.abc import Mapping

from remit.core.canonical import canonical
from remit.core.execution.fulfilment import Refusal
from remit.core.execution.outcome import ExecutionAttempt
from remit.core.gate.action_type import ActionTypeSpec
from remit.core.gate.decision import FACT_UNAVAILABLE
from remit.core.gate.fact import Fact, Facts, FactSpec

FACT_CHANGED = "FACT_CHANGED"
"""The error code of a call that was not made because a fact is not what its decision rests on."""


def owed(spec: ActionTypeSpec | None, recorded: Facts) -> dict[str, FactSpec]:
    """The facts to look up before a call of this type, of an intent whose decision recorded these."""
    if spec is None or not spec.facts:
        return {}
    return {name: fact for name, fact in spec.facts.items() if fact.recheck and _was_had(recorded.get(name))}


def _was_had(fact: Fact | None) -> bool:
    # One that was not recorded at all is owed: there is nothing that the call could rest on.
    return fact is None or fact.problem is None


def not_as_decided(specs: Mapping[str, FactSpec], recorded: Facts, seen: Facts) -> Refusal | None:
    """
    May a call be made that owes a look at `specs`? The first row that applies to any of them:

    | recorded with the decision    | seen before the call | answer             |
    |-------------------------------|----------------------|--------------------|
    | any                           | not had              | `FACT_UNAVAILABLE` |
    | the same kept fields          | the same values      | may run            |
    | any other                     | had                  | `FACT_CHANGED`     |
    """
    problems = [f"{name}: {seen[name].problem}" for name in specs if seen[name].problem is not None]
    if problems:
        return Refusal(FACT_UNAVAILABLE, f"looked up again before the call and not had: {'; '.join(problems)}")
    changed = [field for name in specs for field in _differing(name, recorded.get(name), seen[name])]
    if changed:
        return Refusal(FACT_CHANGED, f"looked up again before the call and not as decided on: {', '.join(changed)}")
    return None


def noted(attempt: ExecutionAttempt, seen: Facts, refusal: Refusal | None) -> ExecutionAttempt:
    """
    The attempt with what was seen before its next call. What keeps that from being made, where an earlier one is
    without an answer, is not noted: the outcome is about that one, and tells what it rested on.
    """
    if refusal is not None and attempt.unanswered:
        return attempt
    return attempt.changed(rechecked=dict(seen))


def _differing(name: str, recorded: Fact | None, seen: Fact) -> list[str]:
    """The fields, and never their values: those are the far side's words."""
    before, now = (recorded.kept if recorded else None) or {}, seen.kept or {}
    # By their canonical form: 1 is no yes, and 12.0 is 12.
    return [
        f"{name}.{path}"
        for path in sorted({*before, *now})
        if path not in before or path not in now or canonical(before[path]) != canonical(now[path])
    ]
