"""Failures on the way out, as one exception that knows what it means for an action."""

from __future__ import annotations

from typing import Literal

from remit.core.execution.outcome import CallResult, ErrorClass

Acted = Literal["yes", "no", "unknown"]


class Failure(Exception):
    """The call came to nothing, or to nothing that is known. Never leaves an adapter: it becomes its answer."""

    def __init__(self, error_class: ErrorClass, error_code: str, message: str, *, acted: Acted = "no") -> None:
        self.error_class, self.error_code, self.acted = error_class, error_code, acted
        super().__init__(message)

    def result(self) -> CallResult:
        return CallResult(
            acted=self.acted, error_class=self.error_class, error_code=self.error_code, error_message=str(self)
        )
