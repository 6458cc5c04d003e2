"""The function connector: what becomes of a function that answers, raises, or does not come to an end."""

import asyncio
import json
import threading
from datetime import UTC, datetime, timedelta

import pytest

from remit import InvalidInput, NotActed, action, idempotency_key
from remit.connectors.function import FunctionConnector
from remit.core.proposal import complete, parse_proposal
from remit.ports import Call

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
REFUND = "REFUND_ORDER"
TOOL = {"connector": "function"}


def at_worker(function, action_type=REFUND):
    return action(action_type, execute="worker")(function)


def invoke(function, *, timeout_s=5.0, tool=TOOL, **parameters):
    proposal = {"tenant_id": "acme", "account_id": "north", "action_type": REFUND, "parameters": parameters}
    of = complete(
        parse_proposal({"action_intent_id": "i-1", **proposal}),
        action_intent_id="i-1",
        trace_id="t",
        now=NOW,
        expires_after=timedelta(days=1),
        registry_version=1,
    )
    connector = FunctionConnector([at_worker(function)])
    request = connector.map(tool, of)
    return connector.invoke(Call(of, request, "k-1", timeout_s, (), NOW))


def kept(result):
    return result.answer.media_type, result.answer.content.decode()


def test_a_function_is_called_with_the_arguments_and_its_answer_is_the_result():
    def refund(order_id, amount=1):
        return {"order": order_id, "refunded": amount}

    result = invoke(refund, order_id="o-1", amount=5)

    assert result.acted == "yes"
    assert (result.answer.media_type, json.loads(result.answer.content)) == (
        "application/json",
        {"order": "o-1", "refunded": 5},
    )


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (None, ("application/json", "null")),
        ("done", ("text/plain", "done")),
        ("half \ud800", ("text/plain", "half ?")),
        (b"\x25PDF", ("application/octet-stream", "%PDF")),
        ([1, "é"], ("application/json", '[1, "é"]')),
        (float("nan"), ("text/plain", "nan")),
        (timedelta(seconds=5), ("text/plain", "0:00:05")),
    ],
)
def test_any_answer_is_kept_as_json_or_as_its_words(answer, result):
    assert kept(invoke(lambda: answer)) == result


def test_what_the_tool_maps_is_what_the_function_is_given():
    tool = {**TOOL, "operation": "refund", "parameters": {"order": "{parameters.order_id}", "account": "{account_id}"}}

    result = invoke(lambda order, account: f"{order} of {account}", tool=tool, order_id="o-1")

    assert kept(result) == ("text/plain", "o-1 of north")


def test_an_asynchronous_function_is_awaited_in_one_loop_for_all_calls():
    async def loop_of():
        await asyncio.sleep(0)
        return str(id(asyncio.get_running_loop()))

    assert kept(invoke(loop_of)) == kept(invoke(loop_of))


def test_a_function_knows_the_idempotency_key_of_its_call():
    async def later():
        return idempotency_key()

    assert [kept(invoke(function))[1] for function in (idempotency_key_of, later)] == ["k-1", "k-1"]
    with pytest.raises(LookupError):
        idempotency_key()


def idempotency_key_of():
    return idempotency_key()


def raises(error):
    def function():
        raise error

    return function


def test_only_the_function_may_say_that_it_did_not_act():
    result = invoke(raises(NotActed("the shop is closed")))

    assert (result.acted, result.error_code) == ("no", "NOT_ACTED")
    assert result.error_message == "NotActed: the shop is closed"


@pytest.mark.parametrize("error", [ValueError("no answer"), SystemExit(3), KeyboardInterrupt(), MemoryError()])
def test_whatever_else_it_raises_nobody_knows_whether_it_acted(error):
    result = invoke(raises(error))

    assert (result.acted, result.error_code, result.error_class) == ("unknown", "TOOL_RAISED", "UNKNOWN")
    assert result.error_message.startswith(type(error).__name__)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
def test_an_asynchronous_function_that_would_end_the_process_ends_its_call_alone(error):
    async def ends():
        raise error

    async def answers():
        return "still here"

    assert invoke(ends).acted == "unknown"
    assert kept(invoke(answers)) == ("text/plain", "still here")


def test_an_asynchronous_function_is_broken_off_after_its_time():
    broken_off = threading.Event()

    async def hangs():
        try:
            await asyncio.Event().wait()
        finally:
            broken_off.set()

    result = invoke(hangs, timeout_s=0.01)

    assert (result.acted, result.error_class) == ("unknown", "TIMEOUT")
    assert broken_off.wait(60)


def test_arguments_that_a_function_does_not_take_call_nobody():
    result = invoke(lambda order_id: order_id, amount=5)

    assert (result.acted, result.error_code) == ("no", "NOT_ACTED")
    assert "does not take these arguments" in result.error_message


def test_of_one_action_type_there_is_one_function():
    one, other = at_worker(lambda: 1), at_worker(lambda: 2)

    assert set(FunctionConnector([one, one, at_worker(lambda: 3, "OTHER")]).action_types) == {REFUND, "OTHER"}
    with pytest.raises(InvalidInput, match="two are for REFUND_ORDER"):
        FunctionConnector([one, other])


@pytest.mark.parametrize(
    "tool", [{"url": "https://x"}, {"parameters": {"key": "${SECRET}"}}, {"parameters": "{target}"}]
)
def test_a_tool_that_says_what_a_function_does_not_take_is_refused(tool):
    with pytest.raises(InvalidInput):
        FunctionConnector().check({**TOOL, **tool})
