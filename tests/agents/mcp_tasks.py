"""A client's side of the tasks extension: it is given a task as a result, and its test polls it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import mcp_types as types
from mcp.client import Client
from mcp.client.extension import ClientExtension, ResultClaim
from mcp_types import Result

from remit.entrypoints.gateway.dialect import TASKS


class Task(Result):
    result_type: Literal["task"] = "task"
    task_id: str
    status: str


class Tasks(ClientExtension):
    """Hands the task's id over as the text of a result."""

    identifier = TASKS

    def claims(self) -> Sequence[ResultClaim[Any]]:
        async def told(task: Task, _: Any) -> types.CallToolResult:
            return types.CallToolResult(content=[types.TextContent(text=task.task_id)])

        return [ResultClaim(result_type="task", model=Task, resolve=told)]


class TaskRequest(types.Request[dict[str, Any], str]):
    name_param = "taskId"


class Anything(Result, extra="allow"):
    """Whatever it is, by its names on the wire."""


async def of_task(client: Client, verb: str, task: str) -> dict[str, Any]:
    asked = TaskRequest(method=f"tasks/{verb}", params={"taskId": task})
    return (await client.session.send_request(asked, Anything)).model_dump()
