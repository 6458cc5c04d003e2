"""The answers of a proof: wider or narrower, by which example, and what stood in its way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from msgspec import Struct, field

from remit.lab.proof.example import Course, Example, Said
from remit.lab.proof.growth import LimitChange

if TYPE_CHECKING:
    from remit.core.views.bounds import DifferentAnswer, NeverProvedAnswer, NotProvedAnswer, ProofAnswer

Verdict = Literal["EQUAL", "NARROWER", "WIDER", "INCOMPARABLE", "NOT_PROVED"]
VERDICTS: Mapping[Verdict, str] = {
    "EQUAL": "equal: the same runs alone, and the same can be approved",
    "NARROWER": "narrower: nothing runs alone or can be approved that could not before",
    "WIDER": "wider: something runs alone or can be approved that could not before",
    "INCOMPARABLE": "neither: wider for some actions and narrower for others",
    "NOT_PROVED": "not proved",
}
COURSES: Mapping[Course, str] = {
    "RUNS": "runs alone",
    "ASKS": "asks a person",
    "BLOCKED": "is blocked",
    "REFUSED": "is refused",
}


class NotProved(Struct, frozen=True):
    """The reason why a question has no answer; `rule` and `construct` where it is what could not be translated."""

    problem: str
    rule: str | None = None
    construct: str | None = None

    def wire(self) -> NotProvedAnswer:
        return {"rule": self.rule, "construct": self.construct, "problem": self.problem}


class Witness(Struct, frozen=True):
    """One action that goes otherwise, as the gate itself says."""

    example: Example
    before: Said
    after: Said

    def wire(self) -> DifferentAnswer:
        return {**self.example.wire(), "before": self.before.wire(), "after": self.after.wire()}


Direction = Witness | tuple[NotProved, ...] | None
"""An example, or why there may be one; `None` where it is proved that there is none."""


class Proof(Struct, frozen=True):
    """The relation of one tenant's bounds to others of it, over all actions that could be proposed, counters aside."""

    wider: Direction
    narrower: Direction
    limits: list[LimitChange] = field(default_factory=list)

    @property
    def verdict(self) -> Verdict:
        if isinstance(self.wider, tuple) or isinstance(self.narrower, tuple):
            return "NOT_PROVED"
        if self.wider and self.narrower:
            return "INCOMPARABLE"
        return "WIDER" if self.wider else "NARROWER" if self.narrower else "EQUAL"

    @property
    def not_proved(self) -> list[NotProved]:
        found = [each for each in (self.wider, self.narrower) if isinstance(each, tuple)]
        return list(dict.fromkeys(problem for problems in found for problem in problems))

    def wire(self, never: Sequence[NeverAnswer] = ()) -> ProofAnswer:
        """With what was proved of properties."""
        return {
            "verdict": self.verdict,
            "wider": _wire(self.wider),
            "narrower": _wire(self.narrower),
            "not_proved": [problem.wire() for problem in self.not_proved],
            "limits": [limit.wire() for limit in self.limits],
            "never": [answer.wire() for answer in never],
        }


def _wire(direction: Direction) -> DifferentAnswer | None:
    return direction.wire() if isinstance(direction, Witness) else None


class NeverAnswer(Struct, frozen=True):
    """Whether nothing that a property describes ever runs alone. Without an example and a problem it is proved."""

    never: str
    example: Example | None = None
    not_proved: tuple[NotProved, ...] = ()

    @property
    def holds(self) -> bool:
        return self.example is None and not self.not_proved

    def wire(self) -> NeverProvedAnswer:
        return {
            "never": self.never,
            "holds": self.holds,
            "example": None if self.example is None else self.example.wire(),
            "not_proved": [problem.wire() for problem in self.not_proved],
        }
