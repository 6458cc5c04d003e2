"""
Invariant 8, of sampled actions: each answer about one is counted in its place, and stops its type exactly when it must.

Answers stand in the chains of the intents that they are about, the stops in the tenant's own. The numbers that answers
carry put those of one action type in a line, in which every count is worked out again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from remit.core.execution.sample import CountedAnswer, SampleAnswer, SampleTally, count_answer
from remit.core.gate.sampling import StopAfter
from remit.core.ledger.entries import SYSTEM
from remit.core.ledger.verification.report import Broken

Data = Mapping[str, Any]
AnswerId = tuple[str, str, int]
"""Of an answer: its action type, its intent, and its number."""


@dataclass(frozen=True, slots=True)
class SampleAnswered:
    """One answer, and where it stands."""

    where: str
    action_type: str
    action_intent_id: str
    answer: SampleAnswer
    stop_after: StopAfter | None
    at: str

    @property
    def id(self) -> AnswerId:
        return self.action_type, self.action_intent_id, self.answer.number


@dataclass(slots=True)
class SampleAnswers:
    """All answers of a tenant, taken in whatever order they come."""

    _broken: Broken
    _answers: dict[str, list[SampleAnswered]] = field(default_factory=dict)

    def add(self, answered: SampleAnswered) -> None:
        self._answers.setdefault(answered.action_type, []).append(answered)

    def check(self, stops: Sequence[Data], where: str) -> None:
        """When every chain was read; `stops` are the entries of the tenant's chain that name the answer behind them."""
        due: dict[AnswerId, str] = {}
        for action_type, answers in sorted(self._answers.items()):
            due |= self._check_type(action_type, answers)
        for entry in stops:
            self._check_stop(entry, due, where)
        for action_type, name, number in sorted(due):
            self._broken(8, where, f"no stop of {action_type} stands beside answer {number}, about intent {name}")

    def _check_type(self, action_type: str, answers: Sequence[SampleAnswered]) -> dict[AnswerId, str]:
        """The answers that stopped it, each with its time."""
        tally, due = SampleTally(action_type=action_type), dict[AnswerId, str]()
        for place, each in enumerate(sorted(answers, key=lambda each: each.answer.number), 1):
            if each.answer.number != place:
                problem = f"the answer about it is number {each.answer.number} of {action_type}, and {place} is due"
                self._broken(8, each.where, problem)
                return due
            counted = count_answer(tally, each.answer.right, each.stop_after)
            self._compare(each, counted)
            tally = counted.tally
            if counted.stops:
                due[each.id] = each.at
        return due

    def _compare(self, each: SampleAnswered, counted: CountedAnswer) -> None:
        said = each.answer
        for name, due in (
            ("disagreements", counted.disagreements),
            ("of_sampled", counted.of_sampled),
            ("stopped", counted.stops),
        ):
            if getattr(said, name) != due:
                found = f"{name} {getattr(said, name)!r}, the answers before it come to {due!r}"
                self._broken(8, each.where, f"the answer about it says {found}")

    def _check_stop(self, entry: Data, due: dict[AnswerId, str], where: str) -> None:
        """A stop that names an answer: of its type alone, by Remit itself, in the write that recorded the answer."""
        data, about = entry["data"], entry["data"]["sampled"]
        scope = data["scope"]
        id = (scope["action_type"], about["action_intent_id"], about["number"])
        if id[2] > len(self._answers.get(id[0], ())):
            # It came after the intents' chains were read, and so did its answer: a chain that ends too soon is found
            # by its head.
            return
        at = due.pop(id, None)
        whole = scope["account_id"] is None and data["level"] == "autonomy" and entry["actor"] == SYSTEM
        if at != entry["at"] or not whole:
            self._broken(8, where, f"a stop names an answer about intent {id[1]} that did not bring it about")
