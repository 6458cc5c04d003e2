"""
Facts are looked up before the write that decides, and never inside of it.

`CallFacts` is of one call: its lookups, shared by all decisions in it (`fact_lookups` has those of a process).

Where a write finds other bounds than the lookups were made by, it decides nothing (`FactsOutdated`); they are made once
more, and the fact counts as not had if the bounds have changed again. Facts that are looked at again before a call go
the same way (`again`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TypeVar

from remit.core.errors import NotFound, RemitError, TryLater
from remit.core.gate.bounds import BoundsInForce, check_arguments, check_principal
from remit.core.gate.fact import NO_FACTS, Fact, Facts, not_had
from remit.core.intent import ActionIntentV1
from remit.core.proposal import Proposal
from remit.core.records import case_key, chain_key
from remit.flow.context import bounds_key, bounds_of
from remit.flow.fact_lookups import (
    MOST_SECONDS,
    NO_PLACE,
    FactLookups,
    FactsAsked,
    Job,
    about_of,
    any_asks,
    fields_of,
    together,
)
from remit.flow.private_values import opened_now
from remit.ports import Store, UnitOfWork, answer_of

T = TypeVar("T")
MOST_SECONDS_OF_PAGE = 3.0
"""How long the lookups of a page take together that shows facts anew."""
MOST_LOOKUPS = 2
"""For one decision, or one call: with the bounds as they were, and as they are."""
IntentName = tuple[str, str]


class FactsOutdated(RemitError):
    """The bounds ask for other facts than were looked up. Nothing was decided; see `CallFacts.transact`."""

    def __init__(self, asked: FactsAsked) -> None:
        self.asked = asked
        super().__init__("the bounds ask for other facts than were looked up; ask again")


class CallFacts:
    """
    The facts of one call. `looks_up` is false where nobody may be waited for: then a write that needs facts answers
    `FactsOutdated`. With `anew` no earlier answer will do, whatever its age. `in_turn` makes a lookup before a call
    (`FactLookups.look_up_in_turn`).
    """

    def __init__(
        self,
        lookups: FactLookups,
        *,
        looks_up: bool = True,
        anew: bool = False,
        in_turn: Callable[[Job], Fact] | None = None,
    ) -> None:
        self._lookups, self._looks_up, self._anew = lookups, looks_up, anew
        self._in_turn = in_turn or lookups.look_up_in_turn
        self._times_again: dict[str, int] = {}
        self.waited = timedelta()
        """How much later it is than when its units were made: they waited for lookups."""
        self._seen: dict[str, tuple[FactsAsked, Facts, int]] = {}
        self._had: dict[str, Fact] = {}
        self._left_s = MOST_SECONDS_OF_PAGE if anew else MOST_SECONDS

    # --- before the write ---

    def for_proposals(self, named: Iterable[object]) -> None:
        """Look up what these will need; what cannot be found out here, the write says."""
        if not self._looks_up:
            return
        with suppress(RemitError, ValueError):
            proposals = [each for each in named if isinstance(each, Proposal)]
            # One alone is told by its write; of several, none may be decided before another's facts are had.
            bounds = self._lookups.bounds({each.tenant_id for each in proposals}, read=len(proposals) > 1)
            asking = [each for each in proposals if each.tenant_id in bounds and _asks(bounds[each.tenant_id], each)]
            if asking:
                self.look_up(self._undecided(asking, bounds))

    def for_requests(self, names: Sequence[IntentName]) -> None:
        """Look up what these stored intents will need, where they are not decided yet."""
        with suppress(RemitError, ValueError):
            bounds = self._lookups.bounds({tenant_id for tenant_id, _ in names if tenant_id}, read=len(names) > 1)
            asking = [name for name in names if name[1] and any_asks(bounds.get(name[0]))]
            if not asking:
                return
            snapshot = self._store.read([key for name in asking for key in (case_key(*name), chain_key(*name))])
            cases = {name: snapshot.get(case_key(*name)) for name in asking}
            open_ = [name for name in asking if (case := cases[name]) is not None and not case.decided]
            intents = opened_now(self._store, [snapshot.get(chain_key(*name)) for name in open_])
            asked = [FactsAsked.by(bounds[each.tenant_id], each) for each in intents if each is not None]
            self.look_up([each for each in asked if each.specs])

    @property
    def _store(self) -> Store:
        return self._lookups.context.store

    def _undecided(self, proposals: Sequence[Proposal], bounds: Mapping[str, BoundsInForce]) -> list[FactsAsked]:
        """Of those that a caller named some may be decided already: then nothing is looked up."""
        keys = {
            id(each): case_key(each.tenant_id, each.action_intent_id or "")
            for each in proposals
            if "action_intent_id" in each.model_fields_set
        }
        snapshot = self._store.read([*dict.fromkeys(keys.values())]) if keys else None
        asked = []
        for each in proposals:
            case = snapshot.get(keys[id(each)]) if snapshot is not None and id(each) in keys else None
            if case is None or not case.decided:
                asked.append(FactsAsked.by(bounds[each.tenant_id], each))
        return asked

    # --- the write ---

    def of(self, bounds: BoundsInForce, intent: ActionIntentV1 | Proposal) -> Facts:
        """
        The facts that were looked up for an intent by these bounds. Calls nobody: it is asked within a write.

        Raises `FactsOutdated` where others are asked for.
        """
        self._lookups.learn(intent.tenant_id, bounds)
        spec = bounds.action_type(intent.action_type)
        if spec is None or not spec.facts:
            return NO_FACTS
        asked = FactsAsked.by(bounds, intent)
        seen, facts, times = self._seen.get(asked.about, (None, NO_FACTS, 0))
        if seen is not None and seen.agrees(asked):
            return facts
        if times >= MOST_LOOKUPS:
            return {name: not_had("the bounds were changed while it was looked up") for name in asked.specs}
        raise FactsOutdated(asked)

    def again(self, asked: FactsAsked) -> Facts:
        """
        The facts before an action's call, as this call has looked them up itself: no earlier answer will do.
        Calls nobody: it is asked within a write.

        Raises `FactsOutdated` where they have not been looked up, or by other bounds; and `TryLater` where others held
        all places, which says nothing of a fact.
        """
        jobs = self._lookups.jobs(asked)
        had = {name: job if isinstance(job, Fact) else self._had.get(job.key) for name, job in jobs.items()}
        facts = {name: fact for name, fact in had.items() if fact is not None}
        if any(fact.problem == NO_PLACE for fact in facts.values()):
            raise TryLater(NO_PLACE)
        if len(facts) == len(had):
            return facts
        if self._times_again.get(asked.about, 0) >= MOST_LOOKUPS:
            return {name: facts.get(name) or not_had("the bounds were changed while it was looked up") for name in had}
        raise FactsOutdated(asked)

    def known(self, intent: ActionIntentV1 | Proposal) -> Facts:
        """Those that were looked up so far."""
        if not self._seen:
            return NO_FACTS
        _, facts, _ = self._seen.get(about_of(fields_of(intent)), (None, NO_FACTS, 0))
        return facts

    def transact(self, units: Sequence[UnitOfWork[T]]) -> list[T | RemitError]:
        """As the store does, and again for those whose facts were looked up by bounds that are not in force."""
        answers: list[T | RemitError] = [*self._store.transact(units)]
        while self._looks_up and (outdated := [n for n, each in enumerate(answers) if isinstance(each, FactsOutdated)]):
            asked, began = [each.asked for each in answers if isinstance(each, FactsOutdated)], time.monotonic()
            self.look_up([each for each in asked if not each.again])
            self.look_up_again([each for each in asked if each.again])
            self.waited += timedelta(seconds=time.monotonic() - began)
            again = self._store.transact([units[n] for n in outdated])
            for n, answer in zip(outdated, again, strict=True):
                answers[n] = answer
        return answers

    def carry_out(self, unit_at: Callable[[], UnitOfWork[T]]) -> T:
        """
        The answer of a unit that marks a call. It is made anew once its facts are looked up: its time is of after that.

        Raises what it answers; `FactsOutdated` where nobody may be waited for.
        """
        while True:
            (answer,) = self._store.transact([unit_at()])
            if not (self._looks_up and isinstance(answer, FactsOutdated)):
                return answer_of([answer])
            self.look_up_again([answer.asked])

    # --- lookups ---

    def look_up(self, asked: Sequence[FactsAsked]) -> None:
        """Look up what is asked, each request once."""
        if not asked or not self._looks_up:
            return
        wanted = list(map(self._lookups.jobs, asked))
        jobs = {job.key: job for named in wanted for job in named.values() if isinstance(job, Job)}
        had: dict[str, Fact] = {}
        # Twice: what was young enough may have grown too old while others were looked up.
        for _ in range(2):
            had = {key: known for key, job in jobs.items() if (known := self._known(job)) is not None}
            self._run([job for key, job in jobs.items() if key not in had])
        had = {key: self._known(job) or had[key] for key, job in jobs.items()}
        for each, named in zip(asked, wanted, strict=True):
            facts = {name: job if isinstance(job, Fact) else had[job.key] for name, job in named.items()}
            _, _, times = self._seen.get(each.about, (None, NO_FACTS, 0))
            self._seen[each.about] = each, facts, times + 1

    def look_up_again(self, asked: Sequence[FactsAsked]) -> None:
        """Look up before calls what this call has not looked up yet, each request once."""
        if not asked or not self._looks_up:
            return
        for each in asked:
            self._times_again[each.about] = self._times_again.get(each.about, 0) + 1
        wanted = [job for each in asked for job in self._lookups.jobs(each).values() if isinstance(job, Job)]
        jobs = [*{job.key: job for job in wanted if job.key not in self._had}.values()]
        self._had |= {job.key: fact for job, fact in zip(jobs, together(self._in_turn, jobs), strict=True)}

    def _known(self, job: Job) -> Fact | None:
        return self._had.get(job.key) or (None if self._anew else self._lookups.remembered(job))

    def _run(self, jobs: Sequence[Job]) -> None:
        if not jobs:
            return
        began = time.monotonic()
        ends = began + self._left_s
        facts = together(lambda job: self._lookups.look_up(job, ends), jobs)
        self._left_s = max(self._left_s - (time.monotonic() - began), 0.0)
        self._had |= {job.key: fact for job, fact in zip(jobs, facts, strict=True)}


def facts_now(lookups: FactLookups, tenant_id: str, action_intent_id: str) -> Facts:
    """The facts of an intent as they are now, by the bounds as they are; a decision that stands is not touched."""
    snapshot = lookups.context.store.read([chain_key(tenant_id, action_intent_id), bounds_key(tenant_id)])
    (intent,) = opened_now(lookups.context.store, [snapshot.get(chain_key(tenant_id, action_intent_id))])
    if intent is None:
        raise NotFound("intent", action_intent_id, tenant_id)
    call = CallFacts(lookups, anew=True)
    asked = FactsAsked.by(bounds_of(snapshot, tenant_id), intent)
    call.look_up([asked] if asked.specs else [])
    return call.known(intent)


def _asks(bounds: BoundsInForce, proposal: Proposal) -> bool:
    """Are facts looked up for it? Not for what is refused."""
    spec = bounds.action_type(proposal.action_type)
    if spec is None or not spec.facts:
        return False
    try:
        check_principal(bounds, proposal)
        check_arguments(bounds, proposal)
    except RemitError:
        return False
    return True
