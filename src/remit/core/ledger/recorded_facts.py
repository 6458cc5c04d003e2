"""The facts that a decision, or an outcome, recorded, held against what its bounds asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from remit.core.execution.recheck import FACT_CHANGED, not_as_decided, owed
from remit.core.gate.action_type import ActionTypeSpec
from remit.core.gate.decision import FACT_UNAVAILABLE
from remit.core.gate.fact import Fact, Facts, FactSpec, kept_fits
from remit.core.values import shifted

CLOCKS_AGREE = timedelta(minutes=5)
LONGEST_CALL = timedelta(minutes=1)
"""So long a decision waits, at most, between its lookups and its write."""


def recorded_facts(decision: Mapping[str, Any]) -> Facts:
    """From a decision as it stands in the ledger. Raises `ValueError` for what is no fact."""
    return {name: Fact.from_wire(fact) for name, fact in decision.get("facts", {}).items()}


def facts_as_recorded(specs: Mapping[str, FactSpec], recorded: Mapping[str, Any]) -> tuple[Facts, set[str]]:
    """
    The facts that a decision under these specifications would have seen, as far as another one recorded it, and the
    names of those of which it recorded too little. Raises `ValueError` for what is no fact.
    """
    known = {name: _as_asked(spec, Fact.from_wire(recorded[name])) for name, spec in specs.items() if name in recorded}
    facts = {name: fact for name, fact in known.items() if fact is not None}
    return facts, specs.keys() - facts.keys()


def _as_asked(spec: FactSpec, fact: Fact) -> Fact | None:
    if fact.kept is None:
        return fact
    kept = {path: fact.kept[path] for path in spec.keep if path in fact.kept}
    return fact.changed(kept=kept) if kept.keys() == spec.keep.keys() and kept_fits(spec, kept) else None


def facts_problems(specs: Mapping[str, FactSpec], facts: Facts, decided_at: datetime) -> Iterator[str]:
    """Each thing about recorded facts that contradicts what the bounds ask for."""
    if facts.keys() != specs.keys():
        yield f"it recorded the facts {sorted(facts)}, its bounds ask for {sorted(specs)}"
        return
    for name, fact in facts.items():
        if (problem := _problem(specs[name], fact)) is not None:
            yield f"its fact {name} {problem}"
        elif not _was_had_between(fact, decided_at, decided_at, max_age_s=specs[name].max_age_s):
            yield f"its fact {name} was had at {_had_at(fact)}, and it was decided at {decided_at.isoformat()}"


def recheck_problems(
    spec: ActionTypeSpec | None, recorded: Facts, data: Mapping[str, Any], started_at: datetime, ended_at: datetime
) -> Iterator[str]:
    """
    Each thing about the facts that were looked up before a call that contradicts its type, its decision, which recorded
    these, or its outcome, which `data` tells. Raises `ValueError` for what is no fact.
    """
    due, outcome = owed(spec, recorded), data["outcome"]
    code = outcome["error_code"] if outcome["status"] == "CANCELLED" else None
    refused = code if code in (FACT_CHANGED, FACT_UNAVAILABLE) else None
    if "rechecked" not in data:
        if due and outcome["attempt_count"]:
            yield f"it was called, and what {_named(due)} was right before is not recorded"
        if refused is not None:
            yield f"it was cancelled as {refused}, and no fact was looked up before its call"
        return
    seen = {name: Fact.from_wire(fact) for name, fact in data["rechecked"].items()}
    if seen.keys() != due.keys():
        yield f"{_named(seen)} was looked up before its call, its type and its decision ask for {_named(due)}"
        return
    for name, fact in seen.items():
        if (problem := _problem(due[name], fact)) is not None:
            yield f"its fact {name}, looked up before its call, {problem}"
        elif not _was_had_between(fact, started_at, ended_at):
            yield f"its fact {name}, looked up before its call, was had at {_had_at(fact)}"
    refusal = not_as_decided(due, recorded, seen)
    if refused is None and refusal is not None:
        yield f"it was called although its facts, looked up before, were not as decided on ({refusal.code})"
    elif refused is not None and (refusal is None or refusal.code != refused):
        yield f"it was cancelled as {refused}, and its facts, looked up before its call, say otherwise"


def _named(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"


def _had_at(fact: Fact) -> str:
    return fact.had_at.isoformat() if fact.had_at is not None else "no time"


def _was_had_between(fact: Fact, start: datetime, end: datetime, max_age_s: float = 0.0) -> bool:
    """As far as clocks agree; of one that was not had there is nothing to say."""
    oldest = shifted(start, -(timedelta(seconds=max_age_s) + LONGEST_CALL + CLOCKS_AGREE))
    return fact.had_at is None or oldest <= fact.had_at <= shifted(end, CLOCKS_AGREE)


def _problem(spec: FactSpec, fact: Fact) -> str | None:
    if fact.problem is not None:
        return None if fact.kept is None and fact.had_at is None else "was not had, and says what it was"
    if fact.kept is None or fact.had_at is None or fact.sha256 is None:
        return "was had, and does not say when or what"
    if fact.kept.keys() != spec.keep.keys() or not kept_fits(spec, fact.kept):
        return "keeps other fields than its bounds name"
    return None
