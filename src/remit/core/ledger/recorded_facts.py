"""The facts that a decision recorded, held against what its bounds asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

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
        if (problem := _problem(specs[name], fact, decided_at)) is not None:
            yield f"its fact {name} {problem}"


def _problem(spec: FactSpec, fact: Fact, decided_at: datetime) -> str | None:
    if fact.problem is not None:
        return None if fact.kept is None and fact.had_at is None else "was not had, and says what it was"
    if fact.kept is None or fact.had_at is None or fact.sha256 is None:
        return "was had, and does not say when or what"
    if fact.kept.keys() != spec.keep.keys() or not kept_fits(spec, fact.kept):
        return "keeps other fields than its bounds name"
    oldest = shifted(decided_at, -(timedelta(seconds=spec.max_age_s) + LONGEST_CALL + CLOCKS_AGREE))
    if not oldest <= fact.had_at <= shifted(decided_at, CLOCKS_AGREE):
        return f"was had at {fact.had_at.isoformat()}, and it was decided at {decided_at.isoformat()}"
    return None
