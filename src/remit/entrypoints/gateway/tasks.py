"""Shapes of the tasks extension (`io.modelcontextprotocol/tasks`): a call that waits as a task that a client polls."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, MISSING_REQUIRED_CLIENT_CAPABILITY, ClientCapabilities, RequestParams

from remit.entrypoints.gateway.dialect import TASKS

POLL_INTERVAL_MS = 2000
_ENDED_UNDONE = ("WITHDRAWN",)


class TaskParams(RequestParams):
    """Of `tasks/get`, `tasks/cancel` and, with responses that this gateway never asks for, `tasks/update`."""

    task_id: str
    input_responses: dict[str, Any] | None = None


def require_tasks(capabilities: ClientCapabilities | None) -> None:
    if TASKS not in ((capabilities.extensions if capabilities else None) or {}):
        needed: dict[str, Any] = {"requiredCapabilities": {"extensions": {TASKS: {}}}}
        raise MCPError(MISSING_REQUIRED_CLIENT_CAPABILITY, "the tasks extension was not announced", needed)


def task_id(secret: bytes, action_intent_id: str) -> str:
    """An intent's name that nobody can guess, and that any later gateway with the same secret understands."""
    return f"{action_intent_id}.{_mac(secret, action_intent_id)}"


def intent_of(secret: bytes, id: str) -> str:
    """Raises the protocol's error for a task that is not there."""
    name, _, mac = id.rpartition(".")
    if not name or not hmac.compare_digest(mac.encode(), _mac(secret, name).encode()):
        raise no_such_task()
    return name


def no_such_task() -> MCPError:
    return MCPError(INVALID_PARAMS, "Failed to retrieve task: Task not found")


def created(id: str, line: Mapping[str, Any], text: str) -> dict[str, Any]:
    """`CreateTaskResult`. `line` is the intent's status."""
    return {"resultType": "task", **_task(id, line, "working", text)}


def waiting(id: str, line: Mapping[str, Any], text: str) -> dict[str, Any]:
    return {"resultType": "complete", **_task(id, line, "working", text)}


def ended(id: str, line: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, Any]:
    """With the result that the call itself would have been answered with."""
    if line["status"] in _ENDED_UNDONE:
        return {"resultType": "complete", **_task(id, line, "cancelled", "it was taken back")}
    return {"resultType": "complete", **_task(id, line, "completed", line["status"]), "result": dict(result)}


def _task(id: str, line: Mapping[str, Any], status: str, text: str) -> dict[str, Any]:
    times = {"createdAt": line["created_at"], "lastUpdatedAt": line["updated_at"]}
    return {
        "taskId": id,
        "status": status,
        "statusMessage": text,
        **times,
        "ttlMs": None,
        "pollIntervalMs": POLL_INTERVAL_MS,
    }


def _mac(secret: bytes, name: str) -> str:
    return hmac.new(secret, b"task:" + name.encode(), hashlib.sha256).hexdigest()[:32]
