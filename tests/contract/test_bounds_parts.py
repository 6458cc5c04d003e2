"""Bounds of many accounts are stored in parts: a change writes those that differ, and who reads them misses none."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime

import pytest

from remit import RemitError
from remit.core.gate.bounds import AccountBounds, Bounds, nothing_set, replace_bounds
from remit.core.gate.budget import Budget
from remit.core.records import BOUNDS, THE_ONE, Key
from remit.core.unknown import UnknownFields
from remit.ports import UnitOfWork, Writes, answer_of
from remit.stores import bounds_parts
from remit.stores.bounds_parts import BOUNDS_PARTS, KNOWN_BOUNDS, KnownBounds, PartsGone, is_head, stored_bounds
from remit.stores.dynamodb.batch import MOST_ITEM_BYTES
from remit.stores.dynamodb.layout import partitions
from remit.testing.samples import TENANT

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
AT = Key(BOUNDS, TENANT, THE_ONE)
MANY = 300
"""Accounts that are too long to be stored whole."""


def account(most=5, zone=None):
    return AccountBounds(budget=Budget(max_autonomous_per_day=most, timezone=zone))


def bounds(accounts=MANY, **fields):
    own = {f"a-{number}": account() for number in range(accounts)}
    return Bounds(tenant=TENANT, accounts=own, modes={"default": "AUTO_EXECUTE"}, **fields)


def with_account(before, name, own):
    return replace_bounds(
        before, before.bounds.model_copy(update={"accounts": before.bounds.accounts | {name: own}}), NOON
    )


def first(**fields):
    return replace_bounds(nothing_set(TENANT), bounds(**fields), NOON)


class Kept:
    """A place that keeps what a store would: the body of the record, and parts by name."""

    def __init__(self):
        self.record, self.body = None, None
        self.parts: dict[str, str] = {}
        self.written = {}

    def write(self, record):
        stored = stored_bounds(record, self.record)
        assert stored.gone <= self.parts.keys() and not stored.new.keys() & self.parts.keys()
        self.parts = {name: body for name, body in self.parts.items() if name not in stored.gone} | {**stored.new}
        self.record, self.body, self.written = stored.record, stored.body, {**stored.new}

    def read(self, known=None):
        return (known or KnownBounds()).whole(TENANT, self.body, self.fetch)

    def fetch(self, names):
        return {name: self.parts[name] for name in names if name in self.parts}


@pytest.fixture
def kept():
    kept = Kept()
    kept.write(first())
    return kept


# --- the form ---


def test_short_bounds_are_stored_whole_as_before():
    short = replace_bounds(nothing_set(TENANT), bounds(accounts=3), NOON)

    stored = stored_bounds(short, None)

    assert (stored.body, stored.new, stored.gone) == (short.to_json(), {}, frozenset())


def test_a_change_of_one_account_writes_its_part_alone(kept):
    kept.write(with_account(kept.record, "a-7", account(9)))

    (part,) = kept.written.values()
    assert "a-7" in json.loads(part)["accounts"] and len(part) < 20_000
    assert kept.read() == kept.record and kept.read().bounds.accounts["a-7"].budget.max_autonomous_per_day == 9


def test_a_change_of_the_tenants_own_writes_no_account(kept):
    kept.write(replace_bounds(kept.record, kept.record.bounds.model_copy(update={"modes": {}}), NOON))

    (part,) = kept.written.values()
    assert "accounts" not in json.loads(part)["bounds"]
    assert kept.read() == kept.record


def test_whatever_is_changed_one_after_the_other_is_read_back_whole_and_in_steps(kept):
    dice, known = random.Random(4), KnownBounds()
    for _ in range(20):
        names = dice.sample(range(2 * MANY), dice.choice([1, 1, 3, MANY]))
        own = dict(kept.record.bounds.accounts)
        for name in names:
            own.pop(f"a-{name}", None)
            if dice.random() < 0.6:
                own[f"a-{name}"] = account(dice.randrange(100), dice.choice([None, "Asia/Tokyo"]))
        update = {"accounts": own, "budget": Budget(timezone=dice.choice(["UTC", "Europe/Berlin"]))}
        kept.write(replace_bounds(kept.record, kept.record.bounds.model_copy(update=update), NOON))

        assert kept.read().wire() == kept.read(known).wire() == kept.record.wire()
        assert kept.read(known).plans is not kept.record.plans
    named = {name for name in json.loads(kept.body)["parts"] if name} if is_head(kept.body) else set()
    assert kept.parts.keys() == named


def test_who_has_read_a_part_reads_it_never_again(kept):
    known, asked = KnownBounds(), []

    def fetch(names):
        asked.append(len(names))
        return kept.fetch(names)

    known.whole(TENANT, kept.body, fetch)
    kept.write(with_account(kept.record, "a-7", account(9)))
    known.whole(TENANT, kept.body, fetch)
    known.whole(TENANT, kept.body, fetch)

    assert asked == [len(kept.parts), 1]


def test_bounds_that_grow_short_again_leave_no_part_behind(kept):
    kept.write(replace_bounds(kept.record, bounds(accounts=2), NOON))

    assert kept.parts == {} and kept.body == kept.record.to_json()


def test_a_head_whose_parts_have_been_replaced_says_so(kept):
    old = kept.body
    kept.write(with_account(kept.record, "a-7", account(9)))

    with pytest.raises(PartsGone):
        KnownBounds().whole(TENANT, old, kept.fetch)


def test_what_a_newer_release_stored_of_an_account_stays_when_another_is_changed(kept):
    newer = UnknownFields(
        {"newer": 1},
        {"bounds": UnknownFields({}, {"accounts": UnknownFields({}, {"a-3": UnknownFields({"quota": 7}, {})})})},
    )
    kept.write(kept.record.keeping(newer))

    read = kept.read()
    kept.write(with_account(read, "a-7", account(9)).keeping(read.unknown))

    stored = json.loads(kept.read().to_json())
    assert stored["newer"] == 1 and stored["bounds"]["accounts"]["a-3"]["quota"] == 7
    assert kept.read().bounds.accounts["a-7"].budget.max_autonomous_per_day == 9


def test_the_same_bounds_in_two_places_have_parts_of_their_own(kept):
    other = Kept()

    other.write(kept.record)
    kept.write(with_account(kept.record, "a-7", account(9)))
    other.write(with_account(other.record, "a-8", account(9)))

    assert kept.read() == kept.record and other.read() == other.record


def test_of_what_was_put_together_only_so_much_is_kept(kept):
    known = KnownBounds(most_kept=10)

    for tenant in ("one", "two"):
        known.whole(tenant, kept.body, kept.fetch)

    assert list(known._latest) == ["two"]


# --- on every store ---


def change(store, make, at=AT):
    """Put what `make` makes of the bounds that are there."""

    def decide(shown):
        return Writes(answer=None, puts=[(at, make(shown.get(at) or nothing_set(at.tenant_id)))])

    answer_of(store.transact([UnitOfWork([at], decide)]))


def parts_there(store, kind):
    if kind == "dynamodb":
        every = (item for part in partitions(BOUNDS_PARTS, TENANT) for item in store._reading.whole(part))
        return {item["sk"]["S"] for item in every}
    return {name for (name,) in store._fetch("SELECT id FROM bounds_parts WHERE tenant_id = :tenant", tenant=TENANT)}


@pytest.fixture
def anew():
    """Forgets what this process knows of bounds, as another process would not know it."""
    KNOWN_BOUNDS.forget()
    yield KNOWN_BOUNDS.forget
    KNOWN_BOUNDS.forget()


def test_two_openings_change_accounts_in_turn_and_each_reads_what_the_other_wrote(open_store, store_kind, anew):
    one, two = open_store(store_kind), open_store(store_kind)
    change(one, lambda _: first())

    for number in range(4):
        change(
            two if number % 2 else one, lambda before, number=number: with_account(before, f"a-{number}", account(9))
        )
        anew()
        seen = (one if number % 2 else two).read([AT]).get(AT)
        assert seen.config_sequence == number + 2
        assert seen.bounds.accounts[f"a-{number}"].budget.max_autonomous_per_day == 9

    assert one.scan(BOUNDS, TENANT) == [two.read([AT]).get(AT)] == [record for _, record in two.records(BOUNDS, TENANT)]
    if store_kind != "memory":
        assert parts_there(one, store_kind) == {*json.loads(stored_body(one, store_kind))["parts"]} - {None}


def stored_body(store, kind):
    if kind == "dynamodb":
        (part,) = partitions(BOUNDS.name, TENANT)
        return next(iter(store._reading.whole(part)))["body"]["S"]
    return store._fetch("SELECT body FROM bounds WHERE tenant_id = :tenant", tenant=TENANT)[0][0]


def test_bounds_that_an_earlier_release_stored_whole_are_read_and_change_over(any_store, store_kind, anew, monkeypatch):
    with monkeypatch.context() as earlier:
        earlier.setattr(bounds_parts, "MOST_WHOLE", 10**9)
        change(any_store, lambda _: first())

    assert len(any_store.read([AT]).get(AT).bounds.accounts) == MANY
    change(any_store, lambda before: with_account(before, "a-7", account(9)))

    anew()
    assert any_store.read([AT]).get(AT).bounds.accounts["a-7"].budget.max_autonomous_per_day == 9
    assert store_kind == "memory" or is_head(stored_body(any_store, store_kind))


def test_bounds_that_are_changed_while_their_parts_are_read_are_read_anew(open_store, store_kind, anew, monkeypatch):
    one, two = open_store(store_kind), open_store(store_kind)
    change(one, lambda _: first())
    whole, changed = KnownBounds.whole, []

    def meanwhile(self, tenant_id, head, fetch):
        def first_changed(names):
            if not changed:
                changed.append(True)
                change(two, lambda before: with_account(before, "a-7", account(9)))
                # As another process: it has put nothing together here.
                anew()
            return fetch(names)

        return whole(self, tenant_id, head, first_changed)

    anew()
    monkeypatch.setattr(KnownBounds, "whole", meanwhile)

    read = one.read([AT]).get(AT)

    assert len(read.bounds.accounts) == MANY and (changed or store_kind == "memory")
    assert one.read([AT]).get(AT).config_sequence == (1 if store_kind == "memory" else 2)


@pytest.mark.parametrize("store_kind", ["sqlite", "postgres", "dynamodb"])
def test_a_write_that_fails_leaves_the_bounds_and_their_parts_as_they_were(any_store, store_kind, anew):
    change(any_store, lambda _: first())
    before = any_store.read([AT]).get(AT)

    def too_much(shown):
        record = with_account(shown.get(AT), "a-7", account(9))
        return Writes(answer=None, puts=[(AT, record), (Key(BOUNDS, "\ud800", THE_ONE), record)])

    with pytest.raises((RemitError, UnicodeError)):
        answer_of(any_store.transact([UnitOfWork([AT], too_much)]))

    anew()
    assert any_store.read([AT]).get(AT) == before
    named = {*json.loads(stored_body(any_store, store_kind))["parts"]} - {None}
    assert parts_there(any_store, store_kind) == named


# --- ten thousand ---


def test_ten_thousand_accounts_fit_into_dynamodb_and_cost_a_decision_no_request_more(
    dynamodb_client, dynamodb_table, open_store, anew
):
    store = open_store("dynamodb")
    change(store, lambda _: first(accounts=10_000))

    change(store, lambda before: with_account(before, "a-7", account(9)))

    anew()
    assert len(store.read([AT]).get(AT).bounds.accounts) == 10_000
    assert len(stored_body(store, "dynamodb")) < MOST_ITEM_BYTES / 50
