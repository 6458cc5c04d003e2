"""
Replay: a tenant's history decided again under other bounds, by the gate's own `decide`, from its ledger alone.

The model. The intents, their times, the stop switches and the people's edits are those of the ledger: agents propose
the same, at the same moments. The bounds are the candidate's at every one of them, as if they had been in force for
good, and so each intent pins the candidate's version of its type (but one that was decided under another version than
it had pinned: it still does). The counters are the candidate's own: a decision that would run alone takes from every
limit of the candidate what it takes, in the order in which things happened.

- An intent that a person approved and that would run alone is charged, whatever the person had said, when it expired,
  or how it ended: it would have begun before anybody answered.
- What the ledger gives back of a charge is given back where the candidate ran the intent alone too. Of what only the
  candidate ran nothing is given back: that it would have been refused by the bus, or not begun in time, is not known.
- Where an intent would have run alone, nothing could have taken its place: what did is not judged.
- Decisions before the asked period, from the start of the earliest candidate window that contains its beginning, are
  decided for the counters alone. A window that began earlier still is taken up where the ledger says that it stood.
- Facts are those that the decision recorded. Where the candidate asks for others, and comes to look at them, it is not
  judged.
- What cannot be judged is named with why, and counts as it was decided, as far as what it takes is known.
"""

from __future__ import annotations

from collections.abc import Set
from datetime import datetime

from remit.core.errors import Forbidden
from remit.core.gate.autonomy import Stop, Stops
from remit.core.gate.bounds import BoundsInForce, check_principal
from remit.core.gate.budget import Limit, Usage, day_of, split_window_id
from remit.core.gate.charging import Charge, add_to_window, release
from remit.core.gate.decision import FACT_UNAVAILABLE, Decision, GateInput, Verdict, decide
from remit.core.gate.fact import Facts
from remit.core.gate.parameters_schema import ParametersSchema
from remit.core.intent import ActionIntentV1
from remit.core.ledger.recorded_facts import facts_as_recorded
from remit.lab.ends import ByEnd
from remit.lab.findings import Findings
from remit.lab.history import PastDecision, PastEvent, PastRelease, ReplaySpan, microseconds, moment_of
from remit.lab.order import CLOCKS_AGREE
from remit.lab.private import Hidden

_NO_VERSION = 0
"""Of an action type: none that was ever in force."""


def span_of(candidate: BoundsInForce, since: datetime, until: datetime) -> ReplaySpan:
    """The span of a replay that reports what was decided from `since` until before `until`."""
    days = (day_of(since, zone).starts_at for zone in candidate.zones(since))
    windows = (limit.window.starts_at for limit in candidate.limits_at(since))
    counted_from = min([since, *days, *windows])
    return ReplaySpan(counted_from, since, until, _last_end(candidate, counted_from))


def _last_end(candidate: BoundsInForce, counted_from: datetime) -> datetime:
    """The time when the last window has ended that is open then."""
    days = (day_of(counted_from, zone).ends_at for zone in candidate.zones(counted_from))
    windows = (limit.window.ends_at for limit in candidate.limits_at(counted_from))
    return max([counted_from, *days, *windows])


class Replay:
    """
    One replay under `candidate`: handed the events of a span in their order (`order.in_order`), it collects `findings`.

    It holds the counters of windows that are open, and what may still be given back of them; what has ended is
    forgotten.
    """

    def __init__(self, candidate: BoundsInForce, span: ReplaySpan) -> None:
        self.findings = Findings(span)
        self._bounds, self._span, self._since = candidate, span, microseconds(span.since)
        self._usages = ByEnd[Usage]()
        self._taken_up = ByEnd[bool]()
        self._to_give_back: dict[str, list[Charge]] = {}
        self._never_proposed: set[str] = set()

    def add(self, event: PastEvent) -> None:
        now = event.at - CLOCKS_AGREE
        self._usages.forget_before(now)
        self._taken_up.forget_before(now)
        if isinstance(event, PastRelease):
            self._give_back(event)
        else:
            self._decide(event)

    def _decide(self, past: PastDecision) -> None:
        if past.action_intent_id in self._never_proposed:
            self._never_proposed.discard(past.action_intent_id)
            self._follow(past)
            self._unjudged(past, "REPLACES_WHAT_WOULD_RUN")
        elif past.problem is not None:
            self._unjudged(past, past.problem)
        else:
            try:
                intent = self._as_proposed(past)
            except ValueError:
                self._unjudged(past, "NOT_READABLE")
                return
            self._judge(past, intent)

    def _as_proposed(self, past: PastDecision) -> ActionIntentV1:
        """As it would have been stored under the candidate. Raises `ValueError`."""
        intent = past.proposal
        version = _NO_VERSION if past.stale else self._bounds.registry_version(intent.action_type)
        return intent if intent.registry_version == version else intent.changed(registry_version=version)

    def _judge(self, past: PastDecision, intent: ActionIntentV1) -> None:
        hidden = Hidden.of(intent, self._bounds) if past.private else None
        refused = self._refused_before(intent, hidden)
        if refused is not None:
            self._unjudged(past, refused)
            return
        spec = self._bounds.action_type(intent.action_type)
        facts, unknown = facts_as_recorded(spec.facts if spec is not None else {}, past.facts)
        seen = self._input(past, intent if hidden is None else hidden.for_policies, facts)
        self._take_up(past, seen)
        verdict = decide(seen)
        if (unjudged := _cannot_judge(verdict.decision, hidden, unknown)) is not None:
            self._unjudged(past, unjudged)
            self._charge_as_it_was(past, seen)
            return
        self._charge(past, verdict)
        if past.at >= self._since:
            blocked = verdict.decision.policy_decision == "BLOCK" or (hidden is not None and hidden.may_block(past))
            self.findings.judged(past, intent, spec, verdict.decision, blocked=blocked)

    def _refused_before(self, intent: ActionIntentV1, hidden: Hidden | None) -> str | None:
        """The reason why the candidate's door would not have stored it. Of private values it is not known."""
        try:
            check_principal(self._bounds, intent)
        except Forbidden:
            return "PRINCIPAL_REFUSED"
        schema = self._bounds.plans.schema(intent.action_type)
        if hidden is not None or not isinstance(schema, ParametersSchema):
            return None
        return "ARGUMENTS_REFUSED" if schema.misfit(intent.parameters) else None

    def _input(self, past: PastDecision, intent: ActionIntentV1, facts: Facts) -> GateInput:
        stops = [] if past.stop is None else [Stops(stops=[Stop.from_wire(past.stop)])]
        return GateInput(
            intent=intent,
            bounds=self._bounds,
            stops=stops,
            usages=self._usages.values,
            edited_by=past.edited_by,
            now=moment_of(past.at),
            person_required=past.person_required,
            facts=facts,
        )

    def _unjudged(self, past: PastDecision, reason: str) -> None:
        if past.at >= self._since:
            self.findings.unjudged(past, reason)

    def _follow(self, past: PastDecision) -> None:
        """Leave out what took the place of an intent that would have run, or would never have been."""
        if past.replaced_by is not None:
            self._never_proposed.add(past.replaced_by)

    # --- counters ---

    def _limits(self, seen: GateInput) -> list[Limit]:
        intent = seen.intent
        return self._bounds.plans.action(intent.account_id, intent.action_type, seen.now).limits(intent)

    def _take_up(self, past: PastDecision, seen: GateInput) -> None:
        """Windows that began before the history: they stand where the decision saw them, if it saw the same ones."""
        if past.at >= microseconds(self._span.taking_up_until):
            return
        stood = {window.window_id: window.used_before for window in past.seen}
        for limit in self._limits(seen):
            name = limit.window_id
            if limit.starts_at < self._span.counted_from and name in stood and self._taken_up.get(name) is None:
                ends = microseconds(limit.resets_at)
                self._taken_up.put(name, True, ends)
                self._move(limit, stood[name])

    def _move(self, limit: Limit, by: int) -> None:
        usage = self._usages.get(limit.usage_id) or Usage(usage_id=limit.usage_id, ends_at=limit.resets_at)
        self._keep(add_to_window(usage, limit.counter, by))

    def _keep(self, usage: Usage) -> None:
        self._usages.put(usage.usage_id, usage, microseconds(usage.ends_at))

    def _charge(self, past: PastDecision, verdict: Verdict) -> None:
        if not verdict.decision.approves:
            return
        for usage in verdict.usages.values():
            self._keep(usage)
        if past.given_back:
            self._to_give_back[past.action_intent_id] = verdict.charges
        # What had run alone, and was refused by the bus, waited for a person all the same.
        if not past.ran:
            self._follow(past)

    def _charge_as_it_was(self, past: PastDecision, seen: GateInput) -> None:
        if not past.ran:
            return
        for limit in self._limits(seen):
            if limit.unmeasured is None:
                self._move(limit, limit.taken)

    def _give_back(self, past: PastRelease) -> None:
        charges = self._to_give_back.pop(past.action_intent_id, None)
        if charges is None:
            self._give_back_of_taken_up(past)
            return
        open_ones = [taken for taken in charges if self._usages.get(split_window_id(taken.window_id)[0])]
        for usage in release(open_ones, self._usages.values)[1].values():
            self._keep(usage)

    def _give_back_of_taken_up(self, past: PastRelease) -> None:
        """Of what was charged before the history, in windows that were taken up with it."""
        for window_id, units in past.taken():
            usage_id, counter = split_window_id(window_id)
            usage = self._usages.get(usage_id)
            if usage is not None and self._taken_up.get(window_id):
                self._keep(add_to_window(usage, counter, -units))


def _cannot_judge(decision: Decision, hidden: Hidden | None, unknown: Set[str]) -> str | None:
    """
    The reason why what was decided says nothing: it looked at what is not in the ledger. `unknown` are facts that are
    not.
    """
    if unknown and decision.reason == FACT_UNAVAILABLE:
        return "FACTS_NOT_RECORDED"
    return "PRIVATE_VALUES" if hidden is not None and hidden.decided(decision) else None
