"""
Invariant 8, of sampled actions: each answer about one is counted in its place, for its type and for the limits that the
action was charged to, and stops what they are over exactly when it must.

Answers stand in the chains of the intents that they are about, the stops in the tenant's own. The numbers that answers
carry put those of one action type, or of one limit, in a line, in which every count is worked out again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from remit.core.execution.limit_answers import JudgedLimit, tally_id
from remit.core.execution.sample import CountedAnswer, LimitAnswer, SampleAnswer, SampleTally, count_answer
from remit.core.gate.autonomy import StopScope
from remit.core.gate.sampling import StopAfter
from remit.core.intent import ActionIntentV1
from remit.core.ledger.verification.report import Broken
from remit.core.values import SYSTEM

Data = Mapping[str, Any]
PulledBy = tuple[str, str, int, StopScope]
"""A stop by an answer: the name of the answers that it is of, the intent, its number, and what is stopped."""


class SampleAnswered(Struct, frozen=True):
    """
    One answer, and where it stands, as it counts for its type or for one limit.

    `name` is that of all answers with which it is counted; `stops` are the switches that it pulls if it stops.
    """

    where: str
    name: str
    action_intent_id: str
    right: bool
    said: SampleAnswer | LimitAnswer
    stop_after: StopAfter | None
    stops: Sequence[StopScope]
    at: str

    @classmethod
    def of_type(
        cls, where: str, entry: Data, intent: ActionIntentV1, answer: SampleAnswer, stop_after: StopAfter | None
    ) -> SampleAnswered:
        stops = [StopScope(tenant_id=entry["tenant_id"], action_type=intent.action_type)]
        about = entry["action_intent_id"]
        return cls(where, intent.action_type, about, answer.right, answer, stop_after, stops, entry["at"])

    @classmethod
    def of_limit(
        cls, where: str, entry: Data, answer: SampleAnswer, counted: LimitAnswer, limit: JudgedLimit
    ) -> SampleAnswered:
        about = entry["action_intent_id"]
        return cls(where, limit.id, about, answer.right, counted, limit.stop_after, limit.stops, entry["at"])

    def pulled(self) -> dict[PulledBy, str]:
        """The stops that it brings about, each with its time."""
        return {(self.name, self.action_intent_id, self.said.number, scope): self.at for scope in self.stops}


class SampleAnswers(Struct):
    """All answers of a tenant, taken in whatever order they come."""

    _broken: Broken
    _answers: dict[str, list[SampleAnswered]] = field(default_factory=dict)

    def add(self, answered: SampleAnswered) -> None:
        self._answers.setdefault(answered.name, []).append(answered)

    def in_order(self) -> list[SampleAnswered]:
        """All of them; those of one name as they came."""
        return [each for answers in self._answers.values() for each in answers]

    def check(self, stops: Sequence[Data], where: str) -> None:
        """
        Finish once every chain was read; `stops` are the entries of the tenant's chain that name the answer behind
        them.
        """
        due: dict[PulledBy, str] = {}
        for name, answers in sorted(self._answers.items()):
            due |= self._check_line(name, answers)
        for entry in stops:
            self._check_stop(entry, due, where)
        for _, about, number, scope in due:
            self._broken(8, where, f"no stop of {scope} stands beside answer {number}, about intent {about}")

    def _check_line(self, name: str, answers: Sequence[SampleAnswered]) -> dict[PulledBy, str]:
        """The stops that answers about one type, or one limit, bring about."""
        tally, due = SampleTally(), dict[PulledBy, str]()
        for place, each in enumerate(sorted(answers, key=lambda each: each.said.number), 1):
            if each.said.number != place:
                problem = f"the answer about it is number {each.said.number} of {name}, and {place} is due"
                self._broken(8, each.where, problem)
                return due
            counted = count_answer(tally, each.right, each.stop_after)
            self._compare(each, counted)
            tally = counted.tally
            if counted.stops:
                due |= each.pulled()
        return due

    def _compare(self, each: SampleAnswered, counted: CountedAnswer) -> None:
        for name, due in (
            ("disagreements", counted.disagreements),
            ("of_sampled", counted.of_sampled),
            ("stopped", counted.stops),
        ):
            if getattr(each.said, name) != due:
                found = f"{name} {getattr(each.said, name)!r}, the answers before it come to {due!r}"
                self._broken(8, each.where, f"the answer about it says {found}")

    def _check_stop(self, entry: Data, due: dict[PulledBy, str], where: str) -> None:
        """A stop that names an answer: of what that stops alone, by Remit itself, in the write that recorded it."""
        data, about = entry["data"], entry["data"]["sampled"]
        scope = StopScope.from_wire(data["scope"])
        name = tally_id(about["limit"], about["scope"]) if "limit" in about else str(scope.action_type)
        if about["number"] > len(self._answers.get(name, ())):
            # It came after the intents' chains were read, and so did its answer: a chain that ends too soon is found
            # by its head.
            return
        at = due.pop((name, about["action_intent_id"], about["number"], scope), None)
        if at != entry["at"] or data["level"] != "autonomy" or entry["actor"] != SYSTEM:
            problem = f"a stop names an answer about intent {about['action_intent_id']} that did not bring it about"
            self._broken(8, where, problem)
