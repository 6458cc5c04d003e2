"""A tool's own name stands for one action type, or for none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from remit.core.action_name import action_type_name
from remit.core.errors import InvalidInput
from remit.core.values import ActionTypeName


@pytest.mark.parametrize(
    ("tool", "name"),
    [
        ("refund_order", "REFUND_ORDER"),
        ("refundOrder", "REFUND_ORDER"),
        ("RefundOrder", "REFUND_ORDER"),
        ("refund-order", "REFUND_ORDER"),
        ("REFUND_ORDER", "REFUND_ORDER"),
        ("PAY_V2X", "PAY_V2X"),
        ("crm.refund/order v2", "CRM_REFUND_ORDER_V2"),
        ("mcp__github__createIssue", "MCP_GITHUB_CREATE_ISSUE"),
        ("getHTTPResponse", "GET_HTTP_RESPONSE"),
        ("s3Upload", "S3_UPLOAD"),
        ("  send mail! ", "SEND_MAIL"),
    ],
)
def test_words_are_told_apart_however_they_are_joined(tool, name):
    assert action_type_name(tool) == name


@pytest.mark.parametrize("tool", ["", "!!", "2fa_send", "_", "überweisen", "a" * 129, "送金"])
def test_what_makes_no_name_is_refused_and_not_guessed(tool):
    with pytest.raises(InvalidInput):
        action_type_name(tool)


@given(st.text(max_size=140))
def test_whatever_comes_of_it_is_an_action_type_and_stays_itself(tool):
    try:
        name = action_type_name(tool)
    except InvalidInput:
        return

    assert TypeAdapter(ActionTypeName).validate_python(name) == name == action_type_name(name)
