"""A proof about bounds as the command line asks for it and shows it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from remit.app.offline import prove_bounds
from remit.core.canonical import canonical
from remit.core.errors import InvalidInput
from remit.entrypoints.bounds_file import BoundsFile
from remit.entrypoints.cli import output
from remit.entrypoints.cli.options import AsJson, Db, existing
from remit.lab.proof import COURSES, VERDICTS

if TYPE_CHECKING:
    from remit.core.views.bounds import DifferentAnswer, ExampleAnswer, NeverProvedAnswer, ProofAnswer

LIVE = "live"
_QUIET = frozenset({"account_id", "action_type", "parameters"})


def register(app: typer.Typer) -> None:
    app.command()(prove)


def prove(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE.yaml", help="The tenant's whole bounds.", show_default=False)],
    against: Annotated[
        str, typer.Option("--against", metavar="live|FILE", help="The bounds in force, or those of another file.")
    ] = LIVE,
    never: Annotated[
        list[str] | None,
        typer.Option("--never", metavar="CONDITION", help="What may never run alone; may stand several times."),
    ] = None,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """
    Prove whether bounds are wider or narrower than others, and what never runs alone by them. Changes nothing.

    Exit code 1: something is not proved, or a condition can run alone.

    Example: remit prove bounds.yaml --never 'risk == "HIGH"'
    """
    read = BoundsFile.read(file)
    try:
        proof = _proved(ctx, db, read, against, never or [])
    except InvalidInput as error:
        raise read.located(error) from None
    if as_json:
        output.print_json({"tenant_id": read.bounds.tenant, **proof})
    else:
        print_proof(proof)
    if proof["verdict"] == "NOT_PROVED" or not all(answer["holds"] for answer in proof["never"]):
        raise typer.Exit(output.BROKEN)


def _proved(ctx: typer.Context, db: str | None, read: BoundsFile, against: str, never: Sequence[str]) -> ProofAnswer:
    if against == LIVE:
        with existing(ctx, db) as remit:
            return remit.prove(read.bounds, never=never)
    return prove_bounds(read.bounds, BoundsFile.read(Path(against)).bounds, never=never)


def print_proof(proof: ProofAnswer) -> None:
    """For people, in lines that fit 80 columns where what they show does."""
    output.say(f"proof: {VERDICTS[proof['verdict']]}")
    for problem in proof["not_proved"]:
        output.say(f"  {problem['problem']}")
    for direction, found in (("wider", proof["wider"]), ("narrower", proof["narrower"])):
        if found is not None:
            _print_difference(direction, found)
    for limit in proof["limits"]:
        before, after = _most(limit["before"]), _most(limit["after"])
        output.say(f"{limit['change'].lower()}: {limit['path']}: {before} -> {after}")
    for answer in proof["never"]:
        _print_never(answer)


def _most(most: int | str | None) -> str:
    return "none" if most is None else str(most)


def _print_difference(direction: str, found: DifferentAnswer) -> None:
    _print_example(f"{direction}, such as", found)
    before, after = (f"{COURSES[said['course']]} ({said['reason']})" for said in (found["before"], found["after"]))
    output.say(f"  {before} -> {after}")


def _print_example(words: str, found: ExampleAnswer) -> None:
    action = found["action"]
    output.say(f"{words} {action['action_type']} in {action['account_id']} {_json(action['parameters'])}")
    others = {name: value for name, value in action.items() if name not in _QUIET}
    output.say(f"  {_json(others)} at {output.local(found['at'])}")
    if found["facts"]:
        output.say(f"  facts {_json(found['facts'])}")


def _print_never(answer: NeverProvedAnswer) -> None:
    if answer["holds"]:
        output.say(f"never {answer['never']}: proved")
    elif answer["example"] is not None:
        output.say(f"never {answer['never']}: broken")
        _print_example("  runs alone:", answer["example"])
    else:
        output.say(f"never {answer['never']}: not proved")
        for problem in answer["not_proved"]:
            output.say(f"  {problem['problem']}")


def _json(value: Any) -> str:
    return canonical(value).decode()
