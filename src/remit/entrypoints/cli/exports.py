"""Exported files as commands read them: line by line, as often as they are needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from msgspec import Struct

from remit.app.offline import verify_export
from remit.core.errors import InvalidInput
from remit.core.ledger.verification import KeptHead, Report, heads_of, may_be_own
from remit.entrypoints.cli import output
from remit.entrypoints.cli.export_line import LONGEST_ENTRY_BYTES, entry_of
from remit.entrypoints.cli.lines import batches, source
from remit.entrypoints.cli.shared_reading import PART_BYTES, processes_for, verified_by_several


class ExportFile(Struct, frozen=True):
    """The entries of a file, read anew each time; an `UnreadableLine` in the place of one that holds none."""

    name: str

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return _entries(self.name)

    def own_chain(self) -> Iterator[dict[str, Any]]:
        """Those of the tenant's own chain, and whatever others may be."""
        return _entries(self.name, may_be_own)


def verify_file(name: str, kept: Iterable[KeptHead] | None = None) -> Report:
    """
    The invariants over a file by that name, or stdin for `-`, and over the heads that an earlier export named.

    A large file is read by several processes.
    """
    if name == "-":
        return verify_export(_entries(name), kept=kept or ())
    processes = processes_for(_size(name)) if kept is None else 1
    report = verified_by_several(name, processes, PART_BYTES) if processes > 1 else None
    return report or verify_export(ExportFile(name), kept=kept or ())


def _size(name: str) -> int:
    # Where there is none, or what could be no file's name, whoever opens it says so.
    with suppress(OSError, ValueError):
        return Path(name).stat().st_size if Path(name).is_file() else 0
    return 0


class KeptExport(Struct, frozen=True):
    """An export that was kept elsewhere, and is sound by itself."""

    name: str
    tenant_id: str

    @classmethod
    def read(cls, name: str) -> Self:
        """Raises `InvalidInput` for what is no sound export."""
        if name == "-":
            raise InvalidInput("--against", "cannot be read from stdin", "name a file")
        report = verify_file(name)
        if not report.ok or report.tenant_id is None:
            raise InvalidInput("--against", f"{name} is no sound export: {report.findings[0]}", "take another copy")
        return cls(name, report.tenant_id)

    def heads(self) -> Iterator[KeptHead]:
        return heads_of(ExportFile(self.name))


def _entries(name: str, wanted: Callable[[bytes], bool] = lambda _: True) -> Iterator[dict[str, Any]]:
    with source(name) as (stream, total), output.progress("reading", total) as advance:
        for batch in batches(stream, most=500, longest_bytes=LONGEST_ENTRY_BYTES):
            for line in batch:
                if (line.text is None or wanted(line.text)) and (entry := entry_of(line)) is not None:
                    yield entry
            advance(sum(line.size for line in batch))
