"""
Facts are looked up before the write that decides, and never inside of it.

`FactLookups` is a process's: which tenants ask for facts, what may still be used of earlier answers, and how many
lookups of one tenant are under way. `CallFacts` is of one call: its lookups, shared by all decisions in it.

Where a write finds other bounds than the lookups were made by, it decides nothing (`FactsOutdated`); they are made once
more, and the fact counts as not had if the bounds have changed again. Facts that are looked at again before a call go
the same way (`again`).
"""

from __future__ import annotations

import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

from remit.core.canonical import digest_of
from remit.core.errors import InvalidInput, NotFound, RemitError, TryLater
from remit.core.gate.bounds import BoundsInForce, check_arguments, check_principal
from remit.core.gate.fact import LONGEST_LOOKUP_S, NO_FACTS, Fact, FactNotHad, Facts, FactSpec, not_had, read_fact
from remit.core.intent import ActionIntentV1, Proposal
from remit.core.records import case_key, chain_key
from remit.flow.context import Context, bounds_key, bounds_of
from remit.flow.private_values import opened_now
from remit.ports import Clock, FactLookup, Store, UnitOfWork, answer_of

T = TypeVar("T")
MOST_SECONDS = 10.0
"""How long the lookups of one call may take together; what is not had by then is not had."""
AT_ONCE = 8
"""How many lookups of one tenant are under way in a process at a time."""
MOST_SECONDS_OF_PAGE = 3.0
"""The same for a page that shows facts anew."""
MOST_SECONDS_AGAIN = MOST_SECONDS + LONGEST_LOOKUP_S
"""How long the lookups before one call may take together: they wait for their places, and then have all their time."""
MOST_LOOKUPS = 2
"""For one decision: with the bounds as they were, and as they are."""
MOST_TENANTS, MOST_REMEMBERED = 1000, 2000
_NO_PLACE = "there was no time left for it beside other lookups of this tenant"
IntentName = tuple[str, str]


class FactsOutdated(RemitError):
    """The bounds ask for other facts than were looked up. Nothing was decided; see `CallFacts.transact`."""

    def __init__(self, asked: FactsAsked) -> None:
        self.asked = asked
        super().__init__("the bounds ask for other facts than were looked up; ask again")


@dataclass(frozen=True, slots=True)
class FactsAsked:
    """
    The facts that bounds ask for about one intent, and its fields, by which they are looked up; `again` are those that
    are looked at once more before its call.
    """

    tenant_id: str
    specs: Mapping[str, FactSpec]
    allowed_hosts: Sequence[str]
    fields: Mapping[str, Any] = field(repr=False)
    again: bool = False

    @classmethod
    def by(cls, bounds: BoundsInForce, intent: ActionIntentV1 | Proposal) -> FactsAsked:
        spec = bounds.action_type(intent.action_type)
        return cls(intent.tenant_id, spec.facts if spec else {}, bounds.bounds.allowed_hosts, _fields(intent))

    @classmethod
    def before_call(cls, bounds: BoundsInForce, intent: ActionIntentV1, specs: Mapping[str, FactSpec]) -> FactsAsked:
        return cls(intent.tenant_id, specs, bounds.bounds.allowed_hosts, _fields(intent), again=True)

    @property
    def about(self) -> str:
        return _about(self.fields)

    def agrees(self, other: FactsAsked) -> bool:
        """Is the same asked for, of an intent with the same fields?"""
        return self.specs == other.specs and self.allowed_hosts == other.allowed_hosts


def _about(fields: Mapping[str, Any]) -> str:
    # Not by the id alone: one call may send an id twice, or leave out what is stored under it, and a decision rests on
    # what was looked up by its own intent's fields.
    return digest_of(fields)


def _fields(intent: ActionIntentV1 | Proposal) -> dict[str, Any]:
    names = "action_intent_id tenant_id account_id action_type parameters confidence_score risk_level proposed_by"
    target = intent.target
    parts = {"entity_type": target.entity_type, "entity_id": target.entity_id} if target else None
    return {"target": parts, **{name: getattr(intent, name) for name in names.split()}}


@dataclass(frozen=True, slots=True)
class Job:
    """One request and what is kept of its answer; by its key it is made once."""

    key: str
    spec: FactSpec
    lookup: FactLookup = field(repr=False)


class FactLookups:
    """The lookups that a process knows and has under way. Safe to share between threads."""

    def __init__(self, context: Context, clock: Clock) -> None:
        self.context, self.clock = context, clock
        self._bounds: dict[str, BoundsInForce] = {}
        self._answers: OrderedDict[str, Fact] = OrderedDict()
        self._under_way: dict[str, tuple[threading.Semaphore, int]] = {}
        self._lock = threading.Lock()

    def bounds(self, tenants: set[str], *, read: bool) -> dict[str, BoundsInForce]:
        """The bounds that were last seen of these: a write that sees others says so. Unless to `read`, only those."""
        known = {name: self._bounds[name] for name in tenants if name in self._bounds}
        if read and (missing := tenants - known.keys()):
            snapshot = self.context.store.read([bounds_key(name) for name in missing])
            found = {name: bounds_of(snapshot, name) for name in missing}
            if len(self._bounds) + len(found) > MOST_TENANTS:
                self._bounds.clear()
            self._bounds |= found
            known |= found
        return known

    def learn(self, tenant_id: str, bounds: BoundsInForce) -> None:
        """The bounds as a write saw them."""
        if self._bounds.get(tenant_id) is not bounds:
            if len(self._bounds) >= MOST_TENANTS:
                self._bounds.clear()
            self._bounds[tenant_id] = bounds

    def known_to_ask(self, tenant_id: str, action_type: str | None) -> bool:
        """Does this process know that facts are looked up for this type, or for any? Asks nobody."""
        bounds = self._bounds.get(tenant_id)
        if action_type is None:
            return _any_asks(bounds)
        spec = bounds.action_type(action_type) if bounds else None
        return bool(spec and spec.facts)

    def remembered(self, job: Job) -> Fact | None:
        """An earlier answer that is not too old yet."""
        if not job.spec.max_age_s:
            return None
        with self._lock:
            fact = self._answers.get(job.key)
        oldest = self.clock.now() - timedelta(seconds=job.spec.max_age_s)
        return fact if fact is not None and fact.had_at is not None and fact.had_at >= oldest else None

    def look_up(self, job: Job, ends: float) -> Fact:
        """One lookup, before `ends` (of `time.monotonic`)."""
        return self._look_up(job, min(ends, time.monotonic() + job.lookup.timeout_s))

    def look_up_in_turn(self, job: Job) -> Fact:
        """One lookup that has all its time, however long others of the tenant take: it waits for its place before."""
        return self._look_up(job, time.monotonic() + MOST_SECONDS, waits=True)

    def _look_up(self, job: Job, ends: float, *, waits: bool = False) -> Fact:
        source, lookup = self.context.fact_source, job.lookup
        if source is None:
            return not_had("nothing is looked up here")
        try:
            with self._place(lookup.tenant_id, ends) as left_s:
                left_s = lookup.timeout_s if waits else left_s
                had_at = self.clock.now()
                body = source.get(FactLookup(lookup.tenant_id, lookup.request, left_s, lookup.allowed_hosts))
            fact = read_fact(job.spec, body, had_at)
        except FactNotHad as error:
            return not_had(str(error))
        self._remember(job, fact)
        return fact

    def _remember(self, job: Job, fact: Fact) -> None:
        if job.spec.max_age_s:
            with self._lock:
                self._answers[job.key] = fact
                if len(self._answers) > MOST_REMEMBERED:
                    self._answers.popitem(last=False)

    @contextmanager
    def _place(self, tenant_id: str, ends: float) -> Iterator[float]:
        """Among a tenant's lookups; answers the seconds that are left. Raises `FactNotHad` where none gets free."""
        with self._lock:
            places, users = self._under_way.get(tenant_id) or (threading.Semaphore(AT_ONCE), 0)
            self._under_way[tenant_id] = places, users + 1
        try:
            if not places.acquire(timeout=max(ends - time.monotonic(), 0)):
                raise FactNotHad(_NO_PLACE)
            try:
                yield max(ends - time.monotonic(), 0.001)
            finally:
                places.release()
        finally:
            self._leave(tenant_id)

    def _leave(self, tenant_id: str) -> None:
        with self._lock:
            places, users = self._under_way[tenant_id]
            if users == 1:
                del self._under_way[tenant_id]
            else:
                self._under_way[tenant_id] = places, users - 1


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
        self._times_again: Counter[str] = Counter()
        self.waited = timedelta()
        """How much later it is than when its units were made: they waited for lookups."""
        self._seen: dict[str, tuple[FactsAsked, Facts, int]] = {}
        self._had: dict[str, Fact] = {}
        self._left_s = MOST_SECONDS_OF_PAGE if anew else MOST_SECONDS

    # --- before the write ---

    def for_proposals(self, named: Iterable[object]) -> None:
        """Look up what these will need; what cannot be found out here, the write says."""
        with suppress(RemitError, ValueError):
            proposals = [each for each in named if isinstance(each, Proposal)]
            # One alone is told by its write; of several, none may be decided before another's facts are had.
            bounds = self._lookups.bounds({each.tenant_id for each in proposals}, read=len(proposals) > 1)
            asking = [each for each in proposals if each.tenant_id in bounds and _asks(bounds[each.tenant_id], each)]
            if self._looks_up and asking:
                self.look_up(self._undecided(asking, bounds))

    def for_requests(self, names: Sequence[IntentName]) -> None:
        """Look up what these stored intents will need, where they are not decided yet."""
        with suppress(RemitError, ValueError):
            bounds = self._lookups.bounds({tenant_id for tenant_id, _ in names if tenant_id}, read=len(names) > 1)
            asking = [name for name in names if name[1] and _any_asks(bounds.get(name[0]))]
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
        jobs = self._jobs(asked)
        had = {name: job if isinstance(job, Fact) else self._had.get(job.key) for name, job in jobs.items()}
        facts = {name: fact for name, fact in had.items() if fact is not None}
        if any(fact.problem == _NO_PLACE for fact in facts.values()):
            raise TryLater(_NO_PLACE)
        if len(facts) == len(had):
            return facts
        if self._times_again[asked.about] >= MOST_LOOKUPS:
            return {name: facts.get(name) or not_had("the bounds were changed while it was looked up") for name in had}
        raise FactsOutdated(asked)

    def known(self, intent: ActionIntentV1 | Proposal) -> Facts:
        """Those that were looked up so far."""
        if not self._seen:
            return NO_FACTS
        _, facts, _ = self._seen.get(_about(_fields(intent)), (None, NO_FACTS, 0))
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
        wanted = list(map(self._jobs, asked))
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
        self._times_again.update(each.about for each in asked)
        wanted = [job for each in asked for job in self._jobs(each).values() if isinstance(job, Job)]
        jobs = [*{job.key: job for job in wanted if job.key not in self._had}.values()]
        self._had |= {job.key: fact for job, fact in zip(jobs, _together(self._in_turn, jobs), strict=True)}

    def _jobs(self, asked: FactsAsked) -> dict[str, Job | Fact]:
        return {name: self._job(asked, name) for name in asked.specs}

    def _job(self, asked: FactsAsked, name: str) -> Job | Fact:
        spec, source, tenant_id = asked.specs[name], self._lookups.context.fact_source, asked.tenant_id
        try:
            request = source.map(spec, asked.fields) if source is not None else {}
        except (InvalidInput, UnicodeError, ValueError) as error:
            return not_had(_without_values(error))
        # The setting as text: its whole seconds are fractions, of which the canonical form is slow.
        key = digest_of([tenant_id, request, spec.model_dump_json(), [*asked.allowed_hosts]])
        return Job(key, spec, FactLookup(tenant_id, request, spec.timeout_s, asked.allowed_hosts))

    def _known(self, job: Job) -> Fact | None:
        return self._had.get(job.key) or (None if self._anew else self._lookups.remembered(job))

    def _run(self, jobs: Sequence[Job]) -> None:
        if not jobs:
            return
        began = time.monotonic()
        ends = began + self._left_s
        facts = _together(lambda job: self._lookups.look_up(job, ends), jobs)
        self._left_s = max(self._left_s - (time.monotonic() - began), 0.0)
        self._had |= {job.key: fact for job, fact in zip(jobs, facts, strict=True)}


def _together(look_up: Callable[[Job], Fact], jobs: Sequence[Job]) -> list[Fact]:
    if len(jobs) < 2:
        return list(map(look_up, jobs))
    with ThreadPoolExecutor(min(len(jobs), AT_ONCE), thread_name_prefix="remit-facts") as threads:
        return [*threads.map(look_up, jobs)]


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


def _without_values(error: Exception) -> str:
    """The reason why no request can be made, and nothing of what stands in the intent."""
    if isinstance(error, InvalidInput):
        return f"{error.field}: {error.problem}"
    return "a value in it cannot be part of a request"


def _any_asks(bounds: BoundsInForce | None) -> bool:
    return bounds is not None and any(spec.facts for spec in bounds.bounds.action_types.values())


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
