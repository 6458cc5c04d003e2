"""
History, as a replay needs it of a ledger: each intent's chain as one past decision, and what was given back of its
charge.

A chain is read from its first entry; chains may come in any order. What of a chain does not say what its entries must
is told as its problem, and never raised: a replay names what it could not judge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

import msgspec
from msgspec import Struct

from remit.core.execution.outcome import OUTCOME_EVENT
from remit.core.gate.amount import in_units
from remit.core.intent import ActionIntentV1
from remit.core.ledger.entries import FORMAT, EventType, LedgerEntry
from remit.core.ledger.history import DECIDED_AGAIN
from remit.core.private_values import may_hold_commitments
from remit.core.values import utc

Answer = Literal["approved", "rejected", "edited", "decided_again", "replaced", "withdrawn", "expired", "waiting"]
"""The end of a question to people: what one of them, its proposer, or nobody did about it."""
MALFORMED = (KeyError, TypeError, ValueError, AttributeError)
INTENT_MISSING, NOT_READABLE, NEWER = "INTENT_MISSING", "NOT_READABLE", "NEWER_FORMAT"
_EPOCH, _MICROSECOND = datetime.fromisoformat("1970-01-01T00:00:00+00:00"), timedelta(microseconds=1)
_KNOWN = frozenset(get_args(EventType))
_ENDED = {event: status for status, event in OUTCOME_EVENT.items()}


def microseconds(moment: datetime) -> int:
    """Since 1970: times of entries, in a form that sorts."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(microseconds: int) -> datetime:
    return _EPOCH + microseconds * _MICROSECOND


class SeenWindow(msgspec.Struct, array_like=True, gc=False):
    """
    A window as a decision saw it, and what was charged to it then.

    `position` is 0 where nothing was charged; `fresh` says that the window began within the history that is read, so
    that its first charge is its position 1. Uses are in units: ten-thousandths of a sum.
    """

    window_id: str
    ends: int
    used_before: int
    fresh: bool
    position: int = 0
    used_after: int = 0


class PastDecision(msgspec.Struct, tag="decision", array_like=True, gc=False, omit_defaults=True):
    """
    A decision as the ledger has it, what it was about, and what became of it.

    `intent` is the proposal in canonical JSON; empty where the chain does not hold it. `answer` is what people said
    where they were asked, `ended` the status of the outcome.
    """

    at: int
    entry_id: str
    action_intent_id: str
    account_id: str
    intent: bytes = b""
    ran: bool = False
    blocked: bool = False
    reason: str = ""
    stop: dict[str, Any] | None = None
    edited_by: str | None = None
    person_required: bool = False
    # It pinned another version of its type than the one that was in force when it was decided.
    stale: bool = False
    private: bool = False
    seen: list[SeenWindow] = []
    facts: dict[str, Any] = {}
    given_back: bool = False
    answer: Answer | None = None
    ended: str | None = None
    replaced_by: str | None = None
    problem: str | None = None

    @property
    def proposal(self) -> ActionIntentV1:
        """Raises `ValueError` for what is none."""
        return ActionIntentV1.from_json(self.intent)


class PastRelease(msgspec.Struct, tag="release", array_like=True, gc=False):
    """The part given back of the charge of a decision, window by window: how much, and as which movement."""

    at: int
    entry_id: str
    action_intent_id: str
    seen: list[SeenWindow]

    def taken(self) -> Iterator[tuple[str, int]]:
        return ((window.window_id, window.used_before - window.used_after) for window in self.seen)


PastEvent = PastDecision | PastRelease


class ReplaySpan(Struct, frozen=True):
    """From when the counters are worked out, and from when until before when decisions are reported."""

    counted_from: datetime
    since: datetime
    until: datetime
    taking_up_until: datetime
    """When the last window has ended that began before `counted_from`."""


def past_events(entries: Iterable[LedgerEntry], span: ReplaySpan) -> Iterator[PastEvent]:
    """The decisions of a span and their releases, chain by chain; `entries` come chain by chain as well."""
    reader = _ChainReader(microseconds(span.counted_from), microseconds(span.until))
    chain: list[LedgerEntry] = []
    for entry in entries:
        if chain and chain[0].action_intent_id != entry.action_intent_id:
            yield from reader.events(chain)
            chain = []
        if entry.action_intent_id is not None:
            chain.append(entry)
    if chain:
        yield from reader.events(chain)


class _ChainReader(Struct):
    first: int
    end: int

    def events(self, chain: Sequence[LedgerEntry]) -> Iterator[PastEvent]:
        decided = next((entry for entry in chain if entry.event_type == "GATE_DECIDED"), None)
        if decided is None:
            # Nothing to compare: it was taken back first, or waits for the gate.
            return
        at = _at(decided)
        if at >= self.end:
            return
        try:
            folded = _Chain(self.first)
            for entry in chain:
                folded.read(entry)
            decision, releases = folded.decision(decided, at), folded.releases
        except MALFORMED as error:
            problem = next((NEWER for entry in chain if _is_newer(entry)), f"{NOT_READABLE}: {type(error).__name__}")
            decision, releases = _unreadable(decided, at, problem), []
        if at >= self.first:
            yield decision
        yield from (release for release in releases if self.first <= release.at < self.end)


def _at(entry: LedgerEntry) -> int:
    return microseconds(utc(datetime.fromisoformat(entry.at)))


def _is_newer(entry: LedgerEntry) -> bool:
    return entry.v > FORMAT or entry.event_type not in _KNOWN


def _unreadable(decided: LedgerEntry, at: int, problem: str) -> PastDecision:
    return PastDecision(
        at=at,
        entry_id=decided.entry_id,
        action_intent_id=decided.action_intent_id or "",
        account_id=decided.account_id or "",
        problem=problem,
    )


class _Chain:
    """Reads one chain's entries in their order. Raises what `MALFORMED` names for an entry that is not of its type."""

    def __init__(self, first: int) -> None:
        self._first = first
        self._proposed: LedgerEntry | None = None
        self._charges: dict[str, Mapping[str, Any]] = {}
        self._by_policy: set[str] = set()
        self._answer: Answer = "waiting"
        self._ended: str | None = None
        self._replaced_by: str | None = None
        self._newer = False
        self.releases: list[PastRelease] = []

    def read(self, entry: LedgerEntry) -> None:
        self._newer = self._newer or _is_newer(entry)
        if entry.event_type in _ENDED:
            self._ended = _ENDED[entry.event_type]
        elif (reader := _READERS.get(entry.event_type)) is not None:
            reader(self, entry)

    def _read_proposal(self, entry: LedgerEntry) -> None:
        self._proposed = entry

    def _read_approval(self, entry: LedgerEntry) -> None:
        data = entry.data
        if data["approval_source"] == "POLICY":
            self._by_policy.add(data["approval_id"])
            self._charges = {charge["window_id"]: charge for charge in data["charges"]}
        else:
            self._answer = "approved"

    def _read_release(self, entry: LedgerEntry) -> None:
        if entry.data["approval_id"] in self._by_policy:
            seen = [self._movement(charge) for charge in entry.data["charges"]]
            self.releases.append(PastRelease(_at(entry), entry.entry_id, entry.action_intent_id or "", seen))
        elif self._answer == "approved":
            # Its approver took it back, or it never began.
            self._answer = "waiting"

    def _read_rejection(self, _: LedgerEntry) -> None:
        self._answer = "rejected"

    def _read_replacement(self, entry: LedgerEntry) -> None:
        by_proposer = self._proposed is not None and entry.actor == self._proposed.data["proposed_by"]
        again = entry.data.get("why") == DECIDED_AGAIN
        self._answer = "decided_again" if again else "replaced" if by_proposer else "edited"
        self._replaced_by = entry.data["superseded_by"]

    def _read_withdrawal(self, _: LedgerEntry) -> None:
        self._answer = "withdrawn"

    def _read_expiry(self, _: LedgerEntry) -> None:
        if self._answer == "waiting" and not self._by_policy:
            self._answer = "expired"
        else:
            # Approved, and not begun in time.
            self._ended = "EXPIRED"

    def _read_resolution(self, entry: LedgerEntry) -> None:
        self._ended = entry.data["outcome"]["status"]

    def _movement(self, charge: Mapping[str, Any]) -> SeenWindow:
        """A release of so much, as the movement that it is."""
        after = in_units(charge["used_after"])
        before = after + in_units(charge.get("taken", 1))
        ends = charge.get("ends_at")
        return SeenWindow(
            window_id=charge["window_id"],
            ends=_instant(ends) if ends else 0,
            used_before=before,
            fresh=False,
            position=charge["position"],
            used_after=after,
        )

    def decision(self, decided: LedgerEntry, at: int) -> PastDecision:
        proposed = self._proposed
        if self._newer:
            return _unreadable(decided, at, NEWER)
        if proposed is None:
            return _unreadable(decided, at, INTENT_MISSING)
        data = decided.data
        saw = {check["check"]: check["saw"] for check in data["checks"]}
        edit, ran = saw.get("not_edited", {}), data["result"] == "AUTO_EXECUTED"
        return PastDecision(
            at=at,
            entry_id=decided.entry_id,
            action_intent_id=data["action_intent_id"],
            account_id=data["account_id"],
            intent=proposed.data_json,
            ran=ran,
            blocked=data["policy_decision"] == "BLOCK",
            reason=data["reason"],
            stop=saw.get("stop_switch", {}).get("stop"),
            edited_by=edit.get("edited_by"),
            person_required=bool(edit.get("person_required")),
            stale=_is_stale(saw.get("policy")),
            private=proposed.v > 1 and may_hold_commitments(proposed.line),
            seen=[self._seen(limit) for limit in saw.get("budget", {}).get("limits", ()) if limit.get("window_id")],
            facts=data.get("facts", {}),
            given_back=bool(self.releases),
            answer=None if ran and self._answer == "waiting" else self._answer,
            ended=self._ended,
            replaced_by=self._replaced_by,
        )

    def _seen(self, limit: Mapping[str, Any]) -> SeenWindow:
        charge = self._charges.get(limit["window_id"])
        return SeenWindow(
            window_id=limit["window_id"],
            ends=_instant(limit["resets_at"]),
            used_before=in_units(limit["used_before"]),
            fresh=self._is_fresh(limit, charge),
            position=charge["position"] if charge else 0,
            used_after=in_units(charge["used_after"]) if charge else 0,
        )

    def _is_fresh(self, limit: Mapping[str, Any], charge: Mapping[str, Any] | None) -> bool:
        """Of days that older entries name, nobody said when they begin."""
        starts_at = limit.get("starts_at") or (charge and charge.get("starts_at"))
        return bool(starts_at) and _instant(str(starts_at)) >= self._first


def _instant(text: str) -> int:
    return microseconds(datetime.fromisoformat(text))


def _is_stale(policy: Mapping[str, Any] | None) -> bool:
    """Only of a type that was registered: of any other, no version was in force."""
    if policy is None or policy.get("risk_tier") is None:
        return False
    return bool(policy["pinned_version"] != policy["current_version"])


_READERS: dict[str, Callable[[_Chain, LedgerEntry], None]] = {
    "INTENT_PROPOSED": _Chain._read_proposal,
    "ACTION_APPROVED": _Chain._read_approval,
    "BUDGET_RELEASED": _Chain._read_release,
    "ACTION_REJECTED": _Chain._read_rejection,
    "INTENT_SUPERSEDED": _Chain._read_replacement,
    "INTENT_WITHDRAWN": _Chain._read_withdrawal,
    "INTENT_EXPIRED": _Chain._read_expiry,
    "OUTCOME_RESOLVED": _Chain._read_resolution,
}
