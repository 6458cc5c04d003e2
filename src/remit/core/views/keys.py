"""API keys."""

from __future__ import annotations

# pydantic reads `typing.TypedDict` only from Python 3.12 on.
from typing_extensions import TypedDict

from remit.core.delegation import AgentTier
from remit.core.identity.access import Role
from remit.core.identity.credential import CredentialKind


class CredentialAnswer(TypedDict):
    """The credential through which somebody acted, and everybody who had a hand in making it."""

    kind: CredentialKind
    id: str | None
    session_id: str | None
    made_by: list[str]


class KeyAnswer(TypedDict):
    """An API key without its secret."""

    key_id: str
    tenant_id: str
    name: str
    roles: list[Role]
    created_by: str
    created_at: str
    expires_at: str | None
    revoked_by: str | None
    revoked_at: str | None
    last_used_at: str | None
    created_through: CredentialAnswer | None
    on_behalf_of: str | None
    tier: AgentTier


class NewKeyAnswer(KeyAnswer):
    """`key` is the text to send; it is shown this once."""

    key: str


class KeysAnswer(TypedDict):
    items: list[KeyAnswer]
