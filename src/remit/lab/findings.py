"""The findings of a replay: what would have gone otherwise, in counts and sums, and what could not be judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from heapq import heappush, heappushpop
from typing import TYPE_CHECKING, Literal

from msgspec import Struct, field

from remit.core.gate.action_type import ActionTypeSpec
from remit.core.gate.amount import Amount, amount_of, decimal_text
from remit.core.gate.decision import Decision
from remit.core.gate.log_only import would_have_said
from remit.core.intent import ActionIntentV1
from remit.core.values import instant
from remit.lab.history import PastDecision, ReplaySpan, moment_of

if TYPE_CHECKING:
    from remit.core.views import ReplayAnswer, ReplayGroup, SumAnswer, TallyLine, TellingAnswer

Course = Literal["RAN", "ASKED", "BLOCKED"]
"""What a decision comes to: it runs alone, a person is asked, or a person is asked and cannot approve it."""
Change = Literal["would_run", "would_ask", "would_be_blocked", "no_longer_blocked"]
CHANGES: tuple[Change, ...] = ("would_run", "would_ask", "would_be_blocked", "no_longer_blocked")
Label = Literal["action_type", "reason", "account_id"]
MOST_TELLING, MOST_EXAMPLES = 10, 10
MOST_ACCOUNTS, MOST_SHOWN = 10_000, 100
OTHERS = "(others)"
_WENT_WRONG = ("FAILED", "UNKNOWN")

NOT_JUDGED = {
    "INTENT_MISSING": "the ledger holds its decision and not what was proposed",
    "NOT_READABLE": "an entry does not carry what its type carries; verify the ledger",
    "NEWER_FORMAT": "a newer version wrote its entries",
    "PRIVATE_VALUES": "a rule, or an amount, looks at values that are private: they are not in the ledger",
    "FACTS_NOT_RECORDED": "a rule rests on facts, and its decision recorded other ones, or none",
    "ARGUMENTS_REFUSED": "its arguments do not fit the schema of its type, so it would be refused before the gate",
    "PRINCIPAL_REFUSED": "its account is confined to other principals, so it would be refused before the gate",
    "REPLACES_WHAT_WOULD_RUN": "it took the place of an intent that would have run alone",
}
"""Why a decision is not judged, by the reason's name."""


class Tally(Struct):
    """The number of them, and what they come to by the amounts that their types declare."""

    count: int = 0
    sums: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, amounts: Iterable[tuple[str, Amount]]) -> None:
        self.count += 1
        for name, amount in amounts:
            key = (name, amount.unit)
            self.sums[key] = self.sums.get(key, 0) + amount.ten_thousandths

    def with_all_of(self, other: Tally) -> None:
        self.count += other.count
        for key, units in other.sums.items():
            self.sums[key] = self.sums.get(key, 0) + units

    @property
    def amounts(self) -> list[SumAnswer]:
        sums = sorted(self.sums.items())
        return [{"name": name, "unit": unit, "sum": decimal_text(units)} for (name, unit), units in sums]

    def wire(self, label: Label, name: str) -> TallyLine:
        line: TallyLine = {"count": self.count, "amounts": self.amounts}
        line[label] = name
        return line


class Tallies(Struct):
    """Tallies by name, the largest first when they are shown; beyond `most` names, the others are one."""

    most: int
    by_name: dict[str, Tally] = field(default_factory=dict)

    def of(self, name: str) -> Tally:
        known = self.by_name.get(name)
        if known is None:
            name = name if len(self.by_name) < self.most else OTHERS
            known = self.by_name.setdefault(name, Tally())
        return known

    def wire(self, label: Label) -> list[TallyLine]:
        ordered = sorted(self.by_name.items(), key=lambda pair: (pair[0] == OTHERS, -pair[1].count, pair[0]))
        shown, rest = ordered[:MOST_SHOWN], ordered[MOST_SHOWN:]
        if rest:
            others = Tally()
            for _, tally in rest:
                others.with_all_of(tally)
            shown = [*shown, (OTHERS, others)]
        return [tally.wire(label, name) for name, tally in shown]


class Group(Struct):
    """The decisions that would have gone otherwise in one way."""

    all: Tally = field(default_factory=Tally)
    types: Tallies = field(default_factory=lambda: Tallies(MOST_ACCOUNTS))
    reasons: Tallies = field(default_factory=lambda: Tallies(MOST_ACCOUNTS))
    accounts: Tallies = field(default_factory=lambda: Tallies(MOST_ACCOUNTS))
    answers: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    went_wrong: Counter[str] = field(default_factory=Counter)
    """Of those that people answered so, how many failed, or ended unknown."""

    def add(self, past: PastDecision, action_type: str, reason: str, amounts: Sequence[tuple[str, Amount]]) -> None:
        tallies = (self.all, self.types.of(action_type), self.reasons.of(reason), self.accounts.of(past.account_id))
        for tally in tallies:
            tally.add(amounts)
        if past.answer is not None:
            self.answers[past.answer] += 1
        if past.ended is not None:
            self.ends[past.ended] += 1
            self.went_wrong[past.answer or "alone"] += past.ended in _WENT_WRONG

    def wire(self) -> ReplayGroup:
        return {
            "count": self.all.count,
            "amounts": self.all.amounts,
            "by_action_type": self.types.wire("action_type"),
            "by_reason": self.reasons.wire("reason"),
            "by_account": self.accounts.wire("account_id"),
            "people": dict(sorted(self.answers.items())),
            "ended": dict(sorted(self.ends.items())),
            "went_wrong": {name: count for name, count in sorted(self.went_wrong.items()) if count},
        }


class _Case(Struct, frozen=True):
    """One decision that would have gone otherwise."""

    past: PastDecision
    intent: ActionIntentV1
    change: Change
    now: Decision
    amounts: list[tuple[str, Amount]]

    @property
    def reason(self) -> str:
        """For which a person is asked, or was."""
        return self.past.reason if self.change in ("would_run", "no_longer_blocked") else self.now.reason

    @property
    def rank(self) -> tuple[int, int, int, str]:
        """The weight of a finding: what people or the far side said against it, then how much it is about."""
        units = sum(amount.ten_thousandths for _, amount in self.amounts)
        return _weight(self.past, self.change), units, self.past.at, self.past.entry_id

    def wire(self) -> TellingAnswer:
        past, now = self.past, self.now
        return {
            "action_intent_id": past.action_intent_id,
            "account_id": past.account_id,
            "action_type": self.intent.action_type,
            "decided_at": instant(moment_of(past.at)),
            "change": self.change,
            "was": past.reason,
            "would_be": now.reason,
            "explanation": now.explanation,
            "people": past.answer,
            "ended": past.ended,
            "amounts": [{"name": name, "unit": each.unit, "value": each.value} for name, each in self.amounts],
        }


_BY_ANSWER = {"rejected": 9, "edited": 7, "withdrawn": 6, "expired": 3, "approved": 2}


def _weight(past: PastDecision, change: Change) -> int:
    wrong = past.ended in _WENT_WRONG
    if change == "would_run":
        return max(8 if wrong else 1, _BY_ANSWER.get(past.answer or "", 1), 4 if past.blocked else 0)
    return 5 if wrong else 1


class Findings(Struct):
    """Collects what a replay comes to, in memory that does not grow with how long the history is."""

    span: ReplaySpan
    decisions: int = 0
    unchanged: int = 0
    other_reason: int = 0
    groups: dict[Change, Group] = field(default_factory=lambda: {change: Group() for change in CHANGES})
    log_only: dict[tuple[Literal["policy", "limit"], str], Group] = field(default_factory=dict)
    """What would run alone, by the kind and name of each policy or limit that decides nothing and would refuse it."""
    not_judged: Counter[str] = field(default_factory=Counter)
    _examples: dict[str, list[str]] = field(default_factory=dict)
    _telling: list[tuple[tuple[int, int, int, str], _Case]] = field(default_factory=list)

    def judged(
        self, past: PastDecision, intent: ActionIntentV1, spec: ActionTypeSpec | None, now: Decision, *, blocked: bool
    ) -> None:
        """A decision, and what it would be; `blocked` says whether a person could approve it."""
        self.decisions += 1
        if now.approves:
            self._note_log_only(past, intent, spec, now)
        change = _change(past, now, blocked=blocked)
        if change is None:
            self.unchanged += 1
            self.other_reason += past.reason != now.reason
            return
        case = _Case(past, intent, change, now, _amounts(intent, spec))
        self.groups[change].add(past, intent.action_type, case.reason, case.amounts)
        if len(self._telling) < MOST_TELLING:
            heappush(self._telling, (case.rank, case))
        elif case.rank > self._telling[0][0]:
            heappushpop(self._telling, (case.rank, case))

    def _note_log_only(
        self, past: PastDecision, intent: ActionIntentV1, spec: ActionTypeSpec | None, now: Decision
    ) -> None:
        for said in would_have_said(now):
            group = self.log_only.setdefault((said.kind, said.name), Group())
            if said.would_say is not None:
                group.add(past, intent.action_type, said.would_say, _amounts(intent, spec))

    def unjudged(self, past: PastDecision, reason: str) -> None:
        """`reason` is one of `NOT_JUDGED`."""
        self.decisions += 1
        self.not_judged[reason] += 1
        examples = self._examples.setdefault(reason, [])
        if len(examples) < MOST_EXAMPLES:
            examples.append(past.action_intent_id)

    def wire(self, tenant_id: str) -> ReplayAnswer:
        return {
            "tenant_id": tenant_id,
            "since": instant(self.span.since),
            "until": instant(self.span.until),
            "counted_from": instant(self.span.counted_from),
            "decisions": self.decisions,
            "unchanged": self.unchanged,
            "other_reason": self.other_reason,
            "would_run": self.groups["would_run"].wire(),
            "would_ask": self.groups["would_ask"].wire(),
            "would_be_blocked": self.groups["would_be_blocked"].wire(),
            "no_longer_blocked": self.groups["no_longer_blocked"].wire(),
            "log_only": [
                {"kind": kind, "name": name, "would_refuse": group.wire()}
                for (kind, name), group in self.log_only.items()
            ],
            "telling": [case.wire() for _, case in sorted(self._telling, key=lambda each: each[0], reverse=True)],
            "not_judged": [
                {"reason": name, "explanation": NOT_JUDGED[name], "count": count, "intents": self._examples[name]}
                for name, count in sorted(self.not_judged.items())
            ],
        }


def _amounts(intent: ActionIntentV1, spec: ActionTypeSpec | None) -> list[tuple[str, Amount]]:
    found = ((name, amount_of(each, intent.parameters)) for name, each in (spec.amounts if spec else {}).items())
    return [(name, amount) for name, amount in found if isinstance(amount, Amount)]


def _change(past: PastDecision, now: Decision, *, blocked: bool) -> Change | None:
    before: Course = "RAN" if past.ran else "BLOCKED" if past.blocked else "ASKED"
    after: Course = "RAN" if now.approves else "BLOCKED" if blocked else "ASKED"
    return None if before == after else _CHANGES[before, after]


_CHANGES: Mapping[tuple[Course, Course], Change] = {
    ("ASKED", "RAN"): "would_run",
    ("BLOCKED", "RAN"): "would_run",
    ("RAN", "ASKED"): "would_ask",
    ("RAN", "BLOCKED"): "would_be_blocked",
    ("ASKED", "BLOCKED"): "would_be_blocked",
    ("BLOCKED", "ASKED"): "no_longer_blocked",
}
