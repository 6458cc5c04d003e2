"""Functions whose annotations are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal


def optional(
    order_id: str, amount: float, currency: Literal["EUR", "USD"] = "EUR", notes: list[str] | None = None
) -> None:
    """Of the usual kinds."""


def anything(what: Any, many: Sequence[int], by_name: dict[str, bool], **more: Any) -> None:
    """Of all kinds."""


def positional(first: str, /) -> None:
    """Of no name."""


def refund_of(ran: list[float]) -> Callable[[str, float], str]:
    """One that notes what it ran with, as a framework takes it for a tool."""

    def refund(order_id: str, amount: float) -> str:
        """Refund an order."""
        ran.append(amount)
        return f"refunded {amount}"

    return refund


def search(words: str) -> str:
    """Search."""
    return words
