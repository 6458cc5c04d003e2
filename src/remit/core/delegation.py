"""
On whose behalf an agent acts: the principal, the agents through which it came, and the scopes that are left of it.

Effective scopes are the principal's, narrowed by every hop: a hop that names a scope which the one before it had not
widens nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal, Protocol

from msgspec import Struct
from pydantic import Field

from remit.core.values import Record

AgentTier = Literal["interactive", "subagent", "background", "api"]
"""The kind of use that an agent's credential is for."""
# As OAuth 2.0 writes them (RFC 6749, section 3.3).
Scope = Annotated[str, Field(pattern=r"^[!#-\[\]-~]{1,128}$")]
MOST_SCOPES, MOST_HOPS = 50, 16
Scopes = Annotated[list[Scope], Field(max_length=MOST_SCOPES)]


class Hop(Record, frozen=True):
    """One agent on the way, and the scopes that it was given."""

    agent: str
    scopes: list[str]


class Narrows(Protocol):
    @property
    def scopes(self) -> Sequence[str]: ...


def effective_scopes(principals: Iterable[str], delegation: Iterable[Narrows] | None) -> tuple[str, ...]:
    """The principal's scopes as far as every hop has them, in order."""
    left = set(principals)
    for hop in delegation or ():
        left &= set(hop.scopes)
    return tuple(sorted(left))


class ScopesSeen(Struct, frozen=True):
    """The scopes that an action takes beside those that there are, as a decision carries them."""

    required: list[str]
    effective: list[str]

    @property
    def missing(self) -> list[str]:
        return [scope for scope in self.required if scope not in self.effective]

    def wire(self) -> dict[str, list[str]]:
        return {"required": self.required, "effective": self.effective}


def scopes_seen(required: Iterable[str], effective: Iterable[str]) -> ScopesSeen:
    return ScopesSeen(sorted(set(required)), list(effective))
