"""
The ledger in words: each event type once, as the step of an intent's story and as the sentence of a timeline.

Timelines, notices and the console's pages take their words from here. Names and words that agents, far sides and
people gave stand in them as data: quoted, on the same line, and visible.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct

from remit.core.execution.approval import UNDONE
from remit.core.execution.permit import PERMIT_LAPSED
from remit.core.intent import ActionIntentV1
from remit.core.ledger.entries import EventType, LedgerEntry
from remit.core.ledger.history import DECIDED_AGAIN
from remit.core.rendering import name, quoted, target
from remit.core.values import SYSTEM

Tone = Literal["good", "bad", "waiting", "plain"]
AUTOPILOT = "Autopilot"

REASONS: dict[str, str] = {
    "WITHIN_BOUNDS": "Within the bounds",
    "INTENT_EXPIRED": "It expired before it was decided",
    "INTENT_WITHDRAWN": "Its proposer took it back before it was decided",
    "AUTONOMY_STOPPED": "Autonomy is stopped",
    "EDITED_BY_PERSON": "A person edited it, so a person answers it",
    "PERSON_REQUIRED": "It takes the place of one that a person edited, so a person answers it",
    "ACTION_TYPE_NOT_ALLOWLISTED": "This kind of action may never run alone here",
    "SCOPE_MISSING": "On whose behalf it acts does not allow this",
    "FACT_UNAVAILABLE": "What it depends on could not be looked up",
    "ACTION_TYPE_DISABLED": "This kind of action is switched off here",
    "PROPOSE_ONLY": "This kind of action is only ever proposed here",
    "TENANT_POLICY": "A person approves every action of this kind here",
    "RISK_LEVEL_HIGH": "Its risk is too high to run alone",
    "CONFIDENCE_BELOW_THRESHOLD": "The agent is not sure enough",
    "POLICY_ERROR": "A policy could not be evaluated",
    "BOUNDS_UNREADABLE": "The bounds cannot be read",
    "BUDGET_NOT_CONFIGURED": "The account has no budget",
    "PRINCIPAL_MISSING": "A limit is counted for each principal, and none is named",
    "AMOUNT_UNKNOWN": "How much it is cannot be known, so no limit can count it",
    "BUDGET_EXCEEDED": "A budget or limit has no room for it",
    "PUBLISH_REJECTED": "The event bus refused it; its charge was given back",
}


def reason_in_words(code: str | None) -> str:
    """A tenant's own reasons are said as they are, readably."""
    if code is None:
        return ""
    return REASONS.get(code) or code.replace("_", " ").capitalize()


class StoryStep(Struct, frozen=True):
    """One step of an intent's story."""

    at: str
    title: str
    told: str
    tone: Tone


_Data = Mapping[str, Any]


class _EventWords(Struct, frozen=True):
    """
    The words for one event type.

    `told` stands beside the title of a step, made from the entry's data and its actor. `sentence` is the timeline's,
    made from the data, the action it is about, and the actor; without one, the type is bookkeeping.
    """

    title: str
    told: Callable[[_Data, str], str] = lambda _, __: ""
    tone: Callable[[_Data], Tone] = lambda _: "plain"
    sentence: Callable[[_Data, str, str], str | None] | None = None


def _performer(data: _Data, actor: str) -> str:
    if data.get("auto_executed"):
        return AUTOPILOT
    return f"On a person's approval, {'Remit' if actor == SYSTEM else actor}"


def _outcome(data: _Data) -> _Data:
    outcome: _Data = data.get("outcome") or {}
    return outcome


def _objects(data: _Data) -> str:
    refs = _outcome(data).get("external_object_refs") or []
    return ", ".join(" ".join(name(ref[part]) for part in ("system", "object_type", "object_id")) for ref in refs)


def _in_brackets(text: str) -> str:
    return f" ({text})" if text else ""


def _failure(data: _Data) -> str:
    outcome = _outcome(data)
    said = outcome.get("error_message") or outcome.get("error_code")
    return quoted(said) if said else ""


def _why_failed(data: _Data) -> str:
    return _failure(data) or "no reason was given"


def _because(data: _Data) -> str:
    return f": {quoted(data['reason'])}" if data.get("reason") else ""


def _replaced(data: _Data) -> str:
    return "who had it decided again as intent" if data.get("why") == DECIDED_AGAIN else "with intent"


def _ended(data: _Data, actor: str) -> str:
    del actor
    return _objects(data) or _failure(data)


def _unknown(data: _Data, action: str, actor: str) -> str:
    if _outcome(data).get("error_code") == PERMIT_LAPSED:
        return f"Whoever began {action} never said whether it happened, and nobody knows"
    return f"{_performer(data, actor)} tried {action}, and nobody knows whether it happened"


def _judged(data: _Data) -> str:
    return "right" if data["right"] else "wrong"


def _status(data: _Data) -> str:
    status: str = _outcome(data)["status"]
    return status.lower()


def _decided(data: _Data, action: str, actor: str) -> str | None:
    del actor
    return None if data["result"] == "AUTO_EXECUTED" else f"A person is asked about {action}: {data['explanation']}"


def _scope(data: _Data) -> str:
    scope = data["scope"]
    parts = [("account", "account_id"), ("principal", "principal"), ("action type", "action_type")]
    return ", ".join(f"{what} {scope[part]}" for what, part in parts if scope.get(part)) or "everything"


def _switched(verb: str) -> Callable[[_Data, str, str], str]:
    return lambda data, _, actor: f"{actor} {verb} {_scope(data)} ({data['level']}){_because(data)}"


def _erased(data: _Data) -> str:
    return ", ".join(map(name, data["paths"])) if "paths" in data else f"the {name(data['content'])}"


def _from(data: _Data) -> str:
    """The channel of an answer, where it is not one of Remit's own doors."""
    credential = data.get("credential") or {}
    if credential.get("kind") == "link" and credential.get("session_id") is None:
        return " by a mailed link"
    return " from Slack" if credential.get("kind") == "slack" else ""


_VERBS = {"CREATED": "made", "CHANGED": "changed", "REMOVED": "removed", "REVOKED": "revoked"}


def _handed_over(data: _Data, _: str, actor: str) -> str:
    if data["handed_to"] is None:
        return f"{actor} took their queue back"
    return f"{actor} handed their queue to {name(data['handed_to'])} until {data['until']}"


def _key_changed(data: _Data, _: str, actor: str) -> str:
    key = data["key"]
    roles = f" with {' and '.join(key['roles'])}" if data["change"] == "CREATED" else ""
    return f"{actor} {_VERBS[data['change']]} the key {name(key['key_id'])} for {name(key['name'])}{roles}"


def _link_made(data: _Data, _: str, actor: str) -> str | None:
    # Every mail to somebody with roles carries one; the subscription's own entries say who set that up.
    if data["credential"]["kind"] == "subscription":
        return None
    return f"{actor} made a link that signs {name(data['link']['name'])} in once"


def _given_back(data: _Data, action: str, actor: str) -> str:
    if data["why"] == UNDONE:
        return f"{actor} took back the approval of {action}: it waits again"
    return f"The charge for {action} was given back ({data['why']})"


def _good(_: _Data) -> Tone:
    return "good"


def _bad(_: _Data) -> Tone:
    return "bad"


def _subscribed(data: _Data) -> str:
    if "browser" in data:
        return f"a browser in which {name(data['browser']['name'])} is told"
    return f"the subscription {name(data['subscription']['subscription_id'])}"


_WORDS: dict[EventType, _EventWords] = {
    "INTENT_PROPOSED": _EventWords("Proposed", lambda _, actor: f"by {actor}"),
    "GATE_DECIDED": _EventWords(
        "Decided",
        lambda data, _: f"{reason_in_words(data['reason'])}: {data['explanation']}",
        lambda data: "good" if data["result"] == "AUTO_EXECUTED" else "waiting",
        _decided,
    ),
    "ACTION_APPROVED": _EventWords(
        "Approved",
        lambda data, _: f"by {AUTOPILOT if data['auto_executed'] else name(data['approved_by'])}{_from(data)}",
        _good,
        lambda data, action, actor: None if data["auto_executed"] else f"{actor} approved {action}{_from(data)}",
    ),
    "APPROVAL_VOTED": _EventWords(
        "Approved by one of several",
        lambda data, _: f"by {data['voted_by']}{_from(data)}, {data['votes']} of {data['votes_needed']}",
        _good,
        lambda data, action, actor: (
            f"{actor} approved {action}{_from(data)} ({data['votes']} of {data['votes_needed']})"
        ),
    ),
    "ACTION_PUBLISHED": _EventWords("Sent to execution"),
    "EXECUTION_STARTED": _EventWords("Execution began"),
    "INTENT_SUPERSEDED": _EventWords(
        "Replaced",
        lambda data, actor: f"by {actor}, {_replaced(data)} {data['superseded_by']}",
        sentence=lambda data, action, actor: (
            f"{actor} had {action} decided again as intent {data['superseded_by']}"
            if data.get("why") == DECIDED_AGAIN
            else f"{actor} replaced {action} by intent {data['superseded_by']}"
        ),
    ),
    "INTENT_EXPIRED": _EventWords(
        "Expired", sentence=lambda _, action, __: f"{action} expired before it was answered or begun"
    ),
    "INTENT_WITHDRAWN": _EventWords(
        "Taken back",
        lambda data, _: f"by {name(data['withdrawn_by'])}{_because(data)}",
        sentence=lambda data, action, actor: f"{actor} took back {action}{_because(data)}",
    ),
    "ACTION_REJECTED": _EventWords(
        "Rejected",
        lambda data, _: f"by {name(data['rejected_by'])}{_from(data)}{_because(data)}",
        _bad,
        lambda data, action, actor: f"{actor} rejected {action}{_from(data)}{_because(data)}",
    ),
    "BUDGET_RELEASED": _EventWords(
        "Given back",
        lambda data, actor: f"the approval, by {actor}" if data["why"] == UNDONE else f"the charge: {data['why']}",
        sentence=_given_back,
    ),
    "ACTION_EXECUTED": _EventWords(
        "Done",
        _ended,
        _good,
        lambda data, action, actor: f"{_performer(data, actor)} did {action}{_in_brackets(_objects(data))}",
    ),
    "ACTION_FAILED": _EventWords(
        "Failed",
        _ended,
        _bad,
        lambda data, action, actor: f"{_performer(data, actor)} tried {action} and failed: {_why_failed(data)}",
    ),
    "ACTION_UNKNOWN": _EventWords(
        "Nobody knows whether it happened",
        _ended,
        _bad,
        _unknown,
    ),
    "EXECUTION_CANCELLED": _EventWords(
        "Cancelled",
        _ended,
        _bad,
        lambda data, action, _: f"{action} was cancelled before it ran: {_why_failed(data)}",
    ),
    "OUTCOME_RESOLVED": _EventWords(
        "Found out",
        lambda data, actor: f"{_status(data)}, by {actor}",
        lambda data: "good" if _outcome(data)["status"] == "SUCCEEDED" else "bad",
        lambda data, action, actor: f"{actor} found out: {action} {_status(data)}",
    ),
    "QUESTION_ASKED": _EventWords(
        "Asked about",
        lambda data, actor: f"by {actor}: {quoted(data['text'])}",
        lambda _: "waiting",
        lambda data, action, actor: f"{actor} asks about {action}: {quoted(data['text'])}",
    ),
    "QUESTION_ANSWERED": _EventWords(
        "Supplemented",
        lambda data, actor: f"by {actor}: {quoted(data['text'])}",
        sentence=lambda data, action, actor: f"{actor} says about {action}: {quoted(data['text'])}",
    ),
    "CARD_ASSIGNED": _EventWords(
        "Assigned",
        lambda data, actor: f"to {name(data['assigned_to']) if data['assigned_to'] else 'nobody'}, by {actor}",
        lambda _: "waiting",
        lambda data, action, actor: (
            f"{actor} assigned {action} to {name(data['assigned_to']) if data['assigned_to'] else 'nobody'}"
        ),
    ),
    "AUTONOMY_SAMPLED": _EventWords(
        "Judged afterwards",
        lambda data, actor: f"{_judged(data)}, by {actor}{_from(data)}{_because(data)}",
        lambda data: "good" if data["right"] else "bad",
        lambda data, action, actor: f"{actor} judged afterwards that {action} was {_judged(data)}{_because(data)}",
    ),
    "CONTENT_ERASED": _EventWords(
        "Content erased",
        lambda data, actor: f"{_erased(data)}, by {actor}{_because(data)}",
        sentence=lambda data, action, actor: f"{actor} erased {_erased(data)} of {action}{_because(data)}",
    ),
    "CONFIG_CHANGED": _EventWords(
        "Bounds changed",
        sentence=lambda data, _, actor: f"{actor} changed the bounds (now number {data['config_sequence']})",
    ),
    "AUTONOMY_STOPPED": _EventWords("Stopped", sentence=_switched("stopped")),
    "AUTONOMY_RESUMED": _EventWords("Resumed", sentence=_switched("resumed")),
    "KEY_CHANGED": _EventWords("Key changed", sentence=_key_changed),
    "SUBSCRIPTION_CHANGED": _EventWords(
        "Subscription changed",
        sentence=lambda data, _, actor: f"{actor} {_VERBS[data['change']]} {_subscribed(data)}",
    ),
    "LINK_MADE": _EventWords("Sign-in link made", sentence=_link_made),
    "QUEUE_HANDED_OVER": _EventWords("Queue handed over", sentence=_handed_over),
    "LEDGER_SEALED": _EventWords("Sealed"),
}

TOLD: tuple[EventType, ...] = tuple(kind for kind, words in _WORDS.items() if words.sentence)
"""The event types that make a timeline; the rest is bookkeeping that `ledger` shows."""


def narrate(entry: LedgerEntry, intent: ActionIntentV1 | None) -> str | None:
    """
    One sentence about one entry of a type in `TOLD`; it says no private value, also of an intent that was opened.

    `None` for the steps on Autopilot's way to what it did: the outcome tells them.
    """
    action = ""
    if intent is not None:
        told = intent.as_committed.target
        about = f" on {target(told.wire())}" if told else ""
        action = f"{intent.action_type}{about} for {intent.account_id}"
    sentence = _WORDS[entry.event_type].sentence
    return sentence(entry.data, action, name(entry.actor)) if sentence else None


def story(chain: Sequence[Mapping[str, Any]]) -> list[StoryStep]:
    """A chain of the ledger, as exported, as the steps that a person follows."""
    return [_step(entry) for entry in chain]


def _step(entry: Mapping[str, Any]) -> StoryStep:
    # An entry of a later release is shown by its type.
    words = _WORDS.get(entry["event_type"]) or _EventWords(entry["event_type"])
    data = entry["data"]
    return StoryStep(entry["at"], words.title, words.told(data, name(entry["actor"])), words.tone(data))
