"""
Changes of one Cedar rule under which it no longer forbids an intent, in the text that people wrote.

A number that the rule compares is moved as far as the intent needs it, unless the intent's own is private; or the rule
is given an exception for the intent's type, in its account or anywhere. Whether it is enough, `decide` says, not this.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Literal

from remit.core.comparisons import Comparison, comparisons_in
from remit.core.gate.policy import PolicySource, clauses_of
from remit.core.intent import ActionIntentV1

_STEP = Decimal("0.0001")
_Changed = tuple[Literal["threshold", "rule"], int, list[PolicySource]]


def rule_changes(policies: Sequence[PolicySource], clause_id: str, intent: ActionIntentV1) -> Iterator[_Changed]:
    """Each change's kind, whom it reaches (0 the account, 1 the tenant), and all files with it made."""
    found = _written(policies, clause_id)
    if found is None:
        return
    source, text = found
    here = f'context.action_type == "{intent.action_type}" && resource == Account::"{intent.account_id}"'
    there = f'context.action_type == "{intent.action_type}"'
    if (moved := _moved(text, intent)) != text:
        yield "threshold", 1, _with(policies, source, text, moved)
    yield "rule", 0, _with(policies, source, text, _unless(text, here))
    yield "rule", 1, _with(policies, source, text, _unless(text, there))


def _written(policies: Sequence[PolicySource], clause_id: str) -> tuple[PolicySource, str] | None:
    """The file that has the rule, and its text there; `None` where that is not to be told from its neighbours."""
    for source in policies:
        for clause in clauses_of([source]):
            if clause.clause_id == clause_id and source.text.count(clause.text) == 1:
                return source, clause.text
    return None


def _with(policies: Sequence[PolicySource], changed: PolicySource, before: str, after: str) -> list[PolicySource]:
    text = changed.text.replace(before, after)
    return [source.model_copy(update={"text": text}) if source is changed else source for source in policies]


def _unless(rule: str, condition: str) -> str:
    return f"{rule.rstrip().removesuffix(';').rstrip()}\nunless {{ {condition} }};"


def _moved(rule: str, intent: ActionIntentV1) -> str:
    """The rule with every number that its comparisons found against the intent moved to where they do not."""
    moved = rule
    # A private number would stand in the bounds, and in the ledger with them, for good.
    for comparison in reversed([*comparisons_in(rule, intent.as_committed.parameters)]):
        start, end = comparison.bound_at
        moved = moved[:start] + _decimal(_bound(comparison)) + moved[end:]
    return moved


def _bound(comparison: Comparison) -> Decimal:
    """The nearest bound with which the comparison comes to the other answer."""
    value, how = comparison.value, comparison.how
    if comparison.holds:
        return value + {"greaterThanOrEqual": _STEP, "lessThanOrEqual": -_STEP}.get(how, Decimal(0))
    return value + {"lessThan": _STEP, "greaterThan": -_STEP}.get(how, Decimal(0))


def _decimal(value: Decimal) -> str:
    """As Cedar writes one: with one to four places."""
    text = f"{value:f}"
    return text if "." in text else f"{text}.0"
