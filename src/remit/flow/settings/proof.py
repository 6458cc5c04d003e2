"""
Proofs about bounds: how a change stands to what is in force, and what never runs alone.

Z3 takes a core for as long as a question takes, so a process asks few at a time, and a tenant one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Condition
from typing import TYPE_CHECKING

from remit.core.errors import InvalidInput, TryLater
from remit.core.gate.bounds import Bounds, BoundsInForce, nothing_set, replace_bounds
from remit.core.gate.bounds_checks import check_never_texts
from remit.core.gate.never import never_problem, never_sources
from remit.flow.context import Context
from remit.lab.proof import NeverAnswer, compare, prove_never

if TYPE_CHECKING:
    from remit.core.views.bounds import ProofAnswer

MOST_AT_ONCE = 2
WAIT_S = 5.0
_ANY_TIME = datetime(2026, 1, 1, tzinfo=UTC)


class _Turns:
    """The tenants whose proofs are under way in this process."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._running: set[str] = set()

    @contextmanager
    def of(self, tenant_id: str) -> Iterator[None]:
        """Raises `TryLater` where none is free in time."""

        def free() -> bool:
            return tenant_id not in self._running and len(self._running) < MOST_AT_ONCE

        with self._changed:
            if not self._changed.wait_for(free, WAIT_S):
                raise TryLater("other bounds are being proved; nothing was changed, send it again")
            self._running.add(tenant_id)
        try:
            yield
        finally:
            with self._changed:
                self._running.discard(tenant_id)
                self._changed.notify_all()


_TURNS = _Turns()


def check_never(context: Context, tenant_id: str, properties: Sequence[str]) -> None:
    """Raises `InvalidInput` naming the property that is no condition. Compiled first where a crash ends nothing."""
    check_never_texts(properties)
    sources = never_sources(properties)
    if sources and context.policy_sandbox:
        context.policy_sandbox.try_out(tenant_id, sources)
    for number, source in enumerate(sources):
        if (problem := never_problem(source)) is not None:
            raise InvalidInput(f"never.{number}", problem, 'write the condition of a rule, such as risk == "HIGH"')


def require_never(bounds: BoundsInForce) -> None:
    """Raises `InvalidInput` for a property that these bounds have and that is not proved of them."""
    properties = bounds.bounds.never
    if not properties:
        return
    with _TURNS.of(bounds.bounds.tenant):
        answers = prove_never(bounds, properties)
    for number, answer in enumerate(answers):
        if not answer.holds:
            raise InvalidInput(f"never.{number}", _broken_in_words(answer), _WAY_OUT)


_WAY_OUT = "set narrower bounds, or drop the property: one that is not proved is not in force"


def _broken_in_words(answer: NeverAnswer) -> str:
    if answer.example is not None:
        return f"{answer.never} would run alone: {answer.example.in_words()}"
    return f"{answer.never} is not proved: {'; '.join(each.problem for each in answer.not_proved)}"


def prove_change(before: BoundsInForce, after: BoundsInForce, never: Sequence[str] = ()) -> ProofAnswer:
    """The relation of `after` to `before`, and whether its own properties and these hold of it."""
    properties = list(dict.fromkeys([*after.bounds.never, *never]))
    with _TURNS.of(after.bounds.tenant):
        comparison = compare(before, after)
        answers = prove_never(after, properties) if properties else []
    return comparison.wire(answers)


def prove_written(bounds: Bounds, against: Bounds, never: Sequence[str] = ()) -> ProofAnswer:
    """Prove bounds as people write them, in force or not. Raises `InvalidInput` for those that do not load."""
    return prove_change(_as_if_in_force(against), _as_if_in_force(bounds), never)


def _as_if_in_force(bounds: Bounds) -> BoundsInForce:
    in_force = replace_bounds(nothing_set(bounds.tenant), bounds, _ANY_TIME)
    if (problem := in_force.unreadable()) is not None:
        raise InvalidInput("(bounds)", problem)
    return in_force
