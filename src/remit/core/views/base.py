"""Values that any answer may hold."""

from __future__ import annotations

from typing import Any, NotRequired, TypeAlias

# pydantic reads `typing.TypedDict` only from Python 3.12 on.
from typing_extensions import TypedDict

Json: TypeAlias = dict[str, Any]


class Mistake(TypedDict):
    """One of several things that are wrong with a request."""

    detail: str
    field: str
    way_out: NotRequired[str]


class Problem(TypedDict):
    """
    A problem: why something was not done (RFC 9457); `field` names the place that is wrong, `way_out` what to send.
    Where several places are wrong, `errors` are all of them.
    """

    type: str
    title: str
    status: int
    detail: str
    field: NotRequired[str]
    way_out: NotRequired[str]
    errors: NotRequired[list[Mistake]]


class AmountAnswer(TypedDict):
    """A sum among the arguments as decimal text, or `problem`: why it is not known."""

    value: str | None
    unit: str | None
    problem: str | None
