"""
Check the invariants of a ledger from its entries alone.

Entries come chain by chain, each chain from its first entry, as `export` writes them. One intent's
chain is checked and let go; what spans intents (windows, limits, seals) is kept small.

1 counters   a window's counter equals the unreleased policy approvals charged to it
2 limits     no charge was made above the limit of the bounds it saw
3 single     at most one unreleased approval and one outcome an intent; their source and `auto_executed` agree
4 bound      every execution points to an approval whose digest is the intent's
5 ends       every approval ends released, or published and then in an outcome or still running
6 chains     every chain is unbroken, and reaches the head that the seal names
7 tenants    nothing of one tenant or account stands under another
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from remit.core.bounds import BoundsInForce
from remit.core.budget import Counter
from remit.core.intent import digest_of_wire
from remit.core.ledger import ENTRY_FIELDS, Head, entry_hash

INVARIANTS = {
    1: "a window's counter equals the unreleased policy approvals charged to it",
    2: "no charge was made above the limit of the bounds it saw",
    3: "an intent has at most one unreleased approval and one outcome, and they agree",
    4: "every execution points to an approval whose digest is the intent's",
    5: "every approval ends released, or published and then in an outcome or still running",
    6: "every chain is unbroken and reaches the head that the seal names",
    7: "nothing of one tenant stands under another",
}

OUTCOME_EVENTS = {
    "ACTION_EXECUTED": "SUCCEEDED",
    "ACTION_FAILED": "FAILED",
    "ACTION_UNKNOWN": "UNKNOWN",
    "EXECUTION_CANCELLED": "CANCELLED",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken invariant: its number, where, and what is wrong there."""

    invariant: int
    where: str
    problem: str

    def __str__(self) -> str:
        return f"invariant {self.invariant} ({INVARIANTS[self.invariant]}) is broken at {self.where}: {self.problem}"


@dataclass(slots=True)
class Report:
    """What verification saw. `ok` if nothing is broken; `sealed` if a seal covers the whole file."""

    tenant_id: str | None = None
    entries: int = 0
    intents: int = 0
    autonomous: int = 0
    approved_by_people: int = 0
    running: int = 0
    windows: int = 0
    sealed: bool = False
    findings: list[Finding] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.findings

    def wire(self) -> dict[str, Any]:
        return {
            "ok": self.ok,
            "tenant_id": self.tenant_id,
            "entries": self.entries,
            "intents": self.intents,
            "autonomous": self.autonomous,
            "approved_by_people": self.approved_by_people,
            "running": self.running,
            "windows": self.windows,
            "sealed": self.sealed,
            "findings": [
                {"invariant": f.invariant, "name": INVARIANTS[f.invariant], "where": f.where, "problem": f.problem}
                for f in self.findings
            ],
        }


@dataclass(frozen=True, slots=True)
class _Movement:
    """One charge or release in one window. A release carries `sign` -1 and no configuration."""

    position: int
    sign: int
    used_after: int
    limit: int | None
    where: str
    config_sequence: int | None
    account_id: str
    action_type: str
    at: str


def verify(
    entries: Iterable[Mapping[str, Any]], *, counters: Mapping[str, Counter] | None = None, sealed: bool
) -> Report:
    """
    Check entries as exported, or as read from a live store.

    `counters` are the live counters by window id, read before the entries; without them the counters
    are rebuilt from the charges. `sealed` says whether a seal must stand at the end. Never raises for
    what is wrong in the entries: that is a finding.
    """
    verifier = _Verifier()
    for entry in entries:
        verifier.add(entry)
    return verifier.finish(counters, must_be_sealed=sealed)


class _Verifier:
    def __init__(self) -> None:
        self.report = Report()
        self.heads: dict[str | None, Head] = {}
        self.movements: dict[str, list[_Movement]] = {}
        self.configs: dict[int, BoundsInForce] = {}
        self.seals: list[dict[str, Any]] = []
        self._chain_name: str | None = None
        self._chain: list[Mapping[str, Any]] = []

    def broken(self, invariant: int, where: str, problem: str) -> None:
        self.report.findings.append(Finding(invariant, where, problem))

    def add(self, entry: Mapping[str, Any]) -> None:
        self.report.entries += 1
        missing = set(ENTRY_FIELDS) ^ set(entry)
        if missing or not isinstance(entry.get("data"), dict):
            self.broken(6, f"entry {self.report.entries}", f"it lacks or adds {', '.join(sorted(missing)) or 'data'}")
            return
        name = entry["action_intent_id"]
        if self._chain and name != self._chain_name:
            self._close_chain()
        self._chain_name = name
        self._chain.append(entry)

    def _close_chain(self) -> None:
        name, chain = self._chain_name, self._chain
        self._chain = []
        where = "the tenant's chain" if name is None else f"intent {name}"
        if name in self.heads:
            self.broken(6, where, "its chain is taken up again later in the file")
        self._check_links(chain, where)
        self._check_tenant(chain, where)
        self.heads[name] = Head(sequence=chain[-1]["sequence"], hash=chain[-1]["hash"])
        try:
            if name is None:
                self._read_tenant_chain(chain)
            else:
                self.report.intents += 1
                _IntentChain(self, chain, where).check()
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            self.broken(6, where, f"an entry's data is not what its type carries ({type(error).__name__}: {error})")

    def _check_links(self, chain: list[Mapping[str, Any]], where: str) -> None:
        previous: str | None = None
        for number, entry in enumerate(chain, start=1):
            place = f"{where}, entry {number}"
            if entry["sequence"] != number:
                self.broken(6, place, f"its sequence is {entry['sequence']!r}")
            if entry["previous_hash"] != previous:
                self.broken(6, place, "it does not follow the entry before it")
            try:
                right = entry_hash(dict(entry))
            except (ValueError, TypeError):
                right = None
            if entry["hash"] != right:
                self.broken(6, place, "its hash is not the hash of its content")
            previous = entry["hash"]

    def _check_tenant(self, chain: list[Mapping[str, Any]], where: str) -> None:
        if self.report.tenant_id is None:
            self.report.tenant_id = chain[0]["tenant_id"]
        accounts = {entry["account_id"] for entry in chain}
        if len(accounts) > 1:
            self.broken(7, where, f"it spans the accounts {sorted(map(str, accounts))}")
        for number, entry in enumerate(chain, start=1):
            if entry["tenant_id"] != self.report.tenant_id:
                self.broken(7, f"{where}, entry {number}", f"it belongs to tenant {entry['tenant_id']!r}")
            for name, value in _names_in(entry["data"]):
                if value is not None and value != entry[name] and (name != "account_id" or entry[name] is not None):
                    self.broken(7, f"{where}, entry {number}", f"its data speaks of {name} {value!r}")

    def _read_tenant_chain(self, chain: list[Mapping[str, Any]]) -> None:
        for entry in chain:
            if entry["event_type"] == "CONFIG_CHANGED":
                try:
                    config = BoundsInForce.model_validate(entry["data"])
                except ValidationError:
                    self.broken(2, "the tenant's chain", f"entry {entry['sequence']} holds bounds that cannot be read")
                    continue
                if config.config_sequence in self.configs:
                    self.broken(2, "the tenant's chain", f"config_sequence {config.config_sequence} stands twice")
                self.configs[config.config_sequence] = config
            elif entry["event_type"] == "LEDGER_SEALED":
                self.seals.append({**entry["data"], "sequence": entry["sequence"]})

    def finish(self, counters: Mapping[str, Counter] | None, *, must_be_sealed: bool) -> Report:
        if self._chain:
            self._close_chain()
        for window_id, movements in sorted(self.movements.items()):
            self._check_window(window_id, movements, (counters or {}).get(window_id), live=counters is not None)
        for window_id, counter in (counters or {}).items():
            if window_id not in self.movements and counter.used:
                self.broken(1, f"window {window_id}", f"its counter says {counter.used} and nothing was charged")
        self.report.windows = len(self.movements)
        self._check_seals(must_be_sealed)
        return self.report

    def _check_window(self, window_id: str, movements: list[_Movement], counter: Counter | None, *, live: bool) -> None:
        where = f"window {window_id}"
        movements.sort(key=lambda movement: movement.position)
        used = 0
        at_position = {0: 0}
        for number, movement in enumerate(movements, start=1):
            used += movement.sign
            at_position[movement.position] = used
            if movement.position != number:
                self.broken(1, f"{where}, {movement.where}", f"position {movement.position} where {number} is due")
                break
            if movement.used_after != used:
                self.broken(1, f"{where}, {movement.where}", f"use {movement.used_after} where it is {used}")
                break
        for movement in movements:
            if movement.sign > 0:
                self._check_limit(window_id, movement)
        if live and at_position.get(counter.position if counter else 0) != (counter.used if counter else 0):
            self.broken(1, where, f"its counter says {counter.used if counter else 0}, its charges say {used}")

    def _check_limit(self, window_id: str, charge: _Movement) -> None:
        where = f"window {window_id}, {charge.where}"
        if charge.limit is not None and charge.used_after > charge.limit:
            self.broken(2, where, f"use {charge.used_after} is above the limit {charge.limit}")
        config = self.configs.get(charge.config_sequence or 0)
        if config is None:
            self.broken(2, where, f"the bounds it saw (config_sequence {charge.config_sequence}) are not in the file")
            return
        in_force = config.budget(charge.account_id, datetime.fromisoformat(charge.at))
        limits = {limit.window_id: limit.limit for limit in in_force.limits(charge.account_id, charge.action_type)}
        if window_id not in limits:
            self.broken(2, where, "the bounds it saw have no such window")
        elif limits[window_id] != charge.limit:
            self.broken(2, where, f"it claims the limit {charge.limit}, the bounds said {limits[window_id]}")

    def _check_seals(self, must_be_sealed: bool) -> None:
        last = self.heads.get(None)
        closing: list[dict[str, Any]] = []
        for seal in self.seals:
            closing = [seal] if seal["part"] == 1 else [*closing, seal]
        sealed = bool(closing) and last is not None and closing[-1]["sequence"] == last.sequence
        complete = sealed and [seal["part"] for seal in closing] == list(range(1, closing[0]["parts"] + 1))
        self.report.sealed = complete
        if not must_be_sealed:
            return
        if not complete:
            self.broken(6, "the tenant's chain", "no complete seal stands at its end: the export was cut off")
            return
        named = {name: head for seal in closing for name, head in seal["heads"].items()}
        self._check_heads(named)
        entries = self.report.entries - len(closing)
        if closing[0]["entries"] != entries or closing[0]["intents"] != self.report.intents:
            self.broken(
                6,
                "the seal",
                f"it counts {closing[0]['intents']} intents and {closing[0]['entries']} entries, "
                f"the file holds {self.report.intents} and {entries}",
            )

    def _check_heads(self, named: dict[str, Any]) -> None:
        for name, head in named.items():
            found = self.heads.get(name)
            if found is None:
                self.broken(6, f"intent {name}", "the seal names it, the file does not hold it")
            elif found.wire() != head:
                self.broken(6, f"intent {name}", f"it ends at entry {found.sequence}, the seal names {head}")
        for extra in {name for name in self.heads if name is not None} - set(named):
            self.broken(6, f"intent {extra}", "the seal does not name it")


def _names_in(data: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """The owners that an entry's data names, itself or in the outcome it carries."""
    for part in (data, data.get("outcome")):
        if isinstance(part, Mapping):
            for name in ("tenant_id", "account_id", "action_intent_id"):
                if name in part:
                    yield name, part[name]


class _IntentChain:
    """The checks over one intent's chain: invariants 3, 4 and 5, and what it adds to 1 and 2."""

    def __init__(self, verifier: _Verifier, chain: list[Mapping[str, Any]], where: str) -> None:
        self.verifier, self.chain, self.where = verifier, chain, where
        self.approvals: dict[str, Mapping[str, Any]] = {}
        self.published: set[str] = set()
        self.released: set[str] = set()
        self.started: set[str] = set()
        self.ended: dict[str, Mapping[str, Any]] = {}
        self.intent: Mapping[str, Any] = {}
        self.decision: Mapping[str, Any] = {}
        self.outcomes = 0

    def broken(self, invariant: int, problem: str) -> None:
        self.verifier.broken(invariant, self.where, problem)

    def check(self) -> None:
        first = self.chain[0]
        if first["event_type"] != "INTENT_PROPOSED":
            self.broken(6, "its chain does not begin with the proposal")
            return
        self.intent = first["data"]
        for entry in self.chain:
            read = getattr(self, f"_{entry['event_type'].lower()}", None)
            if read is not None:
                read(entry["data"], entry)
            elif entry["event_type"] in OUTCOME_EVENTS:
                self._outcome(entry["data"], entry)
        self._check_approvals()
        self._check_digest()

    def _gate_decided(self, data: Mapping[str, Any], _: Mapping[str, Any]) -> None:
        if self.decision:
            self.broken(3, "it was decided twice")
        self.decision = data

    def _action_approved(self, data: Mapping[str, Any], entry: Mapping[str, Any]) -> None:
        if set(self.approvals) - self.released:
            self.broken(3, "it was approved while another approval was in force")
        self.approvals[data["approval_id"]] = data
        by_policy = data["approval_source"] == "POLICY"
        if data["approval_source"] not in ("POLICY", "HUMAN") or data["auto_executed"] is not by_policy:
            self.broken(3, "an approval's source and auto_executed do not agree")
        if by_policy != (self.decision.get("result") == "AUTO_EXECUTED") and by_policy:
            self.broken(3, "policy approved it and the gate did not decide so")
        self.verifier.report.autonomous += by_policy
        self.verifier.report.approved_by_people += not by_policy
        if by_policy and not data["charges"]:
            self.broken(1, "policy approved it and nothing was charged")
        self._move(data, entry, +1)

    def _budget_released(self, data: Mapping[str, Any], entry: Mapping[str, Any]) -> None:
        approval = self.approvals.get(data["approval_id"])
        if approval is None or data["approval_id"] in self.released:
            self.broken(5, "a charge was released that no approval in force had taken")
            return
        taken = [charge["window_id"] for charge in approval["charges"]]
        if [charge["window_id"] for charge in data["charges"]] != taken:
            self.broken(1, "a charge was released into another window than it was taken from")
        self.released.add(data["approval_id"])
        self._move(data, entry, -1)

    def _move(self, data: Mapping[str, Any], entry: Mapping[str, Any], sign: int) -> None:
        for charge in data["charges"]:
            movement = _Movement(
                position=charge["position"],
                sign=sign,
                used_after=charge["used_after"],
                limit=charge["limit"],
                where=self.where,
                config_sequence=self.decision.get("config_sequence"),
                account_id=self.intent["account_id"],
                action_type=self.intent["action_type"],
                at=entry["at"],
            )
            self.verifier.movements.setdefault(charge["window_id"], []).append(movement)

    def _action_published(self, data: Mapping[str, Any], _: Mapping[str, Any]) -> None:
        if data["approval_id"] not in self.approvals:
            self.broken(5, "something was published that nobody approved")
        self.published.add(data["approval_id"])

    def _execution_started(self, data: Mapping[str, Any], _: Mapping[str, Any]) -> None:
        approval = self._execution_of(data)
        if approval is None:
            return
        if data["approval_id"] not in self.published:
            self.broken(5, "it was executed on an approval that was never published")
        if data["approval_id"] in self.released:
            self.broken(5, "it was executed on an approval that had been released")
        if data["approval_id"] in self.started:
            self.broken(3, "its execution was started twice")
        self.started.add(data["approval_id"])

    def _outcome(self, data: Mapping[str, Any], entry: Mapping[str, Any]) -> None:
        self.outcomes += 1
        if self.outcomes > 1:
            self.broken(3, "it has more than one outcome")
        approval = self._execution_of(data)
        if approval is None:
            return
        outcome = data["outcome"]
        for name in ("approval_source", "auto_executed"):
            if not data[name] == outcome[name] == approval[name]:
                self.broken(3, f"its outcome and its approval do not agree in {name}")
        if outcome["status"] != OUTCOME_EVENTS[entry["event_type"]]:
            self.broken(3, f"its outcome says {outcome['status']}, its entry {entry['event_type']}")
        if data["approval_id"] not in self.started:
            self.broken(5, "it has an outcome and was never started")
        if data["approval_id"] in self.released:
            self.broken(5, "it has an outcome after its approval was released")
        self.ended[data["approval_id"]] = outcome

    def _outcome_resolved(self, data: Mapping[str, Any], _: Mapping[str, Any]) -> None:
        ended = self.ended.get(data["approval_id"])
        if ended is None or ended["status"] != "UNKNOWN":
            self.broken(3, "an outcome was resolved that was not unknown")

    def _execution_of(self, data: Mapping[str, Any]) -> Mapping[str, Any] | None:
        approval = self.approvals.get(data["approval_id"])
        if approval is None:
            self.broken(4, "it was executed and no such approval exists")
        elif not data["digest"] == approval["intent_digest"] == self.intent["digest"]:
            self.broken(4, "it was executed under an approval of something else")
        return approval

    def _check_approvals(self) -> None:
        for approval_id in self.approvals:
            if approval_id in self.started and approval_id not in self.ended:
                self.verifier.report.running += 1
            cancelled = self.ended.get(approval_id, {}).get("status") == "CANCELLED"
            if approval_id in self.released and approval_id in self.started and not cancelled:
                self.broken(5, "its approval was released although it was executed")
            by_policy = self.approvals[approval_id]["approval_source"] == "POLICY"
            if cancelled and by_policy and approval_id not in self.released:
                self.broken(5, "it was cancelled and its charge was kept")

    def _check_digest(self) -> None:
        if digest_of_wire(dict(self.intent)) != self.intent["digest"]:
            self.broken(4, "its digest is not the digest of what it proposes")
        for name in ("tenant_id", "account_id", "action_intent_id"):
            if self.intent[name] != self.chain[0][name]:
                self.broken(7, f"its proposal speaks of {name} {self.intent[name]!r}")
        account = self.intent["account_id"]
        for approval in self.approvals.values():
            for charge in approval["charges"]:
                owner = charge["window_id"].rpartition("|")[0].partition("|")[2]
                if owner not in (f"account:{account}", "tenant"):
                    self.broken(7, f"it was charged to {owner}")
