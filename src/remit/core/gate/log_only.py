"""Policies and limits that decide nothing (`log_only`): which there are, and bounds with one of them made to count."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from msgspec import Struct

from remit.core.errors import InvalidInput
from remit.core.gate.bounds import Bounds
from remit.core.gate.decision import Decision
from remit.core.gate.plan import LOG_ONLY

POLICIES, LIMITS = "policies", "limits"


def promoted(bounds: Bounds, name: str) -> Bounds:
    """
    `bounds` in which the `log_only` policy file or limit of that name counts; what counts already stays so.

    `policies.NAME` and `limits.NAME` say which is meant where both bear it. Raises `InvalidInput` for a name of none.
    """
    meant = [(part, each.name) for part, each in _named(bounds) if name in (each.name, f"{part}.{each.name}")]
    if not meant:
        known = ", ".join(f"{part}.{each.name}" for part, each in _named(bounds) if each.log_only) or "none"
        raise InvalidInput("name", f"{name!r} is no policy file and no limit", f"log_only are: {known}")
    if len(meant) > 1:
        ways = " or ".join(".".join(each) for each in meant)
        raise InvalidInput("name", f"{name!r} is a policy file and a limit", f"say {ways}")
    part, own = meant[0]
    counting = [
        each.model_copy(update={"log_only": False}) if each.name == own else each for each in getattr(bounds, part)
    ]
    return bounds.model_copy(update={part: counting})


def _named(bounds: Bounds) -> Iterator[tuple[str, Any]]:
    yield from ((POLICIES, source) for source in bounds.policies)
    yield from ((LIMITS, limit) for limit in bounds.limits)


class WouldHaveSaid(Struct, frozen=True):
    """The word of one policy or limit that decides nothing; `would_say` is a reason, `None` if nothing."""

    kind: Literal["policy", "limit"]
    name: str
    would_say: str | None
    explanation: str | None

    def wire(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "name": self.name,
            "would_say": self.would_say,
            "explanation": self.explanation,
        }


def would_have_said(decision: Decision) -> list[WouldHaveSaid]:
    """Of a decision: the policies whatever decided it, the limits where it came to them."""
    saw = {check.check: check.saw for check in decision.checks if check.check in (LOG_ONLY, "budget")}
    policies = saw.get(LOG_ONLY, {}).get("policies", ())
    limits = [limit for limit in saw.get("budget", {}).get("limits", ()) if limit.get("would_be_limit") is not None]
    return [
        *(WouldHaveSaid("policy", each["name"], each["would_say"], each.get("explanation")) for each in policies),
        *(WouldHaveSaid("limit", each["name"], each["would_say"], None) for each in limits),
    ]
