"""Calls watched: made inside the store's write, which others wait for, or ahead of it."""

from __future__ import annotations

from typing import Any

import pytest

from .world import World


def places_of(monkeypatch: pytest.MonkeyPatch, world: World, owner: type, method: str) -> list[str]:
    """The places of each call of `owner`'s method from here on, as they are made: `expected_place`, or the other."""
    inside: list[bool] = []
    places: list[str] = []
    store = type(world.app.context.store)
    transact, watched = store.transact, getattr(owner, method)

    def writing(self: Any, units: Any) -> Any:
        inside.append(True)
        try:
            return transact(self, units)
        finally:
            inside.pop()

    def noted(self: Any, *asked: Any) -> Any:
        places.append("in the write" if inside else "ahead")
        return watched(self, *asked)

    monkeypatch.setattr(store, "transact", writing)
    monkeypatch.setattr(owner, method, noted)
    return places


def expected_place(world: World) -> str:
    """Ahead, where a slow call in the write would hold others up; else that costs a request for nothing."""
    return "ahead" if world.inner.one_at_a_time else "in the write"
