"""Functions whose annotations are read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal


def optional(
    order_id: str, amount: float, currency: Literal["EUR", "USD"] = "EUR", notes: list[str] | None = None
) -> None:
    """Of the usual kinds."""


def anything(what: Any, many: Sequence[int], by_name: dict[str, bool], **more: Any) -> None:
    """Of all kinds."""


def positional(first: str, /) -> None:
    """Of no name."""
