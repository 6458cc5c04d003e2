"""
Play recorded runs of an airline's agent through the gate, and count what was held and what ran alone.

    ./dev python examples/airline/measure.py FOLDER

FOLDER holds `runs.jsonl` and the airline's records before a run: `flights.json`, `reservations.json`, `users.json`.
Each write of a run is put to the gate twice: by the bounds with facts, and by what its parameters alone can tell. The
records follow the recording: what the far side did then is done before the next call, whatever the gate says.

Ends with 0 if every write was decided and the ledger verifies, with 2 where the folder is not what it should be.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data import BadInput, Call, Label, Run, read_runs
from records import Airline
from remit import Remit, RemitError, read_bounds
from service import serving

HERE = Path(__file__).parent
FACTS, ALONE = "airline", "airline-parameters"
LABELS: tuple[Label, ...] = ("wrong", "right", "refused_by_far_side")
IN_WORDS = {"wrong": "wrong", "right": "right", "refused_by_far_side": "refused by the far side"}
REFUSED_AT_THE_DOOR = "(refused at the door)"
_ACTION_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True)
class Answer:
    """The gate's word on one write, or the door's."""

    ran: bool
    reason: str
    explanation: str

    @classmethod
    def of(cls, answer: Any) -> Answer:
        if isinstance(answer, RemitError):
            return cls(False, REFUSED_AT_THE_DOOR, str(answer))
        return cls(answer.result == "AUTO_EXECUTED", answer.reason, answer.explanation)


@dataclass(frozen=True)
class Judged:
    """One write of a run, and what both bounds say of it."""

    run: Run
    call: Call
    with_facts: Answer
    alone: Answer


# --- playing ---


def bounds_of_parameters(bounds: dict[str, Any]) -> dict[str, Any]:
    """The same without facts, and without every rule that reads one."""
    types = {name: {**spec, "facts": {}} for name, spec in bounds["action_types"].items()}
    rules = [each for each in bounds["policies"] if each["name"].endswith("parameters.cedar")]
    return {**bounds, "tenant": ALONE, "action_types": types, "policies": rules}


def opened(url: str) -> Remit:
    """As the operator allows it: the records' address is this tenant's variable, and is on this machine."""
    settings = {"REMIT_PRIVATE_HOSTS": "127.0.0.1", "REMIT_TOOL_ENVIRONMENT": f"{FACTS}:AIRLINE_URL@127.0.0.1"}
    return Remit.open("memory://", environ={"AIRLINE_URL": url}, settings=settings)


def play(airline: Airline, runs: list[Run]) -> list[Judged]:
    """Every write of every run, in order. Raises `BadInput` for one that no action type can stand for."""
    with serving(airline) as server, opened(server.url) as remit:
        bounds = read_bounds(HERE / "bounds.yaml").model_dump(mode="json", exclude_unset=True)
        remit.apply(bounds, by="measurement")
        remit.apply(bounds_of_parameters(bounds), by="measurement")
        judged = [each for number, run in enumerate(runs) for each in _play_run(remit, airline, number, run)]
        for tenant in (FACTS, ALONE):
            report = remit.verify(tenant)
            if not report.ok:
                raise SystemExit(f"the ledger of {tenant} does not verify: {report}")
    return judged


def _play_run(remit: Remit, airline: Airline, number: int, run: Run) -> list[Judged]:
    airline.reset()
    judged = []
    for place, call in enumerate(run.calls):
        if not call.write:
            continue
        proposals = [_proposal(tenant, number, place, run, call) for tenant in (FACTS, ALONE)]
        answers = [Answer.of(each) for each in remit.submit(proposals)]
        judged.append(Judged(run, call, *answers))
        if call.label != "refused_by_far_side":
            airline.carry_out(call)
    return judged


def _proposal(tenant: str, number: int, place: int, run: Run, call: Call) -> dict[str, Any]:
    if not _ACTION_NAME.fullmatch(call.name):
        raise BadInput(
            f"runs.jsonl: calls[{place}] of run {run.run!r} writes by {call.name!r}, which is no tool's name"
        )
    return {
        "action_intent_id": f"{number}-{place}",
        "tenant_id": tenant,
        "account_id": f"conversation-{number}",
        "action_type": call.name.upper(),
        "parameters": call.arguments,
        "proposed_by": "airline-agent",
        "why": [f"run {run.run}"],
    }


# --- telling ---


def tell(judged: list[Judged], runs: list[Run]) -> None:
    total = Counter(each.call.label for each in judged)
    print(f"{len(runs)} runs, {len(judged)} writes: " + ", ".join(f"{total[each]} {IN_WORDS[each]}" for each in LABELS))
    _tell_shares(judged)
    _tell_reasons(judged)
    _tell_held(judged)
    _tell_ran(judged)


def _tell_shares(judged: list[Judged]) -> None:
    print(f"\n{'':38}{'with facts':>16}{'parameters alone':>20}")
    for label, ran, words in (
        ("wrong", False, "wrong writes held"),
        ("right", True, "right writes that ran alone"),
        ("refused_by_far_side", False, "refused by the far side, held before"),
    ):
        of_label = [each for each in judged if each.call.label == label]
        facts = sum(each.with_facts.ran is ran for each in of_label)
        alone = sum(each.alone.ran is ran for each in of_label)
        print(f"{words:38}{_share(facts, len(of_label)):>16}{_share(alone, len(of_label)):>20}")


def _share(count: int, of: int) -> str:
    return f"{count} of {of} ({count / of:.0%})" if of else "none"


def _tell_reasons(judged: list[Judged]) -> None:
    """By what was held: a rule that holds right writes and no wrong ones shows."""
    held: dict[str, Counter[str | None]] = {}
    for each in judged:
        if not each.with_facts.ran:
            held.setdefault(each.with_facts.reason, Counter())[each.call.label] += 1
    print(f"\n{'held with facts, by reason':46}{'wrong':>8}{'right':>8}{'refused':>10}")
    for reason, by_label in sorted(held.items(), key=lambda item: (-item[1].total(), item[0])):
        print(f"{reason:46}{by_label['wrong']:>8}{by_label['right']:>8}{by_label['refused_by_far_side']:>10}")


def _tell_held(judged: list[Judged]) -> None:
    missed = [each for each in judged if each.call.label == "right" and not each.with_facts.ran]
    print(f"\nright writes that were held: {len(missed)}")
    for each in missed:
        print(f"  {each.run.run} {_named(each.call)}: {each.with_facts.reason}: {each.with_facts.explanation}")


def _tell_ran(judged: list[Judged]) -> None:
    missed = [each for each in judged if each.call.label == "wrong" and each.with_facts.ran]
    print(f"\nwrong writes that ran alone: {len(missed)}")
    for each in missed:
        print(f"  {each.run.run} {_named(each.call)}: keeps every rule; {difference(each.run, each.call)}")


def _named(call: Call) -> str:
    about = call.arguments.get("reservation_id") or call.arguments.get("user_id") or ""
    return f"{call.name} {about}".strip()


def difference(run: Run, call: Call) -> str:
    """The arguments that make it another write than the nearest one that would have been right."""
    same_kind = [gold.arguments for gold in run.gold if gold.name == call.name]
    about = [each for each in same_kind if _about(each) == _about(call.arguments)]
    if not about:
        return "nothing of the kind was to be done to it: the conversation decides"
    differing = min(([*_differing(each, call.arguments)] for each in about), key=len)
    if not differing:
        return "right by itself, and not wanted here: the conversation decides"
    return "the customer wanted other " + ", ".join(differing)


def _about(arguments: dict[str, Any]) -> Any:
    return arguments.get("reservation_id") or arguments.get("user_id")


def _differing(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where runs.jsonl and the records are")
    options = parser.parse_args(arguments)
    try:
        airline, runs = Airline.read(options.folder), read_runs(options.folder)
        judged = play(airline, runs)
    except BadInput as error:
        print(f"bad input: {error}", file=sys.stderr)
        return 2
    tell(judged, runs)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
