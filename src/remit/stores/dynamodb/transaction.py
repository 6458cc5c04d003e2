"""
One `TransactWriteItems`: the effects of some units, conditioned on what they rest on.

Every record that was read is written on the condition that its version is the one that was read, or that it
is still not there; a place in a chain, on the condition that it is free. The item of a case names the segments of its
chain, and is written with each of them. Once the transaction has been done
its own conditions no longer hold, so sending it a second time cannot do it twice. Each sending has a version
of its own: what lands late must not be older than an export that has waited for one request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from remit.core.records import CASE
from remit.stores.dynamodb.batch import Effect
from remit.stores.dynamodb.items import (
    VERSION,
    Item,
    changed_item,
    key_item,
    key_of_segment,
    segment_item,
    segments_attribute,
    version_of,
)
from remit.stores.dynamodb.layout import ItemKey, copies_of, record_key, tenant_key
from remit.stores.dynamodb.record_cache import NOTHING, Versioned
from remit.stores.dynamodb.table import PARTITION
from remit.stores.units import RecordId

_ABSENT = f"attribute_not_exists({PARTITION})"


class Transaction(Struct):
    """`before` is what was read, by place; what is not in it was not read, and is written unconditionally."""

    effect: Effect
    before: Mapping[RecordId, Versioned]
    version: str
    new_tenants: Sequence[str] = ()
    changed: Sequence[str] = ()
    """Tenants that are marked as those whose ledgers change."""
    process: str = ""
    due_parts: int = 1
    actions: list[dict[str, Any]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    """What each action is about, for whoever reads an error."""
    _of_entries: set[int] = field(default_factory=set)
    _sent: set[str] = field(default_factory=set)

    def build(self, table: str) -> Transaction:
        self._sent.add(self.version)
        for place in self.effect.records:
            self._write(place)
        for place in sorted(self.effect.checked):
            key = key_item(record_key(place))
            self._act("ConditionCheck", f"{place[0]} {place[2]!r}", Key=key, **self._condition(place))
        for segment in self.effect.segments():
            self._of_entries.add(len(self.actions))
            item = segment_item(segment, self.version)
            self._act("Put", f"entry {key_of_segment(segment)[1]!r}", Item=item, ConditionExpression=_ABSENT)
        for tenant_id in self.new_tenants:
            mark = {**key_item(tenant_key(tenant_id)), VERSION: {"S": self.version}}
            self._act("Put", f"tenant {tenant_id!r}", Item=mark)
        for tenant_id in self.changed:
            self._act(
                "Put",
                f"mark of {tenant_id!r}",
                Item=changed_item(tenant_id, self.process, self.version, self.due_parts),
            )
        for action in self.actions:
            next(iter(action.values()))["TableName"] = table
        return self

    def _write(self, place: RecordId) -> None:
        """Every copy of a record."""
        name, condition = f"{place[0]} {place[2]!r}", self._condition(place)
        if self.effect.records[place] is not None:
            named = segments_attribute(self.segments_after(place))
            item = {**self.effect.items[place], **named, VERSION: {"S": self.version}}
            for key in copies_of(place):
                self._act("Put", name, Item={**item, **key_item(key)}, **condition)
        elif place not in self.before or self.before[place].version is not None:
            for key in copies_of(place):
                self._act("Delete", name, Key=key_item(key), **condition)

    def renew(self, table: str, version: str) -> None:
        """For being sent once more."""
        self.version, self.actions, self.names = version, [], []
        self._of_entries.clear()
        self.build(table)

    def segments_after(self, place: RecordId) -> tuple[int, ...]:
        """The place where the segments of a case's chain begin once this is done; nowhere for any other record."""
        if place[0] != CASE.name:
            return ()
        new = [
            each.first
            for each in self.effect.segments()
            if (each.first.tenant_id, each.first.action_intent_id) == place[1:]
        ]
        return (*self.before.get(place, NOTHING).segments, *(first.sequence for first in new))

    @property
    def guarded(self) -> bool:
        """Can sending it again never do it twice?"""
        return bool(self.effect.entries) or any(place in self.before for place in self.effect.records)

    def only_entries(self, failed: Sequence[int]) -> bool:
        """Were the actions at these positions all places in chains?"""
        return set(failed) <= self._of_entries

    def witnesses(self) -> list[ItemKey]:
        """The place to look whether it was done."""
        return [*map(key_of_segment, self.effect.segments()), *(record_key(place) for place in self.effect.records)]

    def landed(self, found: Mapping[ItemKey, Item]) -> bool | None:
        """
        Was it done, judging from what its witnesses are now? `None` if they do not tell.

        It was, if one of them carries a version it was sent with, which is its version then. It was not, if one of
        them is as it was before, for all are written together; or if a place in a chain is another's, for that is
        never written again.
        """
        versions = {key: version_of(item) for key, item in found.items()}
        done = self._sent.intersection(versions.values())
        if done:
            (self.version,) = done
            return True
        if self.effect.entries:
            return False
        read = [place for place in self.effect.records if place in self.before]
        if any(versions.get(record_key(place)) == self.before[place].version for place in read if self._marks(place)):
            return False
        return None

    def _marks(self, place: RecordId) -> bool:
        """Does doing the transaction change this record's version?"""
        return self.effect.records[place] is not None or self.before[place].version is not None

    def _condition(self, place: RecordId) -> dict[str, Any]:
        if place not in self.before:
            return {}
        version = self.before[place].version
        if version is None:
            return {"ConditionExpression": _ABSENT}
        return {
            "ConditionExpression": "#v = :v",
            "ExpressionAttributeNames": {"#v": VERSION},
            "ExpressionAttributeValues": {":v": {"S": version}},
        }

    def _act(self, what: str, name: str, **parameters: Any) -> None:
        self.actions.append({what: parameters})
        self.names.append(name)
