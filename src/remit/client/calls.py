"""Calls of the HTTP door, described before they are made: a route, what goes into it, and how its answer is read."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, Self, TypeVar, cast, overload
from urllib.parse import quote

import httpx

from remit.core.errors import InvalidInput

if TYPE_CHECKING:
    from remit.client.http_client import AsyncRemitClient, RemitClient

P = ParamSpec("P")
T = TypeVar("T")
JsonObject = Mapping[str, Any]


def read_json(response: httpx.Response) -> Any:
    return response.json()


@dataclass(frozen=True, slots=True)
class RouteCall(Generic[T]):
    """One request, described: its route, what goes into it, and how its answer is read."""

    route: str = ""
    ids: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    held_s: float = 0.0
    """How much longer than usual its answer may take."""
    read: Callable[[httpx.Response], T] = read_json

    @property
    def method(self) -> str:
        return self.route.partition(" ")[0]

    @property
    def path(self) -> str:
        return self.route.partition(" ")[2].format(**{name: _quoted(id) for name, id in self.ids.items()})


def _quoted(id: str) -> str:
    if not id or "/" in id:
        # On the way it would become another path, and another question.
        raise InvalidInput("(id)", f"is {id!r}", "send the id as it was answered")
    # A path of dots alone would be taken for a way up.
    return "%2E" * len(id) if not id.strip(".") else quote(id, safe="")


def items_of(response: httpx.Response) -> Any:
    """The answers of a list."""
    return response.json()["items"]


class Verb(Generic[P, T]):
    """A described call as a method: of a `RemitClient` it answers, of an `AsyncRemitClient` it is awaited."""

    def __init__(self, route: str, describe: Callable[Concatenate[Any, P], RouteCall[T]]) -> None:
        self.route, self._describe = route, describe
        update_wrapper(cast(Any, self), describe)

    def __set_name__(self, owner: type, name: str) -> None:
        # Several verbs may be described alike.
        self.__name__ = name

    @overload
    def __get__(self, client: None, owner: Any = None) -> Self: ...
    @overload
    def __get__(self, client: RemitClient, owner: Any = None) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: AsyncRemitClient, owner: Any = None) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, client: Any, owner: Any = None) -> Any:
        if client is None:
            return self

        def ask(*args: P.args, **kwargs: P.kwargs) -> Any:
            return client._ask(replace(self._describe(client, *args, **kwargs), route=self.route))

        return update_wrapper(ask, cast(Any, self))


def verb(route: str) -> Callable[[Callable[Concatenate[Any, P], RouteCall[T]]], Verb[P, T]]:
    return lambda describe: Verb(route, describe)
