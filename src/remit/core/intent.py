"""The action intent: what an agent proposes, what is stored of it, and the digest that approvals bind to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from typing import Annotated, Any

from msgspec import Raw
from pydantic import Field, JsonValue, ValidationError

from remit.core.canonical import canonical, canonical_plain, sha256_hex
from remit.core.delegation import MOST_HOPS, AgentTier, Hop, ProposedHop, check_delegation
from remit.core.errors import IntentIdReused, InvalidInput
from remit.core.invalid_fields import explain_invalid
from remit.core.plain_json import check_json
from remit.core.private_values import Commitment
from remit.core.values import (
    ActionTypeName,
    Digest,
    Identifier,
    Record,
    Request,
    RiskLevel,
    UtcTime,
    WireTime,
    instant,
)

_LEAVES = frozenset({str, bool, int, float, type(None)})

Reason = Annotated[str, Field(max_length=2000)]
Confidence = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Target(Record, frozen=True):
    """The thing that an action is about; a part of it that is private stands as its commitment."""

    entity_type: str | Commitment
    entity_id: str | Commitment


class ProposedTarget(Request):
    """The thing that a proposed action is about, as a caller sends it."""

    entity_type: Annotated[str, Field(min_length=1, max_length=128)]
    entity_id: Annotated[str, Field(min_length=1, max_length=512)]


class Proposal(Request):
    """An intent as a caller sends it; what it leaves out is filled in when it is stored."""

    action_intent_id: Identifier | None = None
    tenant_id: Identifier
    account_id: Identifier
    action_type: ActionTypeName
    target: ProposedTarget | None = None
    parameters: dict[str, JsonValue] = {}
    confidence_score: Confidence | None = None
    risk_level: RiskLevel | None = None
    why: Annotated[list[Reason], Field(max_length=50)] | None = None
    proposed_by: Identifier = "agent"
    created_at: WireTime | None = None
    expires_at: WireTime | None = None
    trace_id: Identifier | None = None
    supersedes: Identifier | None = None
    on_behalf_of: Identifier | None = None
    delegation: Annotated[list[ProposedHop], Field(min_length=1, max_length=MOST_HOPS)] | None = None
    agent_tier: AgentTier | None = None
    on_end: Annotated[str, Field(min_length=1, max_length=2048)] | None = None

    # Not fields, and no private attributes, which cost every proposal more than its checks: neither is compared.
    @cached_property
    def written_parameters(self) -> bytes:
        """The canonical form of its parameters, as they were when they were checked."""
        return canonical(self.parameters)

    def once(self, asked: object, answer: Callable[[], InvalidInput | None]) -> InvalidInput | None:
        """The answer of whatever is `asked` about this proposal, worked out the first time that it is asked."""
        known: tuple[object, InvalidInput | None] | None = self.__dict__.get("_answered")
        if known is None or known[0] is not asked:
            known = self.__dict__["_answered"] = (asked, answer())
        return known[1]


# What came later is left out where it was not given, so that what was stored before is written as it was.
class ActionIntentV1(Record, frozen=True, kw_only=True, omit_defaults=True):
    """
    One proposed action, as stored: immutable, and everything that will be executed is under its digest.

    What its action type calls private stands as a commitment (`core.private_values`); see `core.opened_intent`.
    """

    action_intent_id: str
    tenant_id: str
    account_id: str
    action_type: str
    target: Target | None = None
    parameters: dict[str, Any]
    confidence_score: float | None
    risk_level: RiskLevel | None
    why: list[Any] | Commitment | None
    proposed_by: str
    created_at: UtcTime
    expires_at: UtcTime
    trace_id: str
    supersedes: str | None
    registry_version: int | None
    on_behalf_of: str | None = None
    delegation: list[Hop] | None = None
    agent_tier: AgentTier | None = None
    on_end: str | None = None
    digest: Digest

    @property
    def as_committed(self) -> ActionIntentV1:
        """As the ledger has it, and as its digest covers it."""
        return self

    def wire(self) -> dict[str, Any]:
        return {**_NOT_GIVEN, **super().wire()}

    def canonical(self) -> bytes:
        return self.written(canonical(self.parameters))

    def written(self, parameters: bytes) -> bytes:
        """Its canonical form; `parameters` is theirs."""
        # Only these two hold numbers and names of the caller's own.
        confidence = None if self.confidence_score is None else _confidence(self.confidence_score)
        return canonical_plain(self.changed(parameters=Raw(parameters), confidence_score=confidence))


_NOT_GIVEN: dict[str, Any] = dict.fromkeys(("target", "on_behalf_of", "delegation", "agent_tier", "on_end"))


# One for all that compare as the same: `1.0` is written as `1`, and `-0.0` as `0`.
@lru_cache(maxsize=1024)
def _confidence(score: float) -> Raw:
    return Raw(canonical(score))


def parse_proposal(data: Any) -> Proposal:
    """Check what a caller sent. Raises `InvalidInput` naming the first field that is wrong."""
    if isinstance(data, Proposal):
        data.__dict__["written_parameters"] = check_json(data.parameters, "parameters")
        return data
    if not isinstance(data, dict):
        raise InvalidInput("(intent)", "is not a JSON object", "send one object with the fields of ActionIntentV1")
    parameters = data.get("parameters", {})
    written = check_json(parameters, "parameters")
    # Checked already: Pydantic asks Python for the kind of every single JSON value.
    flat = type(parameters) is dict and _LEAVES.issuperset(map(type, parameters.values()))
    try:
        proposal = Proposal.model_validate({**data, "parameters": {}} if flat and parameters else data)
    except ValidationError as error:
        raise explain_invalid(error) from None
    if flat and parameters:
        proposal.__dict__["parameters"] = dict(parameters)
    proposal.__dict__["written_parameters"] = written
    return proposal


def intent_digest(
    *,
    tenant_id: str,
    account_id: str,
    action_type: str,
    target: Target | dict[str, str] | None,
    parameters: dict[str, Any] | Raw,
    expires_at: datetime | str,
    registry_version: int | None,
    on_behalf_of: str | None = None,
    delegation: list[Hop] | list[dict[str, Any]] | None = None,
    form: Callable[[Any], bytes] = canonical,
) -> str:
    """
    SHA-256, lowercase hex, over the RFC 8785 form of what will be executed; what was not given is no key in it.

    `parameters` may be in that form already; then the rest may be as it stands in an intent: of all that is covered,
    only they hold numbers of the caller's own. `form` writes what is not.
    """
    executed: dict[str, Any] = {
        "tenant_id": tenant_id,
        "account_id": account_id,
        "action_type": action_type,
        "parameters": parameters,
        "expires_at": expires_at,
        "registry_version": registry_version,
    }
    if target is not None:
        executed["target"] = target
    if on_behalf_of is not None:
        executed["on_behalf_of"] = on_behalf_of
    if delegation is not None:
        executed["delegation"] = delegation
    return sha256_hex(canonical_plain(executed) if isinstance(parameters, Raw) else form(executed))


def digest_of_wire(intent: Mapping[str, Any], form: Callable[[Any], bytes] = canonical) -> str:
    """The digest an intent's stored or exported JSON must carry; `form` writes it in canonical JSON."""
    return intent_digest(
        tenant_id=intent["tenant_id"],
        account_id=intent["account_id"],
        action_type=intent["action_type"],
        target=intent.get("target"),
        parameters=intent["parameters"],
        expires_at=intent["expires_at"],
        registry_version=intent["registry_version"],
        on_behalf_of=intent.get("on_behalf_of"),
        delegation=intent.get("delegation"),
        form=form,
    )


def digest_of_stored(intent: ActionIntentV1) -> str:
    """As `digest_of_wire` of its JSON."""
    return intent_digest(
        tenant_id=intent.tenant_id,
        account_id=intent.account_id,
        action_type=intent.action_type,
        target=intent.target,
        parameters=Raw(canonical(intent.parameters)),
        expires_at=intent.expires_at,
        registry_version=intent.registry_version,
        on_behalf_of=intent.on_behalf_of,
        delegation=intent.delegation,
    )


def complete(
    proposal: Proposal,
    *,
    action_intent_id: str,
    trace_id: str,
    now: datetime,
    expires_after: timedelta,
    registry_version: int | None,
) -> ActionIntentV1:
    """
    Fill in what the caller left to a default and fix the digest.

    | left out           | filled in                             |
    |--------------------|---------------------------------------|
    | `action_intent_id` | the argument                          |
    | `trace_id`         | the argument                          |
    | `created_at`       | `now`                                 |
    | `expires_at`       | `expires_after` later than created_at |

    `registry_version` is never the caller's. Raises `InvalidInput` if the intent would be expired before it was
    created, or never.
    """
    created = proposal.created_at or now
    expires = _expiry(proposal, created, expires_after)
    hops, named = _hops(proposal), proposal.target
    target = Target(entity_type=named.entity_type, entity_id=named.entity_id) if named else None
    return ActionIntentV1(
        tenant_id=proposal.tenant_id,
        account_id=proposal.account_id,
        action_type=proposal.action_type,
        parameters=proposal.parameters,
        confidence_score=proposal.confidence_score,
        risk_level=proposal.risk_level,
        why=proposal.why,
        proposed_by=proposal.proposed_by,
        supersedes=proposal.supersedes,
        action_intent_id=proposal.action_intent_id or action_intent_id,
        trace_id=proposal.trace_id or trace_id,
        target=target,
        created_at=created,
        expires_at=expires,
        registry_version=registry_version,
        on_behalf_of=proposal.on_behalf_of,
        delegation=hops,
        agent_tier=proposal.agent_tier,
        on_end=proposal.on_end,
        digest=_digest(proposal, target, hops, expires, registry_version),
    )


def _expiry(proposal: Proposal, created: datetime, expires_after: timedelta) -> datetime:
    expires = proposal.expires_at or _later(created, expires_after)
    if expires <= created:
        raise InvalidInput("expires_at", "is not after created_at", "send a later time, or leave it to the action type")
    return expires


def _hops(proposal: Proposal) -> list[Hop] | None:
    if proposal.delegation is None:
        return None
    check_delegation(proposal.delegation, proposal.proposed_by)
    return [Hop(agent=hop.agent, scopes=list(hop.scopes)) for hop in proposal.delegation] or None


def _digest(
    proposal: Proposal, target: Target | None, hops: list[Hop] | None, expires: datetime, registry_version: int | None
) -> str:
    """The digest of what will be executed."""
    return intent_digest(
        tenant_id=proposal.tenant_id,
        account_id=proposal.account_id,
        action_type=proposal.action_type,
        target=target,
        parameters=Raw(proposal.written_parameters),
        expires_at=instant(expires),
        registry_version=registry_version,
        on_behalf_of=proposal.on_behalf_of,
        delegation=hops,
    )


def _later(created: datetime, expires_after: timedelta) -> datetime:
    try:
        return created + expires_after
    except OverflowError:
        raise InvalidInput("created_at", "is too close to the end of the year 9999", "send the time") from None


# The same proposal may come again through another credential, and came through one of before that said nothing.
_HOW_IT_CAME = frozenset({"agent_tier"})


def agree(proposal: Proposal, stored: ActionIntentV1) -> None:
    """
    Is this the stored intent proposed again? What the caller left to a default is taken from the stored one.

    Raises `IntentIdReused` naming every field that differs; to another proposer it says nothing of the content.
    """
    if "proposed_by" in proposal.model_fields_set and proposal.proposed_by != stored.proposed_by:
        raise IntentIdReused(stored.action_intent_id, ["proposed_by"])
    different = [
        name
        for name in sorted(proposal.model_fields_set - _HOW_IT_CAME)
        if getattr(proposal, name) is not None and not _same(getattr(proposal, name), getattr(stored, name))
    ]
    if different:
        raise IntentIdReused(stored.action_intent_id, different)


def _same(sent: Any, stored: Any) -> bool:
    if isinstance(sent, list) and sent and isinstance(sent[0], ProposedHop):
        return [hop.model_dump() for hop in sent] == [hop.wire() for hop in stored or ()]
    if isinstance(sent, ProposedTarget):
        return stored is not None and sent.model_dump() == stored.wire()
    if isinstance(sent, dict):
        # For Python `True == 1`; what the digest covers tells them apart.
        return canonical(sent) == canonical(stored)
    return bool(sent == stored)
