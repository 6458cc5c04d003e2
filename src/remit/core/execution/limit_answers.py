"""
Limits for which people's answers about sampled actions are counted: those with `stop_after` that the action was
charged to, each for the account, principal or tenant whose window it was.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from remit.core.execution.sample import SampleTally
from remit.core.gate.autonomy import StopScope
from remit.core.gate.bounds import Bounds
from remit.core.gate.charging import Charge
from remit.core.gate.limit import LimitSpec
from remit.core.gate.sampling import StopAfter
from remit.core.intent import ActionIntentV1


class JudgedLimit(Struct, frozen=True):
    """A limit, and whose: `scope` is `account:north`, as its windows say it."""

    limit: str
    scope: str
    stop_after: StopAfter
    stops: Sequence[StopScope]
    """The switches that the no pulls that is one too many: of each of its types, or of all that its owner does."""

    @property
    def id(self) -> str:
        return tally_id(self.limit, self.scope)

    @property
    def no_answers(self) -> SampleTally:
        return SampleTally(limit=self.limit, scope=self.scope)


def tally_id(limit: str, scope: str) -> str:
    """The name of the answers about it; no action type has a name like it."""
    return f"{scope}|{limit}"


def judged_limits(bounds: Bounds, intent: ActionIntentV1, charges: Sequence[Charge]) -> list[JudgedLimit]:
    """Those for which an answer about the intent counts, in the order of the bounds; one that only watches has none."""
    found: list[JudgedLimit] = []
    for spec in bounds.limits:
        if spec.stop_after is None or spec.log_only:
            continue
        if (scope := spec.charged(intent, charges)) is not None:
            found.append(JudgedLimit(spec.name, scope, spec.stop_after, _stops(spec, intent)))
    return found


def _stops(spec: LimitSpec, intent: ActionIntentV1) -> list[StopScope]:
    whole = StopScope(
        tenant_id=intent.tenant_id,
        account_id=intent.account_id if spec.of == "account" else None,
        principal=intent.on_behalf_of if spec.of == "principal" else None,
    )
    if spec.action_types is None:
        return [whole]
    return [whole.changed(action_type=name) for name in spec.action_types]
