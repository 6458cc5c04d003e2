"""
Two processes that decide for the same accounts at the same time. Each account is a round of its own, whose limits have
room for a part of it: how often more ran than a limit holds.

Several rounds are raced at once: each write of a process decides a few intents of every one, so that the other's
writes come in between again and again, and neither process waits for the other but at the end of all of them.

What ran is counted from the answers alone, not from any counter. `python -m bench.races URL` is one of the processes:
it takes a line with the first round's number, decides, and answers for each round how many ran and how much they
come to.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from bench.world import BOUNDS, PROPOSAL
from remit import GateAnswer, Remit, RemitError
from remit.core.gate.amount import parse_amount

PROCESSES = 2
ROUNDS, EACH = 20, 100
"""Raced at once, and how many intents each process decides in each of them."""
IN_ONE_WRITE = 2
"""Of each round."""
MOST, MOST_MONEY, MOST_EACH = 120, "450.5", "399.9999"
TYPE = "CREATE_INTERNAL_NOTE"
_EUR = {"sum": "amount", "unit": "EUR"}
LIMITS = [
    {"name": "actions", "most": MOST, "per": "month", "of": "account"},
    {"name": "money", **_EUR, "most": MOST_MONEY, "per": "month", "of": "account"},
    {"name": "each", **_EUR, "most": MOST_EACH, "per": "month", "of": "principal"},
    # One window for all rounds, which everybody writes.
    {"name": "together", "most": 10**9, "per": "hour", "of": "tenant"},
]
RACE_BOUNDS = {
    "budget": {"max_autonomous_per_day": 150},
    "action_types": {
        TYPE: {**BOUNDS["action_types"][TYPE], "amounts": {"amount": {"value": "parameters.amount", "unit": "EUR"}}}
    },
    "limits": LIMITS,
}


_MOST_MONEY = min(parse_amount(most, "most") for most in (MOST_MONEY, MOST_EACH))


@dataclass(slots=True)
class Raced:
    """`overrun` is how many rounds ran more than a limit holds."""

    decided: int = 0
    ran: int = 0
    overrun: int = 0


def races(url: str, decisions: int) -> Raced:
    """At least so many decisions, in whole rounds; the bounds are `RACE_BOUNDS`."""
    raced = Raced()
    with ExitStack() as stack:
        racers = [stack.enter_context(_racer(url)) for _ in range(PROCESSES)]
        while raced.decided < decisions:
            _rounds(raced, racers)
    return raced


def _rounds(raced: Raced, racers: list[subprocess.Popen[str]]) -> None:
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write(f"{raced.decided // (PROCESSES * EACH)}\n")
        racer.stdin.flush()
    answers = [json.loads(racer.stdout.readline()) for racer in racers if racer.stdout is not None]
    for of_one_round in zip(*answers, strict=True):
        ran = sum(each["ran"] for each in of_one_round)
        raced.decided += PROCESSES * EACH
        raced.ran += ran
        raced.overrun += ran > MOST or sum(each["money"] for each in of_one_round) > _MOST_MONEY


@contextmanager
def _racer(url: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "bench.races", url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as racer:
        assert racer.stdin is not None and racer.stdout is not None
        racer.stdout.readline()
        yield racer
        racer.stdin.close()


def _proposal(round_: int, number: int) -> dict[str, Any]:
    amount = f"{1 + number % 9}.{number * 37 % 10_000:04d}"
    # An agent of its own: of one, no more than a thousand may wait.
    whose = {"account_id": f"race-{round_}", "on_behalf_of": f"person-{round_}", "proposed_by": f"agent-{round_}"}
    return {**PROPOSAL, **whose, "parameters": {**PROPOSAL["parameters"], "amount": amount}}


def _decide(remit: Remit, first: int) -> list[dict[str, int]]:
    """Of each round, how many ran and how much they come to."""
    came_to = [{"ran": 0, "money": 0} for _ in range(ROUNDS)]
    for start in range(0, EACH, IN_ONE_WRITE):
        asked = [(number, round_) for number in range(start, start + IN_ONE_WRITE) for round_ in range(ROUNDS)]
        proposals = [_proposal(first + round_, number) for number, round_ in asked]
        for (_, round_), proposal, answer in zip(asked, proposals, remit.submit(proposals), strict=True):
            if _ran(answer):
                came_to[round_]["ran"] += 1
                came_to[round_]["money"] += parse_amount(proposal["parameters"]["amount"], "amount")
    return came_to


def _ran(answer: GateAnswer | RemitError) -> bool:
    assert not isinstance(answer, RemitError), answer
    return answer.result == "AUTO_EXECUTED"


def main() -> None:
    with Remit.open(sys.argv[1]) as remit:
        print("ready", flush=True)
        for line in sys.stdin:
            print(json.dumps(_decide(remit, int(line))), flush=True)


if __name__ == "__main__":
    main()
