"""A proof: bounds with many rules beside the same with one of them changed."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from bench.lab import bounds
from remit.core.gate.bounds import BoundsInForce, nothing_set, replace_bounds
from remit.core.gate.bounds_checks import parse_bounds
from remit.lab.proof import compare

_NOW = datetime(2026, 3, 31, tzinfo=UTC)


def proof(rules: int) -> dict[str, float]:
    """How long it took to say so, by what is proved: the slowest of three each."""
    before = _in_force(rules, most=1000)
    changes = {"EQUAL": _in_force(rules, most=1000, also="false"), "WIDER": _in_force(rules, most=1001)}
    changes["NARROWER"] = _in_force(rules, most=999)
    return {verdict: max(_took_s(before, after, verdict) for _ in range(3)) for verdict, after in changes.items()}


def _took_s(before: BoundsInForce, after: BoundsInForce, verdict: str) -> float:
    began = time.perf_counter()
    found = compare(before, after)
    took_s = time.perf_counter() - began
    assert found.verdict == verdict, found.wire()
    return took_s


def _in_force(rules: int, *, most: int, also: str = "") -> BoundsInForce:
    conditions = [_condition(number) for number in range(rules - 1)] + [
        _more_than("amount", most),
        *([also] * bool(also)),
    ]
    text = "\n".join(f"forbid (principal, action, resource) when {{ {each} }};" for each in conditions)
    whole = {**bounds(most=100_000, daily=100), "policies": [{"name": "many.cedar", "text": text}]}
    return replace_bounds(nothing_set("bench"), parse_bounds({**whole, "tenant": "bench"}), _NOW)


def _condition(number: int) -> str:
    """A rule of one of five kinds, each about something of its own."""
    kinds = (
        f'context.action_type == "REFUND" && {_more_than("amount", 1001 + number)}',
        f'context.texts.hasTag("field{number % 40}") && context.texts.getTag("field{number % 40}") == "word{number}"',
        f'context.hour < {number % 7} && ["SAT", "SUN"].contains(context.weekday)',
        f'context.target_type == "type{number}" && context.confidence < {9000 + number}',
        f'resource == Account::"acct-{number}" && {_more_than(f"order.line{number % 30}", number)}',
    )
    return kinds[number % len(kinds)]


def _more_than(path: str, most: int) -> str:
    return f'context.numbers.hasTag("{path}") && context.numbers.getTag("{path}").greaterThan(decimal("{most}.0"))'
