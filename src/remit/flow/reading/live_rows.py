"""
Live rows: what is stored beside the ledger, held against it: every row follows from entries.

Rows and entries are read at different moments, so what does not agree is looked at again, both as of one moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, Generic, TypeVar

from remit.core.errors import RemitError
from remit.core.execution.result import StoredResult
from remit.core.gate.autonomy import Stops
from remit.core.gate.bounds import nothing_set
from remit.core.gate.policy import PLATFORM_POLICIES, platform_set_of
from remit.core.ledger.config_history import ConfigHistory
from remit.core.ledger.entries import NO_CHAIN, ChainHead, LedgerEntry
from remit.core.ledger.history import IntentHistory
from remit.core.ledger.verification.report import Report
from remit.core.ledger.verification.rows import differences, result_differences
from remit.core.ledger.verification.tenant_chain import TenantChain
from remit.core.lifecycle import Case
from remit.core.records import (
    ACTION_TYPE,
    API_KEY,
    BROWSER,
    CASE,
    POLICY_VERSION,
    RESULT,
    STOPS,
    SUBSCRIPTION,
    THE_ONE,
    Key,
    Kind,
    case_key,
    chain_key,
    result_key,
)
from remit.core.values import PLATFORM, Stored
from remit.flow.context import Context, bounds_key, chain_head_key
from remit.flow.reading.private_rows import PrivateRows
from remit.flow.reading.sample_rows import SampleRows
from remit.ports import Snapshot

S = TypeVar("S", bound=Stored)
Row = TypeVar("Row", Case, StoredResult)
_TRIES = 3
Problem = tuple[int, str, str]
"""An invariant, where it is broken, and what is wrong there."""


class RowsByIntent(Generic[Row]):
    """Rows in the order of their intents' names, gone through beside the chains, which come in the same order."""

    def __init__(self, rows: Iterator[Row]) -> None:
        self._rows: Iterator[Row] = rows
        self._next: Row | None = next(rows, None)

    def before(self, name: str) -> Iterator[Row]:
        """The rows of intents in front of this one that were not taken."""
        while self._next is not None and self._next.action_intent_id < name:
            yield self._taken()

    def take(self, name: str) -> Row | None:
        """The row of this intent, if there is one; those in front of it were gone through."""
        return self._taken() if self._next is not None and self._next.action_intent_id == name else None

    def rest(self) -> Iterator[Row]:
        while self._next is not None:
            yield self._taken()

    def _taken(self) -> Row:
        assert self._next is not None
        row, self._next = self._next, next(self._rows, None)
        return row


class LiveRows:
    """
    The rows of one tenant, whose own chain was just `own_chain`. Whatever is not what the ledger says is added to
    `report`.
    """

    def __init__(
        self, context: Context, tenant_id: str, own_chain: Sequence[LedgerEntry], report: Report, now: datetime
    ) -> None:
        self._context, self._store, self._tenant_id, self._report = context, context.store, tenant_id, report
        self._now = now
        self._configs = _read_chain(tenant_id, own_chain).configs
        self._private = PrivateRows(context.store, tenant_id, self._broken)
        self._samples = SampleRows(context.store, tenant_id, now, self._broken)

    def _broken(self, where: str, problem: str, invariant: int = 8) -> None:
        self._report.broken(invariant, where, problem)

    def beside(self, entries: Iterable[LedgerEntry]) -> Iterator[LedgerEntry]:
        """
        The entries of all intents' chains, passed on; each chain's case, and its result, is compared when its last one
        has passed.
        """
        cases = RowsByIntent(self._store.each(CASE, self._tenant_id))
        results = RowsByIntent(self._store.each(RESULT, self._tenant_id))
        for name, chain in groupby(entries, key=lambda entry: entry.action_intent_id or ""):
            passed: list[LedgerEntry] = []
            for entry in chain:
                passed.append(entry)
                yield entry
            self._private.passed(name, passed)
            self._samples.passed(name, passed)
            self._without_chain(cases.before(name), results.before(name))
            if any(result_differences(results.take(name), IntentHistory(passed), self._now)):
                self._look_at_result(name)
            case = cases.take(name)
            if case is None or any(differences(case, passed, self._configs)):
                self._look_again(name, known=True)
        self._without_chain(cases.rest(), results.rest())
        self._private.finish()
        self._samples.finish()

    def _without_chain(self, cases: Iterable[Case], results: Iterable[StoredResult]) -> None:
        for case in cases:
            self._look_again(case.action_intent_id, known=False)
        for result in results:
            self._look_at_result(result.action_intent_id)

    def _look_at_result(self, name: str) -> None:
        """The result and its intent's chain as of one moment."""
        chain_at, result_at = chain_key(self._tenant_id, name), result_key(self._tenant_id, name)
        try:
            seen = self._store.read([chain_at, result_at])
        except RemitError as error:
            self._broken(f"intent {name}", str(error))
            return
        history, stored = seen.get(chain_at), seen.get(result_at)
        if history is not None:
            for problem in result_differences(stored, history, self._now):
                self._broken(f"intent {name}", problem)
        elif stored is not None:
            self._broken(f"intent {name}", "there is a result of it, and no such intent")

    def _look_again(self, name: str, *, known: bool) -> None:
        """The case and its chain as of one moment; `known` if there is a chain for certain."""
        case_at, chain_at = case_key(self._tenant_id, name), chain_key(self._tenant_id, name)
        where = f"intent {name}"
        try:
            seen = self._store.read([case_at, chain_at])
        except RemitError as error:
            self._broken(where, str(error))
            return
        case, history = seen.get(case_at), seen.get(chain_at)
        if case is None:
            if known:
                self._broken(where, "its chain has no case beside it")
        elif history is None:
            self._broken(where, "its case has no chain")
        else:
            self._compare_case(where, case, history.entries)

    def _compare_case(self, where: str, case: Case, entries: tuple[LedgerEntry, ...]) -> None:
        if any(differences(case, entries, self._configs)):
            # It may have been proposed under bounds that are newer than those known so far.
            self._configs = self._known_configs()
        for problem in differences(case, entries, self._configs):
            self._broken(where, problem)

    def _known_configs(self) -> ConfigHistory:
        return _read_chain(self._tenant_id, self._store.chain(self._tenant_id, None)).configs

    def compare_others(self) -> None:
        """All that is not a case: what the store finds records by, and the rows of the tenant's own chain."""
        for problem in self._store.misfiled(self._tenant_id):
            self._broken("the store", problem)
        compared = (self._compare_types, self._compare_policies, self._compare_keys, self._compare_told)
        for compare in (self._compare_own, self._compare_platform, *compared):
            try:
                compare()
            except RemitError as error:
                self._broken("the store", str(error))

    def _compare_own(self) -> None:
        self._settled(lambda: self._own_problems(self._tenant_id))

    def _compare_platform(self) -> None:
        if self._tenant_id != PLATFORM:
            self._settled(lambda: self._own_problems(PLATFORM))

    def _settled(self, look: Callable[[], list[Problem]]) -> None:
        """Add what is still found when it was looked for again: a write may have come in between two reads."""
        problems: list[Problem] = []
        for _ in range(_TRIES):
            problems = look()
            if not problems:
                return
        for invariant, where, problem in problems:
            self._broken(where, problem, invariant)

    def _own_problems(self, tenant_id: str) -> list[Problem]:
        stops_at = Key(STOPS, tenant_id, THE_ONE)
        seen = self._store.read([chain_head_key(tenant_id), bounds_key(tenant_id), stops_at])
        entries = self._store.chain(tenant_id, None)
        head = (seen.get(chain_head_key(tenant_id)) or ChainHead(chain=NO_CHAIN)).chain
        whose = "the platform's" if tenant_id == PLATFORM else "the tenant's"
        upto = entries[: head.sequence]
        last = upto[-1].head if upto else NO_CHAIN
        # What was written since the head was read does not count; what came before it does.
        if last != head:
            return [(6, f"{whose} chain", f"its head is entry {head.sequence}, its last one is {len(entries)}")]
        own = _read_chain(tenant_id, upto)
        return [*_bounds_problems(seen, tenant_id, whose, own), *_stop_problems(seen.get(stops_at), whose, own)]

    def _compare_types(self) -> None:
        before = set(self._configs.action_types())
        rows = {(row.name, row.version): row.spec for row in self._store.scan(ACTION_TYPE, self._tenant_id)}
        known = self._known_configs().action_types()
        for name, version in sorted(before - set(rows)):
            self._broken(f"action type {name}", f"its version {version} has no row")
        for (name, version), spec in sorted(rows.items(), key=lambda each: each[0]):
            if (name, version) not in known:
                self._broken(f"action type {name}", f"there is a row of its version {version}, and never was one")
            elif spec != known[name, version]:
                self._broken(f"action type {name}", f"the row of its version {version} is not what was set")

    def _compare_keys(self) -> None:
        def look() -> list[Problem]:
            own_chain = self._store.chain(self._tenant_id, None)
            named = {row.key_id: row.told() for row in self._scan(API_KEY)}
            return _told_problems("API key", _last_told(own_chain, "KEY_CHANGED", "key", "key_id"), named, own_chain)

        self._settled(look)

    def _compare_told(self) -> None:
        """Subscriptions, and the browsers that are told."""

        def look() -> list[Problem]:
            own_chain = self._store.chain(self._tenant_id, None)
            told = _last_told(own_chain, "SUBSCRIPTION_CHANGED", "subscription", "subscription_id")
            named = {row.subscription_id: row.wire() for row in self._scan(SUBSCRIPTION)}
            return _told_problems("subscription", told, named, own_chain) + self._browser_problems(own_chain)

        self._settled(look)

    def _browser_problems(self, own_chain: Sequence[LedgerEntry]) -> list[Problem]:
        told = _last_told(own_chain, "SUBSCRIPTION_CHANGED", "browser", "browser_id")
        named = {row.browser_id: row.told() for row in self._scan(BROWSER)}
        return _told_problems("browser", told, named, own_chain)

    def _scan(self, kind: Kind[S]) -> list[S]:
        return self._store.scan(kind, self._tenant_id)

    def _compare_policies(self) -> None:
        for kept in self._store.scan(POLICY_VERSION, self._tenant_id):
            # Of the rules of another release, only its own hash can say whether they are what they were.
            if kept.platform == PLATFORM_POLICIES and platform_set_of(kept.version, kept.sources) is None:
                self._broken(f"policies {kept.version}", "what is kept under this hash has another one")


def _last_told(own_chain: Iterable[LedgerEntry], event_type: str, part: str, id: str) -> dict[str, Any]:
    """The last that a tenant's own chain tells of each; what was removed is left out."""
    told: dict[str, Any] = {}
    for entry in own_chain:
        if entry.event_type == event_type and part in entry.data:
            told[entry.data[part][id]] = None if entry.data["change"] == "REMOVED" else entry.data[part]
    return {name: value for name, value in told.items() if value is not None}


def _told_problems(
    what: str, told: dict[str, Any], rows: dict[str, Any], own_chain: Sequence[LedgerEntry]
) -> list[Problem]:
    # The first format wrote no entry about them.
    untold = bool(own_chain) and own_chain[0].v == 1
    return [
        (8, f"{what} {name}", "its row is not what the tenant's chain tells of it last")
        for name in sorted(told if untold else {*told, *rows})
        if told.get(name) != rows.get(name)
    ]


def _read_chain(tenant_id: str, entries: Iterable[LedgerEntry]) -> TenantChain:
    """The tenant's own chain; what is wrong in it is found where the ledger itself is checked."""
    own = TenantChain(Report(), tenant_id)
    for entry in entries:
        own.read(entry.wire())
    return own


def _bounds_problems(seen: Snapshot, tenant_id: str, whose: str, own: TenantChain) -> Iterator[Problem]:
    if tenant_id == PLATFORM:
        return
    row = seen.get(bounds_key(tenant_id)) or nothing_set(tenant_id)
    due = own.configs.latest
    for name in type(due).model_fields:
        if getattr(row, name) != getattr(due, name):
            yield 8, f"{whose} bounds", f"their {name} in the row is not what was set last"


def _stop_problems(row: Stops | None, whose: str, own: TenantChain) -> Iterator[Problem]:
    def each(stops: Stops) -> list[str]:
        return sorted(stop.to_json() for stop in stops.stops)

    if each(row or Stops()) != each(own.stops.now):
        yield 8, f"{whose} stops", "those in the row are not those that were pulled and not put back"
