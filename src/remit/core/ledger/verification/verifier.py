"""Takes entries apart into chains: invariants 6 and 7, and the tenant's own chain; the rest is handed on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any

from remit.core.gate.budget import Counter
from remit.core.ledger.entries import ENTRY_FIELDS, FORMAT, Head, entry_hash
from remit.core.ledger.verification.intent_chain import IntentChain
from remit.core.ledger.verification.kept_heads import KeptHead, KeptHeads
from remit.core.ledger.verification.lines import KNOWN_EVENTS, SoundEntry, UnreadableLine, is_aware, is_of_intent
from remit.core.ledger.verification.proposed_intent import KeptPrivate, nothing_kept
from remit.core.ledger.verification.report import Report
from remit.core.ledger.verification.samples import SampleAnswers
from remit.core.ledger.verification.seals import SealedHeads
from remit.core.ledger.verification.successions import Successions
from remit.core.ledger.verification.tenant_chain import MALFORMED, WHERE, TenantChain
from remit.core.ledger.verification.windows import Windows

LedgerLine = Mapping[str, Any]
Counters = Mapping[str, Counter]
_NAME = itemgetter("action_intent_id")


def verify(
    entries: Iterable[LedgerLine],
    *,
    own_chain: Iterable[LedgerLine],
    sealed: bool,
    counters: Counters | None = None,
    counters_after: Callable[[], Counters] | None = None,
    counters_from: str = "",
    kept: Iterable[KeptHead] = (),
    report: Report | None = None,
    private: KeptPrivate = nothing_kept,
) -> Report:
    """
    Check entries as exported, or as read from a live store.

    `own_chain` is read first, and holds the tenant's own chain; other entries in it are skipped, so that it may be the
    whole export. `counters` are the live counters by window id, read before the entries, and `counters_after` reads
    them again when the entries have been read; without them the counters are rebuilt from the charges. Those of windows
    that come before `counters_from` need not be there. `sealed` says
    whether a seal must stand at the end; `kept` are the heads of an earlier export in its order, which these entries
    must still hold. `private` answers the private values that are kept for an intent. What is found is added to
    `report`, or to a new one.
    Never raises for what is wrong in the entries: that is a finding.
    """
    verifier = Verifier(report or Report(), counters, kept, private)
    verifier.foresee(own_chain)
    verifier.read(entries)
    found = verifier.finish(must_be_sealed=sealed)
    if counters is not None:
        verifier.windows.compare_live(counters_after() if counters_after else counters, counters_from)
    return found


class Verifier:
    """Reads entries chain by chain; what spans chains is checked when it is told to finish."""

    def __init__(
        self,
        report: Report,
        counters: Counters | None = None,
        kept: Iterable[KeptHead] = (),
        private: KeptPrivate = nothing_kept,
    ) -> None:
        self.report, self._private = report, private
        self.windows = Windows(self.report.broken, counters)
        self.samples = SampleAnswers(self.report.broken)
        self.successions = Successions(self.report.broken)
        self.kept = KeptHeads(kept, self.report.broken)
        self.own: TenantChain | None = None
        self.own_head: Head | None = None
        self.heads = SealedHeads()
        self.foreseen = self.own_entries = 0
        """How many entries of the tenant's own chain were read ahead, and how many in their place."""
        self.strays = 0
        """How many were no entries."""

    def foresee(self, entries: Iterable[LedgerLine]) -> None:
        """Read the tenant's own chain ahead of the intents'."""
        for entry in entries:
            if is_of_intent(entry) or _malformed(entry):
                continue
            self.foreseen += 1
            if _newer(entry):
                self._known_chain(entry).stops.is_whole = False
            else:
                self._known_chain(entry).read(entry)
        if self.own is not None:
            self.heads.named = self.own.seals.name_heads

    def _known_chain(self, entry: LedgerLine) -> TenantChain:
        if self.own is None:
            self.own = TenantChain(self.report, entry["tenant_id"])
        return self.own

    def read(self, entries: Iterable[LedgerLine]) -> None:
        """Entries that begin with the first of a chain and end with the last of one."""
        for name, chain in groupby(self._known(entries), _NAME):
            self._read_chain(name, list(chain))

    def _known(self, entries: Iterable[LedgerLine]) -> Iterator[LedgerLine]:
        report = self.report
        for entry in entries:
            report.entries += 1
            if type(entry) is SoundEntry or self._is_entry(entry):
                yield entry

    def _is_entry(self, entry: LedgerLine) -> bool:
        problem = _malformed(entry)
        if problem:
            self.strays += 1
            self.report.broken(6, f"entry {self.report.entries}", problem)
        elif newer := _newer(entry):
            self.report.newer.add(newer)
        return not problem

    def _read_chain(self, name: str | None, chain: list[LedgerLine]) -> None:
        where = WHERE if name is None else f"intent {name}"
        self._note_head(name, Head(sequence=chain[-1]["sequence"], hash=chain[-1]["hash"]), where)
        is_linked = _is_linked(chain)
        if not is_linked:
            self._check_links(chain, where)
        self.kept.check(name, chain, where)
        if not _is_of_one_owner(chain, self.report.tenant_id):
            self._check_owners(chain, where)
        if name is None:
            self.own_entries += len(chain)
        else:
            self.report.intents += 1
            # Its links hold or do not; what a newer version says is not for this one to judge.
            if is_linked or not any(map(_newer, chain)):
                self._read_intent_chain(chain, where)
            else:
                self.successions.unread(name)

    def _note_head(self, name: str | None, head: Head, where: str) -> None:
        if name is None:
            self.own_head = head
        elif not self.heads.add(name, head):
            self.report.broken(6, where, "its chain is taken up again later in the file")

    def _read_intent_chain(self, chain: list[LedgerLine], where: str) -> None:
        own = self._known_chain(chain[0])
        held = self.report, self.windows, self.samples, own, where, self.successions
        try:
            IntentChain(*held, self._private).read(chain)
        except MALFORMED as error:
            problem = f"an entry's data is not what its type carries ({type(error).__name__}: {error})"
            self.report.broken(6, where, problem)

    def _check_links(self, chain: list[LedgerLine], where: str) -> None:
        previous: str | None = None
        format_before = 1
        for number, entry in enumerate(chain, start=1):
            hash, version = entry["hash"], entry.get("v", 1)
            if entry["sequence"] != number:
                self._break_link(where, number, f"its sequence is {entry['sequence']}")
            if entry["previous_hash"] != previous:
                self._break_link(where, number, "it does not follow the entry before it")
            if type(entry) is not SoundEntry and hash != _right_hash(entry):
                self._break_link(where, number, "its hash is not the hash of its content")
            if version < format_before:
                self._break_link(where, number, "it is of an older format than the entry before it")
            previous, format_before = hash, version

    def _break_link(self, where: str, number: int, problem: str) -> None:
        self.report.broken(6, f"{where}, entry {number}", problem)

    def _check_owners(self, chain: list[LedgerLine], where: str) -> None:
        if self.report.tenant_id is None:
            self.report.tenant_id = chain[0]["tenant_id"]
        accounts = {entry["account_id"] for entry in chain}
        if len(accounts) > 1:
            self.report.broken(7, where, f"it spans the accounts {sorted(map(str, accounts))}")
        for number, entry in enumerate(chain, start=1):
            if entry["tenant_id"] != self.report.tenant_id:
                self.report.broken(7, f"{where}, entry {number}", f"it belongs to tenant {entry['tenant_id']!r}")
            for name, value in _others_named(entry):
                self.report.broken(7, f"{where}, entry {number}", f"its data speaks of {name} {value!r}")

    def finish(self, *, must_be_sealed: bool) -> Report:
        self.kept.check_rest()
        self.windows.check()
        self._check_samples()
        self.successions.check()
        self.report.windows = len(self.windows)
        seals = self.own.seals if self.own else None
        self.report.sealed = seals is not None and seals.complete(self.own_head)
        if must_be_sealed and not self.report.sealed:
            problem = "no complete seal stands at its end: the export was cut off"
            self.report.broken(6, WHERE, problem)
        elif must_be_sealed and seals is not None:
            seals.check(self.heads, self.report.entries, self.report.broken)
        return self.report

    def _check_samples(self) -> None:
        try:
            self.samples.check(self.own.stops_by_answers if self.own else [], WHERE)
        except MALFORMED as error:
            problem = f"a stop does not say which answer pulled it ({type(error).__name__}: {error})"
            self.report.broken(6, WHERE, problem)


_FIELD_TYPES: dict[str, tuple[type, ...]] = {
    "entry_id": (str,),
    "tenant_id": (str,),
    "account_id": (str, type(None)),
    "action_intent_id": (str, type(None)),
    "sequence": (int,),
    "event_type": (str,),
    "actor": (str,),
    "at": (str,),
    "data": (dict,),
    "previous_hash": (str, type(None)),
    "hash": (str,),
}


def _newer(entry: Mapping[str, Any]) -> str | None:
    """The part of an entry that this version cannot judge, because a newer one wrote it."""
    version = entry.get("v", 1)
    if isinstance(version, int) and version > FORMAT:
        return f"format {version}"
    event_type = entry.get("event_type")
    return f"event type {event_type}" if isinstance(event_type, str) and event_type not in KNOWN_EVENTS else None


def _malformed(entry: Any) -> str | None:
    """The problem that keeps this from being an entry at all, if anything."""
    if isinstance(entry, UnreadableLine):
        return str(entry["problem"])
    if not isinstance(entry, Mapping):
        return "it is not a JSON object"
    different = set(ENTRY_FIELDS) ^ (set(entry) - {"v"})
    if different and not _newer(entry):
        return f"it lacks or adds {', '.join(sorted(map(str, different)))}"
    for name, types in _FIELD_TYPES.items():
        if name not in entry:
            return f"it lacks {name}"
        if type(entry[name]) not in types:
            return f"its {name} is a {type(entry[name]).__name__}"
    if type(entry.get("v", 1)) is not int:
        return f"its v is a {type(entry['v']).__name__}"
    return None if is_aware(entry["at"]) else f"its time is {entry['at']!r}"


def _right_hash(entry: LedgerLine) -> str | None:
    try:
        return entry_hash(dict(entry))
    except (ValueError, TypeError, RecursionError):
        return None


def _is_linked(chain: list[LedgerLine]) -> bool:
    """True of nearly all: sound entries, which are all of one format, in an unbroken chain."""
    previous: str | None = None
    for number, entry in enumerate(chain, start=1):
        if type(entry) is not SoundEntry or entry["sequence"] != number or entry["previous_hash"] != previous:
            return False
        previous = entry["hash"]
    return True


def _is_of_one_owner(chain: list[LedgerLine], tenant_id: str | None) -> bool:
    """True of nearly all: the entries and their data name this tenant, one account and one intent, and nobody else."""
    account_id, name = chain[0]["account_id"], chain[0]["action_intent_id"]
    for entry in chain:
        data = entry["data"]
        if (
            entry["tenant_id"] != tenant_id
            or entry["account_id"] != account_id
            or data.get("tenant_id", tenant_id) != tenant_id
            or data.get("account_id", account_id) != account_id
            or data.get("action_intent_id", name) != name
            or (not _NAMING.isdisjoint(data) and _others_named(entry))
        ):
            return False
    return True


_CARRIED = ("outcome", "scope", "key", "subscription", "browser", "link")
_NAMING = frozenset({*_CARRIED, "bounds"})
_OWNERS = ("tenant_id", "account_id", "action_intent_id")


def _others_named(entry: LedgerLine) -> list[tuple[str, Any]]:
    """The owners that an entry's data names, itself or in what it carries, and that are not its own."""
    data = entry["data"]
    tenant_id, account_id, name = own = entry["tenant_id"], entry["account_id"], entry["action_intent_id"]
    carried = [] if _NAMING.isdisjoint(data) else _carried(data)
    for part in (data, *carried):
        # As nearly all do.
        if (
            part.get("tenant_id", tenant_id) != tenant_id
            or part.get("account_id", account_id) != account_id
            or part.get("action_intent_id", name) != name
        ):
            return _others_in([data, *carried], own)
    return []


def _carried(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    carried = [data[name] for name in _CARRIED if name in data]
    parts = [part for part in carried if part is not None and (type(part) is dict or isinstance(part, Mapping))]
    if "bounds" in data and isinstance(bounds := data["bounds"], Mapping):
        parts.append({"tenant_id": bounds.get("tenant")})
    return parts


def _others_in(parts: Iterable[Mapping[str, Any]], owners: tuple[Any, ...]) -> list[tuple[str, Any]]:
    named = [
        (name, part[name], own) for part in parts for name, own in zip(_OWNERS, owners, strict=True) if name in part
    ]
    return [
        (name, value)
        for name, value, own in named
        if value is not None and value != own and (name != "account_id" or own is not None)
    ]
