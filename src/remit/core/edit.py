"""
Edits of people: which places of an intent they may set anew, and the proposal that an edit means.

| path                | a value                                  | `None`                                 |
|---------------------|------------------------------------------|----------------------------------------|
| `parameters.NAME…`  | set, with the objects on the way to it   | the parameter goes                     |
| `target.NAME`       | set                                      | refused: a target has all of its parts |
| `expires_at`        | set                                      | what the action type says              |
| anything else       | refused                                  | refused                                |

Paths are written as everywhere (`core.paths`): `parameters["account.iban"]` is the name with a dot in it.

An edit never changes an intent: it makes another one, which takes the first one's place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from remit.core.canonical import canonical
from remit.core.errors import InvalidInput, NotInThatState
from remit.core.intent import ActionIntentV1
from remit.core.paths import NotThere, Path, drop, parse_path, put
from remit.core.private_values import commitments_in
from remit.core.proposal import Proposal, parse_proposal

EDITABLE_WHOLE = frozenset({"expires_at"})
EDITABLE_INSIDE = frozenset({"parameters", "target"})
REMOVABLE = frozenset({"parameters"})
WHOSE = ("on_behalf_of", "delegation", "agent_tier", "on_end")
"""Whatever a person edits, it stays the principal's, came as it came, and is told of where its agent wants it."""


def edited_proposal(old: ActionIntentV1, changes: Mapping[str, Any], *, new_id: str) -> Proposal:
    """
    The proposal that a person's edit means: `changes` maps paths to new values.

    Raises `InvalidInput` for a path that cannot be edited, and where nothing changes.
    """
    data = _proposed_again(old, new_id)
    _refuse_overlaps(changes)
    for path, value in changes.items():
        _set(data, path, value)
    _require_whole(data, "set it anew, or leave the parameter out")
    proposal = parse_proposal(data)
    before = [old.target and old.target.wire(), old.parameters]
    after = [proposal.target and proposal.target.model_dump(), proposal.parameters]
    # As JSON: to Python 1 and true are the same.
    if canonical(after) == canonical(before) and proposal.expires_at == old.expires_at:
        raise InvalidInput("changes", "change nothing", "approve it as it is, or set a new value")
    return proposal


def same_proposal(old: ActionIntentV1, *, new_id: str, now: datetime) -> Proposal:
    """
    The proposal of the same once more, in the place of `old`. Raises `NotInThatState` for one that has expired, and
    `InvalidInput` for what is not to be had.
    """
    if old.expires_at <= now:
        raise NotInThatState(old.action_intent_id, "EXPIRED", "decided again")
    data = _proposed_again(old, new_id)
    _require_whole(data, "have it proposed again, or answer it")
    return parse_proposal(data)


def _require_whole(data: Mapping[str, Any], way_out: str) -> None:
    for path, _ in commitments_in({"target": data.get("target"), "parameters": data["parameters"]}):
        raise InvalidInput(path, "was private and is not to be had any more", way_out)


def _proposed_again(old: ActionIntentV1, new_id: str) -> dict[str, Any]:
    old_wire = old.wire()
    return {
        "action_intent_id": new_id,
        "tenant_id": old.tenant_id,
        "account_id": old.account_id,
        "action_type": old.action_type,
        **({"target": old.target.wire()} if old.target else {}),
        "parameters": _copied(old.parameters),
        "confidence_score": old.confidence_score,
        "risk_level": old.risk_level,
        "why": _reasons(old),
        "proposed_by": old.proposed_by,
        "expires_at": old.expires_at,
        "trace_id": old.trace_id,
        "supersedes": old.action_intent_id,
        **{name: old_wire[name] for name in WHOSE if old_wire[name] is not None},
    }


def _reasons(old: ActionIntentV1) -> list[Any] | None:
    """Those that are still there."""
    return [reason for reason in old.why if isinstance(reason, str)] if isinstance(old.why, list) else None


def _editable(text: str) -> Path | None:
    try:
        path = parse_path(text)
    except InvalidInput:
        return None
    first = path.steps[0]
    inside = first.plain and first.name in EDITABLE_INSIDE and len(path.steps) > 1
    return path if inside or text in EDITABLE_WHOLE else None


def _refuse_overlaps(changes: Iterable[str]) -> None:
    """Each place is changed once: of an object's names nobody may rely on the order."""
    seen: dict[tuple[str, ...], str] = {}
    for text in changes:
        path = _editable(text)
        place = tuple(step.place for step in path.steps) if path else (text,)
        known = next((other for other in seen if other[: len(place)] == place or place[: len(other)] == other), None)
        if known is not None:
            problem = f"is the same as {seen[known]!r}, or inside of the other"
            raise InvalidInput(text or "(path)", problem, "change each value once")
        seen[place] = text


def _set(data: dict[str, Any], text: str, value: Any) -> None:
    path = _editable(text)
    if path is None:
        way_out = 'edit parameters.…, target.… or expires_at; a name with a dot in it is parameters["a.b"]'
        raise InvalidInput(text or "(path)", "cannot be edited", way_out)
    if value is None and path.steps[0].name in REMOVABLE:
        with suppress(NotThere):
            drop(path, data)
    else:
        put(path, data, value)


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copied(inner) for name, inner in value.items()}
    return [_copied(inner) for inner in value] if isinstance(value, list) else value
