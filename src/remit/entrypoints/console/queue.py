"""Needs your input: the queue, and the answers to one or many of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import Response

from remit.core.errors import Conflict, DigestChanged, InvalidInput, NotFound, RemitError
from remit.core.execution.approval import Approval
from remit.core.identity.person import same_person
from remit.core.lifecycle import WAITING
from remit.core.rendering import quoted
from remit.entrypoints.console.auth import HOME, AnswererVisitor, FormRoute, ReaderVisitor, Visitor
from remit.entrypoints.console.cards import standing, votes_in_words
from remit.entrypoints.console.render import page
from remit.entrypoints.console.timeline import ACode, AnId
from remit.entrypoints.web.callers import CurrentRemit
from remit.wiring import Remit

router = APIRouter(route_class=FormRoute)
PAGE = 25
MOST_AT_ONCE = 100
Items = Annotated[list[str] | None, Form(alias="item", max_length=MOST_AT_ONCE)]


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one answer, to be shown above the queue."""

    action_intent_id: str
    good: bool
    text: str
    known: bool = True


@dataclass(frozen=True, slots=True)
class Chosen:
    """The part of the queue that is looked at: one group's, or all, from `after` on."""

    proposed_by: AnId = None
    reason: ACode = None
    after: str | None = None

    @property
    def group(self) -> dict[str, str | None]:
        return {"proposed_by": self.proposed_by or None, "reason": self.reason or None}


@dataclass(frozen=True, slots=True)
class ChangedCard:
    """What a card offers now: with `item` it still waits, otherwise `told` says how it ended."""

    action_intent_id: str
    status: str
    told: str = ""
    superseded_by: str | None = None
    item: Mapping[str, Any] | None = None


Group = Annotated[Chosen, Depends()]
Shown = Annotated[list[str] | None, Query(max_length=MOST_AT_ONCE)]


@router.get("/queue")
def queue(request: Request, remit: CurrentRemit, visitor: ReaderVisitor, chosen: Group) -> Response:
    return _page(request, remit, visitor, None, chosen)


@router.get("/queue/changes")
def changes(
    request: Request, remit: CurrentRemit, visitor: ReaderVisitor, chosen: Group, shown: Shown = None
) -> Response:
    """
    What has changed on a page of the queue since it was made; `shown` says what stands on its cards.

    The page stays in its order: what has come since is counted, and shown when somebody asks for it.
    """
    items, _ = remit.queue(visitor.tenant_id, **chosen.group, answerer=visitor.name, after=chosen.after, limit=PAGE)
    waiting = {item["action_intent_id"]: item for item in items}
    on_page = {text.partition(" ")[0]: text for text in shown or [] if text}
    cards = [_as_it_is(remit, visitor, name, waiting.get(name)) for name in on_page]
    changed = [card for card in cards if not card.item or standing(card.item) != on_page[card.action_intent_id]]
    new = len(waiting.keys() - on_page.keys())
    return page(request, "queue_changes.html", changed=changed, new=new, answers=None)


@router.post("/queue/approve")
def approve(request: Request, remit: CurrentRemit, visitor: AnswererVisitor, items: Items = None) -> Response:
    """Each item is an intent's id and the digest under which the visitor saw it; each is answered by itself."""

    def one(action_intent_id: str, digest: str) -> str:
        answer = remit.approve(
            visitor.tenant_id, action_intent_id, by=visitor.name, digest=digest, credential=visitor.credential
        )
        if not isinstance(answer, Approval):
            return f"approved by {votes_in_words(answer)}; another approver is needed"
        first = same_person(answer.approved_by, visitor.name)
        return "approved; it runs now" if first else f"{answer.approved_by} approved it already"

    return _answered_page(request, remit, visitor, items, one)


@router.post("/queue/reject")
def reject(
    request: Request,
    remit: CurrentRemit,
    visitor: AnswererVisitor,
    items: Items = None,
    reason: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    def one(action_intent_id: str, digest: str) -> str:
        # An intent never changes under its id, so this cannot be outrun.
        current = remit.intent(visitor.tenant_id, action_intent_id).digest
        if digest != current:
            raise DigestChanged(action_intent_id, digest, current)
        remit.reject(
            visitor.tenant_id,
            action_intent_id,
            by=visitor.name,
            reason=reason.strip() or None,
            credential=visitor.credential,
        )
        return "rejected"

    return _answered_page(request, remit, visitor, items, one)


def _answered_page(
    request: Request,
    remit: Remit,
    visitor: Visitor,
    items: Sequence[str] | None,
    answer: Callable[[str, str], str],
) -> Response:
    """What became of each answer: in place for a page that is looked at, or with the queue as it is now."""
    if not items:
        raise InvalidInput("item", "is missing", "select what is to be answered")
    answers = [_answered(remit, visitor, *item.partition(" ")[::2], answer) for item in items]
    if "hx-request" not in request.headers:
        return _page(request, remit, visitor, answers, Chosen())
    # Of what nobody has stored there is no card.
    cards = [_as_it_is(remit, visitor, told.action_intent_id, None) for told in answers if told.known]
    return page(request, "queue_changes.html", changed=cards, new=None, answers=answers, swapped=True)


def _answered(
    remit: Remit, visitor: Visitor, action_intent_id: str, digest: str, answer: Callable[[str, str], str]
) -> Told:
    try:
        return Told(action_intent_id, True, answer(action_intent_id, digest))
    except Conflict as error:
        return Told(action_intent_id, False, first_answer(remit, visitor, action_intent_id) or str(error))
    except RemitError as error:
        return Told(action_intent_id, False, str(error), known=not isinstance(error, NotFound))


def first_answer(remit: Remit, visitor: Visitor, action_intent_id: str) -> str | None:
    """Who answered it before, in words; `None` if nobody did."""
    ended = _how_it_ended(remit.why(visitor.tenant_id, action_intent_id))
    return f"{ended} first, so nothing changed" if ended else None


def _how_it_ended(seen: Mapping[str, Any]) -> str | None:
    """Who answered an intent, in words; `None` if nobody did."""
    if seen["approval"] is not None and seen["approval"]["approval_source"] == "HUMAN":
        return f"{seen['approval']['approved_by']} approved it"
    if seen["rejection"] is not None:
        why = f" ({quoted(seen['rejection']['reason'])})" if seen["rejection"]["reason"] else ""
        return f"{seen['rejection']['rejected_by']} rejected it{why}"
    if seen["status"] == "SUPERSEDED":
        return "another one took its place"
    if seen["withdrawal"] is not None:
        return f"{seen['withdrawal']['withdrawn_by']} took it back"
    return "it expired before it was answered" if seen["status"] == "EXPIRED" else None


def _as_it_is(remit: Remit, visitor: Visitor, action_intent_id: str, item: Mapping[str, Any] | None) -> ChangedCard:
    """The card of an intent; `item` is what the queue says of it, if it was just read."""
    if item is not None:
        return ChangedCard(action_intent_id, item["status"], item=item)
    stands = remit.status(visitor.tenant_id, action_intent_id)
    if stands["status"] in WAITING:
        return ChangedCard(action_intent_id, stands["status"], item=stands)
    told = _how_it_ended(remit.why(visitor.tenant_id, action_intent_id)) or ""
    return ChangedCard(action_intent_id, stands["status"], told, stands["superseded_by"])


def _page(request: Request, remit: Remit, visitor: Visitor, answers: Sequence[Told] | None, chosen: Chosen) -> Response:
    items: list[dict[str, Any]]
    items, following = remit.queue(
        visitor.tenant_id, **chosen.group, answerer=visitor.name, after=chosen.after, limit=PAGE
    )
    return page(
        request,
        "queue.html",
        items=items,
        after=chosen.after,
        chosen=chosen.group,
        groups=remit.queue_groups(visitor.tenant_id, answerer=visitor.name),
        here=_address(chosen.group, chosen.after),
        further=_address(chosen.group, following) if following else None,
        answers=answers,
        address=_address,
    )


def _address(group: Mapping[str, str | None], after: str | None = None) -> str:
    """The page of the queue that shows this group from there on."""
    query = urlencode({name: value for name, value in {**group, "after": after}.items() if value})
    return f"{HOME}queue" + (f"?{query}" if query else "")
