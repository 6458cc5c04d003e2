"""
Remit before an agent's tools: what is within bounds runs at once, what is asked waits, and each call runs once.

Everything here rests on the HTTP client; nothing of the server is loaded.
"""

from remit.agents.call import ToolCall
from remit.agents.decorator import Action, action, calling
from remit.agents.endings import Asked, Expired, Failed, NotActed, NotRun, Rejected, Unknown, Withdrawn
from remit.agents.guard import AsyncGuard, Guard
from remit.agents.running import idempotency_key
from remit.agents.tools import GuardedTools, ToolSpec

__all__ = [
    "Action",
    "Asked",
    "AsyncGuard",
    "Expired",
    "Failed",
    "Guard",
    "GuardedTools",
    "NotActed",
    "NotRun",
    "Rejected",
    "ToolCall",
    "ToolSpec",
    "Unknown",
    "Withdrawn",
    "action",
    "calling",
    "idempotency_key",
]
