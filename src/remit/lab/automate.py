"""
Make this automatic next time: the smallest changes of bounds under which an intent that asked a person would have run.

A change is looked for refusal by refusal: each is answered by a change of the setting that made it, and the gate's own
`decide` says whether that was all. So every candidate is one that `decide` has confirmed.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from msgspec import Struct
from msgspec.structs import replace

from remit.core.errors import InvalidInput
from remit.core.gate.bounds import BoundsInForce, replace_bounds
from remit.core.gate.decision import Decision, GateInput, decide
from remit.lab.changes import BoundsChange, ChangeKind, Refused, changes_for, valid

MOST_CANDIDATES = 5
MOST_CHANGES = 8
"""Of one candidate: there are not more reasons that bounds give."""
_MOST_TRIED = 200
_Refusal = tuple[str, str, str | None]


class Candidate(Struct, frozen=True):
    """Bounds under which the intent would have run, and the kinds of settings that were changed for that."""

    kinds: tuple[ChangeKind, ...]
    breadth: int
    after: BoundsInForce


class Automation(Struct, frozen=True):
    """
    Candidates, the smallest first. With none, `cannot` is the decision that no change of bounds is known to turn, or
    `already` that it would run under the bounds as they are.
    """

    already: bool
    candidates: list[Candidate]
    cannot: Decision | None


class _State(Struct, frozen=True):
    """Bounds on the way to a candidate."""

    in_force: BoundsInForce
    kinds: tuple[ChangeKind, ...] = ()
    breadth: int = 0
    answered: frozenset[_Refusal] = frozenset()


def automate(seen: GateInput) -> Automation:
    """
    The changes of the bounds of `seen` under which its intent would run, proposed anew as it is at that moment.

    Stop switches are no bounds: leave them out of `seen` to hear what bounds say.
    """
    search = _Search(seen)
    found = [*islice(search.candidates(_State(seen.bounds)), _MOST_TRIED)]
    already = any(not each.kinds for each in found)
    ordered = sorted(found, key=lambda each: (len(each.kinds), each.breadth))
    return Automation(already, [] if already else ordered[:MOST_CANDIDATES], None if found else search.furthest)


class _Search:
    def __init__(self, seen: GateInput) -> None:
        self._seen = seen
        self._tried = 0
        self.furthest: Decision | None = None
        """The last refusal that nothing answers, on the first way that was tried."""

    def candidates(self, state: _State) -> Iterator[Candidate]:
        """Every way from these bounds to ones under which it runs, the narrowest changes first."""
        decision = self._decide(state.in_force)
        if decision.approves:
            yield Candidate(state.kinds, state.breadth, state.in_force)
            return
        refusal = decision.reason, decision.explanation, decision.policy_clause
        if refusal in state.answered or len(state.kinds) == MOST_CHANGES or self._tried > _MOST_TRIED:
            # What was changed about it made no difference.
            self.furthest = self.furthest or decision
            return
        led_on = False
        for change in changes_for(Refused(state.in_force.bounds, self._seen.intent, decision)):
            following = self._after(state, change, refusal)
            if following is not None:
                led_on = True
                yield from self.candidates(following)
        if not led_on:
            self.furthest = self.furthest or decision

    def _decide(self, in_force: BoundsInForce) -> Decision:
        """The decision about it, had it been proposed under these bounds."""
        self._tried += 1
        intent = self._seen.intent
        pinned = intent.changed(registry_version=in_force.registry_version(intent.action_type))
        return decide(replace(self._seen, intent=pinned, bounds=in_force)).decision

    def _after(self, state: _State, change: BoundsChange, refusal: _Refusal) -> _State | None:
        bounds = valid(change)
        if bounds is None or bounds == state.in_force.bounds:
            return None
        try:
            # From those in force: a candidate is one change of the bounds, however many settings it is about.
            after = replace_bounds(self._seen.bounds, bounds, self._seen.now)
        except InvalidInput:
            return None
        kinds, breadth = (*state.kinds, change.kind), state.breadth + change.breadth
        return _State(after, kinds, breadth, state.answered | {refusal})
