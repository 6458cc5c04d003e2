"""What `guarded` refuses itself, beside what every adapter does (`suite`)."""

import pytest

from agents import function_tool
from remit.agents.openai_agents import guarded
from remit.agents.tools import GuardedTools


def test_a_tool_that_hides_its_exceptions_is_refused():
    def refund(order_id: str, amount: int) -> str:
        """Refund an order."""
        return f"refunded {amount}"

    with pytest.raises(TypeError, match="failure_error_function=None"):
        guarded([function_tool(refund)], GuardedTools("acct-1"), None, session=lambda _: "t-1")
