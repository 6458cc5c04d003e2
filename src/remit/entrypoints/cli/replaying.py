"""A replay of the history as the command line asks for it and shows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec import Struct

from remit.app.offline import replay_export
from remit.core.errors import InvalidInput
from remit.core.gate.amount import in_money
from remit.core.gate.bounds import BoundsInForce
from remit.entrypoints.bounds_file import BoundsFile
from remit.entrypoints.cli import output
from remit.entrypoints.cli.lines import refuse_other_file, source
from remit.wiring import Remit

if TYPE_CHECKING:
    from remit.core.views import LogOnlyGroup, ReplayAnswer, ReplayGroup, SumAnswer, TallyLine, TellingAnswer
    from remit.lab.findings import Change, Label

ReplayOption = Annotated[
    str | None,
    typer.Option(
        "--replay", metavar="30d", help="With --dry-run: decide the last 30 days again by them.", show_default=False
    ),
]
ReplayFileOption = Annotated[
    str | None,
    typer.Option(
        "--replay-file",
        metavar="EXPORT",
        help="With --dry-run: decide an exported history again, without a database.",
        show_default=False,
    ),
]
MOST_LINES = 5
"""How many types, reasons and accounts are shown of each change; `--json` has more."""
_WORDS: dict[Change, str] = {
    "would_run": "would now run alone",
    "would_ask": "would now ask",
    "would_be_blocked": "would now be blocked",
    "no_longer_blocked": "would no longer be blocked",
}


def require_dry_run(dry_run: bool, replay: str | None, replay_file: str | None) -> None:
    """Raises `InvalidInput` where a replay is asked for that would put bounds in force as well."""
    for name, value in (("--replay", replay), ("--replay-file", replay_file)):
        if value is not None and not dry_run:
            raise InvalidInput(name, "goes with --dry-run", "add --dry-run; nothing is changed then")


def replay_file(name: str, read: BoundsFile, period: str | None) -> ReplayAnswer:
    """The replay of an exported file, by its name; `-` is stdin."""
    lines: Iterable[bytes] = _lines(name) if name == "-" else _File(name)
    try:
        return replay_export(lines, read.bounds, period=period)
    except InvalidInput as error:
        raise read.located(error) from None


def replay_stored(remit: Remit, before: BoundsInForce, after: BoundsInForce, period: str) -> ReplayAnswer:
    with output.progress("replaying") as advance:
        return remit.replay_change(before, after, period=period, advance=advance)


class _File(Struct, frozen=True):
    """The lines of a file, read anew each time."""

    name: str

    def __iter__(self) -> Iterator[bytes]:
        return _lines(self.name)


def _lines(name: str) -> Iterator[bytes]:
    with source(name) as (stream, total), output.progress("replaying", total) as advance:
        for number, line in enumerate(stream):
            if not number:
                refuse_other_file(line)
            yield line.rstrip(b"\n")
            advance(len(line))


def print_replay(replay: ReplayAnswer) -> None:
    """For people, in lines that fit 80 columns."""
    since, until = output.local(replay["since"]), output.local(replay["until"])
    output.say(f"\nreplay of {since} to {until}")
    output.say(f"{replay['decisions']} decisions, {_unchanged(replay)}")
    for change, words in _WORDS.items():
        if replay[change]["count"]:
            _print_group(words, replay[change])
    if (would_run := replay["would_run"])["count"]:
        output.say(f"of those that would now run alone: {_people(would_run)}")
    for said in replay["log_only"]:
        _print_log_only(said)
    for item in replay["telling"]:
        _print_telling(item)
    for left_out in replay["not_judged"]:
        output.say(f"not judged: {left_out['count']} {left_out['reason']}")
        output.say(f"  {left_out['explanation']}")
        output.say(f"  {', '.join(left_out['intents'][:MOST_LINES])}")


def _print_log_only(said: LogOnlyGroup) -> None:
    """The actions that would run alone, and would not if this counted."""
    group = said["would_refuse"]
    if group["count"]:
        _print_group(f"{said['name']} (log_only) would refuse", group)
        output.say(f"of those: {_people(group)}")
    else:
        output.say(f"{said['name']} (log_only) would refuse nothing that runs alone")


def _unchanged(replay: ReplayAnswer) -> str:
    other = replay["other_reason"]
    return f"{replay['unchanged']} unchanged" + (f" ({other} for another reason)" if other else "")


def _print_group(words: str, group: ReplayGroup) -> None:
    rows = [[words, group["count"], _sums(group["amounts"])]]
    for label, found in _tallies(group):
        rows += [[f"  {item[label]}", item["count"], _sums(item["amounts"])] for item in found[:MOST_LINES]]
        if len(found) > MOST_LINES:
            rows.append([f"  ({len(found) - MOST_LINES} more)", "", ""])
    output.print_table(["", "count", "sum"], rows)


def _tallies(group: ReplayGroup) -> Iterator[tuple[Label, list[TallyLine]]]:
    yield "action_type", group["by_action_type"]
    yield "reason", group["by_reason"]
    yield "account_id", group["by_account"]


def _sums(amounts: Sequence[SumAnswer]) -> str:
    return ", ".join(in_money({"value": each["sum"], "unit": each["unit"], "problem": None}) for each in amounts)


def _people(group: ReplayGroup) -> str:
    answers = ", ".join(f"{count} {answer}" for answer, count in group["people"].items()) or "no person was asked"
    wrong = sum(group["went_wrong"].values())
    return answers + (f"; {wrong} of them failed or ended unknown" if wrong else "")


def _print_telling(item: TellingAnswer) -> None:
    money = [in_money({"value": each["value"], "unit": each["unit"], "problem": None}) for each in item["amounts"]]
    became = [word for word in (item["people"], item["ended"]) if word]
    output.say(f"{item['action_intent_id']}: {_WORDS[item['change']]}")
    output.say(f"  {item['was']} -> {item['would_be']}" + (f"; {', '.join(became)}" if became else ""))
    output.say(f"  {', '.join([item['action_type'], item['account_id'], *money])}")
