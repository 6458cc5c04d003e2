"""Store what an agent proposes: the intent, its case, and the first entry of its chain."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

from msgspec import Struct

from remit.core.errors import RemitError
from remit.core.gate.bounds import check_arguments, check_principal
from remit.core.identity.credential import Credential
from remit.core.identity.person import check_not_system
from remit.core.intent import ActionIntentV1
from remit.core.ledger.history import DECIDED_AGAIN, IntentHistory
from remit.core.lifecycle import check_supersedes, new_case
from remit.core.notifications.subscription import check_callback
from remit.core.opened_intent import commit_private, open_intent
from remit.core.proposal import Proposal, agree, complete, parse_proposal
from remit.core.records import SUBSCRIPTION, Key, case_key, chain_key, private_key
from remit.flow.context import Context, bounds_key, bounds_of, one
from remit.flow.private_values import opened_in, private_keys
from remit.flow.writers import CaseWriter
from remit.ports import Snapshot, UnitOfWork, Writes, attempt

T = TypeVar("T")


def named(context: Context, data: Any) -> Proposal | RemitError:
    """A checked proposal that has its id, or why it is none."""
    return attempt(lambda: _with_checked_callback(context, _with_proposer(_with_id(context, data))))


def _with_id(context: Context, data: Any) -> Proposal:
    """The checked proposal; an id that is made for it is not what the caller sent (`ProposeIntent.new`)."""
    if isinstance(data, dict) and data.get("action_intent_id") is None:
        own = parse_proposal({**data, "action_intent_id": context.new_id()})
    else:
        own = parse_proposal(data)
        if own.action_intent_id is not None:
            return own
        own = own.model_copy(update={"action_intent_id": context.new_id()})
    own.model_fields_set.discard("action_intent_id")
    return own


def _with_proposer(proposal: Proposal) -> Proposal:
    """Raises `InvalidInput` for one that is called as Remit is. What replaces a stored intent keeps its proposer."""
    check_not_system("proposed_by", proposal.proposed_by)
    return proposal


def _with_checked_callback(context: Context, proposal: Proposal) -> Proposal:
    """Raises `InvalidInput` for an `on_end` that nobody in charge allows. What is stored already stays as it is."""
    if proposal.on_end is None:
        return proposal
    sent = proposal.action_intent_id if "action_intent_id" in proposal.model_fields_set else None
    known = sent and one(context, case_key(proposal.tenant_id, sent))
    if not known:
        subscriptions = context.store.scan(SUBSCRIPTION, proposal.tenant_id)
        check_callback(subscriptions, proposal.on_end, proposal.account_id)
    return proposal


class DecidedAgainBy(Struct, frozen=True):
    """The person who had a waiting intent decided again, and through which credential."""

    by: str
    credential: Credential

    def wire(self) -> dict[str, Any]:
        return {"why": DECIDED_AGAIN, "credential": self.credential.wire()}


class ProposeIntent:
    """
    The one write that stores a proposal and, where it supersedes another, closes that one.

    `edited_by` names the person whose edit this is; `decided_again` who had the same looked at anew.
    """

    __slots__ = (
        *("action_intent_id", "case_at", "chain_at", "context", "edited_by", "now", "proposal", "replaced_at"),
        *("_seed", "decided_again"),
    )

    def __init__(
        self,
        context: Context,
        proposal: Proposal,
        now: datetime,
        edited_by: str | None = None,
        decided_again: DecidedAgainBy | None = None,
    ) -> None:
        self.context, self.proposal, self.now, self.edited_by = context, proposal, now, edited_by
        self.decided_again = decided_again
        self.action_intent_id = proposal.action_intent_id or context.new_id()
        self._seed: bytes | None = None
        self.case_at = case_key(proposal.tenant_id, self.action_intent_id)
        self.chain_at = chain_key(proposal.tenant_id, self.action_intent_id)
        self.replaced_at = case_key(proposal.tenant_id, proposal.supersedes) if proposal.supersedes else None

    def unit(self) -> UnitOfWork[ActionIntentV1]:
        return UnitOfWork(reads=self.reads(), decide=self.decide, then_reads=self.then_reads, new=self.new())

    def reads(self) -> list[Key[Any]]:
        own: list[Key[Any]] = [self.case_at, self.chain_at, bounds_key(self.proposal.tenant_id)]
        return own if self.replaced_at is None else [*own, self.replaced_at, self._replaced_chain()]

    def then_reads(self, snapshot: Snapshot) -> Sequence[Key[Any]]:
        """The private values of the intent that has this id already."""
        return private_keys(snapshot.get(self.chain_at))

    def new(self) -> Sequence[Key[Any]]:
        """The records that cannot be there: nobody can have used an id that was made for it (`named`)."""
        return () if "action_intent_id" in self.proposal.model_fields_set else (self.case_at, self.chain_at)

    def _replaced_chain(self) -> Key[IntentHistory]:
        return chain_key(self.proposal.tenant_id, self.proposal.supersedes or "")

    def decide(self, snapshot: Snapshot) -> Writes[ActionIntentV1]:
        stored = self.stored(snapshot)
        if stored is not None:
            return Writes(answer=stored)
        writer, intent = self.begin(snapshot)
        return self.closing(snapshot, intent, writer.writes(intent))

    def stored(self, snapshot: Snapshot) -> ActionIntentV1 | None:
        """The intent that has this id already. Raises `IntentIdReused` if it is another."""
        stored = opened_in(snapshot, snapshot.get(self.chain_at))
        if stored is not None:
            agree(self.proposal, stored)
        return stored

    def begin(self, snapshot: Snapshot) -> tuple[CaseWriter, ActionIntentV1]:
        """The intent with its private values, and its case with the first entry of its chain, which has none."""
        proposal, now = self.proposal, self.now
        bounds = bounds_of(snapshot, proposal.tenant_id)
        check_principal(bounds, proposal)
        check_arguments(bounds, proposal)
        of_type = bounds.plans.of_type(proposal.action_type)
        proposed = complete(
            proposal,
            action_intent_id=self.action_intent_id,
            trace_id=self.context.new_id().replace("-", ""),
            now=now,
            expires_after=of_type.expires_after,
            registry_version=of_type.registry_version,
        )
        intent, values = proposed, None
        if of_type.private:
            intent, values = commit_private(proposed, of_type.private, self._salts())
        replaced = snapshot.get(self.replaced_at) if self.replaced_at else None
        case = new_case(intent, now, connector=of_type.connector, edited_by=self.edited_by, replaced=replaced)
        writer = CaseWriter(self.context, case, now)
        # What is private stands otherwise in the intent than it was sent.
        written = intent.written(proposal.written_parameters) if values is None else None
        writer.append("INTENT_PROPOSED", intent, actor=self.edited_by or intent.proposed_by, written=written)
        if values is None:
            return writer, intent
        writer.put(private_key(proposal.tenant_id, self.action_intent_id), values)
        return writer, open_intent(intent, values)

    def _salts(self) -> bytes:
        """The seed of its private values' salts: asked again after a conflict, the unit has the same."""
        if self._seed is None:
            self._seed = self.context.new_seed()
        return self._seed

    def closing(self, snapshot: Snapshot, intent: ActionIntentV1, writes: Writes[T]) -> Writes[T]:
        """`writes`, and the end of the one whose place the intent takes, if it takes one."""
        if self.replaced_at is None:
            return writes
        history = snapshot.get(self._replaced_chain())
        proposed = history.intent if history else None
        old = check_supersedes(snapshot.get(self.replaced_at), intent, proposed.on_behalf_of if proposed else None)
        writer = CaseWriter(self.context, old, self.now)
        writer.move("SUPERSEDED")
        writer.update(superseded_by=intent.action_intent_id)
        superseded, again = {"superseded_by": intent.action_intent_id}, self.decided_again
        told = superseded if again is None else {**superseded, **again.wire()}
        writer.append("INTENT_SUPERSEDED", told, actor=again.by if again else self.edited_by or intent.proposed_by)
        end = writer.writes(None)
        writes.puts.extend(end.puts)
        writes.entries.extend(end.entries)
        return writes
