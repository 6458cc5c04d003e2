"""The bodies that routes take, as the OpenAPI document shows them."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Literal

from fastapi import Body as JsonBody
from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field, JsonValue, WithJsonSchema

from remit.core.errors import InvalidInput
from remit.core.execution.outcome import LONGEST_MESSAGE, ErrorClass
from remit.core.execution.permit import LONGEST_KEY, MOST_REFS, Acted
from remit.core.execution.result import JSON, LONGEST_MEDIA_TYPE, ToolResult, answered
from remit.core.proposal import Proposal
from remit.core.values import ActionTypeName, Digest, Identifier, WireTime

MOST_INTENTS = 500

_PROPOSAL: dict[str, Any] = Proposal.model_json_schema(ref_template="#/components/schemas/{model}")
_PARTS = _PROPOSAL.pop("$defs")
_TARGET, _HOP = _PARTS["ProposedTarget"], _PARTS["ProposedHop"]
_TARGET["title"], _HOP["title"] = "Target", "Hop"
_PROPOSAL["properties"]["delegation"]["anyOf"][0]["items"] = _HOP
_PROPOSAL["properties"]["target"] = {"anyOf": [_TARGET, {"type": "null"}], "default": None}
_PROPOSAL["required"] = [name for name in _PROPOSAL["required"] if name != "tenant_id"]
_PROPOSAL["title"] = "Proposal"
PROPOSAL_EXAMPLE = {
    "account_id": "acct-1",
    "action_type": "UPDATE_CONTACT",
    "target": {"entity_type": "contact", "entity_id": "c-17"},
    "parameters": {"phone": "+49 30 1234567"},
    "confidence_score": 0.93,
    "risk_level": "LOW",
    "why": ["the customer wrote that the number has changed"],
}
_PROPOSAL["examples"] = [PROPOSAL_EXAMPLE]

CallerKey = Annotated[str, Field(pattern=r"\S", min_length=1, max_length=LONGEST_KEY)]
IntentId = Annotated[Identifier, Path(description="the intent's id")]
SubscriptionId = Annotated[Identifier, Path(description="the subscription's name")]
ToolName = Annotated[ActionTypeName, Path(description="the action type whose tool is meant")]
KeyId = Annotated[Identifier, Path(description="the key's id, as it is listed")]
PolicyVersionId = Annotated[str, Path(pattern=r"^[A-Za-z0-9._:@+-]{1,160}$", description="as it is listed")]

ProposalBody = Annotated[
    Any,
    WithJsonSchema(
        {"oneOf": [_PROPOSAL, {"type": "array", "items": _PROPOSAL, "minItems": 1, "maxItems": MOST_INTENTS}]}
    ),
    JsonBody(),
]
"""One proposal or up to 500: each is checked, stored and decided by itself, so the body is taken as it comes."""


class Body(BaseModel):
    """Unknown fields are refused and nothing is coerced."""

    model_config = ConfigDict(extra="forbid", strict=True)


# An empty one is a gate's `MISSING_INPUT`, not a request that cannot be read.
_IdOrNothing = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:@-]{0,128}$")]


class GateBody(Body):
    """The gate's input. The tenant is the credential's; if it is sent, it must be that one."""

    action_intent_id: _IdOrNothing
    account_id: _IdOrNothing
    tenant_id: _IdOrNothing | None = None


class ApproveBody(Body):
    """
    `digest` is that of the intent as the approver saw it. For `undo_for_s` nothing of it begins, and they may take it
    back.
    """

    digest: Digest
    undo_for_s: Annotated[float, Field(ge=0, le=60)] = 0


class RejectBody(Body):
    reason: Annotated[str, Field(max_length=2000)] | None = None


class JudgeBody(Body):
    """Was it right to run alone?"""

    right: bool
    reason: Annotated[str, Field(max_length=2000)] | None = None


class WithdrawBody(Body):
    reason: Annotated[str, Field(max_length=2000)] | None = None


class BeginBody(Body):
    """Asked again under the same `key` while the permit lives, the same one is answered; without, it is gone."""

    key: CallerKey | None = None


class PermitBody(Body):
    """`approval_id` is the permit's."""

    approval_id: Identifier


class RefBody(Body):
    """An object of another system that the action made or touched."""

    system: Annotated[str, Field(min_length=1, max_length=200)]
    object_type: Annotated[str, Field(min_length=1, max_length=200)]
    object_id: Annotated[str, Field(min_length=1, max_length=1000)]
    object_url: Annotated[str, Field(min_length=1, max_length=2000)] | None = None


class ToolAnswerBody(Body):
    """A tool's answer: text, or bytes in base64."""

    media_type: Annotated[str, Field(min_length=1, max_length=LONGEST_MEDIA_TYPE)] = JSON
    encoding: Literal["utf-8", "base64"] = "utf-8"
    content: str

    def answer(self) -> ToolResult:
        """Raises `InvalidInput` for what is no base64."""
        if self.encoding == "utf-8":
            return answered(self.media_type, self.content.encode())
        try:
            return answered(self.media_type, base64.b64decode(self.content, validate=True))
        except ValueError:
            raise InvalidInput("result.content", "is no base64", "send base64, or text as utf-8") from None


class FinishBody(PermitBody):
    """
    `acted` is `no` only for what certainly did not happen, and `unknown` where nobody can tell; `result` is what the
    tool answered.
    """

    acted: Acted
    external_object_refs: Annotated[list[RefBody], Field(max_length=MOST_REFS)] = []
    error_code: Annotated[str, Field(pattern="^[A-Z][A-Z0-9_]{0,127}$")] | None = None
    error_class: ErrorClass | None = None
    error_message: Annotated[str, Field(max_length=LONGEST_MESSAGE)] | None = None
    result: ToolAnswerBody | None = None


class EditBody(Body):
    """Paths such as `parameters.amount` or `target.entity_id`, and their new values; null removes a parameter."""

    changes: Annotated[dict[str, JsonValue], Field(min_length=1, max_length=200)]


class QuestionBody(Body):
    """Words: a person's question, or its agent's supplement."""

    text: Annotated[str, Field(min_length=1, max_length=2000)]


class DecideAgainBody(Body):
    action_intent_ids: Annotated[list[Identifier], Field(min_length=1, max_length=MOST_INTENTS)]


class PromoteBody(Body):
    """The name of a policy file or a limit; `policies.NAME` or `limits.NAME` where both bear it."""

    name: Annotated[str, Field(min_length=1, max_length=220)]


class AssignBody(Body):
    """The person whose card it is to be; `null` is nobody."""

    to: Identifier | None


class HandoverBody(Body):
    """To whom, and until when (RFC 3339); without both, the queue is taken back."""

    to: Identifier | None = None
    until: WireTime | None = None


class ResolveBody(Body):
    status: Literal["SUCCEEDED", "FAILED"]
    note: Annotated[str, Field(max_length=2000)] | None = None


class EraseBody(Body):
    """Paths such as `parameters.customer.email`; without them, every private value of the intent."""

    paths: Annotated[list[Annotated[str, Field(min_length=1, max_length=1000)]], Field(min_length=1)] | None = None
    reason: Annotated[str, Field(min_length=1, max_length=2000)]


class BulkApproveItem(ApproveBody):
    action_intent_id: Identifier


class BulkApproveBody(Body):
    items: Annotated[list[BulkApproveItem], Field(min_length=1, max_length=MOST_INTENTS)]


class BulkRejectBody(Body):
    action_intent_ids: Annotated[list[Identifier], Field(min_length=1, max_length=MOST_INTENTS)]
    reason: Annotated[str, Field(max_length=2000)] | None = None


class ResumeBody(Body):
    """Without an account, a principal and a type, the whole tenant; a platform key stops everything everywhere."""

    reason: Annotated[str, Field(min_length=1, max_length=2000)]
    level: Literal["autonomy", "everything"] = "autonomy"
    account_id: Identifier | None = None
    action_type: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,127}$")] | None = None
    principal: Identifier | None = None


class StopBody(ResumeBody):
    """With `even_if_unknown`, also what was never seen."""

    even_if_unknown: bool = False
