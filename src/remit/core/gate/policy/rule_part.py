"""Rules that Cedar is asked about together, and what it said of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import orjson

from remit.core.gate.policy.question import Asked, PolicyQuestion
from remit.core.gate.policy.reads import Reads

if TYPE_CHECKING:
    # For annotations alone: who has rules to ask has loaded Cedar to compile them.
    import cedarpy

MOST_ANSWERS = 2000
"""How many questions a set of rules remembers the answers to."""
A = TypeVar("A")


class Said(NamedTuple):
    """Cedar's answer: the rules that determined it, and what could not be evaluated."""

    allowed: bool
    reasons: tuple[str, ...]
    errors: tuple[str, ...]

    def beside(self, forbidding: Said) -> Said:
        """The answer of both parts as one set; the other part permits nothing. A `forbid` overrides every permit."""
        permitting_no_more = self.allowed and forbidding.reasons
        reasons = forbidding.reasons if permitting_no_more else (*self.reasons, *forbidding.reasons)
        # What makes the question itself none is said of either part.
        errors = (*dict.fromkeys((*self.errors, *forbidding.errors)),)
        return Said(self.allowed and not forbidding.reasons, reasons, errors)


class KnownAnswers(Generic[A]):
    """The latest answers, each by everything that was looked at for it."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Asked, A] = OrderedDict()
        self._lock = Lock()

    def get(self, asked: Asked) -> A | None:
        with self._lock:
            return self._kept.get(asked)

    def keep(self, asked: Asked, answer: A) -> None:
        with self._lock:
            self._kept[asked] = answer
            # The oldest goes: what was just worked out for a batch is still there when the batch is written.
            if len(self._kept) > MOST_ANSWERS:
                self._kept.popitem(last=False)


@dataclass(frozen=True, slots=True)
class RulePart:
    """Some rules of a set; `reads` is what a question has to hold for them."""

    engine: cedarpy.PolicySet
    reads: Reads
    looked_at: Callable[[PolicyQuestion], Asked] = field(repr=False)
    answers: KnownAnswers[Said] = field(default_factory=KnownAnswers)

    def known(self, question: PolicyQuestion) -> Said:
        """The answer of rules that look at no parameter and no fact. Raises `ValueError`."""
        asked = self.looked_at(question)
        said = self.answers.get(asked)
        if said is None:
            said = self.ask(question, ())
            self.answers.keep(asked, said)
        return said

    def ask(self, question: PolicyQuestion, seen: Sequence[dict[str, Any]]) -> Said:
        """The answer beside these entities. Raises `ValueError`."""
        import cedarpy

        entities = cedarpy.Entities.from_json_str(orjson.dumps(seen).decode())
        answer = cedarpy.is_authorized(question.request(self.reads), self.engine, entities)
        return Said(answer.allowed, tuple(answer.diagnostics.reasons), tuple(answer.diagnostics.errors))
