"""
Items: how records and segments of the ledger become them, and are read from them again.

An item holds its keys, its version and the exact text of what it keeps, a record as JSON and a segment packed; beside
that only what an index is sorted or filtered by, and in a case's item where the segments of its chain begin.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from remit.core.canonical import sha256_hex
from remit.core.errors import RemitError
from remit.core.identity.session import Session
from remit.core.ledger.entries import LedgerEntry
from remit.core.lifecycle import UNANSWERED, WAITING, Case
from remit.core.notifications.browser import Browser
from remit.core.records import BROWSER, CASE, SESSION, TIMED, due_at
from remit.core.values import Stored
from remit.core.waiting_counts import ANYBODY, CountKind, WaitingCount
from remit.ports import QueueLine
from remit.stores.dynamodb.layout import (
    NEVER,
    DueGroup,
    ItemKey,
    at_place,
    changed_key,
    changed_part,
    due_part,
    instant_of,
    moment,
    record_key,
    segment_key,
    time_partition,
    timed_part,
)
from remit.stores.dynamodb.record_cache import NOTHING, Versioned
from remit.stores.dynamodb.table import BY_STATUS, BY_TIME, DUE, PARTITION, QUEUE, SORT, TIME_TO_LIVE
from remit.stores.dynamodb.versions import moment_of
from remit.stores.segments import Segment, unpack
from remit.stores.units import RecordId, parse_record

Item = dict[str, Any]
"""As the low-level client takes and gives it: every value under its type's letter."""

BEGUN_AT_ISSUER = frozenset({SESSION.name, BROWSER.name})
VERSION, BODY, SEGMENTS = "v", "body", "segments"


def key_item(key: ItemKey) -> Item:
    return {PARTITION: {"S": key[0]}, SORT: {"S": key[1]}}


def key_of(item: Mapping[str, Any]) -> ItemKey:
    return item[PARTITION]["S"], item[SORT]["S"]


def version_of(item: Mapping[str, Any]) -> str:
    version: str = item[VERSION]["S"]
    return version


def body_item(place: RecordId, body: str, version: str) -> Item:
    """Of what is found by its key alone."""
    return {**key_item(record_key(place)), VERSION: {"S": version}, BODY: {"S": body}}


def record_item(place: RecordId, record: Stored, version: str, due_parts: int) -> Item:
    """`due_parts` is how many the index of what is due has of each."""
    item = body_item(place, record.to_json(), version)
    if isinstance(record, Case):
        item |= _texts(_case_attributes(record, due_parts))
    if place[0] in TIMED and (due := due_at(record)) is not None:
        kind, tenant_id, id = place
        item |= _texts({DUE.partition: timed_part(kind, tenant_id, due_parts), DUE.sort: at_place(due, tenant_id, id)})
    if place[0] in BEGUN_AT_ISSUER:
        item |= _texts(_issuer_attributes(place, record))
    if (over := record.over_at) is not None:
        item[TIME_TO_LIVE] = {"N": str(math.ceil(over.timestamp()))}
    return item


def changed_item(tenant_id: str, process: str, version: str, due_parts: int) -> Item:
    """The mark that a tenant's ledger changes at the moment of this version, and may a little later."""
    places = {DUE.partition: changed_part(tenant_id, due_parts), DUE.sort: f"{moment_of(version)}#{tenant_id}"}
    return {**key_item(changed_key(tenant_id, process)), VERSION: {"S": version}, **_texts(places)}


def _case_attributes(case: Case, due_parts: int) -> dict[str, str | None]:
    tenant_id, id = case.tenant_id, case.action_intent_id
    found: dict[str, str | None] = {
        "account_id": case.account_id,
        "action_type": case.action_type,
        "reason": case.reason,
        "proposed_by": (case.proposed_by or None) if case.status in UNANSWERED else None,
        BY_STATUS.partition: status_partition(tenant_id, case.status),
        BY_STATUS.sort: at_place(case.created_at, id),
    }
    first = case.first_due_at
    found |= _own_due_place(case, due_parts) if first is None else _due_place(case, "reserved", first, due_parts)
    if case.status in WAITING:
        found[QUEUE.partition] = queue_partition(tenant_id)
        found[QUEUE.sort] = at_place(case.expires_at, id)
    return found


def _issuer_attributes(place: RecordId, record: Stored) -> dict[str, str | None]:
    """By whom the issuer's word ends it: that may name its own session alone, or the subject alone."""
    assert isinstance(record, Session | Browser)
    if record.credential.kind != "oidc":
        return {}
    found: dict[str, str | None] = {}
    named = {"subject": (BY_STATUS, record.credential.id), "session": (QUEUE, record.issuer_session)}
    for what, (index, name) in named.items():
        if name is not None:
            found |= {index.partition: issuer_partition(place[0], what, name), index.sort: "#".join(place[1:])}
    return found


def issuer_partition(kind: str, what: str, name: str) -> str:
    """Of sessions or browsers of all tenants that began as this subject, or by this session, of an issuer."""
    return f"*issuer#{kind}#{what}#{sha256_hex(name.encode())}"


def _own_due_place(case: Case, due_parts: int) -> dict[str, str | None]:
    """By when it is due itself, if ever."""
    if not case.moving and case.due_at is None:
        return {}
    return _due_place(
        case, "reserved" if case.leaving else "moving" if case.moving else "resting", case.due_at, due_parts
    )


def _due_place(case: Case, group: DueGroup, at: datetime | None, due_parts: int) -> dict[str, str | None]:
    tenant_id, id = case.tenant_id, case.action_intent_id
    return {
        DUE.partition: due_part(group, tenant_id, id, due_parts),
        DUE.sort: "#".join((moment(at) if at else NEVER, tenant_id, id)),
    }


def status_partition(tenant_id: str, status: str) -> str:
    return f"{tenant_id}#{CASE.name}#{status}"


def queue_partition(tenant_id: str) -> str:
    return f"{tenant_id}#{CASE.name}#waiting"


def key_of_segment(segment: Segment) -> ItemKey:
    first = segment.first
    return segment_key(first.tenant_id, first.action_intent_id, first.sequence)


def segment_item(segment: Segment, version: str) -> Item:
    first = segment.first
    return {
        **key_item(key_of_segment(segment)),
        VERSION: {"S": version},
        BODY: {"B": segment.packed()},
        "event_types": {"SS": sorted({entry.event_type for entry in segment.entries})},
        **_texts(
            {
                "account_id": first.account_id,
                BY_TIME.partition: time_partition(first.tenant_id, first.entry_id),
                BY_TIME.sort: at_place(datetime.fromisoformat(first.at), first.entry_id),
            }
        ),
    }


def segments_attribute(firsts: Sequence[int]) -> Item:
    """The part of a case's item that says where the segments of its chain begin."""
    return {SEGMENTS: {"NS": [*map(str, firsts)]}} if firsts else {}


def _texts(values: Mapping[str, str | None]) -> Item:
    return {name: {"S": value} for name, value in values.items() if value is not None}


def entries_of(item: Mapping[str, Any]) -> list[LedgerEntry]:
    """The entries of a segment's item."""
    return unpack(item[BODY]["B"])


def place_of(item: Mapping[str, Any]) -> RecordId:
    """Of a record's item."""
    partition, id = key_of(item)
    tenant_id, kind, _ = partition.split("#")
    return kind, tenant_id, id


def record_of(item: Mapping[str, Any]) -> Stored:
    """
    The record an item holds.

    Raises `RemitError` if this version of Remit cannot read it.
    """
    return parse_record(place_of(item)[0], item[BODY]["S"])


def line_of(item: Mapping[str, Any]) -> QueueLine:
    """The line that an entry of the index of the queue holds."""
    at, _, id = item[QUEUE.sort]["S"].partition("#")
    account, proposer, reason = (item.get(name, {}).get("S", "") for name in ("account_id", "proposed_by", "reason"))
    return QueueLine(instant_of(at), id, account, proposer, reason)


def counts_in(item: Mapping[str, Any], kinds: Sequence[CountKind]) -> Iterator[WaitingCount]:
    """The numbers in which a case is one, by the entry of the index of statuses that it has."""
    for kind in kinds:
        in_key = kind == "status"
        name = item[BY_STATUS.partition]["S"].rpartition("#")[2] if in_key else item.get(kind, {}).get("S", "")
        yield WaitingCount(ANYBODY, ANYBODY, kind, name)


def versioned(item: Mapping[str, Any] | None) -> Versioned:
    """The record of an item; `None` stands for an item that is not there."""
    if item is None:
        return NOTHING
    firsts = item.get(SEGMENTS, {}).get("NS", ())
    return Versioned(record_of(item), version_of(item), tuple(sorted(map(int, firsts))))


def misfiled_attributes(item: Item, due_parts: Sequence[int]) -> Iterator[str]:
    """
    The attributes of a case's item, or a segment's, that are not what it holds says; each said in words.

    `due_parts` are the numbers of parts that the index of what is due ever had.
    """
    where = " ".join(key_of(item))
    try:
        is_segment = "B" in item[BODY]
        due = segment_item(Segment(entries_of(item)), version_of(item)) if is_segment else _case_item(item, due_parts)
    except (RemitError, ValueError) as error:
        yield f"item {where}: {error}"
        return
    for name in sorted({*due, *item} - {BODY, SEGMENTS}):
        found, wanted = item.get(name), due.get(name)
        if _plain(found) != _plain(wanted):
            yield f"item {where}: its attribute {name} is {_plain(found)!r}, what it holds says {_plain(wanted)!r}"


def _case_item(item: Item, due_parts: Sequence[int]) -> Item:
    """As it is written today; in the index of what is due it may also be where a release of before put it."""
    case = record_of(item)
    assert isinstance(case, Case)
    place = CASE.name, case.tenant_id, case.action_intent_id
    written = [record_item(place, case, version_of(item), parts) for parts in due_parts]
    before = [each | _texts(_own_due_place(case, parts)) for each, parts in zip(written, due_parts, strict=True)]
    keys = DUE.partition, DUE.sort
    standing = (each for each in (*written, *before) if all(each.get(name) == item.get(name) for name in keys))
    return next(standing, written[-1])


def _plain(attribute: Any) -> Any:
    (value,) = attribute.values() if attribute else (None,)
    return sorted(value) if isinstance(value, list) else value
