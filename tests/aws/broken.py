"""A function that breaks, for tests of what follows from that."""

from __future__ import annotations

from typing import Any, Literal

from infra.local.emulator import Handler


class Broken:
    """A function that raises instead of, or after, doing what it should; recording a caught failure still works."""

    def __init__(
        self, handler: Handler, when: Literal["before", "after"], error: Exception, times: int | None = None
    ) -> None:
        self.handler, self.when, self.error, self.times = handler, when, error, times

    def __call__(self, event: Any, context: Any) -> Any:
        if "error" in event or self.times == 0:
            return self.handler(event, context)
        if self.times is not None:
            self.times -= 1
        if self.when == "after":
            self.handler(event, context)
        raise self.error
