"""The intent that a tool's call is: named by session and call, whatever its arguments."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.agents import ToolCall
from remit.agents.tools import GuardedTools, ToolSpec
from remit.core.proposal import parse_proposal


def call(**changes):
    known = {"action_type": "REFUND_ORDER", "arguments": {"amount": 5}, "account_id": "north"}
    return ToolCall(**{**known, "session": "thread-1", "call_id": "call-1", **changes})


def test_the_same_call_of_the_same_session_is_the_same_intent_whatever_it_says():
    assert call().action_intent_id == call(arguments={"amount": 6}).action_intent_id == "thread-1:call-1"


NAMES = st.text(alphabet="a:0 ", max_size=4)


@given(st.lists(st.tuples(NAMES, NAMES), min_size=2, max_size=2, unique=True))
def test_two_calls_are_never_one_intent(names):
    ids = {call(session=session, call_id=call_id).action_intent_id for session, call_id in names}

    assert len(ids) == 2


@given(st.text(), st.text())
def test_whatever_a_framework_calls_it_the_intent_has_a_good_id(session, call_id):
    proposal = call(session=session, call_id=call_id).proposal()

    assert parse_proposal({**proposal, "tenant_id": "acme"}).action_intent_id == proposal["action_intent_id"]


def test_a_tools_own_name_and_argument_say_what_it_does_and_to_what():
    tools = GuardedTools("north", {"refundOrder": ToolSpec(target=("order", "order_id"))}, free={"search"})

    made = tools.call("refundOrder", {"order_id": 7, "amount": 5}, session="s", call_id="c")

    assert (made.action_type, made.target) == ("REFUND_ORDER", {"entity_type": "order", "entity_id": "7"})
    assert tools.guards("refundOrder") and not tools.guards("search")


def test_a_target_that_no_argument_names_is_said():
    tools = GuardedTools("north", {"refund": ToolSpec(target=("order", "order_id"))})

    with pytest.raises(KeyError, match="order_id"):
        tools.call("refund", {"order": 7}, session="s", call_id="c")
