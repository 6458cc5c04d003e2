"""The principal at a door, and the questions that doors ask about it."""

from __future__ import annotations

from dataclasses import dataclass, field

from remit.core.errors import Forbidden
from remit.core.identity.access import ROLES, Permission, Role, roles_with
from remit.core.identity.credential import PROCESS, Credential


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody at a door: a name, the tenant its credential belongs to, its roles, and which credential it showed."""

    name: str
    tenant_id: str
    roles: frozenset[Role]
    credential: Credential = field(default=PROCESS, compare=False)

    def may(self, permission: Permission) -> bool:
        return any(permission in ROLES[role].permissions for role in self.roles)

    def require(self, permission: Permission) -> None:
        """Raises `Forbidden` naming the roles that would do."""
        if not self.may(permission):
            enough = " or ".join(sorted(roles_with(permission)))
            raise Forbidden(f"{self.name} may not do this; it takes the role {enough}")

    def require_sight_of(self, proposed_by: str) -> None:
        """An agent sees its own intents and no other's. Raises `Forbidden`."""
        if not self.may("read") and not (self.may("read_own") and proposed_by == self.name):
            raise Forbidden(f"{self.name} may read the intents it proposed itself, and this is not one of them")
