"""
The days of a tally, laid out for drawing: bars in a picture of fixed size, and rows for a table.

All lengths are in the picture's own units; the templates only write them down.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from remit.core.views import DayAnswer, DecisionsAnswer

WIDTH, HEIGHT = 640, 160
_GAP = 0.25
"""The share of a day's place that is left empty between bars."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One day: how many ran alone and how many were asked about, and where its two parts are drawn."""

    date: str
    autonomous: int
    asked: int
    x: float
    width: float
    asked_y: float
    asked_height: float
    autonomous_y: float
    autonomous_height: float


@dataclass(frozen=True, slots=True)
class Portion:
    """One row of a breakdown: a name, two counts, and how long their bars are in hundredths of the longest."""

    name: str
    autonomous: int
    asked: int
    autonomous_share: float
    asked_share: float


def counted(day: DayAnswer) -> tuple[int, int]:
    """The numbers of a day's decisions that ran alone, and that people were asked about."""
    by_result: Counter[str] = Counter()
    for line in day["decisions"]:
        by_result[line["result"]] += line["count"]
    return by_result["AUTO_EXECUTED"], by_result["REQUIRE_APPROVAL"]


def bars(days: Sequence[DayAnswer]) -> list[Bar]:
    """A stacked bar for each day, the tallest as high as the picture."""
    numbers = [counted(day) for day in days]
    most = max((autonomous + asked for autonomous, asked in numbers), default=0) or 1
    place = WIDTH / max(1, len(days))
    drawn = []
    for number, (day, (autonomous, asked)) in enumerate(zip(days, numbers, strict=True)):
        autonomous_height, asked_height = HEIGHT * autonomous / most, HEIGHT * asked / most
        drawn.append(
            Bar(
                date=day["date"],
                autonomous=autonomous,
                asked=asked,
                x=round(place * (number + _GAP / 2), 2),
                width=round(place * (1 - _GAP), 2),
                asked_y=round(HEIGHT - autonomous_height - asked_height, 2),
                asked_height=round(asked_height, 2),
                autonomous_y=round(HEIGHT - autonomous_height, 2),
                autonomous_height=round(autonomous_height, 2),
            )
        )
    return drawn


def by_type(days: Iterable[DayAnswer], most: int = 8) -> list[Portion]:
    """The action types with the most decisions, and how many of them ran alone."""
    return _shares(((line["action_type"], line) for day in days for line in day["decisions"]), most)


def by_reason(days: Iterable[DayAnswer], most: int = 8) -> list[Portion]:
    """The reasons for which people were asked, the most frequent first."""
    lines = (line for day in days for line in day["decisions"] if line["result"] == "REQUIRE_APPROVAL")
    return _shares(((line["reason"], line) for line in lines), most)


def _shares(named: Iterable[tuple[str, DecisionsAnswer]], most: int) -> list[Portion]:
    autonomous: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    for name, line in named:
        (autonomous if line["result"] == "AUTO_EXECUTED" else asked)[name] += line["count"]
    totals = autonomous + asked
    longest = max(totals.values(), default=1)
    return [
        Portion(
            name=name,
            autonomous=autonomous[name],
            asked=asked[name],
            autonomous_share=round(100 * autonomous[name] / longest, 2),
            asked_share=round(100 * asked[name] / longest, 2),
        )
        for name, _ in sorted(totals.items(), key=lambda item: (-item[1], item[0]))[:most]
    ]
