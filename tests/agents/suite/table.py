"""
`./dev test agents --table`: how often the tool acts in each scenario, with Remit before it and the framework alone.

Every number is counted in a run of that scenario; nothing is taken from a document.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.agents.suite.desk import Desk, bare_desk, remit_desk
from tests.agents.suite.processes import DRIVERS, driver, is_there
from tests.agents.suite.scenarios import SCENARIOS, Scenario, rewritten

MEANINGLESS_ALONE = {
    "expired": "a pause never expires",
    "budget_used_up": "it has no budget",
    "gate_down": "it has no gate",
    "killed_after_the_mark": "it has no permit",
    "killed_after_finish": "it records no outcome",
    "did_not_act": "it has no word for it",
    "cancelled": "its pause holds no process: there is nobody to cancel",
}
"""What a framework alone has no notion of."""
ALONE = "alone"


def main() -> int:
    names = columns()
    print(_line(heads(names)))
    print(_line(["---"] * len(heads(names))))
    with ThreadPoolExecutor(2) as pool:
        for line in pool.map(lambda name: _row(name, names), playable(names)):
            print(line, flush=True)
    print("\nA dash, because:\n")
    print("\n".join(reasons(names)))
    return 0


def columns() -> list[str]:
    """Drivers that are shown, of those whose packages are there."""
    return [name for name in DRIVERS if is_there(name) and driver(name).in_table]


def heads(names: Sequence[str]) -> list[str]:
    return ["", "should", *(head for name in names for head in _heads(name))]


def _heads(name: str) -> list[str]:
    return [f"{name} {ALONE}", "with Remit"] if driver(name).alone else [name]


def reasons(names: Sequence[str]) -> list[str]:
    """Why there is no number: a line for each reason, with the scenarios and whom it is said of."""
    said: dict[tuple[str, str], list[str]] = {}
    for name in playable(names):
        for whose, reason in _missing(name, names):
            said.setdefault((SCENARIOS[name].what, reason), []).append(whose)
    return [f"- *{what}*, {', '.join(whose)}: {reason}" for (what, reason), whose in said.items()]


def _missing(name: str, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    if name in MEANINGLESS_ALONE:
        yield f"all {ALONE}", MEANINGLESS_ALONE[name]
    for each in names:
        if driver(each).alone and name in driver(each).cannot_alone:
            yield f"{each} {ALONE}", driver(each).cannot_alone[name]
        if name in driver(each).cannot:
            yield each, driver(each).cannot[name]


def playable(drivers: Sequence[str]) -> list[str]:
    """The scenarios that somebody has a way to do."""
    return [name for name in SCENARIOS if any(name not in driver(each).cannot for each in drivers)]


def _row(name: str, drivers: Sequence[str]) -> str:
    scenario = SCENARIOS[name]
    return _line([scenario.what, str(scenario.effects), *_cells(name, drivers)])


def _cells(name: str, drivers: Sequence[str]) -> Iterator[str]:
    scenario = SCENARIOS[name]
    for each in drivers:
        if driver(each).alone:
            yield "-" if name in MEANINGLESS_ALONE or name in driver(each).cannot_alone else _alone(each, scenario)
        yield "-" if name in driver(each).cannot else _with_remit(each, scenario)


def _alone(name: str, scenario: Scenario) -> str:
    with tempfile.TemporaryDirectory() as folder:
        desk = bare_desk(name, Path(folder))
        scenario.play(desk)
        return _acts(desk, scenario)


def _with_remit(name: str, scenario: Scenario) -> str:
    with tempfile.TemporaryDirectory() as folder, remit_desk(name, Path(folder)) as desk:
        scenario.play(desk)
        return _acts(desk, scenario)


def _acts(desk: Desk, scenario: Scenario) -> str:
    approved = desk.approved() if scenario.play is rewritten else []
    seen = sum(amount not in approved for amount in desk.effects())
    return str(seen) if seen == scenario.effects else f"**{seen}**"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
