"""Output: tables for people, one JSON object a line for machines, errors in one line with the way out."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from remit.core.errors import (
    CallerMistake,
    Conflict,
    InvalidInput,
    NoDatabase,
    NotFound,
    OutcomeUnknown,
    PlacedMistake,
    RemitError,
    TryLater,
)
from remit.core.gate.amount import in_money
from remit.core.rendering import quoted, rows, sentence, value_text
from remit.core.values import in_zone, to_the_second
from remit.entrypoints.cli import layout
from remit.entrypoints.cli.layout import BOLD, Cell

if TYPE_CHECKING:
    from remit.core.views import (
        AmountAnswer,
        FactAnswer,
        IntentAnswer,
        LogOnlyAnswer,
        ObstacleAnswer,
        StatusAnswer,
        VoteAnswer,
        WhyAnswer,
    )

DONE, BROKEN, WRONG_INPUT, NOT_FOUND, CONFLICT, TRY_LATER = 0, 1, 2, 3, 4, 5
INTERRUPTED, NOBODY_READS = 130, 141

_EXIT_CODES: list[tuple[type[RemitError], int]] = [
    (NotFound, NOT_FOUND),
    (CallerMistake, WRONG_INPUT),
    (Conflict, CONFLICT),
    (TryLater, TRY_LATER),
    (OutcomeUnknown, TRY_LATER),
]

_WAYS_OUT: list[tuple[type[RemitError], str]] = [
    (NoDatabase, "name it with --db, or begin with 'remit apply'"),
    (NotFound, "check the name and the tenant"),
    (Conflict, "look at it again with 'remit status'"),
    (TryLater, "send it again in a moment"),
    (OutcomeUnknown, "look whether it happened, and send it again if it did not"),
]

# Wide enough that a table in a pipe is not folded.
_PIPE_WIDTH = 240
MOST_PARAMETERS, MOST_OF_A_TEXT = 4, 60
_LINE_BREAK = re.compile(r"\s*[\r\n\t]\s*")


def exit_code(error: RemitError) -> int:
    return next((code for kind, code in _EXIT_CODES if isinstance(error, kind)), WRONG_INPUT)


def _told(error: RemitError) -> tuple[str, str]:
    """The problem, and the way out."""
    text = str(error)
    if isinstance(error, InvalidInput):
        return text.removesuffix(f"; {error.way_out}"), error.way_out
    if isinstance(error, Conflict | NotFound) and "; " in text:
        problem, _, hint = text.rpartition("; ")
        return problem, hint
    return text, next((hint for kind, hint in _WAYS_OUT if isinstance(error, kind)), "")


def error_wire(error: RemitError) -> dict[str, Any]:
    """An error as JSON: its kind, the field if it is about one, what is wrong, what to do."""
    problem, hint = _told(error)
    wire: dict[str, Any] = {
        "error": type(error).__name__,
        "field": error.field if isinstance(error, InvalidInput) else None,
        "message": problem,
        "way_out": hint or None,
    }
    if isinstance(error, PlacedMistake):
        wire |= {"file": error.file, "line": error.line, "column": error.column}
    return wire


def print_error(error: RemitError, *, as_json: bool, line: int | None = None) -> None:
    """A line on stderr for it and for each mistake found with it; `line` is the input's, if it is about one."""
    for each in error.all if isinstance(error, InvalidInput) else (error,):
        _print_one(each, as_json, line)


def _print_one(error: RemitError, as_json: bool, line: int | None) -> None:
    wire = error_wire(error)
    if as_json:
        note_json(wire if line is None else {"line": line, **wire})
        return
    place = "" if line is None else f"line {line}: "
    hint = f"; {wire['way_out']}" if wire["way_out"] else ""
    sys.stderr.write(f"error: {place}{plain(_LINE_BREAK.sub(' ', wire['message'] + hint))}\n")


def take_any_text() -> None:
    """
    Have stdout and stderr take every character: one that their encoding lacks is written as its escape.

    To be called before anything is written: an agent's text must not decide whether an operator sees the queue.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def print_json(value: Mapping[str, Any]) -> None:
    """One object, one line."""
    sys.stdout.write(_json_for(sys.stdout, value) + "\n")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _json_for(stream: TextIO, value: Any) -> str:
    """In an encoding that lacks characters they are escaped as JSON escapes them, so that it stays the same value."""
    text = _json(value)
    try:
        text.encode(stream.encoding or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"))
    return text


def say(text: str) -> None:
    """One line for a person, on stdout."""
    sys.stdout.write(plain(text, keep_lines=True) + "\n")


def note(text: str) -> None:
    """One line beside the answer, on stderr."""
    sys.stderr.write(plain(text, keep_lines=True) + "\n")


def note_json(value: Mapping[str, Any]) -> None:
    """One object beside the answer, on stderr."""
    sys.stderr.write(_json_for(sys.stderr, value) + "\n")


def plain(value: Any, *, keep_lines: bool = False) -> str:
    """
    A line that a terminal shows as it is; a value that is no text as the JSON that is sent.

    An agent's words reach the person who approves: nothing in them may move the cursor, change a colour
    or turn the direction of writing.
    """
    if value is None:
        return "-"
    return sentence(value, lines=keep_lines) if isinstance(value, str) else value_text(value)


def local(time: str | None) -> str:
    """A time of a record on this machine's clock."""
    if time is None:
        return "-"
    return to_the_second(in_zone(datetime.fromisoformat(time), None))


def votes(required: int | None, cast: Sequence[VoteAnswer]) -> str | None:
    """`1 of 2: ann, 2026-03-10 15:49:00 CET`; `None` where one person is enough."""
    if not cast and (required or 1) < 2:
        return None
    told = "; ".join(f"{vote['voted_by']}, {local(vote['voted_at'])}" for vote in cast)
    return f"{len(cast)} of {required}" + (f": {told}" if told else "")


def amounts(known: Mapping[str, AmountAnswer]) -> str | None:
    """The sums that its action type declares, as money: `refund 12.50 EUR`."""
    return "; ".join(f"{name} {in_money(amount)}" for name, amount in known.items()) or None


def facts(known: Mapping[str, FactAnswer]) -> str | None:
    """
    The facts that the gate looked up before it decided, or that were looked up again before the call:
    `order.total 12.5, order.currency "EUR"`.
    """
    told = []
    for name, fact in known.items():
        kept = fact.get("kept") or {}
        told += [f"{name}.{path} {value_text(value)}" for path, value in kept.items()]
        told += [f"{name} could not be had: {fact['problem']}"] if "problem" in fact else []
    return ", ".join(told) or None


def log_only(policies_and_limits: Sequence[LogOnlyAnswer]) -> str | None:
    """The words of policies and limits that decide nothing: `burst would say BUDGET_EXCEEDED`."""
    said = [f"{each['name']} would say {each['would_say']}" for each in policies_and_limits if each["would_say"]]
    return ", ".join(said) or None


def whose(intent: IntentAnswer | WhyAnswer) -> dict[str, Any]:
    """On whose behalf, through which agents with which scopes, and what the credential is for."""
    hops = [f"{hop['agent']} ({', '.join(hop['scopes']) or 'no scopes'})" for hop in intent["delegation"] or ()]
    return {
        "on behalf of": intent["on_behalf_of"],
        "through": " > ".join(hops) or None,
        "agent tier": intent["agent_tier"],
    }


def parameters(values: Mapping[str, Any] | None) -> dict[str, str]:
    """Each parameter by its path: `parameters.amount`, as it is sent."""
    return {f"parameters.{row.path}": value_text(row.value) for row in rows(values or {})}


def parameters_line(values: Mapping[str, Any] | None) -> str | None:
    """The first parameters, each by its name: `amount 12.5, note "…"`; how many more there are."""
    found = [f"{row.path} {_shortly(row.value)}" for row in rows(values or {})]
    more = [f"and {len(found) - MOST_PARAMETERS} more"] if len(found) > MOST_PARAMETERS else []
    return ", ".join([*found[:MOST_PARAMETERS], *more]) or None


def _shortly(value: Any) -> str:
    return quoted(value, MOST_OF_A_TEXT) if isinstance(value, str) else value_text(value)


def obstacle(found: ObstacleAnswer | None) -> str | None:
    """The reason why it could not be carried out if it were approved now, and what would help."""
    return found and f"{found['code']}: {found['explanation']}; {found['way_out']}"


def waits_for(item: StatusAnswer | WhyAnswer) -> str | None:
    """Since when its tool is paused, and when one call is tried; or that no worker has taken it."""
    found = item["paused_tool"] or item["not_taken"]
    return found["explanation"] if found else None


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """`rows` are values, or `Cell` where a colour is meant. On a narrow terminal each row is a card."""
    _print_lines(layout.laid_out(columns, [[_cell(value) for value in row] for row in rows], _width(), _paint()))


def print_fields(fields: Mapping[str, Any]) -> None:
    """Names and values below each other; what is not there (`None`) is left out."""
    known = {name: _cell(value) for name, value in fields.items() if value is not None}
    _print_lines(layout.fields(known, _width(), _paint()))


def _print_lines(lines: Iterable[str]) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)


def _width() -> int:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else _PIPE_WIDTH


def _paint() -> layout.Paint:
    """As a terminal is told a cell's style, in what most of them, and who reads their output, agree on."""
    asked = os.environ.get("FORCE_COLOR")
    takes_styles = sys.stdout.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")
    if not (asked or takes_styles):
        return layout.unpainted
    known = {BOLD: _BOLD} if os.environ.get("NO_COLOR") else {BOLD: _BOLD, **_COLOUR_CODES}
    return lambda cell: f"\x1b[{known[cell.style]}m{cell.text}\x1b[0m" if cell.style in known else cell.text


def _cell(value: Any) -> Cell:
    return value if isinstance(value, Cell) else Cell(plain(value))


_BOLD = "1"
_COLOUR_CODES = {"red": "31", "green": "32", "yellow": "33", "magenta": "35", "cyan": "36"}
_COLOURS = {
    "AUTO_EXECUTED": "green",
    "SUCCEEDED": "green",
    "APPROVED": "cyan",
    "RUNNING": "cyan",
    "REQUIRE_APPROVAL": "yellow",
    "AWAITING_APPROVAL": "yellow",
    "BLOCKED": "red",
    "FAILED": "red",
    "UNKNOWN": "magenta",
}


def coloured(word: str | None) -> Cell:
    """A status or result in its colour."""
    return Cell(plain(word), _COLOURS.get(word or "", ""))


def print_page(items: Sequence[Mapping[str, Any]], cursor: str | None, *, as_json: bool) -> None:
    """The end of one page: where the next one starts, on stderr, so that stdout holds the items alone."""
    if as_json:
        for item in items:
            print_json(item)
    if cursor is None:
        return
    if as_json:
        note_json({"next": cursor})
    else:
        note(f"there may be more: --after '{cursor}'")


def _nothing(by: int = 1) -> None:
    del by


class Advance(Protocol):
    def __call__(self, by: int = 1) -> None: ...


@contextmanager
def progress(what: str, total: int | None = None, *, beside_lines: bool = False) -> Iterator[Advance]:
    """
    A bar on stderr where that is a terminal, and nothing otherwise. `total` is `None` where nobody knows it.

    `beside_lines` says that lines go to stdout meanwhile: on the same terminal they are progress enough.
    """
    if not sys.stderr.isatty() or (beside_lines and sys.stdout.isatty()):
        yield _nothing
        return
    # Imported here: only a person who waits sees one.
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    to = Console(file=sys.stderr, highlight=False, emoji=False)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    # Rich would send stdout to the bar's terminal as well, and a machine would read nothing.
    with Progress(*columns, console=to, transient=True, redirect_stdout=False) as bar:
        task = bar.add_task(what, total=total)
        yield lambda by=1: bar.advance(task, by)


def flush() -> None:
    """Send what was printed on its way."""
    sys.stdout.flush()
