"""Answers by a link that was mailed to one person, about one intent: it shows that, and a press answers, once."""

from __future__ import annotations

from remit.app.part import Part
from remit.app.people import People
from remit.core.execution.approval import Approval
from remit.core.execution.votes import Vote
from remit.core.identity.principal import Principal
from remit.core.identity.session import LinkedIntent
from remit.core.ledger.history import Votes
from remit.core.lifecycle import Case
from remit.core.values import check_text
from remit.flow.context import Context
from remit.flow.review import ApproveIntent, RejectIntent
from remit.flow.settings import sessions
from remit.ports import Clock


class AnswerLinks(Part):
    """
    The person that a link was mailed to, its digest, and the rules of every other door. What is refused uses none up.
    """

    def __init__(self, context: Context, clock: Clock, people: People) -> None:
        super().__init__(context, clock)
        self._people = people

    def read(self, token: str) -> tuple[Principal, LinkedIntent]:
        """For whom it is, and what it answers. Raises `Unauthenticated`, and `Forbidden` for who may not answer."""
        principal, answers = sessions.answer_link(self.context, token, self.clock.now())
        principal.require("answer")
        return principal, answers

    def approve(self, token: str) -> Approval | Votes:
        """Approve what it shows. Raises as `read` and `People.approve` do."""
        (principal, answers), now = self.read(token), self.clock.now()
        vote = Vote(voted_by=principal.name, credential=principal.credential)
        names = principal.tenant_id, answers.action_intent_id
        approving = ApproveIntent(self.context, *names, vote, answers.digest, now)
        return self._people.carry_out_approval(approving, once=sessions.UseAnswerLink(token, now).unit())

    def reject(self, token: str, *, reason: str | None = None) -> Case:
        """Reject what it shows. Raises as `read` and `People.reject` do."""
        (principal, answers), now = self.read(token), self.clock.now()
        check_text("reason", reason or "")
        names = principal.tenant_id, answers.action_intent_id
        rejecting = RejectIntent(
            self.context, *names, principal.name, principal.credential, reason, answers.digest, now
        )
        return self._people.carry_out_rejection(rejecting, once=sessions.UseAnswerLink(token, now).unit())
