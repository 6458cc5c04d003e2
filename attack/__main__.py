"""`./dev attack [NAME …]`: play every attack, or these, against a server of its own, and print the table."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from attack import by_load, by_policy, by_reach
from attack.attack import ATTACKS, Attack, Finding, named
from attack.installation import installed

FILES = (by_policy, by_load, by_reach)
"""Imported for the attacks that they enter."""


def main(arguments: Sequence[str]) -> int:
    """The exit code: 1 if something did not hold."""
    parser = argparse.ArgumentParser(prog="./dev attack", description=__doc__)
    parser.add_argument("names", nargs="*", help="; ".join(one.name for one in ATTACKS))
    parser.add_argument("--markdown", action="store_true", help="the table as it stands in docs/security.md")
    options = parser.parse_args(arguments)
    console, found = Console(width=120), list[Played]()
    for one in named(options.names):
        began = time.monotonic()
        found.append(Played(one, played(one), time.monotonic() - began))
        console.log(one.name, found[-1].verdict)
    console.print(markdown(found), soft_wrap=True, markup=False) if options.markdown else console.print(table(found))
    return int(any(one.finding.wrong for one in found))


@dataclass(frozen=True, slots=True)
class Played:
    """An attack, what it found and how long it took."""

    attack: Attack
    finding: Finding
    took_s: float

    @property
    def verdict(self) -> str:
        return "; ".join(self.finding.wrong) or "yes"


def played(one: Attack) -> Finding:
    """What it found. An attack that cannot be carried out to its end has not held."""
    seen = Finding()
    try:
        with installed(one.environ) as here:
            one.attempt(here, seen)
    except Exception as error:
        seen.must(False, f"the attack broke off: {type(error).__name__}: {error}")
    return seen


def table(found: list[Played]) -> Table:
    shown = Table("attack", "by", "what is tried", "holds", "seconds")
    for one in found:
        shown.add_row(one.attack.name, one.attack.by, one.attack.what, one.verdict, f"{one.took_s:.0f}")
    return shown


def markdown(found: list[Played]) -> str:
    rows = [f"| `{one.attack.name}` | {one.attack.by} | {one.attack.what} | {one.verdict} |" for one in found]
    return "\n".join(["| attack | by | what is tried | holds |", "|---|---|---|---|", *rows])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
