"""Functions whose annotations are read, by a framework or by Remit."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Literal, Protocol


class Noting(Protocol):
    """Notes what ran, and breaks off if it is to."""

    ran: list[Any]
    fails: BaseException | None


def refund_of(chat: Noting) -> Callable[[str, int], str]:
    def refund(order_id: str, amount: int) -> str:
        """Refund an order."""
        chat.ran.append((order_id, amount))
        if chat.fails is not None:
            raise chat.fails
        return f"refunded {amount}"

    return refund


def awaited_refund_of(chat: Noting) -> Callable[[str, int], Coroutine[Any, Any, str]]:
    at_once = refund_of(chat)

    async def refund(order_id: str, amount: int) -> str:
        """Refund an order."""
        return at_once(order_id, amount)

    return refund


def optional(
    order_id: str, amount: float, currency: Literal["EUR", "USD"] = "EUR", notes: list[str] | None = None
) -> None:
    """Of the usual kinds."""


def anything(what: Any, many: Sequence[int], by_name: dict[str, bool], **more: Any) -> None:
    """Of all kinds."""


def positional(first: str, /) -> None:
    """Of no name."""
