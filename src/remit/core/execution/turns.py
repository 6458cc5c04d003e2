"""Turns: one of each tenant after the other, so that nobody waits for all of another's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain, islice, zip_longest
from typing import TypeVar

T = TypeVar("T")


def tenants_in_turn(items: Sequence[T], limit: int, tenant_of: Callable[[T], str]) -> list[T]:
    """The first `limit` of them, one of each tenant in turn; within a tenant in their order."""
    tenants: dict[str, list[T]] = {}
    for item in items:
        tenants.setdefault(tenant_of(item), []).append(item)
    rounds = zip_longest(*tenants.values())
    return list(islice((item for item in chain.from_iterable(rounds) if item is not None), max(limit, 0)))
