"""
A text that lets somebody in: `<prefix>.<tenant>.<id>.<secret>`.

Only the hash of the secret is stored; the secret has 256 random bits, so a plain hash of it cannot be searched.
"""

from __future__ import annotations

import hmac
from typing import Self

from msgspec import Struct

from remit.core.canonical import sha256_hex

_NOBODYS_HASH = "0" * 64


class SecretText(Struct, frozen=True):
    """The parts of such a text. The tenant may hold dots; the id and the secret do not."""

    prefix: str
    tenant_id: str
    id: str
    secret: str

    @classmethod
    def parse(cls, prefix: str, text: str) -> Self | None:
        """`None` for what is no such text."""
        found, _, rest = text.partition(".")
        tenant_and_id, _, secret = rest.rpartition(".")
        tenant_id, _, id = tenant_and_id.rpartition(".")
        return cls(prefix, tenant_id, id, secret) if found == prefix and tenant_id and id and secret else None

    @property
    def secret_hash(self) -> str:
        return sha256_hex(self.secret.encode())

    def fits(self, stored_hash: str | None) -> bool:
        """Is this the secret that was stored? In the same time whether it is wrong or nothing is stored."""
        return hmac.compare_digest(stored_hash or _NOBODYS_HASH, self.secret_hash)

    def __str__(self) -> str:
        return f"{self.prefix}.{self.tenant_id}.{self.id}.{self.secret}"

    def __repr__(self) -> str:
        return f"SecretText({self.prefix!r}, {self.tenant_id!r}, {self.id!r}, secret not shown)"
