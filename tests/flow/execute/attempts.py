"""Approved events as a worker gets them, and attempts that have just begun."""

from ..world import NOON

SOON = NOON.replace(hour=13).isoformat()


def delivered(world, **changes):
    world.submit(**changes)
    return world.bus.take()


def begun(world, **changes):
    """An execution of which the request is mapped and no call is made."""
    message = delivered(world, **changes)
    executor = world.executor()
    ref = executor.start(message.data)
    assert executor.preflight(ref)
    return message, executor, ref, executor.map(ref)["request"]
