"""`./dev bench --profile`: where the time of a decision goes, in shares, one by one and in batches of 200."""

from __future__ import annotations

import cProfile
import pstats
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.table import Table

from bench.measure import in_batches, warm
from bench.world import open_world
from remit import Remit

DECISIONS = 2000
# The first that fits, by function, then by file.
GROUPS: Sequence[tuple[str, Callable[[str, str], bool]]] = (
    ("the commit, waiting for the disk", lambda _, name: "'commit'" in name),
    ("SQLite's own statements", lambda _, name: "sqlite3" in name),
    (
        "checking, writing and packing records (pydantic, msgspec, orjson, zstandard)",
        lambda file, name: any(each in file + name for each in ("pydantic", "msgspec", "orjson", "zstandard")),
    ),
    ("canonical form and hashes", lambda file, name: "canonical" in file or "sha256" in name or "hashlib" in name),
    ("the rules (remit.core)", lambda file, _: "/remit/core/" in file),
    ("the step that writes it down (remit.flow)", lambda file, _: "/remit/flow/" in file or "/remit/app" in file),
    ("the store (remit.stores)", lambda file, _: "/remit/stores/" in file),
    ("SQLAlchemy", lambda file, _: "sqlalchemy" in file),
)
REST = "the rest of Python"


def table(folder: Path) -> Table:
    """Shares of own time under the profiler, which makes Python look dearer than C."""
    singly, together = (_shares(folder / f"profile-{size}.db", size) for size in (1, 200))
    shown = Table("where the time goes", "one by one", "in batches of 200")
    for group in [*(name for name, _ in GROUPS), REST]:
        shown.add_row(group, f"{singly[group]:.0%}", f"{together[group]:.0%}")
    return shown


def _shares(path: Path, size: int) -> dict[str, float]:
    with open_world(f"sqlite:///{path}") as remit:
        warm(remit)
        profile = _profiled(remit, size)
    spent: Counter[str] = Counter()
    for (file, _, name), (_, _, own_s, _, _) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        spent[_group_of(file, name)] += own_s
    return {group: spent[group] / spent.total() for group in [*(name for name, _ in GROUPS), REST]}


def _profiled(remit: Remit, size: int) -> cProfile.Profile:
    with cProfile.Profile() as profile:
        in_batches(remit, DECISIONS, size)
    return profile


def _group_of(file: str, name: str) -> str:
    return next((group for group, fits in GROUPS if fits(file, name)), REST)
