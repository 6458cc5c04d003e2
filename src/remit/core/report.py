"""
The report of a period, read from the ledger: what ran alone and why, what people answered and how fast, what failed or
nobody knows, and every change of bounds, stops and keys.

It says what entries say, each once, on the moment that they carry; sums are exact and no unit is converted.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from statistics import median
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import Struct, field

from remit.core.execution.approval import UNDONE
from remit.core.execution.outcome import OUTCOME_EVENT
from remit.core.gate.action_type import ActionTypeSpec
from remit.core.gate.amount import Amount, AmountUnknown, amount_of, decimal_text
from remit.core.headline import headline
from remit.core.identity.person import person_of
from remit.core.intent import ActionIntentV1
from remit.core.ledger.entries import EventType, LedgerEntry
from remit.core.ledger.history import DECIDED_AGAIN, IntentHistory
from remit.core.mirrors import view_of
from remit.core.notifications.narration import narrate, reason_in_words
from remit.core.values import instant, utc

if TYPE_CHECKING:
    from remit.core.views.report import (
        GivenAnswer,
        ReportedAction,
        ReportedAnswer,
        ReportedChange,
        ReportedEvents,
        ReportedJudgement,
        ReportedLine,
        ReportedPeriod,
        ReportedPerson,
        ReportedResolution,
        ReportedType,
        TimedLine,
    )

L = TypeVar("L", bound="TimedLine")
OUTCOMES: Mapping[EventType, str] = {event: status for status, event in OUTCOME_EVENT.items()}
ANSWERS: Mapping[EventType, str] = {
    "ACTION_APPROVED": "APPROVED",
    "ACTION_REJECTED": "REJECTED",
    "INTENT_SUPERSEDED": "EDITED",
    "APPROVAL_VOTED": "VOTED",
    "BUDGET_RELEASED": "UNDONE",
}
ENDED_UNANSWERED: Mapping[EventType, str] = {"INTENT_EXPIRED": "expired", "INTENT_WITHDRAWN": "withdrawn"}
CHANGES: tuple[EventType, ...] = (
    *("CONFIG_CHANGED", "AUTONOMY_STOPPED", "AUTONOMY_RESUMED", "KEY_CHANGED", "SUBSCRIPTION_CHANGED", "LINK_MADE"),
    *("QUEUE_HANDED_OVER", "CONTENT_ERASED"),
)
REPORTED: tuple[EventType, ...] = (
    *(*OUTCOMES, "OUTCOME_RESOLVED", "AUTONOMY_SAMPLED"),
    *(*ANSWERS, *ENDED_UNANSWERED, *CHANGES),
)
MOST_PATHS = 20


class _OfType(Struct):
    """The actions of one type that ran alone."""

    statuses: Counter[str] = field(default_factory=Counter)
    sums: Counter[tuple[str, str]] = field(default_factory=Counter)
    why: Counter[tuple[str, str]] = field(default_factory=Counter)

    def wire(self, action_type: str) -> ReportedType:
        return {
            "action_type": action_type,
            "count": sum(self.statuses.values()),
            "statuses": dict(sorted(self.statuses.items())),
            "sums": [{"name": n, "unit": u, "value": decimal_text(v)} for (n, u), v in sorted(self.sums.items())],
            "why": [{"rule": r, "explanation": e, "count": n} for (r, e), n in self.why.most_common()],
        }


class About(Struct, frozen=True):
    """The intent that an entry is about, as its chain and the version of its type say it."""

    history: IntentHistory
    intent: ActionIntentV1
    spec: ActionTypeSpec | None

    @property
    def amounts(self) -> dict[str, Amount | AmountUnknown]:
        declared = self.spec.amounts if self.spec else {}
        return {name: amount_of(spec, self.intent.parameters) for name, spec in declared.items()}

    def line(self, at: str) -> ReportedLine:
        intent, amounts = self.intent, self.amounts
        wired = {name: view_of(amount) for name, amount in amounts.items()}
        return {
            "at": at,
            "action_intent_id": intent.action_intent_id,
            "account_id": intent.account_id,
            "action_type": intent.action_type,
            "title": headline(self.spec.title if self.spec else None, intent.as_committed.wire(), wired),
            "proposed_by": intent.proposed_by,
            "amounts": wired,
        }


class ReportBuilder:
    """Takes entries of types in `REPORTED`, newest first, and says what they come to."""

    def __init__(self) -> None:
        self._alone: defaultdict[str, _OfType] = defaultdict(_OfType)
        self._unanswered: Counter[str] = Counter()
        self.actions: list[ReportedAction] = []
        self.answers: list[ReportedAnswer] = []
        self.resolved: list[ReportedResolution] = []
        self.judged: list[ReportedJudgement] = []
        self.changes: list[ReportedChange] = []

    def add(self, entry: LedgerEntry, about: About | None) -> None:
        """`about` is there for an entry of an intent's chain."""
        if entry.event_type in CHANGES:
            self.changes.append(_change(entry, about))
        elif about is None:
            return
        elif entry.event_type in OUTCOMES:
            self._outcome(entry, about)
        elif entry.event_type == "OUTCOME_RESOLVED":
            found = entry.data["outcome"]
            self.resolved.append(
                {**about.line(entry.at), "by": entry.actor, "status": found["status"], "note": found["note"]}
            )
        elif entry.event_type == "AUTONOMY_SAMPLED":
            self.judged.append(
                {
                    **about.line(entry.at),
                    "right": entry.data["right"],
                    "reason": entry.data["reason"],
                    "stopped": entry.data["stopped"],
                    "by": entry.actor,
                }
            )
        elif entry.event_type in ENDED_UNANSWERED:
            self._unanswered[ENDED_UNANSWERED[entry.event_type]] += 1
        elif _is_persons(entry, about):
            self.answers.append({**about.line(entry.at), **_answer(entry, about)})

    def _outcome(self, entry: LedgerEntry, about: About) -> None:
        outcome, decision = entry.data["outcome"], about.history.decision
        alone = bool(entry.data["auto_executed"])
        approval = about.history.approval(entry.data["approval_id"])
        self.actions.append(
            {
                **about.line(entry.at),
                "alone": alone,
                "approved_by": approval.approved_by if approval and not alone else None,
                "reason": decision.reason if decision else None,
                "explanation": decision.explanation if decision else None,
                "status": outcome["status"],
                "error": outcome["error_message"] or outcome["error_code"],
            }
        )
        if alone:
            self._ran_alone(about, outcome["status"])

    def _ran_alone(self, about: About, status: str) -> None:
        of_type, decision = self._alone[about.intent.action_type], about.history.decision
        of_type.statuses[status] += 1
        if decision is not None:
            of_type.why[decision.policy_clause or "", reason_in_words(decision.reason)] += 1
        if status == "SUCCEEDED":
            for name, amount in about.amounts.items():
                if isinstance(amount, Amount):
                    of_type.sums[name, amount.unit] += amount.ten_thousandths

    def wire(self) -> ReportedEvents:
        """All of it, oldest first."""
        by_type = [of_type.wire(name) for name, of_type in sorted(self._alone.items())]
        troubles = [line for line in self.actions if line["status"] != "SUCCEEDED"]
        return {
            "alone": {"count": sum(each["count"] for each in by_type), "by_type": by_type},
            "people": {
                "count": sum(_stands(line) for line in self.answers),
                "by_person": _by_person(self.answers),
                "expired": self._unanswered["expired"],
                "withdrawn": self._unanswered["withdrawn"],
            },
            "actions": _in_time(self.actions),
            "answers": _in_time(self.answers),
            "troubles": _in_time(troubles),
            "resolved": _in_time(self.resolved),
            "judged": _in_time(self.judged),
            "changes": _in_time(self.changes),
        }


def _in_time(lines: Sequence[L]) -> list[L]:
    # Entries come newest first: of one moment, the later one stands behind.
    oldest_first = [*reversed(lines)]
    oldest_first.sort(key=lambda line: datetime.fromisoformat(line["at"]))
    return oldest_first


def _is_persons(entry: LedgerEntry, about: About) -> bool:
    data = entry.data
    if entry.event_type == "ACTION_APPROVED":
        return not data["auto_executed"]
    if entry.event_type == "BUDGET_RELEASED":
        return bool(data["why"] == UNDONE)
    # What its agent itself puts in its place is nobody's answer, nor is what a person had decided again.
    again = data.get("why") == DECIDED_AGAIN
    return entry.event_type != "INTENT_SUPERSEDED" or not (again or entry.actor == about.intent.proposed_by)


def _answer(entry: LedgerEntry, about: About) -> GivenAnswer:
    decision, data = about.history.decision, entry.data
    asked = decision.decided_at if decision else about.intent.created_at
    through = data.get("credential") or {}
    return {
        "answer": ANSWERS[entry.event_type],
        "by": entry.actor,
        "through": through.get("kind"),
        "why": data.get("reason"),
        "asked_because": decision.reason if decision else None,
        "after_s": round((utc(datetime.fromisoformat(entry.at)) - asked).total_seconds(), 3),
        "taken_back": entry.event_type == "ACTION_APPROVED" and data["approval_id"] in about.history.undone,
    }


def _stands(line: ReportedAnswer) -> bool:
    """Is it an answer that was given for good?"""
    return not line["taken_back"] and line["answer"] != "UNDONE"


def _by_person(answers: Sequence[ReportedAnswer]) -> list[ReportedPerson]:
    of_person: defaultdict[str, list[ReportedAnswer]] = defaultdict(list)
    for line in answers:
        of_person[person_of(line["by"])].append(line)
    # Under the spelling of the latest answer.
    return [_person(lines[0]["by"], lines) for _, lines in sorted(of_person.items())]


def _person(name: str, lines: Sequence[ReportedAnswer]) -> ReportedPerson:
    counted = Counter(line["answer"] for line in lines if not line["taken_back"])
    seconds = [line["after_s"] for line in lines if _stands(line)]
    return {
        "by": name,
        "approved": counted["APPROVED"],
        "rejected": counted["REJECTED"],
        "edited": counted["EDITED"],
        "voted": counted["VOTED"],
        "undone": counted["UNDONE"],
        "median_s": median(seconds) if seconds else None,
        "slowest_s": max(seconds, default=None),
    }


def _change(entry: LedgerEntry, about: About | None) -> ReportedChange:
    return {
        "at": entry.at,
        "event_type": entry.event_type,
        "by": entry.actor,
        "text": narrate(entry, about.intent if about else None),
        "paths": _paths(entry.data) if entry.event_type == "CONFIG_CHANGED" else [],
    }


def _paths(data: Mapping[str, Any]) -> list[str]:
    """The parts of the bounds that changed; an entry of the first format holds the whole."""
    changed = [*data.get("set", {}), *(f"{path} (removed)" for path in data.get("removed", ()))]
    rest = len(changed) - MOST_PATHS
    return [*changed[:MOST_PATHS], *([f"… {rest} more"] if rest > 0 else [])]


def head(tenant_id: str, first: datetime, before: datetime, timezone: str, now: datetime) -> ReportedPeriod:
    """The subject of a report."""
    return {
        "tenant_id": tenant_id,
        "timezone": timezone,
        "from": instant(first),
        "to": instant(before),
        "made_at": instant(now),
    }
