"""
Suggestions with evidence: of each shape of action that people were asked about, how often they disagreed.

A shape is an action type in one version with its tool, and the envelope of the parameters that people agreed to. A
person disagrees who rejects, edits, or takes an approval back, or who is shown an automatic action afterwards and says
that it was wrong. It changes nothing: a suggestion is a change of bounds
that a person may apply, which the gate's own `decide` has confirmed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from statistics import median
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct, field
from msgspec.structs import replace

from remit.core.execution.approval import UNDONE
from remit.core.gate.autonomy import AutonomyMode
from remit.core.gate.bounds import BoundsInForce, replace_bounds
from remit.core.gate.decision import (
    AUTONOMY_STOPPED,
    EDITED_BY_PERSON,
    INTENT_EXPIRED,
    PERSON_REQUIRED,
    GateInput,
    decide,
)
from remit.core.gate.policy import PolicySource
from remit.core.intent import ActionIntentV1
from remit.core.ledger.entries import LedgerEntry
from remit.core.ledger.history import DECIDED_AGAIN
from remit.lab.anytime import lower_bound, upper_bound
from remit.lab.automate import automate
from remit.lab.envelope import Envelope
from remit.lab.history import MALFORMED

if TYPE_CHECKING:
    from remit.core.views import EvidenceAnswer
    from remit.core.views.bounds import SuggestedChange

Answered = Literal["approved", "rejected", "edited", "undone", "right", "wrong"]
AGREED: tuple[Answered, ...] = ("approved", "right")
AT_MOST = 0.05
"""The rate of disagreement below which a shape is suggested to run alone."""
TOO_OFTEN = 0.2
"""The rate of disagreement above which what runs alone is suggested to ask."""
QUICK_S = 3
MOST_SHAPES, MOST_TIMES = 500, 10_000
_NOT_ASKED_BY_BOUNDS = frozenset({EDITED_BY_PERSON, PERSON_REQUIRED, AUTONOMY_STOPPED, INTENT_EXPIRED})


class PersonsAnswer(Struct, frozen=True):
    """One question that a person answered, and after how many seconds; `None` where nothing waited for that."""

    intent: Mapping[str, Any]
    reason: str
    answered: Answered
    after_s: float | None


class ShapeEvidence(Struct):
    """People's words about one version of an action type."""

    action_type: str
    version: int | None
    answers: dict[Answered, int] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    envelope: Envelope = field(default_factory=Envelope)
    latest: Mapping[str, Any] | None = None
    """The latest intent that a person agreed to."""
    times: deque[float] = field(default_factory=lambda: deque(maxlen=MOST_TIMES))

    def add(self, answer: PersonsAnswer) -> None:
        self.answers[answer.answered] = self.answers.get(answer.answered, 0) + 1
        self.reasons[answer.reason] = self.reasons.get(answer.reason, 0) + 1
        if answer.after_s is not None:
            self.times.append(answer.after_s)
        if answer.answered in AGREED:
            self.envelope.add(answer.intent["parameters"])
            if self.latest is None or answer.intent["created_at"] >= self.latest["created_at"]:
                self.latest = answer.intent

    @property
    def total(self) -> int:
        return sum(self.answers.values())

    @property
    def disagreed(self) -> int:
        return self.total - sum(self.answers.get(each, 0) for each in AGREED)

    @property
    def at_most(self) -> float:
        """A rate of disagreement that the true one does not exceed, however often one looks."""
        return upper_bound(self.disagreed, self.total)

    @property
    def at_least(self) -> float:
        return lower_bound(self.disagreed, self.total)

    def wire(self, tool: str | None, change: SuggestedChange | None) -> EvidenceAnswer:
        """With the tool of its version, and the change that it speaks for."""
        return {
            "action_type": self.action_type,
            "version": self.version,
            "tool": tool,
            "answered": self.total,
            "disagreed": self.disagreed,
            "people": dict(sorted(self.answers.items())),
            "reasons": dict(sorted(self.reasons.items())),
            "disagreement_at_least": round(self.at_least, 4),
            "disagreement_at_most": round(self.at_most + 0.00005, 4),
            "median_s_to_answer": round(median(self.times), 1) if self.times else None,
            "share_under_3_s": self._quick(),
            "envelope": self.envelope.wire(),
            "suggestion": change,
        }

    def _quick(self) -> float | None:
        return round(sum(each < QUICK_S for each in self.times) / len(self.times), 4) if self.times else None


def evidence(entries: Iterable[LedgerEntry]) -> list[ShapeEvidence]:
    """People's answers by shape, the most answered first; `entries` come chain by chain."""
    shapes: dict[tuple[str, int | None], ShapeEvidence] = {}
    for answer in _answers(entries):
        key = answer.intent["action_type"], answer.intent["registry_version"]
        if key in shapes or len(shapes) < MOST_SHAPES:
            shapes.setdefault(key, ShapeEvidence(*key)).add(answer)
    return sorted(shapes.values(), key=lambda shape: (-shape.total, shape.action_type))


def _answers(entries: Iterable[LedgerEntry]) -> Iterator[PersonsAnswer]:
    chain: list[LedgerEntry] = []
    for entry in entries:
        if chain and chain[0].action_intent_id != entry.action_intent_id:
            yield from _answer_in(chain)
            chain = []
        if entry.action_intent_id is not None:
            chain.append(entry)
    yield from _answer_in(chain)


def _answer_in(chain: Sequence[LedgerEntry]) -> Iterator[PersonsAnswer]:
    try:
        found = _judged(chain) or _read(chain)
    except MALFORMED:
        # Of what cannot be read nothing is evidence; `verify` says what is wrong with it.
        return
    if found is not None:
        yield found


def _read(chain: Sequence[LedgerEntry]) -> PersonsAnswer | None:
    intent: Mapping[str, Any] | None = None
    reason, asked_at, answered = None, "", None
    for entry in chain:
        data = entry.data
        if entry.event_type == "INTENT_PROPOSED":
            intent = data
        elif entry.event_type == "GATE_DECIDED" and data["result"] == "REQUIRE_APPROVAL":
            reason, asked_at = data["reason"], entry.at
        elif (said := _said(entry, intent)) is not None:
            answered = (said, entry.at) if answered is None or said == "undone" else answered
    if intent is None or answered is None or reason in (None, *_NOT_ASKED_BY_BOUNDS):
        return None
    took = datetime.fromisoformat(answered[1]) - datetime.fromisoformat(asked_at)
    return PersonsAnswer(intent, str(reason), answered[0], took.total_seconds())


def _judged(chain: Sequence[LedgerEntry]) -> PersonsAnswer | None:
    """The answer of whoever was shown it afterwards; it stands beside the reason for which it ran alone."""
    judged = next((entry.data for entry in chain if entry.event_type == "AUTONOMY_SAMPLED"), None)
    if judged is None:
        return None
    of_type = {entry.event_type: entry.data for entry in chain}
    answered: Answered = "right" if judged["right"] else "wrong"
    return PersonsAnswer(of_type["INTENT_PROPOSED"], of_type["GATE_DECIDED"]["reason"], answered, None)


def _said(entry: LedgerEntry, intent: Mapping[str, Any] | None) -> Answered | None:
    """A person's answer; what its agent put in its place, or a person had decided again, is none."""
    data = entry.data
    if entry.event_type == "ACTION_APPROVED":
        return "approved" if data["approval_source"] == "HUMAN" else None
    if entry.event_type == "ACTION_REJECTED":
        return "rejected"
    if entry.event_type == "BUDGET_RELEASED":
        return "undone" if data["why"] == UNDONE else None
    if entry.event_type == "INTENT_SUPERSEDED" and intent is not None and data.get("why") != DECIDED_AGAIN:
        return None if entry.actor == intent["proposed_by"] else "edited"
    return None


class Suggestion(Struct, frozen=True):
    """Bounds that a person may put in force: the shape runs alone within its envelope, or asks."""

    direction: Literal["WIDER", "NARROWER"]
    after: BoundsInForce


def suggestion(shape: ShapeEvidence, bounds: BoundsInForce, now: datetime) -> Suggestion | None:
    """The change that the evidence speaks for, if it speaks for any, of a shape that is in force as it was answered."""
    if shape.version != bounds.registry_version(shape.action_type):
        return None
    if shape.at_most <= AT_MOST:
        return _wider(shape, bounds)
    return _narrower(shape, bounds, now) if shape.at_least >= TOO_OFTEN else None


def _wider(shape: ShapeEvidence, bounds: BoundsInForce) -> Suggestion | None:
    """The smallest change for the whole tenant under which the latest of them runs, and a rule for what is beyond."""
    condition = shape.envelope.condition()
    if shape.latest is None or condition is None:
        return None
    intent = ActionIntentV1.from_wire(dict(shape.latest))
    seen = GateInput(intent=intent, bounds=bounds, stops=(), usages={}, edited_by=None, now=intent.created_at)
    found = automate(seen).candidates
    if not found:
        return None
    smallest = min(len(each.kinds) for each in found)
    widest = max((each for each in found if len(each.kinds) == smallest), key=lambda each: each.breadth)
    own = widest.after.bounds
    rule = PolicySource(name=f"suggested/{shape.action_type}.cedar", text=_rule(shape.action_type, condition))
    kept = [source for source in own.policies if source.name != rule.name]
    after = replace_bounds(bounds, own.model_copy(update={"policies": [*kept, rule]}), seen.now)
    pinned = intent.changed(registry_version=after.registry_version(intent.action_type))
    confirmed = decide(replace(seen, intent=pinned, bounds=after)).decision
    return Suggestion("WIDER", after) if confirmed.approves else None


def _rule(action_type: str, condition: str) -> str:
    return f"""@id("beyond_{action_type}") @reason("BEYOND_WHAT_PEOPLE_AGREED_TO")
@explanation("its parameters are outside of those that people have agreed to")
forbid (principal, action, resource)
when {{ context.action_type == "{action_type}" }}
unless {{ {condition} }};
"""


def _narrower(shape: ShapeEvidence, bounds: BoundsInForce, now: datetime) -> Suggestion | None:
    """A person is asked about all of the type, where some of it runs alone."""
    name, modes = shape.action_type, dict(bounds.bounds.modes)
    runs_alone = name in (bounds.bounds.allowlist or ()) and bounds.mode("", name).mode == "AUTO_EXECUTE"
    if not runs_alone:
        return None
    asks: AutonomyMode = "APPROVAL_REQUIRED"
    return Suggestion(
        "NARROWER", replace_bounds(bounds, bounds.bounds.model_copy(update={"modes": {**modes, name: asks}}), now)
    )
