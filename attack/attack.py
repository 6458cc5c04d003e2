"""An attack: who tries it, what is tried, and what has to hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count

from attack.installation import LOCAL, QUIET, Installation, intent

WITHIN_S = 5.0
"""The quiet tenant is answered within this time, whatever goes on beside it, on a machine that is busy."""


@dataclass
class Finding:
    """What one attack saw: `wrong` is empty where everything held."""

    wrong: list[str] = field(default_factory=list)

    def must(self, holds: object, otherwise: str) -> None:
        if not holds:
            self.wrong.append(otherwise)


Attempt = Callable[[Installation, Finding], None]


@dataclass(frozen=True, slots=True)
class Attack:
    """`by` is who attacks; `environ` what the operator of that server has set."""

    by: str
    what: str
    attempt: Attempt
    environ: Mapping[str, str]

    @property
    def name(self) -> str:
        return self.attempt.__name__


ATTACKS: list[Attack] = []
_NUMBERS = count()


def attack(by: str, what: str, *, environ: Mapping[str, str] | None = None) -> Callable[[Attempt], Attempt]:
    """Enter a function into the list of attacks."""

    def enter(attempt: Attempt) -> Attempt:
        ATTACKS.append(Attack(by, what, attempt, LOCAL if environ is None else environ))
        return attempt

    return enter


def named(names: list[str]) -> Iterator[Attack]:
    """These attacks, or all. Raises `KeyError` for a name that no attack has."""
    known = {one.name: one for one in ATTACKS}
    yield from [known[name] for name in names] if names else ATTACKS


def quiet_goes_on(here: Installation, seen: Finding, when: str) -> None:
    """The quiet tenant decides, reads its queue and finds the server ready, in time."""
    name = f"quiet-{next(_NUMBERS)}"
    for answer in (
        here.ask_as(QUIET, "agent", "POST", "/v1/intents", json=intent(name)),
        here.ask_as(QUIET, "approver", "GET", "/v1/queue"),
        here.ask("GET", "/readyz"),
    ):
        in_time = answer.status == 200 and answer.took_s < WITHIN_S
        seen.must(
            in_time, f"{when} the quiet tenant is answered {answer.status or answer.text} in {answer.took_s:.1f} s"
        )
    seen.must(here.alive(), f"{when} the server has ended")
