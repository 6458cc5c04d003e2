"""
The bounds as their latest changes left them.

A change says what it set, not what was there before; so states are folded from the first change on. The fold is kept
by this process: where it was once, only what is new in the chain is read.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from itertools import takewhile
from typing import Any

from msgspec import Struct, field

from remit.core.canonical import canonical
from remit.core.gate.bounds import BoundsInForce
from remit.core.ledger.config_change import before_first, with_changes
from remit.core.ledger.entries import LedgerEntry
from remit.flow.context import Context, bounds_now
from remit.ports import entry_cursor

MOST_STATES = 51
"""How many are kept of a tenant."""
MOST_TENANTS = 64
_PAGE = 50


class _Fold(Struct, frozen=True):
    """Everything up to the change numbered `config_sequence`."""

    config_sequence: int
    whole: Mapping[str, Any]
    states: dict[str, BoundsInForce] = field(default_factory=dict)

    def leads_to(self, in_force: BoundsInForce) -> bool:
        """Are these the changes that led to what is in force? Where a list lags behind it, nobody can tell yet."""
        if self.config_sequence != in_force.config_sequence:
            return self.config_sequence < in_force.config_sequence
        return not self.states or next(reversed(self.states.values())) == in_force

    def after(self, entries: list[LedgerEntry]) -> _Fold:
        whole, states = self.whole, dict(self.states)
        for place, entry in enumerate(entries):
            whole = with_changes(whole, entry.data)
            if len(entries) - place <= MOST_STATES:
                states[entry.entry_id] = BoundsInForce.from_json(canonical(whole))
        return _Fold(self.config_sequence + len(entries), whole, dict(list(states.items())[-MOST_STATES:]))


class BoundsHistory:
    """Safe to share between threads."""

    def __init__(self) -> None:
        self._folds: OrderedDict[str, _Fold] = OrderedDict()
        self._lock = threading.Lock()

    def states(self, context: Context, tenant_id: str) -> dict[str, BoundsInForce]:
        """The bounds after each of the latest changes, at most `MOST_STATES`, by the change's entry, in their order."""
        with self._lock:
            known = self._folds.get(tenant_id)
        in_force, nothing = bounds_now(context, tenant_id), _Fold(0, before_first(tenant_id))
        fold = self._further(context, known or nothing, in_force)
        if known is not None and not fold.leads_to(in_force):
            # The database was restored since: it never had some of these changes.
            fold = self._further(context, nothing, in_force)
        with self._lock:
            self._folds[tenant_id] = fold
            self._folds.move_to_end(tenant_id)
            if len(self._folds) > MOST_TENANTS:
                self._folds.popitem(last=False)
        return fold.states

    def _further(self, context: Context, known: _Fold, in_force: BoundsInForce) -> _Fold:
        entries = self._new(context, in_force.bounds.tenant, known.config_sequence, in_force.config_sequence)
        return known.after(entries) if entries else known

    def _new(self, context: Context, tenant_id: str, known: int, latest: int) -> list[LedgerEntry]:
        """The changes after that number, in their order; without a gap, should a list lag behind the latest."""
        after = None
        found, page = dict[int, LedgerEntry](), min(latest - known, _PAGE)
        # A clock may have been set back between two changes: it is their numbers that say whether all were met.
        while len(found) < latest - known:
            entries = context.store.recent(tenant_id, ["CONFIG_CHANGED"], None, after, page)
            numbered = {entry.data["config_sequence"]: entry for entry in entries}
            found |= {number: entry for number, entry in numbered.items() if known < number <= latest}
            if len(entries) < page:
                break
            after = entry_cursor(entries[-1])
        return [found[number] for number in takewhile(found.__contains__, range(known + 1, latest + 1))]
