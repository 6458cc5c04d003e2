"""Lists of cases as every store has to keep them: the queue, the newest first, filtered, counted."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any, get_args

import pytest

from remit.core.lifecycle import UNANSWERED, Case, Status
from remit.core.waiting_counts import CountKind, vote_name
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

    def test_the_queue_of_people_is_listed_by_whose_the_cards_are(self, store: Store) -> None:
        ours = [make_case(name, status="BLOCKED", assigned_to="Ann", proposed_by="bot") for name in ("a", "b")]
        others = [make_case("c", status="BLOCKED", assigned_to="bob"), make_case("d", status="BLOCKED")]
        ended = make_case("e", status="REJECTED", assigned_to="ann")
        store.transact([putting_cases(*ours, *others, ended, make_case("f", status="BLOCKED", tenant=OTHER))])

        def found(*people: str, limit: int = 10) -> list[str]:
            return [line.action_intent_id for line in store.queue_lines(TENANT, None, {}, limit, people)]

        assert (found("ann"), found("ann", limit=1), found("carol")) == (["a", "b"], ["a"], [])
        assert sorted(found("ann", "bob")) == ["a", "b", "c"]
        store.transact([putting_cases(ours[0].changed(assigned_to=None), others[0].changed(assigned_to="ann"))])
        assert sorted(found("ann")) == ["b", "c"]

    def test_what_waits_is_counted_by_all_that_it_is(self, store: Store) -> None:
        kinds: list[CountKind] = ["status", "reason", "action_type", "account_id", "proposed_by"]
        case = make_case("a", status="AWAITING_APPROVAL", reason="RISK_LEVEL_HIGH", proposed_by="bot")
        others = [make_case("b", status="BLOCKED"), make_case("x"), make_case("y", status="BLOCKED", tenant=OTHER)]

        def counts(case: Case) -> dict[tuple[str, str], int]:
            store.transact([putting_cases(case)])
            return {(kind, name): n for (_, _, kind, name), n in store.waiting_counts(TENANT, kinds).items()}

        store.transact([putting_cases(*others)])
        alone = {("status", "BLOCKED"): 1, ("reason", ""): 1, ("proposed_by", others[0].proposed_by): 1}
        alone |= {("action_type", case.action_type): 1, ("account_id", case.account_id): 1}
        assert counts(others[1]) == alone

        both = Counter(alone) + Counter(
            {
                ("status", "AWAITING_APPROVAL"): 1,
                ("reason", "RISK_LEVEL_HIGH"): 1,
                ("proposed_by", "bot"): 1,
                ("action_type", case.action_type): 1,
                ("account_id", case.account_id): 1,
            }
        )
        assert counts(case) == both == counts(case)
        assert counts(case.changed(reason=None))["reason", ""] == 2
        assert counts(case.changed(status="APPROVED")) == alone
        assert store.counts(TENANT, ["BLOCKED", "AWAITING_APPROVAL", "PROPOSED"]) == {"BLOCKED": 1, "PROPOSED": 1}
        assert store.recount(TENANT) == 0

    def test_what_waits_is_counted_by_whose_it_is_and_who_approved_it(self, store: Store) -> None:
        mine = make_case("a", status="BLOCKED", assigned_to="Ann", voted_by=["Bob", "carol"])
        store.transact([putting_cases(mine, make_case("b", status="BLOCKED", voted_by=["bob"]))])

        def counted(people: list[str], votes: list[str]) -> dict[tuple[str, str], int]:
            found = store.waiting_counts(TENANT, ["status"], people, votes)
            return {(count.assigned_to, count.voted_by): n for count, n in found.items()}

        of_one, of_two = (vote_name("bob", mine.action_type, votes) for votes in (1, 2))
        assert counted(["", "ann"], ["", of_one, of_two, vote_name("dave", mine.action_type, 1)]) == {
            ("", ""): 2,
            ("", of_one): 1,
            ("", of_two): 1,
            ("ann", ""): 1,
            ("ann", of_two): 1,
        }
        store.transact([putting_cases(mine.changed(assigned_to=None, voted_by=[]))])
        assert counted(["", "ann"], ["", of_one, of_two]) == {("", ""): 2, ("", of_one): 1}

    def test_the_oldest_that_waits_is_known(self, store: Store) -> None:
        waiting = [make_case(f"w-{n}", status="BLOCKED", created_at=NOON + n * SECOND) for n in (2, 1, 3)]
        store.transact([putting_cases(*waiting, make_case("p", created_at=NOON))])

        assert store.oldest_waiting(TENANT) == NOON + SECOND
        assert store.oldest_waiting(OTHER) is None

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
