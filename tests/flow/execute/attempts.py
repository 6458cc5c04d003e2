"""Approved events as a worker gets them, and attempts that have just begun."""

from typing import Any

from remit.flow.execute import Executor
from remit.ports import Message

from ..world import NOON, World

SOON = NOON.replace(hour=13).isoformat()


def delivered(world: World, **changes: Any) -> Any:
    world.submit(**changes)
    return world.bus.take()


def begun(world: World, **changes: Any) -> tuple[Message, Executor, Any, Any]:
    """An execution of which the request is mapped and no call is made."""
    message = delivered(world, **changes)
    executor = world.executor()
    ref = executor.start(message.data)
    assert executor.preflight(ref)
    return message, executor, ref, executor.map(ref)["request"]
