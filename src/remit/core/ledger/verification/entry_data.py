"""Data of an entry, read as what it says: charges, windows, moments and who approved. What it lacks raises."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any, TypeVar

from remit.core.execution.outcome import OUTCOME_EVENT
from remit.core.gate.amount import in_units
from remit.core.gate.budget import is_of_named_limit
from remit.core.gate.charging import Charge
from remit.core.plain_json import LARGEST_INTEGER
from remit.core.values import utc

Data = Mapping[str, Any]
T = TypeVar("T")
OUTCOME_EVENTS = {event: status for status, event in OUTCOME_EVENT.items()}


def names_bounds(entry: Data) -> bool:
    """From format 2 on, whatever was decided by bounds names which."""
    version: int = entry.get("v", 1)
    return version >= 2


_WRITER_IN: Mapping[str, Callable[[Data], Any]] = {
    "ACTION_REJECTED": itemgetter("rejected_by"),
    "QUESTION_ASKED": itemgetter("asked_by"),
    "QUESTION_ANSWERED": itemgetter("answered_by"),
    "QUEUE_HANDED_OVER": itemgetter("handed_from"),
    "OUTCOME_RESOLVED": lambda data: data["outcome"]["resolved_by"],
    **dict.fromkeys(("AUTONOMY_STOPPED", "AUTONOMY_RESUMED", "KEY_CHANGED", "SUBSCRIPTION_CHANGED"), itemgetter("by")),
}
"""By the type of an entry, whoever its data says has written it."""
SAYING_WRITER = frozenset(_WRITER_IN)
"""The types of entries that say it."""


def written_for_another(entry: Data) -> str | None:
    """The mistake in an entry that says by whom something was done, and was written by somebody else."""
    writer_in = _WRITER_IN.get(entry["event_type"])
    by = writer_in and writer_in(entry["data"])
    if by is None or by == entry["actor"] or not names_bounds(entry):
        return None
    return f"{entry['actor']} wrote the {entry['event_type']} of {by}"


def moment(text: str) -> datetime:
    # What is no text says so in its own words.
    return _moment(text) if type(text) is str else utc(datetime.fromisoformat(text))


# One write's entries have one time, and windows end with the day.
@lru_cache(maxsize=256)
def _moment(text: str) -> datetime:
    return utc(datetime.fromisoformat(text))


def charges_of(data: Data) -> list[Charge]:
    return list(map(Charge.from_wire, data["charges"]))


def as_taken(charge: Charge) -> Charge:
    """The parts of a charge that its release repeats."""
    return charge.changed(used_after=0, position=0)


# Every charge of an account's day names it.
@lru_cache(maxsize=1024)
def owner_of(window_id: str) -> str:
    """The owner of a window, by its id."""
    if is_of_named_limit(window_id):
        return window_id.split("|")[3]
    return window_id.rpartition("|")[0].partition("|")[2]


def seen_limits(decision: Data) -> list[Data]:
    """The limits that a decision looked at, as it says itself."""
    seen: list[Data] = []
    for check in decision.get("checks", ()):
        seen += check["saw"].get("limits", ())
    return seen


def is_counted(seen: Data) -> bool:
    """Could a limit that a decision let pass be charged, as it says itself? Of one that only watches it may not be."""
    taken = seen.get("taken", 1)
    return taken is not None and in_units(seen["used_before"]) + in_units(taken) <= LARGEST_INTEGER


def uncounted(seen: Sequence[Data]) -> frozenset[str]:
    """Those of the limits seen that only watch and could not count it."""
    return frozenset([limit["name"] for limit in seen if "would_be_limit" in limit and not is_counted(limit)])


def window_ends(seen: Sequence[Data]) -> dict[str, datetime]:
    """The ends of the windows of the limits seen, as the decision says itself."""
    return {limit["window_id"]: moment(limit["resets_at"]) for limit in seen}


def of_kind(kind: type[T], value: Any) -> T:
    if not isinstance(value, kind):
        raise TypeError(f"{value!r} is not a {kind.__name__}")
    return value


def source_of(data: Data) -> tuple[Any, Any]:
    return data["approval_source"], data["auto_executed"]
