"""One look at a tenant: what ran alone today, what waits, what went wrong, and what is nearly used up."""

from __future__ import annotations

# pydantic reads `typing.TypedDict` only from Python 3.12 on.
from typing_extensions import TypedDict

from remit.core.views.days import SumsAnswer
from remit.core.views.reading import StopAnswer


class AloneAnswer(TypedDict):
    """The actions of one type begun on policy's word today; `sums` are of what was done."""

    action_type: str
    count: int
    failed: int
    unknown: int
    sums: list[SumsAnswer]


class TodayAnswer(TypedDict):
    """
    Numbers of the tenant's today, counted a second or so behind: what policy let run, what people were asked about and
    answered, and of everything that was carried out what failed and what nobody knew at first.
    """

    date: str
    timezone: str
    ran_alone: int
    asked: int
    answered: int
    failed: int
    unknown: int
    alone: list[AloneAnswer]


class WaitingAnswer(TypedDict):
    """The intents that wait for a person. Where very many wait, the oldest is the oldest of those that expire first."""

    count: int
    oldest_at: str | None
    expires_at: str | None


class MostUsedAnswer(TypedDict):
    """
    One budget or limit of now, or a part of it: `name` is a limit's, `action_type` that of a budget's own part.

    `of` says whose it is: `account:north`, `principal:alice`, `tenant`. `share` goes from 0 to 1, and beyond where a
    limit was lowered below what is used.
    """

    of: str
    name: str | None
    action_type: str | None
    per: str
    unit: str | None
    used: int | str
    limit: int | str
    left: int | str
    share: float
    resets_at: str


class OverviewAnswer(TypedDict):
    """`unknown` is how many stand so now; `most_used` are the fullest budgets and limits, in that order."""

    tenant_id: str
    config_sequence: int
    today: TodayAnswer
    waiting: WaitingAnswer
    unknown: int
    most_used: list[MostUsedAnswer]
    stops: list[StopAnswer]
