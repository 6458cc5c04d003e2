"""The ground of the app and its parts: context and clock, the flow's functions as methods, what is made on demand."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from functools import partial, update_wrapper
from threading import RLock
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, cast, overload

from remit.flow.context import Context
from remit.ports import Clock, UnitOfWork, answer_of

P = ParamSpec("P")
T = TypeVar("T")


class Part:
    """A group of verbs over one context. It keeps nothing else, so parts are safe to share between threads."""

    def __init__(self, context: Context, clock: Clock) -> None:
        self._context, self.clock = context, clock

    @property
    def context(self) -> Context:
        """Shared by all parts, so that none of them can be given another."""
        return self._context

    def _one(self, unit: UnitOfWork[T]) -> T:
        return answer_of(self.context.store.transact([unit]))


class FlowMethod(Generic[P, T]):
    """A function of the flow as a method of a part, which hands over its context and nothing else."""

    def __init__(self, function: Callable[Concatenate[Context, P], T]) -> None:
        self._function = function
        update_wrapper(cast(Any, self), function)

    @overload
    def __get__(self, part: None, owner: Any = None) -> Self: ...
    @overload
    def __get__(self, part: Part, owner: Any = None) -> Callable[P, T]: ...
    def __get__(self, part: Part | None, owner: Any = None) -> Any:
        if part is None:
            return self
        method = update_wrapper(partial(self._function, part.context), self._function)
        # What it takes is what is left when the context is given; by this, tools would read the function's own.
        del method.__wrapped__
        return method


class OnDemand(Generic[T]):
    """
    An attribute that is made when it is first asked for. As `functools.cached_property`, and of two threads that ask
    first, both are given the same one.
    """

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make, self._making = make, RLock()
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, holder: None, owner: Any = None) -> Self: ...
    @overload
    def __get__(self, holder: object, owner: Any = None) -> T: ...
    def __get__(self, holder: Any, owner: Any = None) -> Any:
        if holder is None:
            return self
        with self._making:
            if self._name not in holder.__dict__:
                holder.__dict__[self._name] = self._make(holder)
        return holder.__dict__[self._name]


class MadeOnDemand(MutableMapping[str, T]):
    """
    Values by name, each made when it is first asked for: who never asks does not load what makes it. Of two threads
    that ask first, both are given the same one.
    """

    def __init__(self, makers: Mapping[str, Callable[[], T]]) -> None:
        self._makers, self._made, self._making = dict(makers), dict[str, T](), RLock()

    def __getitem__(self, name: str) -> T:
        if name not in self._made:
            with self._making:
                if name not in self._made:
                    self._made[name] = self._makers[name]()
        return self._made[name]

    def __setitem__(self, name: str, value: T) -> None:
        self._made[name], self._makers[name] = value, lambda: value

    def __delitem__(self, name: str) -> None:
        del self._makers[name]
        self._made.pop(name, None)

    def __contains__(self, name: object) -> bool:
        return name in self._makers

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


def new_secret() -> str:
    """256 random bits, as text that fits a URL."""
    return secrets.token_urlsafe(32)
