"""
Notices: which ledger entry becomes which, in which words.

A notice says that something wants a person's eye. It holds those fields of an intent that its subscription asks for,
and nothing that opens it decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

from pydantic import Field

from remit.core.execution.sample import Sample
from remit.core.gate.action_type import is_empty, is_none
from remit.core.gate.budget import BUDGET_EXCEEDED
from remit.core.gate.decision import PUBLISH_REJECTED
from remit.core.intent import ActionIntentV1
from remit.core.ledger.entries import EventType, LedgerEntry
from remit.core.lifecycle import Case, Status
from remit.core.notifications.about import FieldShown
from remit.core.notifications.narration import narrate
from remit.core.notifications.notice_kind import ENDED, NoticeKind
from remit.core.values import Document, UtcTime, instant, shifted

LONGEST_LEAD = timedelta(hours=1)
"""An intent is about to expire when less than this is left of its life, or less than a tenth of it."""
MOST_WARNED = 2000
"""How many intents are remembered as told to be about to expire."""
_WARNED_KEPT = timedelta(minutes=15)
"""For so long after it has expired: another worker's clock may be behind."""
MOST_WINDOWS = 500
"""How many windows of today are remembered as told to be exhausted."""
JUDGED_EVERY = timedelta(hours=1)
"""People are told no more often of sampled actions that they may judge."""
LONGEST_TEXT = 1000
"""Longer than narration makes a sentence of an agent's words: a policy's own explanation may be."""

STOP_EVENTS: tuple[EventType, ...] = ("AUTONOMY_STOPPED", "AUTONOMY_RESUMED")
NOTICED: tuple[EventType, ...] = ("GATE_DECIDED", "BUDGET_RELEASED", "ACTION_UNKNOWN", *STOP_EVENTS)
"""The event types of which a notice may come."""
ENDS: dict[EventType, Status] = {
    "ACTION_EXECUTED": "SUCCEEDED",
    "ACTION_FAILED": "FAILED",
    "ACTION_UNKNOWN": "UNKNOWN",
    "EXECUTION_CANCELLED": "CANCELLED",
    "ACTION_REJECTED": "REJECTED",
    "INTENT_EXPIRED": "EXPIRED",
    "INTENT_WITHDRAWN": "WITHDRAWN",
}
"""The event types that end an intent, and how. What takes its place goes on for it."""


class Notice(Document):
    """One thing that people are told; about an intent, an account, or all of the tenant."""

    notice: NoticeKind
    at: UtcTime
    text: str
    account_id: str | None = None
    action_intent_id: str | None = None
    action_type: str | None = None
    expires_at: UtcTime | None = None
    status: Status | None = Field(default=None, exclude_if=is_none)
    """Of `INTENT_ENDED`: how."""
    proposed_as: str | None = Field(default=None, exclude_if=is_none)
    """Likewise: the id under which its agent had proposed it, where a person's edit took its place."""
    fields: list[FieldShown] = Field(default=[], exclude_if=is_empty)
    """Of the intent, those that the subscription asks for."""

    @property
    def line(self) -> str:
        """All of it in one line."""
        shown = "; ".join(f"{each.path}: {each.text}" for each in self.fields)
        return f"{self.text} ({shown})" if shown else self.text


class NotificationState(Document):
    """
    The record of what has been told to a tenant's people beside its entries.

    `warned`: the intents told to be about to expire, and when they do. `digested`: the last day told. `exhausted`:
    the windows told to be exhausted, and when they begin anew. `judge_told`: of sampled actions that had ended by then
    people were told, and at `judge_next` they may be told of others. `unanswered`: by subscription and intent, when
    somebody else is told. `due_at`: when the tenant has to be looked at again,
    though nothing happens. `warned_to` is an earlier release's: whose time to be warned of had come by then was told.
    """

    warned: dict[str, UtcTime] = {}
    warned_to: UtcTime | None = None
    digested: str | None = None
    exhausted: dict[str, UtcTime] = {}
    judge_told: UtcTime | None = Field(default=None, exclude_if=is_none)
    judge_next: UtcTime | None = Field(default=None, exclude_if=is_none)
    unanswered: dict[str, UtcTime] = Field(default={}, exclude_if=is_empty)
    due_at: UtcTime | None = None

    def has_warned(self, case: Case) -> bool:
        return case.action_intent_id in self.warned or (self.warned_to is not None and warn_at(case) <= self.warned_to)

    def may_tell_to_judge(self, now: datetime) -> bool:
        return self.judge_next is None or self.judge_next <= now

    def warned_after(self, cases: Iterable[Case], now: datetime) -> dict[str, datetime]:
        """`warned` afterwards; `cases` are the waiting ones that expire soon. Of too many the last to expire."""
        lasting = {name: ends for name, ends in self.warned.items() if ends > shifted(now, -_WARNED_KEPT)}
        told = {
            case.action_intent_id: case.expires_at for case in cases if self.has_warned(case) or _is_near(case, now)
        }
        latest = sorted((lasting | told).items(), key=itemgetter(1), reverse=True)
        return dict(latest[:MOST_WARNED])


def notices_of(entry: LedgerEntry, case: Case | None, intent: ActionIntentV1 | None) -> list[Notice]:
    """
    The notices to people about one entry of a type in `NOTICED`.

    What has been answered or found out meanwhile is not told any more.
    """
    if entry.event_type in STOP_EVENTS:
        return [_of_stop(entry)]
    if case is None or intent is None:
        return []
    if entry.event_type == "ACTION_UNKNOWN":
        return [_of_intent("OUTCOME_UNKNOWN", entry, case, intent)] if case.status == "UNKNOWN" else []
    if entry.event_type == "BUDGET_RELEASED" and not entry.data["why"].startswith(PUBLISH_REJECTED):
        return []
    return [_of_intent("NEEDS_INPUT", entry, case, intent)] if case.status == "AWAITING_APPROVAL" else []


def _of_stop(entry: LedgerEntry) -> Notice:
    kind: NoticeKind = "STOPPED" if entry.event_type == "AUTONOMY_STOPPED" else "RESUMED"
    return Notice(
        notice=kind,
        at=datetime.fromisoformat(entry.at),
        text=cut(narrate(entry, None) or ""),
        account_id=entry.data["scope"].get("account_id"),
    )


def _of_intent(kind: NoticeKind, entry: LedgerEntry, case: Case, intent: ActionIntentV1) -> Notice:
    return Notice(
        notice=kind,
        at=datetime.fromisoformat(entry.at),
        text=cut(narrate(entry, intent) or ""),
        account_id=case.account_id,
        action_intent_id=case.action_intent_id,
        action_type=case.action_type,
        expires_at=case.expires_at if kind == "NEEDS_INPUT" else None,
    )


def ended_notice(entry: LedgerEntry, intent: ActionIntentV1, proposed_as: str) -> Notice:
    """The callback's notice of one entry of a type in `ENDS`."""
    return Notice(
        notice=ENDED,
        at=datetime.fromisoformat(entry.at),
        text=cut(narrate(entry, intent) or ""),
        account_id=intent.account_id,
        action_intent_id=intent.action_intent_id,
        action_type=intent.action_type,
        status=ENDS[entry.event_type],
        proposed_as=proposed_as if proposed_as != intent.action_intent_id else None,
    )


def exhausted(entries: Iterable[LedgerEntry], told: Mapping[str, datetime], now: datetime) -> Iterator[Notice]:
    """
    The notices about budgets that ran out: once a window, when it first sends an action to a person.

    `told` is what `NotificationState.exhausted` holds; each notice's `expires_at` is when that window begins anew.
    """
    seen = set(told)
    for entry in entries:
        window = _full_window(entry)
        if window is None or window["window_id"] in seen:
            continue
        seen.add(window["window_id"])
        resets_at = datetime.fromisoformat(window["resets_at"])
        if resets_at > now:
            yield Notice(
                notice="BUDGET_EXHAUSTED",
                at=datetime.fromisoformat(entry.at),
                text=cut(f"{_from_when(window)} a person is asked: {entry.data['explanation']}"),
                account_id=None if window["scope"] == "tenant" else entry.account_id,
                expires_at=resets_at,
            )


def exhausted_after(entries: Iterable[LedgerEntry], told: Mapping[str, datetime], now: datetime) -> dict[str, datetime]:
    """`NotificationState.exhausted` afterwards: the windows of today, and of too many the last to end."""
    found = {**told}
    for entry in entries:
        window = _full_window(entry)
        if window is not None:
            found[window["window_id"]] = datetime.fromisoformat(window["resets_at"])
    lasting = sorted(((ends, name) for name, ends in found.items() if ends > now), reverse=True)
    return {name: ends for ends, name in lasting[:MOST_WINDOWS]}


def _full_window(entry: LedgerEntry) -> dict[str, Any] | None:
    """The window without room because of which this decision asks a person."""
    if entry.event_type != "GATE_DECIDED" or entry.data["reason"] != BUDGET_EXCEEDED:
        return None
    saw = _budget_check(entry)
    limits: Sequence[dict[str, Any]] = saw["limits"]
    named = saw.get("refused_by")
    if named is not None:
        return next((limit for limit in limits if limit.get("name") == named), None)
    full = (limit for limit in limits if "name" not in limit and limit["limit"] is not None)
    return next((limit for limit in full if limit["used_before"] >= limit["limit"]), None)


def _budget_check(entry: LedgerEntry) -> dict[str, Any]:
    found: dict[str, Any] = next(check["saw"] for check in entry.data["checks"] if check["check"] == "budget")
    return found


def _from_when(window: Mapping[str, Any]) -> str:
    # A smaller amount may still have room.
    return "For lack of room" if window.get("unit") else "From now on"


def to_judge(samples: Iterable[Sample], state: NotificationState, now: datetime) -> list[Notice]:
    """
    The notices of the sampled actions that nobody has judged: how many there are of each account of which some
    ended since they were told last.
    """
    ends: dict[str, list[datetime]] = {}
    for sample in samples:
        if now < sample.shown_until:
            ends.setdefault(sample.account_id, []).append(sample.ended_at)
    return [
        Notice(notice="TO_JUDGE", at=max(ended), text=_to_judge(account_id, len(ended)), account_id=account_id)
        for account_id, ended in sorted(ends.items())
        if state.judge_told is None or max(ended) > state.judge_told
    ]


def _to_judge(account_id: str, count: int) -> str:
    actions = "action" if count == 1 else "actions"
    return f"{count:,} automatic {actions} of account {account_id} may be judged: was this right?"


def warn_at(case: Case) -> datetime:
    """The time at which people are told that a waiting intent is about to expire."""
    return case.expires_at - min(LONGEST_LEAD, (case.expires_at - case.created_at) / 10)


def expires_soon(cases: Iterable[Case], state: NotificationState, now: datetime) -> list[Notice]:
    """The notices about waiting intents whose time to be warned of has come: once each."""
    return [
        Notice(
            notice="EXPIRES_SOON",
            at=now,
            text=f"{case.action_type} for {case.account_id} still waits and expires at {instant(case.expires_at)}",
            account_id=case.account_id,
            action_intent_id=case.action_intent_id,
            action_type=case.action_type,
            expires_at=case.expires_at,
        )
        for case in cases
        if _is_near(case, now) and not state.has_warned(case)
    ]


def _is_near(case: Case, now: datetime) -> bool:
    return case.status == "AWAITING_APPROVAL" and warn_at(case) <= now < case.expires_at


def cut(text: str) -> str:
    """A sentence, not longer than messages hold."""
    if len(text) <= LONGEST_TEXT:
        return text
    return f"{text[:LONGEST_TEXT]}… {len(text) - LONGEST_TEXT:,} more characters on its page"
