"""The values a policy is made of: files as people write them, one rule as it is shown, a version as it is kept."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from remit.core.gate.action_type import is_empty
from remit.core.values import Document, Request

PolicyDecision = Literal["AUTO_EXECUTE", "REQUIRE_APPROVAL", "BLOCK"]


class PolicySource(Request):
    """
    One file of a tenant's policies.

    With `log_only` it says what it would have said, and refuses nothing.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._/@ -]{1,200}$")]
    text: Annotated[str, Field(min_length=1, max_length=64 * 1024)]
    log_only: bool = Field(default=False, exclude_if=is_empty)

    @property
    def content(self) -> list[Any]:
        """All that makes one version of it differ from another; the mark came later, so that old hashes stay."""
        return [self.name, self.text, *(["log_only"] if self.log_only else [])]


class Clause(Document):
    """One rule: its effect, the reason it gives, and its text."""

    clause_id: str
    effect: PolicyDecision
    reason: str
    explanation: str
    text: str
    platform: bool


class PolicyVersion(Document):
    """The policies that a version names: kept for good, so that any decision can be explained."""

    version: str
    platform: str
    sources: list[PolicySource]
