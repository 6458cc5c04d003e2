"""Outside: the clock, the systems that facts are looked up in, and where policies are tried out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from remit.core.gate.fact import FactSpec
    from remit.core.gate.policy import PolicySource


class Clock(Protocol):
    def now(self) -> datetime:
        """Aware UTC."""
        ...


class FactLookup(Struct, frozen=True):
    """One lookup: the mapped request, and what is needed around it."""

    tenant_id: str
    request: dict[str, Any]
    timeout_s: float
    allowed_hosts: Sequence[str]


class FactSource(Protocol):
    """The systems in which the gate looks up facts: the tenants' own systems, which are read and never changed."""

    def check(self, fact: FactSpec, allowed_hosts: Sequence[str]) -> None:
        """Raises `InvalidInput` naming the field that is wrong."""
        ...

    def map(self, fact: FactSpec, fields: Mapping[str, Any]) -> dict[str, Any]:
        """
        The request that a fact means for an intent with these fields, as JSON, without any secret in it.

        Pure. Raises `InvalidInput` if the intent lacks what the templates name.
        """
        ...

    def get(self, lookup: FactLookup) -> bytes:
        """
        The whole answer, within `timeout_s`. Raises `FactNotHad` saying why there is none, without any secret.

        Never retries.
        """
        ...


class PolicySandbox(Protocol):
    """A place where policy text is tried out that this process has not compiled yet."""

    def try_out(self, tenant_id: str, sources: Sequence[PolicySource]) -> None:
        """
        Do with the text what compiling it does, where it can end or hold up nothing else.

        Raises `InvalidInput` naming the file that ends the parser, or takes it too much time or memory, and
        `TryLater` while other text of this tenant, or of too many others, is being tried. What the parser finds
        wrong is no matter here: compiling says that better.
        """
        ...
