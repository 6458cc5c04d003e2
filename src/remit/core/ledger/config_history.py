"""The states that a tenant's bounds went through, as its own chain tells them."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from remit.core.gate.action_type import ActionTypeSpec
from remit.core.gate.bounds import AccountBounds, BoundsInForce, nothing_set
from remit.core.ledger.config_change import (
    AccountChanges,
    account_changes,
    before_first,
    changed_accounts,
    joined,
    parts_of,
    same,
    with_changes,
)
from remit.core.values import is_identifier

MOST_KEPT = 16
"""How many states are kept whole; any other is put together again from the changes up to it."""
_GONE = object()


class ConfigHistory:
    """
    Every state of one tenant's bounds by its `config_sequence`, 0 being what stands before the first change.

    It holds the changes and a few states whole, so that many changes of long bounds take little memory.
    """

    def __init__(self, tenant_id: str) -> None:
        self._changes: dict[str, list[tuple[int, Any]]] = {}
        self._kept: OrderedDict[int, BoundsInForce] = OrderedDict()
        self._types: dict[tuple[str, int], ActionTypeSpec] = {}
        self._since: dict[int, datetime] = {}
        self._whole: Mapping[str, Any] = {}
        # The platform, or what an altered file calls a tenant, has no bounds at all.
        known = tenant_id if is_identifier(tenant_id) else "-"
        self.latest = nothing_set(known)
        self._note(before_first(known), 0)
        self._keep(0, self.latest)

    def __len__(self) -> int:
        """The number of changes there were."""
        return len(self._since)

    def add(self, data: Mapping[str, Any], at: datetime) -> BoundsInForce:
        """
        The state after a `CONFIG_CHANGED` entry's `data`, of either format; it counts under the number it says.

        Raises `KeyError`, `TypeError` or `ValueError` for data that is none, or does not follow the state before.
        """
        whole = with_changes(self._whole, data)
        own = None if "bounds" in data else account_changes(data)
        after = BoundsInForce.from_wire(whole) if own is None else self._with(own, whole)
        for name, spec in after.bounds.action_types.items():
            if self._types.setdefault((name, after.type_versions[name]), spec) != spec:
                raise ValueError(f"action type {name} was changed without a new version")
        if own is None:
            self._note(whole, after.config_sequence)
        else:
            self._note_accounts(whole, data)
        self._since[after.config_sequence] = at
        self._keep(after.config_sequence, after)
        self.latest = after
        return after

    def get(self, config_sequence: Any) -> BoundsInForce | None:
        """The state by that number; `None` where there never was one."""
        if not isinstance(config_sequence, int) or not 0 <= config_sequence <= self.latest.config_sequence:
            return None
        if config_sequence == self.latest.config_sequence:
            return self.latest
        if config_sequence not in self._kept:
            self._keep(config_sequence, BoundsInForce.from_wire(joined(self._parts_at(config_sequence))))
        self._kept.move_to_end(config_sequence)
        return self._kept[config_sequence]

    def in_force(self, config_sequence: int) -> tuple[datetime | None, datetime | None]:
        """From when until when this state was in force, by the clocks of whoever changed it; `None` is no end."""
        return self._since.get(config_sequence), self._since.get(config_sequence + 1)

    def action_type(self, name: str, version: int | None) -> ActionTypeSpec | None:
        """One version of an action type; `None` where there never was such a version."""
        return None if version is None else self._types.get((name, version))

    def action_types(self) -> Mapping[tuple[str, int], ActionTypeSpec]:
        """Every version of every action type that there ever was."""
        return self._types

    def _with(self, own: AccountChanges, whole: Mapping[str, Any]) -> BoundsInForce:
        """The latest state with these accounts, of which alone anything is read."""
        try:
            changed = {name: each and AccountBounds.model_validate(each) for name, each in own.accounts.items()}
        except ValidationError:
            # A newer version's: what is not known here is left aside by whoever reads the whole.
            return BoundsInForce.from_wire(whole)
        accounts = changed_accounts(self.latest.bounds.accounts, changed)
        bounds = self.latest.bounds.model_copy(update={"accounts": accounts})
        return self.latest.changed(config_sequence=own.config_sequence, bounds=bounds)

    def _note_accounts(self, whole: Mapping[str, Any], data: Mapping[str, Any]) -> None:
        number = whole["config_sequence"]
        for path, value in {**dict.fromkeys(data["removed"], _GONE), **data["set"]}.items():
            self._changes.setdefault(path, []).append((number, value))
        self._whole = whole

    def _note(self, whole: Mapping[str, Any], config_sequence: int) -> None:
        before, after = parts_of(self._whole), parts_of(whole)
        for path, value in after.items():
            if path not in before or not same(before[path], value):
                self._changes.setdefault(path, []).append((config_sequence, value))
        for path in set(before) - set(after):
            self._changes[path].append((config_sequence, _GONE))
        self._whole = whole

    def _parts_at(self, config_sequence: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for path, changes in self._changes.items():
            place = bisect_right(changes, config_sequence, key=lambda change: change[0])
            if place and changes[place - 1][1] is not _GONE:
                found[path] = changes[place - 1][1]
        return found

    def _keep(self, config_sequence: int, state: BoundsInForce) -> None:
        self._kept[config_sequence] = state
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
