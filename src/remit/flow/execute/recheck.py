"""
Look at facts again before the mark of a call, where the action type says so.

A write that would mark such a call looks nothing up: it answers `FactsOutdated`, is carried out again with what was
looked up meanwhile (`CallFacts.carry_out`), and notes that in the attempt with its mark.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import Future
from typing import NamedTuple

from msgspec import Struct

from remit.core.errors import RemitError
from remit.core.execution.fulfilment import Refusal
from remit.core.execution.outcome import ExecutionAttempt
from remit.core.execution.recheck import not_as_decided, noted, owed
from remit.core.gate.fact import Fact, FactSpec
from remit.core.intent import ActionIntentV1
from remit.flow.context import bounds_of
from remit.flow.execute.common import Keys
from remit.flow.fact_lookups import FactLookups, FactsAsked, Job
from remit.flow.facts import CallFacts
from remit.ports import Snapshot


class Rechecked(NamedTuple):
    """The attempt with what was looked up again, if anything was, and why its call may not be made."""

    attempt: ExecutionAttempt
    refusal: Refusal | None = None


def asked_again(snapshot: Snapshot, keys: Keys, intent: ActionIntentV1) -> FactsAsked | None:
    """
    The facts to look up before the next call of `intent`, which has its private values; `None` if there are none.

    The snapshot was asked for its chain, its pinned type and, where there are some, the bounds.
    """
    specs = _owed(snapshot, keys)
    return FactsAsked.before_call(bounds_of(snapshot, intent.tenant_id), intent, specs) if specs else None


def _owed(snapshot: Snapshot, keys: Keys) -> Mapping[str, FactSpec]:
    spec, history = keys.spec(snapshot), snapshot.get(keys.chain)
    # Most types have none: then nobody has to read what the decision recorded.
    return owed(spec, history.facts) if spec is not None and spec.facts and history is not None else {}


def rechecked(
    snapshot: Snapshot, keys: Keys, intent: ActionIntentV1, attempt: ExecutionAttempt, facts: CallFacts
) -> Rechecked:
    """The word on a call that is about to be marked. Raises `FactsOutdated` and `TryLater`, as `CallFacts.again`."""
    asked, history = asked_again(snapshot, keys, intent), snapshot.get(keys.chain)
    if asked is None or history is None:
        return Rechecked(attempt)
    seen = facts.again(asked)
    refusal = not_as_decided(asked.specs, history.facts, seen)
    return Rechecked(noted(attempt, seen, refusal), refusal)


def is_refused(snapshot: Snapshot, keys: Keys, facts: CallFacts) -> bool:
    """Do the facts that were looked up so far keep its call from being made?"""
    history = snapshot.get(keys.chain)
    if history is None or not _owed(snapshot, keys):
        return False
    intent = keys.opened(snapshot)
    asked = asked_again(snapshot, keys, intent) if intent is not None else None
    try:
        return asked is not None and not_as_decided(asked.specs, history.facts, facts.again(asked)) is not None
    except RemitError:
        return False


class Held(Struct, frozen=True):
    """
    One execution whose facts are looked up before its call is marked; until then nothing was called.

    `asked` is what they are, and `shared` are the lookups of those that were taken with it.
    """

    keys: Keys
    holder: str
    action_type: str
    asked: FactsAsked
    shared: SharedLookups
    calls_seen: int
    tool_known: bool = False
    """Is something known of its tool: that calls of it failed?"""

    @property
    def tenant_id(self) -> str:
        return self.keys.case.tenant_id


class SharedLookups:
    """The lookups before the calls of one take: a request that several of them mean is made once. For many threads."""

    def __init__(self, lookups: FactLookups) -> None:
        self._lookups = lookups
        self._had: dict[str, Future[Fact]] = {}
        self._lock = threading.Lock()

    def facts(self) -> CallFacts:
        """Of one of its calls."""
        return CallFacts(self._lookups, in_turn=self._look_up)

    def _look_up(self, job: Job) -> Fact:
        with self._lock:
            mine = job.key not in self._had
            had = self._had.setdefault(job.key, Future())
        if mine:
            try:
                had.set_result(self._lookups.look_up_in_turn(job))
            except BaseException as error:
                had.set_exception(error)
                raise
        return had.result()
