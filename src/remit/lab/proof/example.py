"""An example: one action that could be proposed, and what the gate says of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from remit.core.canonical import canonical
from remit.core.errors import Forbidden, InvalidInput
from remit.core.gate.bounds import BoundsInForce, check_principal
from remit.core.gate.decision import Decision, GateInput, decide
from remit.core.gate.fact import Fact, FactSpec, KeptKind, KeptValue, not_had
from remit.core.gate.parameters_schema import ParametersSchema
from remit.core.proposal import Proposal, complete, parse_proposal
from remit.core.values import instant

if TYPE_CHECKING:
    from remit.core.views.bounds import ExampleAnswer, SaidAnswer

Course = Literal["RUNS", "ASKS", "BLOCKED", "REFUSED"]
"""It runs alone, a person is asked, a person is asked and cannot approve it, or no door stores it."""
RANK: dict[Course, int] = {"RUNS": 2, "ASKS": 1, "BLOCKED": 0, "REFUSED": 0}
_ID = "example"
_SHA = "0" * 64


class Said(Struct, frozen=True):
    """The fate of an action by some bounds, and its reason."""

    course: Course
    reason: str
    explanation: str

    def wire(self) -> SaidAnswer:
        return {"course": self.course, "reason": self.reason, "explanation": self.explanation}


class Example(Struct, frozen=True):
    """One action, the moment at which it is decided, and what its facts said."""

    proposal: Proposal
    now: datetime
    facts: Mapping[str, Mapping[str, KeptValue] | None]

    def wire(self) -> ExampleAnswer:
        said = self.proposal.model_dump(mode="json", exclude_none=True, exclude={"tenant_id"})
        return {"action": said, "at": instant(self.now), "facts": dict(self.facts)}

    def in_words(self) -> str:
        """The proposal that somebody would make, on one line."""
        said = self.proposal.model_dump(
            mode="json", exclude_none=True, exclude={"tenant_id", "account_id", "action_type"}
        )
        facts = f", facts {_json(dict(self.facts))}" if self.facts else ""
        proposal = self.proposal
        return f"{proposal.action_type} in account {proposal.account_id} at {instant(self.now)}: {_json(said)}{facts}"

    def said_by(self, bounds: BoundsInForce) -> Said:
        """The gate's word, with nothing used of any budget or limit."""
        try:
            parse_proposal(self.proposal)
            check_principal(bounds, self.proposal)
        except (Forbidden, InvalidInput) as error:
            return Said("REFUSED", "REFUSED", str(error))
        schema = bounds.plans.schema(self.proposal.action_type)
        misfit = schema.misfit(self.proposal.parameters) if isinstance(schema, ParametersSchema) else None
        return Said("REFUSED", "REFUSED", str(misfit)) if misfit else _said(self._decided(bounds))

    def _decided(self, bounds: BoundsInForce) -> Decision:
        action_type = self.proposal.action_type
        intent = complete(
            self.proposal,
            action_intent_id=_ID,
            trace_id=_ID,
            now=self.now,
            expires_after=bounds.expires_after(action_type),
            registry_version=bounds.registry_version(action_type),
        )
        spec = bounds.action_type(action_type)
        facts = {name: self._fact(name, fact) for name, fact in (spec.facts if spec else {}).items()}
        seen = GateInput(intent=intent, bounds=bounds, stops=[], usages={}, edited_by=None, now=self.now, facts=facts)
        return decide(seen).decision

    def _fact(self, name: str, spec: FactSpec) -> Fact:
        said = self.facts.get(name, {})
        if said is None:
            return not_had("the example has it so")
        of_kind: dict[KeptKind, KeptValue] = {"text": "", "number": 0, "boolean": False, "any": None}
        kept = {path: said.get(path, of_kind[kind]) for path, kind in spec.keep.items()}
        return Fact(had_at=self.now, sha256=_SHA, kept=kept)


def _json(value: Any) -> str:
    return canonical(value).decode()


def _said(decision: Decision) -> Said:
    course: Course = "RUNS" if decision.approves else "BLOCKED" if decision.policy_decision == "BLOCK" else "ASKS"
    return Said(course, decision.reason, decision.explanation)
