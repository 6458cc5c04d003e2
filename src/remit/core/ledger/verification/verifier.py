"""Takes entries apart into chains: invariants 6 and 7, and the tenant's own chain; the rest is handed on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, get_args

from remit.core.gate.bounds import BoundsInForce
from remit.core.gate.budget import Counter
from remit.core.ledger.config_change import before_first, with_changes
from remit.core.ledger.entries import ENTRY_FIELDS, FORMAT, OF_TENANT, EventType, Head, entry_hash
from remit.core.ledger.verification.intent_chain import IntentChain
from remit.core.ledger.verification.report import Report
from remit.core.ledger.verification.seals import Seals, fold_of
from remit.core.ledger.verification.windows import Windows

LedgerLine = Mapping[str, Any]
Counters = Mapping[str, Counter]
_MALFORMED = (KeyError, TypeError, ValueError, AttributeError)


def verify(
    entries: Iterable[LedgerLine],
    *,
    sealed: bool,
    counters: Counters | None = None,
    counters_after: Callable[[], Counters] | None = None,
    sealed_heads: Mapping[str, Head] | None = None,
    live_heads: Callable[[Sequence[str]], Mapping[str, Head]] | None = None,
) -> Report:
    """
    Check entries as exported, or as read from a live store.

    `counters` are the live counters by window id, read before the entries, and `counters_after` reads them
    again when the entries have been read; without them the counters are rebuilt from the charges. `sealed`
    says whether a seal must stand at the end; `sealed_heads` are what earlier seals name, which a live store must
    still hold. `live_heads` reads where the cases of some intents say that their chains end, when the entries have been
    read: one that was written over, with every hash made right again, ends a chain elsewhere. Never raises for what is
    wrong in the entries: that is a finding.
    """
    verifier = _Verifier(sealed_heads or {})
    for entry in entries:
        verifier.add(entry)
    report = verifier.finish(must_be_sealed=sealed)
    for missing in sorted(set(verifier.sealed_heads) - set(verifier.heads)):
        report.broken(6, f"intent {missing}", "a seal names it, the store does not hold it")
    if live_heads is not None:
        _compare_live_heads(verifier.heads, live_heads, report)
    if counters is not None:
        verifier.windows.compare_live(counters, counters_after() if counters_after else counters)
    return report


def _compare_live_heads(
    found: Mapping[str | None, Head], live_heads: Callable[[Sequence[str]], Mapping[str, Head]], report: Report
) -> None:
    names = [name for name in found if name is not None]
    for start in range(0, len(names), HEADS_AT_ONCE):
        some = names[start : start + HEADS_AT_ONCE]
        live = live_heads(some)
        for name in some:
            # A chain that has grown since is not what was read, and a later look tells.
            if name in live and live[name].sequence <= found[name].sequence and live[name] != found[name]:
                problem = f"it ends at entry {found[name].sequence}, and its case names another head"
                report.broken(6, f"intent {name}", problem)


HEADS_AT_ONCE = 100


class _Verifier:
    def __init__(self, sealed_heads: Mapping[str, Head]) -> None:
        self.sealed_heads = sealed_heads
        self.report = Report()
        self.windows = Windows(self.report.broken)
        self.seals = Seals()
        self.heads: dict[str | None, Head] = {}
        self.configs: dict[int, BoundsInForce] = {}
        self._config: dict[str, Any] = {}
        self._chain: list[LedgerLine] = []

    def add(self, entry: LedgerLine) -> None:
        self.report.entries += 1
        problem = _malformed(entry)
        if problem:
            self.report.broken(6, f"entry {self.report.entries}", problem)
            return
        if newer := _newer(entry):
            self.report.newer.add(newer)
        if self._chain and entry["action_intent_id"] != self._chain[0]["action_intent_id"]:
            self._close_chain()
        self._chain.append(entry)

    def _close_chain(self) -> None:
        chain, self._chain = self._chain, []
        name = chain[0]["action_intent_id"]
        where = "the tenant's chain" if name is None else f"intent {name}"
        if name in self.heads:
            self.report.broken(6, where, "its chain is taken up again later in the file")
        self.heads[name] = Head(sequence=chain[-1]["sequence"], hash=chain[-1]["hash"])
        self._check_links(chain, where)
        sealed = self.sealed_heads.get(name)
        if sealed is not None and (len(chain) < sealed.sequence or chain[sealed.sequence - 1]["hash"] != sealed.hash):
            self.report.broken(6, where, f"a seal names its entry {sealed.sequence}, which is not there any more")
        self._check_owners(chain, where)
        # Its links hold or do not; what it says is not for this version to judge.
        if any(_newer(entry) for entry in chain) and name is not None:
            self.report.intents += 1
            return
        try:
            if name is None:
                self._read_tenant_chain(chain)
            else:
                self.report.intents += 1
                IntentChain(self.report, self.windows, where).read(chain)
        except _MALFORMED as error:
            problem = f"an entry's data is not what its type carries ({type(error).__name__}: {error})"
            self.report.broken(6, where, problem)

    def _check_links(self, chain: list[LedgerLine], where: str) -> None:
        previous: str | None = None
        for number, entry in enumerate(chain, start=1):
            place = f"{where}, entry {number}"
            if entry["sequence"] != number:
                self.report.broken(6, place, f"its sequence is {entry['sequence']}")
            if entry["previous_hash"] != previous:
                self.report.broken(6, place, "it does not follow the entry before it")
            if entry["hash"] != _right_hash(entry):
                self.report.broken(6, place, "its hash is not the hash of its content")
            previous = entry["hash"]

    def _check_owners(self, chain: list[LedgerLine], where: str) -> None:
        if self.report.tenant_id is None:
            self.report.tenant_id = chain[0]["tenant_id"]
        accounts = {entry["account_id"] for entry in chain}
        if len(accounts) > 1:
            self.report.broken(7, where, f"it spans the accounts {sorted(map(str, accounts))}")
        for number, entry in enumerate(chain, start=1):
            if entry["tenant_id"] != self.report.tenant_id:
                self.report.broken(7, f"{where}, entry {number}", f"it belongs to tenant {entry['tenant_id']!r}")
            for name, value in _names_in(entry["data"]):
                if value is not None and value != entry[name] and (name != "account_id" or entry[name] is not None):
                    self.report.broken(7, f"{where}, entry {number}", f"its data speaks of {name} {value!r}")

    def _read_tenant_chain(self, chain: list[LedgerLine]) -> None:
        for entry in chain:
            if entry["event_type"] == "CONFIG_CHANGED":
                self._read_config(entry)
            elif entry["event_type"] == "LEDGER_SEALED":
                self.seals.add(entry)
            elif entry["event_type"] not in OF_TENANT and not _newer(entry):
                problem = f"an entry of type {entry['event_type']!r} has no place in it"
                self.report.broken(6, "the tenant's chain", problem)

    def _read_config(self, entry: LedgerLine) -> None:
        try:
            self._config = with_changes(self._config or before_first(entry["tenant_id"]), entry["data"])
            config = BoundsInForce.from_wire(self._config)
        except _MALFORMED:
            problem = f"entry {entry['sequence']} holds bounds that cannot be read"
            self.report.broken(2, "the tenant's chain", problem)
            return
        if config.bounds.tenant != entry["tenant_id"]:
            self.report.broken(7, "the tenant's chain", f"entry {entry['sequence']} holds bounds of another tenant")
        due = len(self.configs) + 1
        if config.config_sequence != due:
            problem = f"config_sequence {config.config_sequence} stands where {due} is due"
            self.report.broken(2, "the tenant's chain", problem)
        self.configs[config.config_sequence] = config

    def finish(self, *, must_be_sealed: bool) -> Report:
        if self._chain:
            self._close_chain()
        self.windows.check(self.configs)
        self.report.windows = len(self.windows)
        self.report.sealed = self.seals.complete(self.heads.get(None))
        if must_be_sealed and not self.report.sealed:
            problem = "no complete seal stands at its end: the export was cut off"
            self.report.broken(6, "the tenant's chain", problem)
        elif must_be_sealed:
            heads = {name: head for name, head in self.heads.items() if name is not None}
            self.seals.check(heads, fold_of(heads), self.report.entries, self.report.broken)
        return self.report


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
    """What this version cannot judge in an entry, because a newer one wrote it."""
    version = entry.get("v", 1)
    if isinstance(version, int) and version > FORMAT:
        return f"format {version}"
    event_type = entry.get("event_type")
    return f"event type {event_type}" if isinstance(event_type, str) and event_type not in _KNOWN else None


_KNOWN = frozenset(get_args(EventType))


def _malformed(entry: Any) -> str | None:
    """What keeps this from being an entry at all, if anything."""
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
    try:
        aware = datetime.fromisoformat(entry["at"]).tzinfo is not None
    except ValueError:
        aware = False
    return None if aware else f"its time is {entry['at']!r}"


def _right_hash(entry: LedgerLine) -> str | None:
    try:
        return entry_hash(dict(entry))
    except (ValueError, TypeError, RecursionError):
        return None


def _names_in(data: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """The owners that an entry's data names, itself or in what it carries: an outcome, a scope, a key, bounds."""
    carried = ("outcome", "scope", "key", "subscription", "link")
    for part in (data, *map(data.get, carried)):
        if isinstance(part, Mapping):
            for name in ("tenant_id", "account_id", "action_intent_id"):
                if name in part:
                    yield name, part[name]
    bounds = data.get("bounds")
    if isinstance(bounds, Mapping):
        yield "tenant_id", bounds.get("tenant")
