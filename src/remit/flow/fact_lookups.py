"""
Lookups of facts: what is asked for an intent, and the requests for that.

`FactLookups` is a process's: which tenants ask for facts, what may still be used of earlier answers, and how many
lookups of one tenant are under way.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from remit.core.canonical import digest_of
from remit.core.errors import InvalidInput
from remit.core.gate.bounds import BoundsInForce
from remit.core.gate.fact import LONGEST_LOOKUP_S, Fact, FactNotHad, FactSpec, not_had, read_fact
from remit.core.intent import ActionIntentV1
from remit.core.proposal import Proposal
from remit.flow.context import Context, bounds_key, bounds_of
from remit.ports import Clock, FactLookup

MOST_SECONDS = 10.0
"""How long the lookups of one call may take together; what is not had by then is not had."""
AT_ONCE = 8
"""How many lookups of one tenant are under way in a process at a time."""
MOST_SECONDS_AGAIN = MOST_SECONDS + LONGEST_LOOKUP_S
"""How long the lookups before one call may take together: they wait for their places, and then have all their time."""
NO_PLACE = "there was no time left for it beside other lookups of this tenant"
"""The problem of a fact that nobody was asked for."""
MOST_TENANTS, MOST_REMEMBERED = 1000, 2000


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
        return cls(intent.tenant_id, spec.facts if spec else {}, bounds.bounds.allowed_hosts, fields_of(intent))

    @classmethod
    def before_call(cls, bounds: BoundsInForce, intent: ActionIntentV1, specs: Mapping[str, FactSpec]) -> FactsAsked:
        return cls(intent.tenant_id, specs, bounds.bounds.allowed_hosts, fields_of(intent), again=True)

    @property
    def about(self) -> str:
        return about_of(self.fields)

    def agrees(self, other: FactsAsked) -> bool:
        """Is the same asked for, of an intent with the same fields?"""
        return self.specs == other.specs and self.allowed_hosts == other.allowed_hosts


def about_of(fields: Mapping[str, Any]) -> str:
    # Not by the id alone: one call may send an id twice, or leave out what is stored under it, and a decision rests on
    # what was looked up by its own intent's fields.
    return digest_of(fields)


def fields_of(intent: ActionIntentV1 | Proposal) -> dict[str, Any]:
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
            return any_asks(bounds)
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
                raise FactNotHad(NO_PLACE)
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

    def jobs(self, asked: FactsAsked) -> dict[str, Job | Fact]:
        """The request for each fact, or why none can be made. Calls nobody."""
        return {name: self._job(asked, name) for name in asked.specs}

    def _job(self, asked: FactsAsked, name: str) -> Job | Fact:
        spec, source, tenant_id = asked.specs[name], self.context.fact_source, asked.tenant_id
        try:
            request = source.map(spec, asked.fields) if source is not None else {}
        except (InvalidInput, UnicodeError, ValueError) as error:
            return not_had(_without_values(error))
        # The setting as text: its whole seconds are fractions, of which the canonical form is slow.
        key = digest_of([tenant_id, request, spec.model_dump_json(), [*asked.allowed_hosts]])
        return Job(key, spec, FactLookup(tenant_id, request, spec.timeout_s, asked.allowed_hosts))


def together(look_up: Callable[[Job], Fact], jobs: Sequence[Job]) -> list[Fact]:
    if len(jobs) < 2:
        return list(map(look_up, jobs))
    with ThreadPoolExecutor(min(len(jobs), AT_ONCE), thread_name_prefix="remit-facts") as threads:
        return [*threads.map(look_up, jobs)]


def any_asks(bounds: BoundsInForce | None) -> bool:
    return bounds is not None and any(spec.facts for spec in bounds.bounds.action_types.values())


def _without_values(error: Exception) -> str:
    """The reason why no request can be made, and nothing of what stands in the intent."""
    if isinstance(error, InvalidInput):
        return f"{error.field}: {error.problem}"
    return "a value in it cannot be part of a request"
