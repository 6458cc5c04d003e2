"""Calls watched: made inside the store's write, which others wait for, or ahead of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from remit.connectors.http import HttpFacts
from remit.testing.faults import StoreWrapper

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


class NoLookupInside(StoreWrapper):
    """A store that knows whether this thread is within one of its writes."""

    def __init__(self, inner: Any) -> None:
        super().__init__(inner)
        self.within = threading.local()

    def transact(self, units: Any) -> Any:
        return self._inside(lambda: self.inner.transact(units))

    def claim(self, wanted: Any, unit_for: Any) -> Any:
        return self._inside(lambda: self.inner.claim(wanted, unit_for))

    def _inside(self, work: Callable[[], Any]) -> Any:
        self.within.now = True
        try:
            return work()
        finally:
            self.within.now = False


class WatchedFacts(HttpFacts):
    """Fails where it is asked within a write of `store`, a `NoLookupInside`."""

    store: Any = None

    def get(self, lookup: Any) -> Any:
        assert not getattr(self.store.within, "now", False), "looked up within a write"
        return super().get(lookup)
