"""What any answer may hold."""

from __future__ import annotations

from typing import Any, NotRequired, TypeAlias

# pydantic reads `typing.TypedDict` only from Python 3.12 on.
from typing_extensions import TypedDict

Json: TypeAlias = dict[str, Any]


class Problem(TypedDict):
    """Why something was not done (RFC 9457): `field` names the place that is wrong, `way_out` what to send."""

    type: str
    title: str
    status: int
    detail: str
    field: NotRequired[str]
    way_out: NotRequired[str]


class AmountAnswer(TypedDict):
    """A sum among the arguments as decimal text, or `problem`: why it is not known."""

    value: str | None
    unit: str | None
    problem: str | None
