"""
Invariant 8 over live rows: what each kind of record has to be, by the entries that it follows from.

`COMPARED` and `EXEMPT` are the whole table: every field of every kind stands in one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import UNSET

from remit.core.execution.approval import UNDONE
from remit.core.execution.outcome import OUTCOME_EVENT, idempotency_key
from remit.core.execution.result import StoredResult, is_readable
from remit.core.gate.action_type import CALLER
from remit.core.gate.decision import INTENT_EXPIRED, INTENT_WITHDRAWN, PUBLISH_REJECTED, Decision
from remit.core.gate.fact import Fact
from remit.core.intent import ActionIntentV1
from remit.core.ledger.config_history import ConfigHistory
from remit.core.ledger.entries import Head, LedgerEntry
from remit.core.ledger.history import IntentHistory
from remit.core.ledger.verification.tenant_chain import MALFORMED
from remit.core.lifecycle import ENDED, WAITING, Case, Status, after_gate
from remit.core.values import utc

Fields = dict[str, Any]
_WORK = "says how far work has got since the last entry"
_DERIVED = "counted or collected from the ledger afterwards, and lags behind it"
_DELIVERY = "what was told to whom outside, which no entry tells"
_HASHED = "a hash of a secret, which never stands in the ledger"

COMPARED: Mapping[str, Sequence[str]] = {
    "chain_heads": ("chain",),
    "cases": (
        *("tenant_id", "action_intent_id", "account_id", "action_type", "status", "created_at", "expires_at", "due_at"),
        *("digest", "trace_id", "chain", "proposed_by", "edited_by", "reason", "approval_id", "approval_source"),
        *("published", "superseded_by", "connector", "queued", "publication", "attempt", "voted_by", "person_required"),
        "assigned_to",
    ),
    "publication": (
        *("status", "approval_id", "approval_source", "reserved_at", "published_at", "released_at", "not_before"),
    ),
    "attempt": ("approval_id", "status", "attempt_count", "tool", "idempotency_key", "started_at", "rechecked"),
    "results": ("action_intent_id", "account_id", "sha256", "erase_at", "content"),
    "usages": ("usage_id", "counters"),
    "bounds": ("config_sequence", "bounds", "type_versions", "zones_until", "retired_limits"),
    "stops": ("stops",),
    "action_types": ("name", "version", "spec"),
    "policy_versions": ("version", "platform", "sources"),
    "api_keys": (
        *("key_id", "tenant_id", "name", "roles", "secret_hash", "created_by", "created_at", "expires_at"),
        *("revoked_by", "revoked_at", "created_through", "on_behalf_of", "tier"),
    ),
    "private_values": ("values",),
    "samples": ("action_intent_id", "account_id", "action_type", "ended_at", "shown_until"),
    "sample_tallies": ("action_type", "limit", "scope", "answered", "disagreed", "counted_from"),
    "browsers": ("browser_id", "tenant_id", "name"),
    "subscriptions": (
        *("subscription_id", "tenant_id", "channel", "url", "signing_secret", "recipients", "notices", "accounts"),
        *("enabled", "set_by", "set_at", "told_from", "set_through", "action_types", "reasons", "amounts", "fields"),
        *("slack_channel", "bot_token", "people", "quiet_hours", "escalation"),
    ),
}
"""By kind of record, the fields that are held against the ledger. `publication` and `attempt` are parts of a case."""

EXEMPT: Mapping[str, Mapping[str, str]] = {
    "cases": {
        "updated_at": "when it was last written, also where no entry tells of it",
        "waited_until": "how long somebody waits for it, which no entry tells",
    },
    "publication": {
        "deliveries": "how often it was delivered; an entry tells of the first time",
        "expires_at": "set by a setting of the process",
    },
    "attempt": dict.fromkeys(("holder", "lease_until", "invoking", "in_doubt", "last_error", "conclusion"), _WORK),
    "usages": {"ends_at": "when its day ends, by rules of time zones that verification does not ask"},
    "browsers": {
        **dict.fromkeys(("endpoint", "p256dh", "auth"), "is how to send to it, and never stands in the ledger"),
        **dict.fromkeys(("credential", "turned_on_at"), "is the entry's own, of the last time it was turned on"),
        "issuer_session": "names the sign-in it goes with at the issuer, and no event",
        "seen_at": "when its person was last there, which no entry tells",
    },
    "internal_objects": {"*": "the far side of the connector `internal`, as any other system's objects"},
    "sessions": {"*": "who is signed in at the console"},
    "sign_in_links": {"*": _HASHED},
    "consumers": {"*": _DERIVED},
    "daily_counts": {"*": _DERIVED},
    "status_counts": {"*": _DERIVED},
    "tool_breakers": {"*": "how the latest calls of a tool went, of which outcomes tell only a part"},
    "notification_states": {"*": _DELIVERY},
    "outboxes": {"*": _DELIVERY},
    "deliveries": {"*": _DELIVERY},
    "api_keys": {"last_used_at": "noted now and then, and no event"},
}
"""By kind of record, the fields that are not, `*` for all of them, and why."""

_UNKNOWN = object()


def differences(case: Case, entries: Sequence[LedgerEntry], configs: ConfigHistory) -> Iterator[str]:
    """The fields of a case that are not what its chain comes to, each said in words."""
    try:
        due = CaseOf(configs).read(entries)
    except MALFORMED as error:
        yield f"its chain cannot be read as a case ({type(error).__name__}: {error})"
        return
    yield from _unlike("", case, due.case)
    yield from _part("publication", case.publication, due.publication)
    yield from _part("attempt", case.attempt, due.attempt)


def result_differences(stored: StoredResult | None, history: IntentHistory, now: datetime) -> Iterator[str]:
    """Mistakes in the stored result of an intent, by its chain; what is staged, and not told yet, is its own."""
    known, erased = history.result, history.result_erased
    readable = known is not None and is_readable(known, now, erased=erased)
    if stored is None:
        if readable:
            yield "the content of its result is missing before its time"
        return
    if not stored.is_whole:
        yield "the content of its result is not what its hash says"
    if stored.account_id != history.entries[0].account_id:
        yield f"its result is filed under account {_shown(stored.account_id)}"
    if erased:
        yield "the content of its result was erased, and is there"
    elif known is not None and readable and (stored.sha256, stored.erase_at) != (known.sha256, known.erase_at):
        yield "its result is stored under another hash, or for another time, than the ledger tells"


def _part(name: str, found: Any, due: Fields | None) -> Iterator[str]:
    if (found is None) != (due is None):
        yield f"its {name} is {'missing' if found is None else 'there'}, by its entries it is not"
    elif due is not None:
        yield from _unlike(f"{name}.", found, due)


def _unlike(prefix: str, found: Any, due: Fields) -> Iterator[str]:
    for name, value in due.items():
        if value is not _UNKNOWN and getattr(found, name) != value:
            yield f"its {prefix}{name} is {_shown(getattr(found, name))}, its entries come to {_shown(value)}"


def _shown(value: Any) -> str:
    text = str(value.isoformat() if isinstance(value, datetime) else value)
    return text if len(text) <= 100 else f"{text[:100]}…"


class CaseOf:
    """The case that a chain comes to, entry by entry; a field that entries do not tell stays unknown."""

    def __init__(self, configs: ConfigHistory) -> None:
        self.configs = configs
        self.case: Fields = {}
        self.publication: Fields | None = None
        self.attempt: Fields | None = None
        self._intent: ActionIntentV1
        self._voters: list[str] = []

    def read(self, entries: Iterable[LedgerEntry]) -> CaseOf:
        """Raises `KeyError`, `TypeError`, `ValueError` or `AttributeError` for entries that do not carry their data."""
        for entry in entries:
            reader = _READERS.get(entry.event_type)
            if reader is not None:
                reader(self, entry, utc(datetime.fromisoformat(entry.at)))
            self.case["chain"] = entry.head
        self._settle()
        return self

    def _settle(self) -> None:
        status: Status = self.case["status"]
        by_caller = self.case["connector"] == CALLER
        resting = status in WAITING or (by_caller and status == "APPROVED" and self.case["published"])
        self.case["due_at"] = None if status in ENDED else self.case["expires_at"] if resting else _UNKNOWN
        self.case["queued"] = False if by_caller or status in ENDED | WAITING else _UNKNOWN

    def _proposed(self, entry: LedgerEntry, at: datetime) -> None:
        del at
        intent = self._intent = ActionIntentV1.from_wire(entry.data)
        names = ("tenant_id", "action_intent_id", "account_id", "action_type", "created_at", "expires_at", "digest")
        self.case = {name: getattr(intent, name) for name in (*names, "trace_id", "proposed_by")}
        spec = self.configs.action_type(intent.action_type, intent.registry_version)
        self.case |= {
            "status": "PROPOSED",
            "chain": Head(sequence=0, hash=None),
            "edited_by": _UNKNOWN if entry.actor == intent.proposed_by else entry.actor,
            "person_required": _UNKNOWN if entry.actor == intent.proposed_by else True,
            **dict.fromkeys(("reason", "approval_id", "approval_source", "superseded_by")),
            "published": False,
            "voted_by": [],
            "assigned_to": None,
            "connector": spec.tool.connector if spec else "",
        }

    def _decided(self, entry: LedgerEntry, at: datetime) -> None:
        del at
        decision = Decision.from_wire(entry.data)
        self.case |= {"status": after_gate(decision), "reason": decision.reason}
        for check in decision.checks:
            if check.check == "not_edited":
                self.case |= {"edited_by": check.saw["edited_by"], "person_required": not check.passed}

    def _voted(self, entry: LedgerEntry, at: datetime) -> None:
        del at
        self._voters.append(entry.data["voted_by"])
        # Bounds that changed in between may have taken an earlier vote away; which one, no entry tells.
        all_count = len(self._voters) == entry.data["votes"]
        self.case["voted_by"] = list(self._voters) if all_count else _UNKNOWN

    def _approved(self, entry: LedgerEntry, at: datetime) -> None:
        data = entry.data
        same = {name: data[name] for name in ("approval_id", "approval_source")}
        self.case |= {"status": "APPROVED", "published": False, "voted_by": [], **same}
        self._voters = []
        self.publication = {
            "status": "RESERVED",
            **same,
            "reserved_at": at,
            **dict.fromkeys(("published_at", "released_at")),
            "not_before": utc(datetime.fromisoformat(data["not_before"])) if "not_before" in data else UNSET,
        }

    def _published(self, entry: LedgerEntry, at: datetime) -> None:
        del entry
        self.case["published"] = True
        if self.publication is not None:
            self.publication |= {"status": "PUBLISHED", "published_at": at}

    def _released(self, entry: LedgerEntry, at: datetime) -> None:
        if self.publication is not None:
            self.publication |= {"status": "RELEASED", "released_at": at}
        why = str(entry.data["why"]).partition(":")[0]
        # What is given back because it ends goes nowhere else before it says so.
        if self.case["status"] == "APPROVED" and why not in (INTENT_EXPIRED, INTENT_WITHDRAWN):
            known = why in (PUBLISH_REJECTED, UNDONE)
            self.case |= dict.fromkeys(("approval_id", "approval_source"), None if known else _UNKNOWN)
            self.case["status"] = "AWAITING_APPROVAL"
            if why != UNDONE:
                self.case["reason"] = why if known else _UNKNOWN

    def _rejected(self, entry: LedgerEntry, at: datetime) -> None:
        del entry, at
        self.case["status"] = "REJECTED"

    def _expired(self, entry: LedgerEntry, at: datetime) -> None:
        del entry, at
        self.case["status"] = "EXPIRED"

    def _withdrawn(self, entry: LedgerEntry, at: datetime) -> None:
        del entry, at
        self.case["status"] = "WITHDRAWN"

    def _assigned(self, entry: LedgerEntry, at: datetime) -> None:
        del at
        self.case["assigned_to"] = entry.data["assigned_to"]

    def _superseded(self, entry: LedgerEntry, at: datetime) -> None:
        del at
        self.case |= {"status": "SUPERSEDED", "superseded_by": entry.data["superseded_by"]}

    def _started(self, entry: LedgerEntry, at: datetime) -> None:
        intent = self._intent
        spec = self.configs.action_type(intent.action_type, intent.registry_version)
        self.case["status"] = "RUNNING"
        self.attempt = {
            "approval_id": entry.data["approval_id"],
            "status": "RUNNING",
            "attempt_count": _UNKNOWN,
            "rechecked": _UNKNOWN,
            "tool": spec.tool.name if spec else None,
            "idempotency_key": idempotency_key(intent, spec.tool if spec else None),
            "started_at": at,
        }

    def _ended(self, entry: LedgerEntry, at: datetime) -> None:
        del at
        outcome = entry.data["outcome"]
        self.case["status"] = outcome["status"]
        if self.attempt is not None:
            told = entry.data.get("rechecked", UNSET)
            seen = told if told is UNSET else {name: Fact.from_wire(fact) for name, fact in told.items()}
            called = {"attempt_count": outcome["attempt_count"], "rechecked": seen}
            self.attempt |= {"status": outcome["status"], **called}

    def _resolved(self, entry: LedgerEntry, at: datetime) -> None:
        del at
        self.case["status"] = entry.data["outcome"]["status"]


_READERS: dict[str, Callable[[CaseOf, LedgerEntry, datetime], None]] = {
    "INTENT_PROPOSED": CaseOf._proposed,
    "GATE_DECIDED": CaseOf._decided,
    "APPROVAL_VOTED": CaseOf._voted,
    "ACTION_APPROVED": CaseOf._approved,
    "ACTION_PUBLISHED": CaseOf._published,
    "BUDGET_RELEASED": CaseOf._released,
    "ACTION_REJECTED": CaseOf._rejected,
    "INTENT_EXPIRED": CaseOf._expired,
    "INTENT_SUPERSEDED": CaseOf._superseded,
    "INTENT_WITHDRAWN": CaseOf._withdrawn,
    "CARD_ASSIGNED": CaseOf._assigned,
    "EXECUTION_STARTED": CaseOf._started,
    **dict.fromkeys(OUTCOME_EVENT.values(), CaseOf._ended),
    "OUTCOME_RESOLVED": CaseOf._resolved,
}
"""The events that move a case on; the others change nothing of it but its chain."""
