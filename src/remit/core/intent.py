"""The action intent as it is stored, and the digest that approvals bind to. `proposal` is what it is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from msgspec import Raw

from remit.core.canonical import canonical, canonical_plain, sha256_hex
from remit.core.delegation import AgentTier, Hop
from remit.core.private_values import Commitment
from remit.core.values import Digest, Record, RiskLevel, UtcTime


class Target(Record, frozen=True):
    """The thing that an action is about; a part of it that is private stands as its commitment."""

    entity_type: str | Commitment
    entity_id: str | Commitment


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
