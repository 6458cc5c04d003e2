"""The part of the contract about reading."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, get_args

import pytest

from remit.core.execution.result import StoredResult
from remit.core.identity.credential import Credential
from remit.core.identity.session import IssuerLogout
from remit.core.lifecycle import MOVING, Status
from remit.core.notifications.notice import Notice
from remit.core.notifications.outbox import Outbox
from remit.core.records import (
    BROWSER,
    CASE,
    INTERNAL_OBJECT,
    OUTBOX,
    RESULT,
    SESSION,
    Kind,
    case_key,
    outbox_key,
    result_key,
)
from remit.ports import CaseFilter, Store
from remit.testing.samples import (
    NOON,
    OTHER,
    SECOND,
    TENANT,
    appending,
    deleting,
    ids,
    make_browser,
    make_case,
    make_entry,
    make_object,
    make_session,
    putting,
    putting_cases,
)
from remit.testing.store_writing import StoreBase

ALL = CaseFilter()
STATUSES: tuple[Status, ...] = get_args(Status)


class ReadingContract(StoreBase):
    """Records, and what is due."""

    def test_what_is_not_there_reads_as_none(self, store: Store) -> None:
        key, record = make_object()
        store.transact([putting((key, record))])
        missing, _ = make_object("o-2")

        shown = store.read([key, missing])

        assert (shown.get(key), shown.get(missing)) == (record, None)

    @pytest.mark.parametrize(
        "text",
        ["", "Grüße 🚀 日本語", "line\nbreak\ttab", "'quoted' \"twice\" \\ %s ? :name", "\x00\x1f\u2028", "x" * 65536],
        ids=["empty", "unicode", "whitespace", "quotes", "control", "long"],
    )
    def test_text_comes_back_as_it_was_written(self, store: Store, text: str) -> None:
        key, record = make_object(text=text)
        entry = make_entry(data={"text": text, text or "key": [1, 2.5, None, True]})

        store.transact([putting((key, record), entries=[entry])])

        assert store.read([key]).get(key) == record
        assert store.chain(TENANT, "i-1") == [entry]

    def test_times_come_back_to_the_microsecond(self, store: Store) -> None:
        moments = [NOON, NOON + timedelta(microseconds=1), NOON + timedelta(microseconds=999_999), NOON.replace(year=1)]
        for number, moment in enumerate(moments):
            case = make_case(f"i-{number}", created_at=moment, due_at=moment)
            entry = make_entry(case.action_intent_id, at=moment)
            store.transact([putting_cases(case), appending(entry)])

            assert (
                store.read([case_key(TENANT, case.action_intent_id)]).get(case_key(TENANT, case.action_intent_id))
                == case
            )
            assert store.chain(TENANT, case.action_intent_id) == [entry]

    def test_a_scan_lists_one_kind_of_one_tenant_by_id(self, store: Store) -> None:
        names = ["b", "a~", "a", "B", "a.1", "a:2", "AUTO#x|y/z"]
        store.transact([putting(*(make_object(name) for name in names)), putting(make_object("a", tenant=OTHER))])
        store.transact([putting_cases(make_case("a"))])

        found = store.scan(INTERNAL_OBJECT, TENANT)

        assert [record.object_id for record in found] == sorted(names)
        assert [record.object_id for record in store.each(INTERNAL_OBJECT, TENANT)] == sorted(names)
        assert store.scan(INTERNAL_OBJECT, TENANT, limit=3) == found[:3]
        with_a = [record for record in found if record.object_id.startswith("a")]
        assert store.scan(INTERNAL_OBJECT, TENANT, "a", limit=2) == with_a[:2]
        assert ids(store.scan(CASE, TENANT)) == ids(list(store.each(CASE, TENANT))) == ["a"]

    def test_each_record_of_many_is_met_once_and_what_was_written_here_is_found_by_itself(self, store: Store) -> None:
        names = [f"c-{number:04d}" for number in range(1100)]
        for start in range(0, len(names), 50):
            store.transact([putting_cases(*(make_case(name) for name in names[start : start + 50]))])

        assert ids(list(store.each(CASE, TENANT))) == names
        assert list(store.misfiled(TENANT)) == []

    @pytest.mark.parametrize(
        ("prefix", "expected"),
        [("a", ["a", "a%b", "a_b", "ab"]), ("a%", ["a%b"]), ("a_", ["a_b"]), ("%", ["%"]), ("c", []), ("ab", ["ab"])],
    )
    def test_a_scan_takes_its_prefix_literally(self, store: Store, prefix: str, expected: list[str]) -> None:
        names = ["a", "ab", "a%b", "a_b", "b", "A", "%", "\\"]
        store.transact([putting(*(make_object(name) for name in names))])

        assert [record.object_id for record in store.scan(INTERNAL_OBJECT, TENANT, prefix)] == expected

    def test_all_records_of_a_kind_come_with_their_ids(self, store: Store) -> None:
        objects = [make_object(f"o-{number:04}") for number in range(700)]
        store.transact([putting(each) for each in objects])
        store.transact([putting(make_object("o-9", tenant=OTHER))])

        found = list(store.records(INTERNAL_OBJECT, TENANT))

        assert found == [(key.id, record) for key, record in objects]

    def test_due_cases_come_in_turns_by_tenant_and_of_each_the_longest_due_first(self, store: Store) -> None:
        store.transact(
            [
                putting_cases(
                    make_case("late", due_at=NOON - SECOND),
                    make_case("latest", due_at=NOON - timedelta(microseconds=1_000_001)),
                    make_case("now", due_at=NOON, tenant=OTHER),
                    make_case("soon", due_at=NOON + timedelta(microseconds=1)),
                    make_case("never", due_at=None),
                )
            ]
        )

        assert ids(store.due(NOON, 10)) == ["latest", "now", "late"]
        assert ids(store.due(NOON, 2)) == ["latest", "now"]
        assert ids(store.due(NOON + SECOND, 10)) == ["latest", "now", "late", "soon"]

    def test_what_moves_is_due_before_what_rests_however_long_that_is(self, store: Store) -> None:
        ago = NOON - timedelta(hours=1)
        resting = [make_case(f"w-{n}", status="AWAITING_APPROVAL", due_at=ago, expires_at=ago) for n in range(30)]
        store.transact([putting_cases(*resting)])
        store.transact([putting_cases(make_case("reserved", tenant=OTHER, status="APPROVED", due_at=NOON))])

        assert ids(store.due(NOON, 5))[0] == "reserved"
        assert len(store.due(NOON, 100)) == 31

    def test_one_tenants_many_due_cases_keep_no_others_from_being_due(self, store: Store) -> None:
        # More than any store looks at in one go.
        many = [make_case(f"m-{n:04}", due_at=NOON - SECOND) for n in range(2200)]
        for start in range(0, len(many), 80):
            store.transact([putting_cases(*many[start : start + 80])])
        store.transact([putting_cases(make_case("moving", tenant=OTHER, due_at=NOON))])

        # Nobody moves any of them on: each look begins where the one before it ended.
        assert any("moving" in ids(store.due(NOON, 50)) for _ in range(3))

    def test_timed_records_are_due_over_all_tenants_the_longest_due_first(self, store: Store) -> None:
        def outbox(name: str, tenant: str, next_at: datetime) -> tuple[Any, Any]:
            notice = Notice(notice="TEST", at=next_at, text="x")
            made = Outbox(subscription_id=name, notice="TEST").gather([notice], delivery_id="d-1", now=next_at)
            return outbox_key(tenant, name, "TEST"), made

        records = [
            outbox("b", TENANT, NOON),
            outbox("a", OTHER, NOON - SECOND),
            outbox("c", TENANT, NOON + SECOND),
            outbox("gone", TENANT, NOON),
        ]
        store.transact([putting(each) for each in records])
        store.transact([deleting(records[3][0])])

        due = store.due_records(OUTBOX, NOON, 10)

        assert [(tenant, each.subscription_id) for tenant, each in due] == [(OTHER, "a"), (TENANT, "b")]
        assert store.due_records(OUTBOX, NOON, 1) == due[:1]

    def test_what_is_due_is_dropped_over_all_tenants_the_longest_due_first(self, store: Store) -> None:
        def result(name: str, tenant: str, erase_at: datetime) -> tuple[Any, Any]:
            kept = StoredResult(
                action_intent_id=name, account_id="a", sha256="0", erase_at=erase_at, content=b"x" * 2000
            )
            return result_key(tenant, name), kept

        records = [
            result("a", OTHER, NOON - SECOND),
            result("b", TENANT, NOON),
            result("c", TENANT, NOON + SECOND),
            result("a", TENANT, NOON - 2 * SECOND),
        ]
        store.transact([putting(each) for each in records])

        def left() -> list[tuple[str, str]]:
            return [(tenant, id) for tenant in (OTHER, TENANT) for id, _ in store.records(RESULT, tenant)]

        assert store.drop_due(RESULT, NOON - 3 * SECOND, 10) == 0
        assert store.drop_due(RESULT, NOON, 2) == 2
        assert left() == [(TENANT, "b"), (TENANT, "c")]
        assert store.drop_due(RESULT, NOON, 10) == 1
        assert store.drop_due(RESULT, NOON, 10) == 0
        assert left() == [(TENANT, "c")]

    def test_what_was_dropped_can_be_put_again_and_what_was_put_again_is_not_dropped(self, store: Store) -> None:
        kept = StoredResult(action_intent_id="a", account_id="a", sha256="0", erase_at=NOON, content=b"x")
        key, later = result_key(TENANT, "a"), kept.changed(erase_at=NOON + SECOND)
        store.transact([putting((key, kept))])
        assert store.drop_due(RESULT, NOON, 10) == 1

        store.transact([putting((key, kept))])
        store.transact([putting((key, later))])

        assert store.drop_due(RESULT, NOON, 10) == 0
        assert store.read([key]).get(key) == later

    def test_a_case_that_was_put_off_is_due_no_more(self, store: Store) -> None:
        store.transact([putting_cases(make_case(due_at=NOON))])

        store.transact([putting_cases(make_case(due_at=NOON + SECOND))])

        assert store.due(NOON, 10) == []
        assert ids(store.due(NOON + SECOND, 10)) == ["i-1"]

    @pytest.mark.parametrize("status", STATUSES)
    def test_a_store_is_busy_while_a_case_is_moving(self, store: Store, status: Status) -> None:
        assert not store.busy()

        store.transact([putting_cases(make_case(status=status, tenant=OTHER))])

        assert store.busy() == (status in MOVING)

    def test_a_store_is_not_busy_with_an_approval_that_is_due_only_when_it_expires(self, store: Store) -> None:
        waits = make_case(status="APPROVED", connector="caller", published=True, due_at=NOON + SECOND * 60)
        store.transact([putting_cases(waits.changed(expires_at=NOON + SECOND * 60))])

        assert not store.busy()
        assert store.due(NOON, 10) == []
        assert ids(store.due(NOON + SECOND * 60, 10)) == ["i-1"]

    def test_every_tenant_with_anything_stored_is_named(self, store: Store) -> None:
        assert store.tenants() == []

        store.transact(
            [putting_cases(make_case(tenant="b")), putting(make_object(tenant="B"), make_object(tenant="a"))]
        )
        store.transact([putting_cases(make_case("i-2", tenant="b")), appending(make_entry(tenant="c"))])

        assert store.tenants() == ["B", "a", "b", "c"]
        assert [store.has_tenant(name) for name in ("a", "b", "c", "d")] == [True, True, True, False]
        store.transact([deleting(make_object(tenant="a")[0])])
        assert store.tenants() == ["B", "b", "c"]
        assert not store.has_tenant("a")

    @pytest.mark.parametrize("subject", ["sub-ann", '100%_!\\ "Ä" \x1f', "SUB-ANN"])
    def test_what_an_issuers_word_ends_is_found_over_all_tenants(self, store: Store, subject: str) -> None:
        def at_issuer(id: str, tenant: str, subject: str = subject, session: str | None = "s-1") -> Any:
            return [
                made(id, tenant=tenant, credential=Credential("oidc", subject), issuer_session=session)
                for made in (make_session, make_browser)
            ]

        own = [*at_issuer("1", TENANT), *at_issuer("2", OTHER, session="s-2"), *at_issuer("3", OTHER, session=None)]
        others = [*at_issuer("4", TENANT, subject="sub-Ann", session="S-1"), *at_issuer("5", OTHER, "s-1", subject)]
        by_key = make_session("6", credential=Credential("key", subject))
        store.transact([putting(*own, *others, by_key)])

        kinds: list[Kind[Any]] = [SESSION, BROWSER]
        for kind in kinds:
            by_subject = store.begun_at_issuer(kind, IssuerLogout(subject, None))
            by_session = store.begun_at_issuer(kind, IssuerLogout(None, "s-1"))
            by_both = store.begun_at_issuer(kind, IssuerLogout(subject, "s-2"))
            mine = [(key.tenant_id, record) for key, record in own if key.kind is kind]
            assert sorted(by_subject, key=str) == sorted(mine, key=str)
            assert by_session == mine[:1]
            assert by_both == mine[1:2]
        store.transact([deleting(key) for key, _ in own])
        assert store.begun_at_issuer(SESSION, IssuerLogout(subject, None)) == []
        assert store.begun_at_issuer(BROWSER, IssuerLogout(subject, None)) == []
