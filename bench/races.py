"""
Two processes that decide for the same account at the same moment, round after round, each round with an account of its
own whose limits have room for a part of it: how often more ran than a limit holds.

What ran is counted from the answers alone, not from any counter. `python -m bench.races URL` is one of the processes:
it takes a line with the round's number, decides, and answers how many ran and how much they come to.
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

PROCESSES, AT_ONCE = 2, 100
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
            _round(raced, racers)
    return raced


def _round(raced: Raced, racers: list[subprocess.Popen[str]]) -> None:
    number = raced.decided // (PROCESSES * AT_ONCE)
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write(f"{number}\n")
        racer.stdin.flush()
    ran, money = 0, 0
    for racer in racers:
        assert racer.stdout is not None
        answer = json.loads(racer.stdout.readline())
        ran, money = ran + answer["ran"], money + answer["money"]
    raced.decided += PROCESSES * AT_ONCE
    raced.ran += ran
    most_money = min(parse_amount(most, "most") for most in (MOST_MONEY, MOST_EACH))
    raced.overrun += ran > MOST or money > most_money


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


def _decide(remit: Remit, round_: int) -> dict[str, int]:
    proposals = [_proposal(round_, number) for number in range(AT_ONCE)]
    answers = list(zip(proposals, remit.submit(proposals), strict=True))
    ran = [proposal for proposal, answer in answers if _ran(answer)]
    return {"ran": len(ran), "money": sum(parse_amount(each["parameters"]["amount"], "amount") for each in ran)}


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
