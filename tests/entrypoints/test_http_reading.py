"""Lists: their pages, and what they are searched by."""

from __future__ import annotations

import pytest

from tests.entrypoints.http_world import (
    EMAIL,
    problem,
    waiting,
)


def test_lists_go_on_where_the_page_before_ended(shared):
    for number in range(5):
        waiting(shared, f"page-{number}", account_id="paged")
    approver = shared.client("approver")

    for path in ("/v1/queue", "/v1/intents", "/v1/timeline"):
        seen: list[str] = []
        cursor = None
        while True:
            page = approver.get(
                path, params={"account_id": "paged", "limit": 2, **({"after": cursor} if cursor else {})}
            )
            seen += [item["action_intent_id"] for item in page.json()["items"]]
            cursor = page.json()["next"]
            if cursor is None:
                break
        assert sorted(set(seen)) == [f"page-{number}" for number in range(5)], path


def test_intents_are_found_by_status_reason_and_time(shared):
    waiting(shared, "found-1", account_id="sought")
    approver, asked = shared.client("approver"), {"account_id": "sought"}
    reason = "ACTION_TYPE_NOT_ALLOWLISTED"

    def found(**more):
        answer = approver.get("/v1/intents", params={**asked, **more})
        assert answer.status_code == 200, answer.text
        return len(answer.json()["items"])

    assert found(status=["AWAITING_APPROVAL", "BLOCKED"], reason=reason, action_type=EMAIL) == 1
    assert found(status="SUCCEEDED") == 0
    assert found(created_from="2020-01-01T00:00:00Z", created_before="2100-01-01T00:00:00+02:00") == 1
    assert found(created_before="2020-01-01T00:00:00Z") == 0


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 501}, "limit"),
        ({"after": "nonsense"}, "after"),
        ({"account_id": "a b"}, "account_id"),
        ({"status": "DONE"}, "status.0"),
        ({"created_from": "yesterday"}, "created_from"),
        ({"created_from": "2026-01-01T00:00:00"}, "created_from"),
        ({"created_from": "1767225600"}, "created_from"),
        ({"reason": "\x00"}, "reason"),
    ],
)
def test_a_wrong_query_is_named(shared, query, field):
    assert problem(shared.client("approver").get("/v1/intents", params=query), 422)["field"] == field


@pytest.mark.parametrize("path", ["/v1/intents", "/v1/queue", "/v1/timeline", "/v1/usage"])
def test_a_filter_that_stands_twice_is_refused(shared, path):
    twice = [("account_id", "acct-1"), ("account_id", "acct-2")]

    refused = problem(shared.client("approver").get(path, params=twice), 422)

    assert refused["field"] == "account_id" and "2 times" in refused["detail"]


def test_pages_by_amount_are_refused_and_not_answered_with_the_first_again(shared):
    approver = shared.client("approver")
    waiting(shared, "sum-1", account_id="summed")
    waiting(shared, "sum-2", account_id="summed")
    cursor = approver.get("/v1/queue", params={"account_id": "summed", "limit": 1}).json()["next"]

    refused = approver.get("/v1/queue", params={"order": "amount", "after": cursor})

    assert problem(refused, 422)["field"] == "after"
