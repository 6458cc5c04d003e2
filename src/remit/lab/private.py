"""Private values in a replay: they are not in the ledger, so a rule or an amount that looks at one cannot be judged."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from remit.core.gate.bounds import BoundsInForce
from remit.core.gate.budget import AMOUNT_UNKNOWN
from remit.core.gate.decision import Decision
from remit.core.gate.policy import POLICY_ERROR, PolicySet
from remit.core.intent import ActionIntentV1
from remit.core.opened_intent import open_intent, private_paths
from remit.core.paths import parse_path
from remit.lab.history import PastDecision

_Names = list[str]


class Hidden(Struct, frozen=True):
    """An intent some of whose values are not to be had, and what of the candidate looks at them."""

    for_policies: ActionIntentV1
    rules_look: bool
    amounts_look: bool

    @classmethod
    def of(cls, intent: ActionIntentV1, candidate: BoundsInForce) -> Hidden:
        places = [_names(path) for path, _ in private_paths(intent)]
        policies, spec = candidate.policies(), candidate.action_type(intent.action_type)
        rules_look = isinstance(policies, PolicySet) and _rules_look(policies, places)
        amounts = [path for amount in spec.amounts.values() for path in amount.paths] if spec else []
        amounts_look = any(_meet(_names(path), place) for path in amounts for place in places)
        return cls(open_intent(intent, None) if rules_look else intent, rules_look, amounts_look)

    def decided(self, decision: Decision) -> bool:
        """Is this the answer that not knowing the values leads to?"""
        by_rules = self.rules_look and decision.reason == POLICY_ERROR and decision.policy_decision != "BLOCK"
        return by_rules or (self.amounts_look and decision.reason == AMOUNT_UNKNOWN)

    def may_block(self, past: PastDecision) -> bool:
        """Would a rule that looks at them block it, as far as is known?"""
        return self.rules_look and past.blocked


def _rules_look(policies: PolicySet, places: Sequence[_Names]) -> bool:
    read = [["parameters", *(step.place for step in path.steps)] for path in policies.paths]
    in_parameters = [place for place in places if place[0] == "parameters"]
    return (
        (policies.reads.target and any(place[0] == "target" for place in places))
        or (policies.reads.computed and bool(in_parameters))
        or any(_meet(path, place) for path in read for place in in_parameters)
    )


def _names(path: str) -> _Names:
    return [step.place for step in parse_path(path).steps]


def _meet(one: _Names, other: _Names) -> bool:
    """Does one of the two lead to the other, or into it?"""
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]
