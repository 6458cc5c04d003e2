"""What `guarded` refuses itself, beside what every adapter does (`suite`)."""

import pytest

from agents import function_tool
from remit.agents.openai_agents import guarded
from remit.agents.tools import GuardedTools

from .signatures import refund_of


def test_a_tool_that_hides_its_exceptions_is_refused():
    with pytest.raises(TypeError, match="failure_error_function=None"):
        guarded([function_tool(refund_of([]))], GuardedTools("acct-1"), None, session=lambda _: "t-1")
