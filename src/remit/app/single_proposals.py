"""
Proposals that threads make one by one: those of a tenant that come at a time are decided as one list, by one thread.

Each by itself would make a plan and a part of the write of its own, in a thread whose caches are cold.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from remit.core.errors import OutcomeUnknown, RemitError, TryLater
from remit.core.proposal import Proposal
from remit.flow.facts import FactsOutdated
from remit.flow.submit import Submitted
from remit.grouping import GroupedCall, Grouping

BATCH = 100
"""The number of intents that share a transaction, at most; where another tenant waits for it, fewer do."""
MOST_TENANTS = 1000


class SingleProposal(GroupedCall):
    """
    The proposal of one call. Settled with no answer it is to be decided by itself: it waits for facts, or something was
    wrong with it or with another one. `data` then has the id that was made for it.
    """

    __slots__ = ("answer", "data", "error")

    def __init__(self, data: Mapping[str, Any] | Proposal) -> None:
        super().__init__()
        self.data = data
        self.answer: Submitted | RemitError | None = None
        self.error: Exception | None = None

    @property
    def tenant_id(self) -> str:
        return self._text("tenant_id")

    @property
    def action_type(self) -> str:
        return self._text("action_type")

    def _text(self, name: str) -> str:
        """Empty where there is no text; that it has to be there is said of every proposal."""
        found = self.data.get(name) if isinstance(self.data, Mapping) else getattr(self.data, name)
        return found if isinstance(found, str) else ""

    def may_be_stored(self) -> None:
        """Nobody knows whether it is: its id is no more one that nobody can have used."""
        if isinstance(self.data, Proposal):
            self.data.model_fields_set.add("action_intent_id")


class _Line(deque[SingleProposal]):
    """The proposals that wait, in their order."""

    add = deque.append

    def first(self) -> SingleProposal:
        return self[0]

    def take(self) -> list[SingleProposal]:
        return [self.popleft() for _ in range(min(len(self), BATCH))]

    def put_back(self, calls: Sequence[SingleProposal]) -> None:
        self.extendleft(reversed(calls))

    def remove(self, call: SingleProposal) -> None:
        if call in self:
            super().remove(call)


class SingleProposals:
    """
    `name` checks a proposal and gives it its id; `decide` decides a list of them without waiting for anybody outside.
    Neither is called twice at a time for one tenant. Safe to share between threads.
    """

    def __init__(
        self,
        name: Callable[[Any], Proposal | RemitError],
        decide: Callable[[Sequence[Proposal | RemitError]], Sequence[Submitted | RemitError]],
    ) -> None:
        self._name, self._decide = name, decide
        self._of_tenants: dict[str, Grouping[SingleProposal]] = {}

    def settle(self, asked: SingleProposal) -> None:
        """Return once it is settled. Raises what kept the write from being made."""
        self._of(asked.tenant_id).settle(asked)
        if asked.error is not None:
            raise asked.error

    def _of(self, tenant_id: str) -> Grouping[SingleProposal]:
        if (known := self._of_tenants.get(tenant_id)) is not None:
            return known
        if len(self._of_tenants) >= MOST_TENANTS:
            # Who is in a group that is dropped stays in it; two groups of a tenant at a time do no harm.
            self._of_tenants = {}
        return self._of_tenants.setdefault(tenant_id, Grouping(_Line(), self._carry_out))

    def _carry_out(self, group: list[SingleProposal]) -> None:
        try:
            answers = self._decide([self._named(each) for each in group])
        except Exception as error:
            _fail(group, error)
        except BaseException:
            # Whoever leads is interrupted: the others are asked for again.
            for each in group:
                each.may_be_stored()
            raise
        else:
            for each, answer in zip(group, answers, strict=True):
                each.answer = None if isinstance(answer, FactsOutdated) else answer
                each.settled = True

    def _named(self, asked: SingleProposal) -> Proposal | RemitError:
        named = self._name(asked.data)
        if isinstance(named, Proposal):
            asked.data = named
        return named


def _fail(group: Sequence[SingleProposal], error: Exception) -> None:
    if len(group) == 1 or isinstance(error, TryLater | OutcomeUnknown):
        for each in group:
            each.error = _own(error)
            each.settled = True
        return
    # It may be the fault of one: each by itself, so that it fails alone.
    for each in group:
        each.may_be_stored()
        each.settled = True


def _own(error: Exception) -> Exception:
    """An equal error for one thread to raise: what is raised keeps the frames that it came through."""
    own = type(error).__new__(type(error), *error.args)
    own.__dict__.update(error.__dict__)
    own.__cause__ = error
    return own
