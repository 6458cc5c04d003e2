"""Erasing private values: which of an intent there are, and what its chain says of those that are gone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from remit.core.errors import InvalidInput
from remit.core.identity.credential import Credential
from remit.core.identity.person import check_person
from remit.core.ledger.history import IntentHistory
from remit.core.opened_intent import private_paths
from remit.core.paths import Step, parse_path
from remit.core.private_values import PrivateValues, matches
from remit.core.values import Record, check_text

PRIVATE_CONTENT = "private_values"
"""The content that a `CONTENT_ERASED` entry speaks of, where it is private values."""


class Erased(Record, frozen=True):
    """The paths of the private values that were erased now."""

    action_intent_id: str
    paths: list[str]


def check_erasure(by: str, reason: str) -> None:
    """Raises `InvalidInput` for an erasure that names nobody, or no reason."""
    check_person("by", by)
    check_text("reason", reason)
    if not reason.strip():
        raise InvalidInput("reason", "is empty", "say why: it stands in the ledger")


def erased_data(paths: Sequence[str], *, by: str, credential: Credential, reason: str) -> dict[str, Any]:
    """The data of the `CONTENT_ERASED` entry."""
    which = {"content": PRIVATE_CONTENT, "paths": list(paths)}
    return {**which, "erased_by": by, "credential": credential.wire(), "reason": reason}


def hashes_to_erase(history: IntentHistory, paths: Sequence[str] | None) -> dict[str, str]:
    """
    The values to erase, as the paths by their commitments' hashes: those asked for, or all, but what is gone already.

    Raises `InvalidInput` for a path that is not private in this intent.
    """
    private = private_paths_of(history)
    wanted = set(private) if paths is None else {_found(text, private) for text in paths}
    gone = erased_paths(history)
    return {name: path for path, name in private.items() if path in wanted - gone}


def private_paths_of(history: IntentHistory) -> dict[str, str]:
    """The paths of an intent's private values, erased ones among them, and the hash of each commitment."""
    intent = history.intent if history.has_private_values else None
    return dict(private_paths(intent)) if intent is not None else {}


def erased_paths(history: IntentHistory) -> set[str]:
    """Those of which its chain says that they were erased."""
    told = (entry.data for entry in history.entries if entry.event_type == "CONTENT_ERASED")
    return {path for data in told if data["content"] == PRIVATE_CONTENT for path in data["paths"]}


def differences(history: IntentHistory, kept: PrivateValues | None) -> Iterator[str]:
    """Values kept of an intent's private ones that are not what its chain comes to, each said in words."""
    values, erased = dict(kept.values) if kept else {}, erased_paths(history)
    for path, name in private_paths_of(history).items():
        found = values.pop(name, None)
        if path in erased and found is not None:
            yield f"the private value at {path} was erased, and is still there"
        elif path not in erased and found is None:
            yield f"the private value at {path} is gone, and no entry says that it was erased"
        elif found is not None and not (matches(name, found) and found.path == path):
            yield f"the private value at {path} does not match its commitment"
    if values:
        yield f"{len(values)} private values are kept that nothing of it is committed to"


def _found(text: str, private: dict[str, str]) -> str:
    steps = _names(parse_path(text).steps)
    found = next((path for path in private if _names(parse_path(path).steps) == steps), None)
    if found is None:
        there = f"private are: {', '.join(private)}" if private else "nothing of it is"
        raise InvalidInput(text, "is not private in this intent", there)
    return found


def _names(steps: Sequence[Step]) -> list[str]:
    return [step.place for step in steps]
