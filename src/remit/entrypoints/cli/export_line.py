"""One line of an exported file, as an entry."""

from __future__ import annotations

from typing import Any

from remit.core.errors import InvalidInput
from remit.core.ledger.verification import UnreadableLine, sound_entry
from remit.entrypoints.cli.json_line import JsonLine

# A configuration's entry holds all its policies.
LONGEST_ENTRY_BYTES = 64 * 1024 * 1024
TAKE_ANOTHER = "it was cut off or changed there: take another copy, or export again"


def entry_of(line: JsonLine, lines_before: int = 0) -> dict[str, Any] | None:
    """
    `None` for a blank line, an `UnreadableLine` for another that holds no entry; `lines_before` are those of the file
    in front of its part.
    """
    text = line.text
    if text is not None and (sound := sound_entry(text)) is not None:
        return sound
    return None if line.is_blank else _read_with_care(line, lines_before)


def _read_with_care(line: JsonLine, lines_before: int) -> dict[str, Any]:
    try:
        # A configuration may be longer than what one caller may send.
        entry = line.value(most_parts=None)
    except InvalidInput as error:
        # Half a line is how a file that was cut off ends: a finding, not a slip of whoever asks.
        return _unreadable(line.number + lines_before, error.problem)
    return entry if isinstance(entry, dict) else _unreadable(line.number + lines_before, "is no JSON object")


def _unreadable(number: int, problem: str) -> UnreadableLine:
    return UnreadableLine(problem=f"line {number} is no ledger entry: it {problem}; {TAKE_ANOTHER}")
