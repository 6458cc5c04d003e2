"""The principal at a door, and the questions that doors ask about it."""

from __future__ import annotations

from dataclasses import dataclass, field

from remit.core.delegation import AgentTier
from remit.core.errors import Forbidden
from remit.core.identity.access import ROLES, Permission, Role, roles_with
from remit.core.identity.credential import PROCESS, Credential

NOBODY = ""
"""Bound to no principal: what names one is refused."""
OF_AN_ACCOUNT: frozenset[Permission] = frozenset({"propose", "read_own", "act_on_own"})
"""What a credential for single accounts may do: each of these names the account that it is about."""


@dataclass(frozen=True, slots=True)
class Principal:
    """
    Somebody at a door: a name, the tenant its credential belongs to, its roles, and which credential it showed.

    With `on_behalf_of`, the credential is bound to that principal: whatever it proposes is on its behalf. (`NOBODY`: on
    nobody's.) `tier` is the kind of use that it is for.

    With `accounts`, the credential is for those of the tenant alone: it proposes for them, reads their single
    intents and acts on its own, and does nothing that is of the whole tenant, whatever its roles.
    """

    name: str
    tenant_id: str
    roles: frozenset[Role]
    credential: Credential = field(default=PROCESS, compare=False)
    accounts: frozenset[str] | None = None
    on_behalf_of: str | None = None
    tier: AgentTier | None = None

    def may(self, permission: Permission) -> bool:
        return self._has(permission) and (self.accounts is None or permission in OF_AN_ACCOUNT)

    def _has(self, permission: Permission) -> bool:
        return any(permission in ROLES[role].permissions for role in self.roles)

    def require(self, permission: Permission) -> None:
        """Raises `Forbidden` naming the roles that would do."""
        if self._has(permission) and not self.may(permission):
            raise Forbidden(f"{self.name} may not do this: its credential is for single accounts of the tenant")
        if not self.may(permission):
            enough = " or ".join(sorted(roles_with(permission)))
            raise Forbidden(f"{self.name} may not do this; it takes the role {enough}")

    def require_account(self, account_id: object) -> None:
        """Raises `Forbidden` for an account that the credential is not for."""
        if self.accounts is not None and account_id not in self.accounts:
            raise Forbidden(f"the credential of {self.name} is not for the account {account_id!r}")

    def of_intents(self) -> dict[str, str | None]:
        """The fields of a proposal that its credential says, whatever the proposal says."""
        said = {"tenant_id": self.tenant_id, "proposed_by": self.name, "agent_tier": self.tier}
        return said if self.on_behalf_of is None else {**said, "on_behalf_of": self.on_behalf_of or None}

    def require_sight_of(self, proposed_by: str, account_id: str) -> None:
        """An agent sees its own intents and no other's, and each those of its accounts. Raises `Forbidden`."""
        self.require_account(account_id)
        if not self._has("read") and not (self.may("read_own") and proposed_by == self.name):
            raise Forbidden(f"{self.name} may read the intents it proposed itself, and this is not one of them")

    def may_read_result_of(self, proposed_by: str, *, people: bool) -> bool:
        """Its proposer reads a result; people where its action type says so (`people`)."""
        return proposed_by == self.name or (people and self.may("read"))

    def require_result_of(self, proposed_by: str, account_id: str, *, people: bool) -> None:
        """Raises `Forbidden`."""
        self.require_sight_of(proposed_by, account_id)
        if not self.may_read_result_of(proposed_by, people=people):
            problem = f"{self.name} may not read what the tool answered: who proposed it does"
            raise Forbidden(f"{problem}, and people where the action type says so (result: {{people: true}})")
