"""Roles and permissions: the one table of who may do what. Every door asks it, and the documents show it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

Role = Literal["agent", "approver", "operator", "admin", "auditor", "platform"]
Permission = Literal[
    "propose",
    "read_own",
    "act_on_own",
    "read",
    "answer",
    "decide_again",
    "resolve",
    "erase",
    "stop",
    "set_bounds",
    "manage_keys",
    "subscribe",
    "export",
    "verify",
    "read_metrics",
    "stop_platform",
]

PERMISSIONS: dict[Permission, str] = {
    "propose": "propose and ask the gate",
    "read_own": "read the intents it proposed itself",
    "act_on_own": "withdraw, begin and finish the intents it proposed itself",
    "read": "read all of the tenant's records",
    "answer": "approve, reject and edit",
    "decide_again": "have waiting intents decided again",
    "resolve": "resolve unknown outcomes",
    "erase": "erase results and private values",
    "stop": "stop and resume",
    "set_bounds": "set bounds and policies",
    "manage_keys": "manage keys",
    "subscribe": "manage subscriptions",
    "export": "export the ledger",
    "verify": "verify the ledger",
    "read_metrics": "read metrics",
    "stop_platform": "stop and resume everything everywhere",
}
"""Each permission in words that follow "may"."""


@dataclass(frozen=True)
class RoleSpec:
    """
    The permissions of a role, in the order in which they are told.

    A permission that another one of the role includes stands under `implied`: it is given, and not told.
    """

    told: tuple[Permission, ...]
    implied: tuple[Permission, ...] = ()

    @cached_property
    def permissions(self) -> frozenset[Permission]:
        return frozenset({*self.told, *self.implied})

    @property
    def may(self) -> str:
        """All of it in words: `read all of the tenant's records; export the ledger; verify the ledger`."""
        return "; ".join(PERMISSIONS[permission] for permission in self.told)


ROLES: dict[Role, RoleSpec] = {
    "agent": RoleSpec(("propose", "read_own", "act_on_own")),
    "approver": RoleSpec(("read", "answer", "decide_again"), implied=("read_own",)),
    "operator": RoleSpec(("read", "stop", "resolve", "read_metrics"), implied=("read_own",)),
    "admin": RoleSpec(
        ("read", "set_bounds", "decide_again", "manage_keys", "subscribe", "erase"), implied=("read_own",)
    ),
    "auditor": RoleSpec(("read", "export", "verify"), implied=("read_own",)),
    # Over all tenants, and of none: it stops everything, counts and manages keys; it reads nobody's intents.
    "platform": RoleSpec(("stop_platform", "manage_keys", "read_metrics")),
}

PLATFORM_ROLE: Role = "platform"
TENANT_ROLES: tuple[Role, ...] = tuple(role for role in get_args(Role) if role != PLATFORM_ROLE)
"""The roles that a tenant's own credentials may have."""


def roles_with(permission: Permission) -> list[Role]:
    """The roles that give a permission."""
    return [role for role, spec in ROLES.items() if permission in spec.permissions]
