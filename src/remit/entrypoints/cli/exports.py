"""Exported files as commands read them: line by line, as often as they are needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Self

import typer

from remit.app.offline import verify_export
from remit.core.errors import InvalidInput
from remit.core.ledger.verification import KeptHead, UnreadableLine, heads_of, may_be_own, sound_entry
from remit.entrypoints.cli import output
from remit.entrypoints.cli.json_line import JsonLine
from remit.entrypoints.cli.lines import batches, source

# A configuration's entry holds all its policies.
LONGEST_ENTRY_BYTES = 64 * 1024 * 1024

TAKE_ANOTHER = "it was cut off or changed there: take another copy, or export again"

Against = Annotated[
    str | None,
    typer.Option("--against", metavar="EXPORT", help="An export that was kept elsewhere.", show_default=False),
]


@dataclass(frozen=True, slots=True)
class ExportFile:
    """The entries of a file, read anew each time; an `UnreadableLine` in the place of one that holds none."""

    name: str

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return _entries(self.name)

    def own_chain(self) -> Iterator[dict[str, Any]]:
        """Those of the tenant's own chain, and whatever others may be."""
        return _entries(self.name, may_be_own)


def export_lines(name: str) -> Iterable[dict[str, Any]]:
    """The entries of a file by that name, or of stdin for `-`, which can be read once alone."""
    return _entries(name) if name == "-" else ExportFile(name)


@dataclass(frozen=True, slots=True)
class KeptExport:
    """An export that was kept elsewhere, and is sound by itself."""

    name: str
    tenant_id: str

    @classmethod
    def read(cls, name: str) -> Self:
        """Raises `InvalidInput` for what is no sound export."""
        if name == "-":
            raise InvalidInput("--against", "cannot be read from stdin", "name a file")
        report = verify_export(ExportFile(name))
        if not report.ok or report.tenant_id is None:
            raise InvalidInput("--against", f"{name} is no sound export: {report.findings[0]}", "take another copy")
        return cls(name, report.tenant_id)

    def heads(self) -> Iterator[KeptHead]:
        return heads_of(ExportFile(self.name))


def _entries(name: str, wanted: Callable[[bytes], bool] = lambda _: True) -> Iterator[dict[str, Any]]:
    with source(name) as (stream, total), output.progress("reading", total) as advance:
        for batch in batches(stream, most=500, longest_bytes=LONGEST_ENTRY_BYTES):
            for line in batch:
                if line.text is None or wanted(line.text):
                    yield _entry(line)
                advance(line.size)


def _entry(line: JsonLine) -> dict[str, Any]:
    sound = sound_entry(line.text) if line.text is not None else None
    if sound is not None:
        return sound
    try:
        # A configuration may be longer than what one caller may send.
        entry = line.value(most_parts=None)
    except InvalidInput as error:
        # Half a line is how a file that was cut off ends: a finding, not a slip of whoever asks.
        return _unreadable(line, error.problem)
    return entry if isinstance(entry, dict) else _unreadable(line, "is no JSON object")


def _unreadable(line: JsonLine, problem: str) -> UnreadableLine:
    return UnreadableLine(problem=f"line {line.number} is no ledger entry: it {problem}; {TAKE_ANOTHER}")
