"""
Sessions and browsers of all tenants that began at an issuer, by what their bodies say.

No index leads to them: there is a row for each session of a person, and it is asked when one signs out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from remit.core.identity.session import IssuerLogout

_WILD = re.compile(r"[%_!]")


def holding(kind: str, logout: IssuerLogout) -> tuple[str, dict[str, Any]]:
    """The statement that finds the tenants and bodies in which what the issuer names stands, in whatever place."""
    named = msgspec.json.encode(logout.issuer_session or logout.subject or "").decode()
    plain = _WILD.sub(r"!\g<0>", named)
    sql = f"SELECT tenant_id, body FROM {kind} WHERE body LIKE :pattern ESCAPE '!' ORDER BY tenant_id, id"
    return sql, {"pattern": f"%{plain}%"}
