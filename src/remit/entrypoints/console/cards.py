"""Cards of the queue: all that one shows, how a page tells that it is not what it was, and how it ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from remit.core.canonical import canonical
from remit.core.comparisons import comparisons, refused_limits
from remit.core.errors import NotFound
from remit.core.gate.action_type import ActionTypeSpec
from remit.core.identity.person import is_among
from remit.core.ledger.history import Votes
from remit.core.mirrors import view_of
from remit.core.rendering import name, quoted, rows
from remit.entrypoints.console.auth import HOME
from remit.wiring import Remit

if TYPE_CHECKING:
    from remit.core.views import AnswerableLine, DecisionAnswer, FactAnswer, IntentAnswer, StatusAnswer, WhyAnswer

_SETTINGS = {
    **dict.fromkeys(("RISK_LEVEL_HIGH", "CONFIDENCE_BELOW_THRESHOLD"), f"{HOME}bounds/types/{{}}"),
    **dict.fromkeys(("POLICY_ERROR", "FACT_UNAVAILABLE"), f"{HOME}bounds/file"),
    **dict.fromkeys(("ACTION_TYPE_NOT_ALLOWLISTED", "ACTION_TYPE_DISABLED", "PROPOSE_ONLY"), f"{HOME}bounds"),
    **dict.fromkeys(("TENANT_POLICY", "BUDGET_NOT_CONFIGURED", "BUDGET_EXCEEDED"), f"{HOME}bounds"),
    **dict.fromkeys(("PRINCIPAL_MISSING", "AMOUNT_UNKNOWN"), f"{HOME}bounds/file"),
}
"""The page with the setting that said no, of that type, by its reason; a tenant's own reasons are its policies'."""
_LIMITS = ("BUDGET_EXCEEDED", "AMOUNT_UNKNOWN", "PRINCIPAL_MISSING")
"""The reasons that a limit gives."""
_NEVER_AUTOMATIC = frozenset({"EDITED_BY_PERSON", "PERSON_REQUIRED", "AUTONOMY_STOPPED", "INTENT_EXPIRED"})


@dataclass(frozen=True, slots=True)
class ValueChange:
    """One value that an edit changed, or would; `after` is `None` where it is left out."""

    path: str
    before: Any
    after: Any
    added: bool
    removed: bool


@dataclass(frozen=True, slots=True)
class Ending:
    """The ending of a card: its status, who answered it, what came of that, and for how long that can be taken back."""

    action_intent_id: str
    status: str
    answered: str = ""
    outcome: str = ""
    superseded_by: str | None = None
    undo_for_s: float = 0

    @property
    def standing(self) -> str:
        return f"{self.action_intent_id} ENDED {self.status}"


def standing(item: AnswerableLine) -> str:
    """An intent's id and what its card offers: a card whose text differs from this is shown anew."""
    obstacle = item["obstacle"]["code"] if item["obstacle"] else "OPEN"
    return f"{item['action_intent_id']} {item['digest']} {obstacle} {len(item['votes'])}"


def voted(item: AnswerableLine, person: str) -> bool:
    """Has this person approved it already, while it waits for others?"""
    asks_more = len(item["votes"]) < (item["approvals_required"] or 1)
    return asks_more and is_among(person, [vote["voted_by"] for vote in item["votes"]])


def votes_in_words(votes: Votes) -> str:
    """`1 of 2: ann`."""
    return f"{len(votes.approved_by)} of {votes.approvals_required}: {', '.join(votes.approved_by)}"


def intent_of(stands: StatusAnswer) -> IntentAnswer:
    """The content of it. Raises `NotFound` where the ledger no longer has it."""
    if stands["intent"] is None:
        raise NotFound("intent", stands["action_intent_id"], stands["tenant_id"])
    return stands["intent"]


def card_of(remit: Remit, stands: StatusAnswer, why: WhyAnswer) -> dict[str, Any]:
    """All that a card shows of a waiting intent. Raises as `intent_of` does."""
    tenant_id, intent, decision = stands["tenant_id"], intent_of(stands), why["decision"]
    return {
        **why,
        "target": intent["target"],
        "parameters": intent["parameters"],
        "confidence_score": intent["confidence_score"],
        "why": intent["why"],
        "proposed_by": intent["proposed_by"],
        "risk_level": intent["risk_level"],
        "supersedes": intent["supersedes"],
        "explanation": decision["explanation"] if decision else "",
        "compared": comparisons(decision, why["clause"], intent["parameters"]) if decision else [],
        "refused": _refused(decision),
        "budget": remit.usage(tenant_id, account_id=stands["account_id"])["accounts"][0],
        "edits": _edits(remit, tenant_id, intent) if why["edited_by"] else [],
        "bounds_changed": decision is not None and _bounds_changed(remit, tenant_id, decision),
        "setting": setting_of(remit, tenant_id, why["action_type"], why["reason"]),
        "facts_now": facts_beside(
            why["facts"],
            _facts_now(remit, tenant_id, stands["action_intent_id"], why),
            remit.bounds(tenant_id).action_type(why["action_type"]),
        ),
    }


def _bounds_changed(remit: Remit, tenant_id: str, decision: DecisionAnswer) -> bool:
    return remit.bounds(tenant_id).config_sequence != decision["config_sequence"]


def _facts_now(remit: Remit, tenant_id: str, action_intent_id: str, why: WhyAnswer) -> Mapping[str, FactAnswer]:
    # Nothing is asked for where nothing was recorded.
    if not why["facts"]:
        return {}
    return {name: view_of(fact) for name, fact in remit.facts_now(tenant_id, action_intent_id).items()}


@dataclass(frozen=True, slots=True)
class FactLine:
    """One kept field as the decision recorded it, and as it is now; `None` where it is not there."""

    path: str
    recorded: Any
    now: Any
    differs: bool


@dataclass(frozen=True, slots=True)
class FactBeside:
    """
    One fact as it was recorded, and as it is now, or why it could not be had. `recheck` says that the call rests on it
    staying so.
    """

    name: str
    had_at: str | None
    problem: str | None
    problem_now: str | None
    lines: Sequence[FactLine]
    recheck: bool


def facts_beside(
    recorded: Mapping[str, FactAnswer], now: Mapping[str, FactAnswer], spec: ActionTypeSpec | None = None
) -> list[FactBeside]:
    """Each recorded fact beside what is had now; with `spec`, of one that is still to be called."""
    specs = spec.facts if spec else {}
    return [
        _beside(name, fact, now.get(name, {}), recheck="kept" in fact and name in specs and specs[name].recheck)
        for name, fact in recorded.items()
    ]


def _beside(name: str, then: FactAnswer, now: FactAnswer, *, recheck: bool) -> FactBeside:
    old, new = then.get("kept") or {}, now.get("kept") or {}
    lines = [
        # Of what is not had now nobody says that it differs.
        FactLine(path, old.get(path), new.get(path), bool(new) and canonical(old.get(path)) != canonical(new.get(path)))
        for path in {**old, **new}
    ]
    return FactBeside(name, then.get("had_at"), then.get("problem"), now.get("problem"), lines, recheck)


def _refused(decision: DecisionAnswer | None) -> Sequence[Mapping[str, Any]]:
    return refused_limits(decision) if decision and decision["reason"] in _LIMITS else []


def setting_of(remit: Remit, tenant_id: str, action_type: str, reason: str | None) -> str | None:
    """The console's page of what said no; `None` where nothing that is set would let it run alone."""
    if reason is None or reason in _NEVER_AUTOMATIC:
        return None
    # What is not registered has no page of its own: registering it is what helps.
    is_registered = action_type in remit.bounds(tenant_id).bounds.action_types
    return _SETTINGS.get(reason, f"{HOME}policies").format(action_type if is_registered else "new")


def _edits(remit: Remit, tenant_id: str, intent: IntentAnswer) -> list[ValueChange]:
    """The values that differ from those of the intent in whose place it stands."""
    try:
        old = view_of(remit.intent(tenant_id, intent["supersedes"] or ""))
    except NotFound:
        return []
    return list(changed_values(_editable(old), _editable(intent)))


def _editable(intent: IntentAnswer) -> dict[str, Any]:
    return {"target": intent["target"] or {}, "parameters": intent["parameters"]}


def changed_values(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[ValueChange]:
    old, new = ({row.path: row.value for row in rows(record)} for record in (before, after))
    for path in {**old, **new}:
        added, removed = path not in old, path not in new
        if added or removed or canonical(old[path]) != canonical(new[path]):
            yield ValueChange(path, old.get(path), new.get(path), added, removed)


def ending_of(stands: StatusAnswer, why: WhyAnswer, now: datetime) -> Ending:
    """The ending of an intent that no longer waits."""
    undo_for_s = _undo_for_s(stands, why, now)
    return Ending(
        stands["action_intent_id"],
        stands["status"],
        answered(why) or "",
        _outcome(stands, undo_for_s > 0),
        stands["superseded_by"],
        undo_for_s,
    )


def answered(why: WhyAnswer) -> str | None:
    """The words for whoever answered an intent; `None` if nobody did."""
    if why["approval"] is not None and why["approval"]["approval_source"] == "HUMAN":
        return f"{why['approval']['approved_by']} approved it"
    if why["rejection"] is not None:
        because = f" ({quoted(why['rejection']['reason'])})" if why["rejection"]["reason"] else ""
        return f"{why['rejection']['rejected_by']} rejected it{because}"
    if why["status"] == "SUPERSEDED":
        return "another one took its place"
    if why["withdrawal"] is not None:
        return f"{why['withdrawal']['withdrawn_by']} took it back"
    return "it expired before it was answered" if why["status"] == "EXPIRED" else None


def _outcome(stands: StatusAnswer, held: bool) -> str:
    outcome, status = stands["outcome"], stands["status"]
    if status in ("APPROVED", "RUNNING"):
        return "it is being carried out" if status == "RUNNING" else "it begins in a moment" if held else "it is sent"
    if outcome is None:
        return ""
    said = outcome["error_message"] or outcome["error_code"]
    if status == "SUCCEEDED":
        refs = [[ref["system"], ref["object_type"], ref["object_id"]] for ref in outcome["external_object_refs"]]
        return ", ".join(["done", *(" ".join(map(name, ref)) for ref in refs)])
    words = {"FAILED": "it failed", "CANCELLED": "it was cancelled"}.get(status, "nobody knows whether it happened")
    return f"{words}: {quoted(said)}" if said else words


def _undo_for_s(stands: StatusAnswer, why: WhyAnswer, now: datetime) -> float:
    until = why["approval"].get("not_before") if why["approval"] else None
    if stands["status"] != "APPROVED" or until is None:
        return 0
    return max((datetime.fromisoformat(until) - now).total_seconds(), 0)
