"""
Arguments are checked and policies evaluated before the write that decides; inside it their answers are looked up.

Where a store carries out one unit at a time, the write is shared by all tenants, and a tenant says how long its
schemas and policies take. The answers are kept by everything that they follow from (`core.gate.policy`), so bounds or
times that changed in between make no wrong answer: they are worked out in the write, once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from remit.core.errors import InvalidInput, RemitError
from remit.core.gate.bounds import BoundsInForce, check_arguments
from remit.core.gate.fact import NO_FACTS
from remit.core.intent import ActionIntentV1
from remit.core.proposal import Proposal
from remit.core.records import chain_key
from remit.flow.context import Context, bounds_key, bounds_of
from remit.flow.facts import CallFacts
from remit.flow.gate import GateRequest
from remit.flow.private_values import opened_now

BOUNDS_LIVE = timedelta(seconds=1)
"""How old the bounds may be that are looked at ahead: reading them again for every batch would cost each a request."""
MOST_TENANTS = 1000


class PoliciesAhead:
    """Safe to share between threads. Raises nothing: what it cannot do ahead, the write does."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[datetime, BoundsInForce]] = {}

    def proposals(self, context: Context, proposals: Iterable[object], facts: CallFacts | None, now: datetime) -> None:
        """Evaluate what these would be asked; what is no proposal is left aside."""
        if not context.store.one_at_a_time:
            return
        with suppress(RemitError, ValueError):
            self._evaluate(context, [each for each in proposals if isinstance(each, Proposal)], facts, now)

    def requests(self, context: Context, requests: Sequence[GateRequest], facts: CallFacts, now: datetime) -> None:
        """Try out the policies of intents that are stored, where their tenants have policies of their own."""
        if not context.store.one_at_a_time:
            return
        with suppress(RemitError, ValueError):
            self._evaluate(context, self._stored(context, requests, now), facts, now)

    def _stored(self, context: Context, requests: Sequence[GateRequest], now: datetime) -> list[ActionIntentV1]:
        known = self._bounds(context, {request.tenant_id for request in requests if request.tenant_id}, now)
        keys = [
            chain_key(request.tenant_id, request.action_intent_id)
            for request in requests
            if request.action_intent_id and request.tenant_id in known and known[request.tenant_id].bounds.policies
        ]
        snapshot = context.store.read(keys) if keys else None
        histories = [snapshot.get(key) for key in keys] if snapshot else []
        return [intent for intent in opened_now(context.store, histories) if intent is not None]

    def _evaluate(
        self,
        context: Context,
        intents: Sequence[ActionIntentV1 | Proposal],
        facts: CallFacts | None,
        now: datetime,
    ) -> None:
        known = self._bounds(context, {intent.tenant_id for intent in intents}, now)
        for intent in intents:
            bounds = known[intent.tenant_id]
            # What does not fit goes no further; the policies of the platform alone take no time.
            if _fits(bounds, intent) and bounds.bounds.policies:
                plan = bounds.plans.action(intent.account_id, intent.action_type, now)
                known_facts = facts.known(intent) if facts is not None else NO_FACTS
                plan.ask(intent, known_facts)
                plan.ask_log_only(intent, known_facts)

    def _bounds(self, context: Context, tenants: set[str], now: datetime) -> dict[str, BoundsInForce]:
        fresh, missing = {}, []
        for name in tenants:
            known = self._known.get(name)
            if known is not None and abs(now - known[0]) < BOUNDS_LIVE:
                fresh[name] = known[1]
            else:
                missing.append(name)
        if missing:
            snapshot = context.store.read([bounds_key(name) for name in missing])
            read = {name: bounds_of(snapshot, name) for name in missing}
            if len(self._known) + len(read) > MOST_TENANTS:
                self._known.clear()
            self._known |= {name: (now, bounds) for name, bounds in read.items()}
            fresh |= read
        return fresh


def _fits(bounds: BoundsInForce, intent: ActionIntentV1 | Proposal) -> bool:
    """Do its arguments fit the schema of its type? What is stored was asked when it was proposed."""
    if isinstance(intent, Proposal):
        try:
            check_arguments(bounds, intent)
        except InvalidInput:
            return False
    return True
