"""Lists of cases as every store has to keep them: the queue, the newest first, filtered, counted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, get_args

import pytest

from remit.core.lifecycle import UNANSWERED, Status
from remit.ports import CaseFilter, QueueLine, Store, case_cursor, waiting_cursor
from remit.testing.samples import (
    NOON,
    OTHER,
    SECOND,
    TENANT,
    ids,
    make_case,
    putting_cases,
)
from remit.testing.store_writing import StoreBase

ALL = CaseFilter()
STATUSES: tuple[Status, ...] = get_args(Status)


class ListingContract(StoreBase):
    """Cases in lists."""

    def test_waiting_cases_come_by_expiry_then_id(self, store: Store) -> None:
        store.transact(
            [
                putting_cases(
                    make_case("c", status="BLOCKED", expires_at=NOON + SECOND),
                    make_case("d", status="AWAITING_APPROVAL", expires_at=NOON),
                    make_case("b", status="AWAITING_APPROVAL", expires_at=NOON + SECOND),
                    make_case("a", status="AWAITING_APPROVAL", expires_at=NOON + 2 * SECOND, account_id="a-2"),
                    make_case("x", status="APPROVED", expires_at=NOON),
                    make_case("y", status="BLOCKED", expires_at=NOON, tenant=OTHER),
                )
            ]
        )

        assert ids(store.waiting(TENANT, None, None, 10)) == ["d", "b", "c", "a"]
        assert ids(store.waiting(TENANT, "a-2", None, 10)) == ["a"]
        assert ids(store.waiting(TENANT, None, None, 2)) == ["d", "b"]

    def test_the_queue_is_listed_as_lines_proposer_by_proposer(self, store: Store) -> None:
        cases = [
            make_case("b", status="BLOCKED", expires_at=NOON + SECOND, proposed_by="bot", reason="RISK_LEVEL_HIGH"),
            make_case("a", status="AWAITING_APPROVAL", expires_at=NOON + SECOND, proposed_by="bot", account_id="a-2"),
            make_case("c", status="AWAITING_APPROVAL", expires_at=NOON, proposed_by="crm"),
        ]
        others = [make_case("x", status="APPROVED"), make_case("y", status="BLOCKED", tenant=OTHER)]
        store.transact([putting_cases(*cases, *others)])

        lines = store.queue_lines(TENANT, None, {}, 10)

        assert lines == [
            QueueLine(each.expires_at, each.action_intent_id, each.account_id, each.proposed_by, each.reason or "")
            for each in (cases[1], cases[0], cases[2])
        ]
        assert store.queue_lines(TENANT, None, {}, 1) == [lines[0], lines[2]]
        assert store.queue_lines(TENANT, "bot", {"bot": lines[0].place}, 10) == [lines[1]]
        assert store.queue_lines(TENANT, None, {"bot": lines[1].place}, 10) == [lines[2]]

    def test_what_is_unanswered_of_a_proposer_is_counted(self, store: Store) -> None:
        of_bot = [make_case(status, status=status, proposed_by="bot") for status in STATUSES]
        others = [make_case("o-1", status="BLOCKED"), make_case("o-2", status="BLOCKED", tenant=OTHER)]
        store.transact([putting_cases(*of_bot, *others)])

        assert store.unanswered(TENANT, "bot") == len(UNANSWERED)
        store.transact([putting_cases(make_case("PROPOSED", status="APPROVED", proposed_by="bot"))])
        assert store.unanswered(TENANT, "bot") == len(UNANSWERED) - 1
        assert store.unanswered(TENANT, "nobody") == 0

    def test_the_queue_goes_on_after_a_cursor(self, store: Store) -> None:
        expiries = [NOON, NOON, NOON + timedelta(microseconds=1), NOON + SECOND, NOON + SECOND]
        cases = [make_case(f"i-{n}", status="BLOCKED", expires_at=at) for n, at in enumerate(expiries)]
        store.transact([putting_cases(*cases)])

        for position, case in enumerate(cases):
            rest = store.waiting(TENANT, None, waiting_cursor(case), 10)
            assert ids(rest) == ids(cases[position + 1 :])

    def test_cases_come_the_newest_first_then_by_id_downwards(self, store: Store) -> None:
        times = [NOON, NOON, NOON + timedelta(microseconds=1), NOON + SECOND, NOON + SECOND]
        cases = [make_case(f"i-{n}", created_at=at) for n, at in enumerate(times)]
        store.transact([putting_cases(*cases, make_case("i-9", tenant=OTHER))])

        newest_first = ids(cases)[::-1]
        assert ids(store.cases(TENANT, ALL, None, 10)) == newest_first
        assert ids(store.cases(TENANT, ALL, None, 2)) == newest_first[:2]
        for case in cases:
            position = newest_first.index(case.action_intent_id)
            assert ids(store.cases(TENANT, ALL, case_cursor(case), 10)) == newest_first[position + 1 :]

    @pytest.mark.parametrize(
        ("which", "expected"),
        [
            (CaseFilter(statuses=["APPROVED"]), ["i-2"]),
            (CaseFilter(statuses=["APPROVED", "PROPOSED"]), ["i-2", "i-1"]),
            (CaseFilter(statuses=[]), []),
            (CaseFilter(account_id="a-2"), ["i-3"]),
            (CaseFilter(action_type="CALL"), ["i-3", "i-2"]),
            (CaseFilter(reason="TENANT_POLICY"), ["i-3"]),
            (CaseFilter(created_from=NOON + SECOND), ["i-3", "i-2"]),
            (CaseFilter(created_before=NOON + SECOND), ["i-1"]),
            (CaseFilter(created_from=NOON + SECOND, created_before=NOON + 2 * SECOND), ["i-2"]),
            (CaseFilter(statuses=["BLOCKED"], account_id="a-2", action_type="CALL", reason="TENANT_POLICY"), ["i-3"]),
            (CaseFilter(statuses=["BLOCKED"], account_id="a-1"), []),
        ],
    )
    def test_cases_are_filtered(self, store: Store, which: CaseFilter, expected: list[str]) -> None:
        third = {"account_id": "a-2", "reason": "TENANT_POLICY", "status": "BLOCKED"}
        store.transact(
            [
                putting_cases(
                    make_case("i-1"),
                    make_case("i-2", status="APPROVED", action_type="CALL", created_at=NOON + SECOND),
                    make_case("i-3", action_type="CALL", created_at=NOON + 2 * SECOND, **third),
                )
            ]
        )

        assert ids(store.cases(TENANT, which, None, 10)) == expected

    def test_a_filtered_list_goes_on_after_a_cursor(self, store: Store) -> None:
        statuses: list[Status] = ["BLOCKED", "PROPOSED", "BLOCKED", "BLOCKED"]
        cases = [make_case(f"i-{n}", status=status) for n, status in enumerate(statuses)]
        store.transact([putting_cases(*cases)])

        assert ids(store.cases(TENANT, CaseFilter(statuses=["BLOCKED"]), case_cursor(cases[3]), 10)) == ["i-2", "i-0"]

    def test_lists_follow_whatever_changed_about_a_case(self, store: Store) -> None:
        store.transact([putting_cases(make_case(due_at=NOON))])
        changed = make_case(
            status="BLOCKED",
            reason="TENANT_POLICY",
            account_id="a-2",
            action_type="CALL",
            created_at=NOON + SECOND,
            expires_at=NOON,
            due_at=None,
        )

        store.transact([putting_cases(changed)])

        which = CaseFilter(["BLOCKED"], "a-2", "CALL", "TENANT_POLICY", NOON + SECOND, NOON + 2 * SECOND)
        assert store.cases(TENANT, which, None, 10) == [changed]
        assert store.waiting(TENANT, "a-2", None, 10) == [changed]
        assert (store.due(NOON, 10), store.busy(), store.counts(TENANT)) == ([], False, {"BLOCKED": 1})

    @pytest.mark.parametrize(
        "changed",
        [
            {"account_id": "a-2"},
            {"action_type": "CALL"},
            {"created_at": NOON + SECOND},
            {"expires_at": NOON + 2 * SECOND},
            {"due_at": NOON + SECOND},
            {"status": "AWAITING_APPROVAL"},
            {"reason": "TENANT_POLICY"},
        ],
        ids=lambda changed: next(iter(changed)),
    )
    def test_lists_follow_a_change_of_one_field_alone(self, store: Store, changed: dict[str, Any]) -> None:
        before = make_case(status="BLOCKED", expires_at=NOON + SECOND)
        store.transact([putting_cases(before, make_case("i-0", status="BLOCKED", expires_at=NOON + SECOND))])
        after = before.changed(**changed)

        store.transact([putting_cases(after)])

        exactly = CaseFilter(
            [after.status],
            after.account_id,
            after.action_type,
            after.reason,
            after.created_at,
            after.created_at + SECOND,
        )
        assert after in store.cases(TENANT, exactly, None, 10)
        assert store.waiting(TENANT, after.account_id, None, 10)[-1] == after
        assert (after in store.due(NOON + SECOND, 10)) == (after.due_at is not None)

    def test_cases_are_counted_by_status(self, store: Store) -> None:
        store.transact(
            [
                putting_cases(
                    make_case("i-1"),
                    make_case("i-2"),
                    make_case("i-3", status="FAILED"),
                    make_case("i-4", status="FAILED", tenant=OTHER),
                )
            ]
        )

        assert store.counts(TENANT) == {"PROPOSED": 2, "FAILED": 1}
        assert store.counts("nobody") == {}
        assert store.counts(TENANT, ["FAILED", "UNKNOWN"]) == {"FAILED": 1}
        assert store.counts(TENANT, ["PROPOSED", "SUCCEEDED"]) == {"PROPOSED": 2}
