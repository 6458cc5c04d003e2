"""One day of commands for every test of them, and a copy of its folder for each."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .desk import LINES, Day, Desk, bounds, far_side_that_hangs_up


@pytest.fixture(scope="session")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    """Bounds applied, intents proposed from a file, approved ones executed."""
    folder = tmp_path_factory.mktemp("day")
    desk = Desk(folder)
    with far_side_that_hangs_up() as port:
        (folder / "bounds.yaml").write_text(bounds(port=port))
        (folder / "intents.jsonl").write_text("\n".join(LINES))
        previewed = desk.run("apply", "bounds.yaml", "--dry-run").stdout
        applied = desk.run("apply", "bounds.yaml", "--by", "ann").stdout
        proposed = desk.run("propose", "intents.jsonl", "--json", code=2)
        worked = desk.one("worker", "--until-idle")
    return Day(folder, previewed, applied, proposed, worked)


@pytest.fixture
def desk(day: Day, tmp_path: Path) -> Desk:
    """A copy of that day's folder."""
    shutil.copytree(day.folder, tmp_path / "desk")
    return Desk(tmp_path / "desk")
