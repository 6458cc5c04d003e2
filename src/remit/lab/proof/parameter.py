"""One value of the parameters as a rule or an amount reads it, and the place that its path leads to."""

from __future__ import annotations

from msgspec import Struct

from remit.core.paths import COUNT, Path, Step
from remit.lab.proof.logic import Whole

ABSENT, TEXT, NUMBER, UNREADABLE = range(4)
"""What stands at a path of the parameters, for a rule that reads it. Yes and no are the texts `true` and `false`."""
LARGEST_DECIMAL = 9_223_372_036_854_775_807
"""Cedar's, in ten-thousandths."""


class ParameterValue(Struct, frozen=True):
    """The value at one path; `amount` is what its text comes to as an amount, 0 for none."""

    name: str
    path: Path
    kind: Whole
    text: Whole
    number: Whole
    amount: Whole

    @property
    def place(self) -> tuple[str, ...] | None:
        """The names that lead to it; `None` for a path that may lead through a list."""
        return _names(self.path.steps)

    @property
    def counted(self) -> tuple[str, ...] | None:
        """The names that lead to the list whose length it is."""
        return _names(self.path.steps[:-1]) if is_count(self.path) else None


def reads_as_of_a_list(step: Step) -> bool:
    return step.indexed or (step.plain and (step.name == COUNT or step.index is not None))


def is_count(path: Path) -> bool:
    """Is it the length of a list?"""
    return len(path.steps) > 1 and path.steps[-1].plain and path.steps[-1].name == COUNT


def _names(steps: tuple[Step, ...]) -> tuple[str, ...] | None:
    through_list = steps[0].indexed or any(map(reads_as_of_a_list, steps[1:]))
    return None if through_list else tuple(step.name for step in steps)
