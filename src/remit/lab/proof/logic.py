"""
Formulas for Z3, each set of them in a context of its own: a proof in one thread shares nothing with that of another.

What is known already is a plain `bool` or `int` and is folded here, so that the solver sees only what is open.
"""

from __future__ import annotations

from collections.abc import Iterable
from time import monotonic
from typing import Any

import z3

Truth = Any
"""A `bool`, or a formula that is true or false."""
Whole = Any
"""An `int`, or a term that is one."""


TOO_LONG = "it would take longer than a proof may"


class TooLong(ValueError):
    """The time of a proof was over before its formulas were written."""

    def __init__(self) -> None:
        super().__init__(TOO_LONG)


class Logic:
    """Connectives over formulas of one context."""

    def __init__(self, timeout_s: float) -> None:
        self._until = monotonic() + timeout_s
        self.context = z3.Context()
        self.unknowns: dict[str, Any] = {}
        """Everything that is open, by its name."""

    def truth(self, name: str) -> Truth:
        return self.unknowns.setdefault(name, z3.Bool(name, self.context))

    def whole(self, name: str) -> Whole:
        return self.unknowns.setdefault(name, z3.Int(name, self.context))

    @property
    def left_s(self) -> float:
        """The time that is left."""
        return self._until - monotonic()

    def all(self, parts: Iterable[Truth]) -> Truth:
        """Raises `TooLong`, as all connectives do of which a formula grows."""
        left = self._some_left()
        for part in parts:
            if part is False:
                return False
            if part is not True:
                left.append(part)
        return z3.And(left) if len(left) > 1 else left[0] if left else True

    def _some_left(self) -> list[Truth]:
        if self.left_s <= 0:
            raise TooLong
        return []

    def any(self, parts: Iterable[Truth]) -> Truth:
        left = self._some_left()
        for part in parts:
            if part is True:
                return True
            if part is not False:
                left.append(part)
        return z3.Or(left) if len(left) > 1 else left[0] if left else False

    def no(self, part: Truth) -> Truth:
        return not part if isinstance(part, bool) else z3.Not(part)

    def implies(self, condition: Truth, then: Truth) -> Truth:
        return self.any((self.no(condition), then))

    def same(self, left: Any, right: Any) -> Truth:
        if isinstance(left, bool) and not isinstance(right, bool):
            return right if left else self.no(right)
        if isinstance(right, bool) and not isinstance(left, bool):
            return left if right else self.no(left)
        equal = left == right
        return equal if isinstance(equal, bool) else self._plain(equal, left, right)

    def _plain(self, equal: Any, left: Any, right: Any) -> Truth:
        return True if z3.is_expr(left) and z3.is_expr(right) and left.eq(right) else equal

    def choose(self, condition: Truth, yes: Any, no: Any) -> Any:
        if isinstance(condition, bool):
            return yes if condition else no
        if isinstance(yes, bool) or isinstance(no, bool):
            return self.all((self.implies(condition, yes), self.any((condition, no))))
        return z3.If(condition, yes, no)

    def solver(self) -> Any:
        return z3.Solver(ctx=self.context)

    def check(self, solver: Any, *wanted: Truth) -> Any:
        """Z3's answer, `unknown` where it has none in the time that is left."""
        if self.left_s <= 0:
            return z3.unknown
        solver.set("timeout", max(1, int(self.left_s * 1000)))
        try:
            return solver.check(*wanted)
        except z3.Z3Exception:
            return z3.unknown
