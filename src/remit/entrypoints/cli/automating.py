"""Make this automatic next time: changes of bounds that would have let an intent run, and deciding it again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from remit.core.errors import InvalidInput, RemitError
from remit.core.gate.bounds_checks import parse_bounds
from remit.core.gate.bounds_diff import Difference
from remit.entrypoints.bounds_file import as_yaml
from remit.entrypoints.cli import output, replaying
from remit.entrypoints.cli.options import AsJson, By, Db, Intent, Tenant, existing, typed_by

if TYPE_CHECKING:
    from remit.core.views import AutomateAnswer, EvidenceAnswer, ProofAnswer, SuggestionsAnswer

Intents = Annotated[list[str], typer.Argument(metavar="INTENT...", help="Waiting intents.", show_default=False)]


def register(app: typer.Typer) -> None:
    app.command()(automate)
    app.command("decide-again")(decide_again)
    app.command()(suggest)


def automate(
    ctx: typer.Context,
    intent: Intent,
    tenant: Tenant,
    replay: Annotated[
        str, typer.Option("--replay", metavar="30d", help="Replay each over so much of the history; '' for none.")
    ] = "30d",
    write: Annotated[
        Path | None,
        typer.Option("--write", metavar="FILE", help="Write the bounds with the chosen change.", show_default=False),
    ] = None,
    choose: Annotated[
        int | None,
        typer.Option("--choose", metavar="N", help="Which change --write is of; else the first.", show_default=False),
    ] = None,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """
    Show the smallest changes of the bounds under which a waiting intent would have run, and what each would have done.

    Example: remit automate i-7 --tenant acme --write wider.yaml
    """
    if write is None and choose is not None:
        raise InvalidInput("--choose", "says which change --write is of", "name a file with --write")
    with existing(ctx, db) as remit, output.progress("replaying") as advance:
        told = remit.automate(tenant, intent, period=replay or None, advance=advance)
    if write is not None:
        _write(told, 1 if choose is None else choose, write)
    if as_json:
        output.print_json(told)
    else:
        _print(told)


def _write(told: AutomateAnswer, choose: int, file: Path) -> None:
    found = told["candidates"]
    if not 1 <= choose <= len(found):
        raise InvalidInput("--choose", f"is {choose}", f"there are {len(found)} changes")
    _write_bounds(found[choose - 1]["bounds"], file)


def _write_bounds(bounds: Any, file: Path) -> None:
    text = as_yaml(parse_bounds(bounds))
    try:
        file.write_text(text, encoding="utf-8")
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise InvalidInput("--write", f"{str(file)!r:.80} cannot be written: {said}", "name another file") from None


def _print(told: AutomateAnswer) -> None:
    name = told["action_intent_id"]
    if told["already"]:
        output.say(f"{name} would run under the bounds as they are: remit decide-again {name}")
    elif told["cannot"] is not None:
        output.say(f"no change of bounds is known to let {name} run: {told['cannot']['reason']}")
        output.say(f"  {told['cannot']['explanation']}")
    for number, candidate in enumerate(told["candidates"], start=1):
        output.say(f"{number}. {', '.join(candidate['kinds'])}")
        for change in candidate["changes"]:
            for line in Difference(**change).lines():
                output.say(f"  {line}")
        output.say(f"  proof: {_proof(candidate['proof'])}")
        if candidate["replay"]:
            replaying.print_replay(candidate["replay"])


def _proof(proof: ProofAnswer) -> str:
    problems = "; ".join(each["problem"] for each in proof["not_proved"])
    return f"{proof['verdict']}" + (f" ({problems})" if problems else "")


def decide_again(
    ctx: typer.Context, intents: Intents, tenant: Tenant, by: By, as_json: AsJson = False, db: Db = None
) -> None:
    """
    Have waiting intents decided again by the bounds as they are; what a person is asked about all the same waits on.

    Example: remit decide-again i-7 i-8 --tenant acme --by ann
    """
    with existing(ctx, db) as remit:
        answers = remit.decide_again(tenant, intents, by=by, credential=typed_by())
    failed: RemitError | None = None
    for name, answer in zip(intents, answers, strict=True):
        if isinstance(answer, RemitError):
            output.print_error(answer, as_json=as_json)
            failed = failed or answer
        elif as_json:
            output.print_json({"tenant_id": tenant, **answer.wire()})
        elif answer.superseded_by is not None:
            output.say(f"{name} runs now, as {answer.superseded_by} ({answer.status})")
        else:
            output.say(f"{name} waits on: {answer.reason}")
    if failed is not None:
        raise typer.Exit(output.exit_code(failed))


def suggest(
    ctx: typer.Context,
    tenant: Tenant,
    write: Annotated[
        Path | None,
        typer.Option("--write", metavar="FILE", help="Write the bounds with the suggested change.", show_default=False),
    ] = None,
    action_type: Annotated[
        str | None,
        typer.Option("--action-type", metavar="X", help="Which type's change --write is of.", show_default=False),
    ] = None,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """
    Show how people answered by shape of action, and the changes of the bounds that this speaks for. It changes nothing.

    Example: remit suggest --tenant acme
    """
    if write is None and action_type is not None:
        raise InvalidInput("--action-type", "says which type's change --write is of", "name a file with --write")
    with existing(ctx, db, tenant) as remit, output.progress("reading") as advance:
        told = remit.suggestions(tenant, advance=advance)
    if write is not None:
        _write_suggested(told, action_type, write)
    if as_json:
        output.print_json(told)
        return
    output.print_table(
        ["type", "version", "answered", "disagreed", "at most", "median", "under 3 s", "suggests"],
        [_evidence_row(item) for item in told["items"]],
    )
    for item in told["items"]:
        if item["suggestion"]:
            output.say(f"{item['action_type']}: {item['suggestion']['direction']}")
            for change in item["suggestion"]["changes"]:
                for line in Difference(**change).lines():
                    output.say(f"  {line}")


def _evidence_row(item: EvidenceAnswer) -> list[Any]:
    rates = [
        "" if rate is None else f"{100 * rate:.1f} %"
        for rate in (item["disagreement_at_most"], item["share_under_3_s"])
    ]
    suggested = item["suggestion"]["direction"] if item["suggestion"] else ""
    took = "" if item["median_s_to_answer"] is None else f"{item['median_s_to_answer']:g} s"
    counts = [item["answered"], item["disagreed"], rates[0], took, rates[1]]
    return [item["action_type"], item["version"], *counts, suggested]


def _write_suggested(told: SuggestionsAnswer, action_type: str | None, file: Path) -> None:
    found = [
        item["suggestion"]
        for item in told["items"]
        if item["suggestion"] and action_type in (None, item["action_type"])
    ]
    if len(found) != 1:
        way_out = "name one of those with a suggestion as --action-type"
        raise InvalidInput("--write", f"is of one change, and there are {len(found)}", way_out)
    _write_bounds(found[0]["bounds"], file)
