"""
Decisions that were found to be right: another one that says the same, by the same bounds and of an intent that is the
same to them, is right too.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from datetime import datetime
from operator import itemgetter
from typing import Any

import orjson

from remit.core.gate.bounds import BoundsInForce
from remit.core.gate.policy import Reads
from remit.core.gate.policy_input import LocalTime
from remit.core.intent import ActionIntentV1
from remit.core.ledger.verification.due import MOST_KEPT, ByBounds
from remit.core.ledger.verification.lines import SoundEntry
from remit.core.ledger.verification.local_hours import local_time, may_show

Data = Mapping[str, Any]
_said_beside_checks = itemgetter("policy_clause", "policy_decision", "policy_version", "reason")


class AgreedDecisions:
    """Claims in which nothing was wrong, each with the hour that its policies saw."""

    def __init__(self) -> None:
        self._hours: dict[Hashable, LocalTime] = {}

    def hold(self, claims: Hashable, at: datetime) -> bool:
        """Are they known to be right, and could a clock show their hour then?"""
        hour = self._hours.get(claims)
        return hour is not None and may_show(hour, at)

    def note(self, claims: Hashable, policy: Data) -> None:
        """`policy` is the check that says the hour."""
        if len(self._hours) >= MOST_KEPT:
            self._hours.clear()
        self._hours[claims] = local_time(policy["saw"]["local_time"])


def claims_of(intent: ActionIntentV1, entry: Data, state: BoundsInForce | None, by_bounds: ByBounds) -> Hashable | None:
    """
    All that a plain decision to let an intent run alone says, and all of the intent that it follows from; `None` of any
    other decision.

    Not in it is what has to be looked at each time: when the intent expires, and what was used of its limits.
    """
    data = entry["data"]
    if state is None or type(entry) is not SoundEntry or not _is_plain(intent, data):
        return None
    known = by_bounds.policies(data["policy_version"], state)
    if not known.is_known or isinstance(known.policies, str) or known.policies.reads.whole:
        return None
    if (values := known.policies.key(intent.parameters)) is None:
        return None
    # As text: there 1, 1.0 and true are three things.
    said = orjson.dumps((data["checks"][1:-1], *_said_beside_checks(data), *_read_by(known.policies.reads, intent)))
    return (
        said,
        state.config_sequence,
        intent.account_id,
        intent.action_type,
        intent.registry_version,
        intent.risk_level,
        intent.confidence_score,
        intent.on_behalf_of,
        intent.agent_tier,
        values,
    )


def _is_plain(intent: ActionIntentV1, data: Data) -> bool:
    checks = data["checks"]
    if type(intent) is not ActionIntentV1 or intent.delegation is not None or type(checks) is not list or not checks:
        return False
    first, last = checks[0], checks[-1]
    return bool(
        data.get("result") == "AUTO_EXECUTED"
        and "facts" not in data
        and _SAID.issubset(data)
        and first["check"] == "expiry"
        and last["check"] == "budget"
        and first.get("passed") is last.get("passed") is True
        and "saw" in last
    )


_SAID = frozenset({"policy_clause", "policy_decision", "policy_version", "reason"})


def _read_by(reads: Reads, intent: ActionIntentV1) -> tuple[Any, ...]:
    """All that rules look at of an intent beside its parameters and what every claim has."""
    target = intent.target if reads.target else None
    who = intent.proposed_by if "principal" in reads.fields else None
    return (target.entity_type, target.entity_id, who) if target else (who,)
