"""One line of an exported file, as an entry."""

from __future__ import annotations

from typing import Any

from remit.core.errors import InvalidInput
from remit.core.ledger.verification import sound_entry
from remit.entrypoints.cli.json_line import JsonLine

# A configuration's entry holds all its policies.
LONGEST_ENTRY_BYTES = 64 * 1024 * 1024


def entry_of(line: JsonLine) -> dict[str, Any]:
    """An empty object for a line that is none."""
    sound = sound_entry(line.text) if line.text is not None else None
    if sound is not None:
        return sound
    try:
        # A configuration may be longer than what one caller may send.
        entry = line.value(most_parts=None)
    except InvalidInput:
        # Half a line is how a file that was cut off ends: a finding, not a slip of whoever asks.
        entry = None
    return entry if isinstance(entry, dict) else {}
