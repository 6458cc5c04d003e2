"""The example that replays an agent's tool calls, on calls of this test's own."""

from __future__ import annotations

import json

from remit import Remit
from tests.e2e.processes import ROOT, Process

EXAMPLE = str(ROOT / "examples" / "replay_tool_calls.py")


def _call(number, task, action, **arguments):
    return {
        "domain": "retail",
        "task_id": task,
        "action_id": f"{task}_{number}",
        "action": action,
        "arguments": arguments,
    }


CALLS = [
    _call(0, 1, "find_user_id_by_email", email="ann@example.com"),
    _call(1, 1, "get_order_details", order_id="#W1"),
    # One desk's four cancellations a day, and a fifth.
    *(_call(2 + n, 1, "cancel_pending_order", order_id=f"#W{n}", reason="no longer needed") for n in range(5)),
    _call(0, 2, "modify_user_address", user_id="ann_1", city="Bern", zip="3011"),
    _call(1, 2, "modify_pending_order_payment", order_id="#W2", payment_method_id="gift_card_1"),
    _call(2, 2, "exchange_delivered_order_items", order_id="#W3", item_ids=["1", "2"], new_item_ids=["3", "4"]),
    _call(3, 2, "return_delivered_order_items", order_id="#W4", item_ids=["5"]),
    _call(4, 2, "transfer_to_human_agents", summary="the customer wants to talk to a person"),
]


def test_a_replay_decides_executes_and_counts_every_call_and_the_next_one_repeats_none(tmp_path):
    calls, database = tmp_path / "calls.jsonl", f"sqlite:///{tmp_path}/replay.db"
    calls.write_text("\n".join(map(json.dumps, CALLS)) + "\n", encoding="utf-8")

    code, output = _replay(calls, database)

    assert code == 0, output
    assert "12 intents decided" in output
    assert "{'SUCCEEDED': 7}" in output
    assert "the shop carried out 7 calls; verify: ok" in output
    for reason in ("BUDGET_EXCEEDED", "RISK_LEVEL_HIGH", "CONFIDENCE_BELOW_THRESHOLD", "ACTION_TYPE_NOT_ALLOWLISTED"):
        assert reason in output
    with Remit.open(database) as remit:
        assert remit.counts("shop") == {"SUCCEEDED": 7, "AWAITING_APPROVAL": 5}

    _, output = _replay(calls, database)

    assert "the shop carried out 0 calls; verify: ok" in output


def _replay(calls, database):
    with Process(EXAMPLE, str(calls), "--db", database) as process:
        output = process.everything()
        return process.wait(), output + process.errors
