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

MEANINGLESS_ALONE = frozenset(
    {"expired", "budget_used_up", "gate_down", "killed_after_the_mark", "killed_after_finish", "cancelled"}
)
"""What a framework alone has no notion of: an expiry, a budget, a gate, a mark, a recorded outcome."""


def main() -> int:
    names = [name for name in DRIVERS if is_there(name) and driver(name).alone]
    heads = ["", "should", *(head for name in names for head in (f"{name} alone", "with Remit"))]
    print(_line(heads))
    print(_line(["---"] * len(heads)))
    with ThreadPoolExecutor(2) as pool:
        for line in pool.map(lambda name: _row(name, names), _playable(names)):
            print(line, flush=True)
    return 0


def _playable(drivers: Sequence[str]) -> list[str]:
    """The scenarios that somebody has a way to do."""
    return [name for name in SCENARIOS if any(name not in driver(each).cannot for each in drivers)]


def _row(name: str, drivers: Sequence[str]) -> str:
    scenario = SCENARIOS[name]
    return _line([scenario.what, str(scenario.effects), *_cells(name, drivers)])


def _cells(name: str, drivers: Sequence[str]) -> Iterator[str]:
    scenario = SCENARIOS[name]
    for each in drivers:
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
