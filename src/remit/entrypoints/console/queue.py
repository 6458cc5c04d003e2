"""Needs your input: the triage list, the card of one of it, and the answers to one or many."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import Response

from remit.core.errors import Conflict, DigestChanged, InvalidInput, NotFound, RemitError
from remit.core.execution.approval import LONGEST_UNDO, Approval
from remit.core.identity.person import same_person
from remit.core.lifecycle import WAITING
from remit.core.views import AnswerableLine, QueuedAnswer
from remit.entrypoints.console.auth import HOME, AnswererVisitor, FormRoute, ReaderVisitor, Visitor
from remit.entrypoints.console.cards import Ending, answered, card_of, ending_of, standing, votes_in_words
from remit.entrypoints.console.render import page
from remit.entrypoints.console.timeline import ACode, AnId
from remit.entrypoints.web.bodies import IntentId
from remit.entrypoints.web.callers import CurrentRemit
from remit.flow.reading.sampled import MOST_COUNTED
from remit.wiring import Remit

router = APIRouter(route_class=FormRoute)
PAGE = 50
MOST_AT_ONCE = 200
"""So many are answered at once, and stand on the page of one group."""
UNDO_S, UNDO_S_EACH = 5.0, 0.1
"""How long an approval that is given here can be taken back, and of many how much longer for each of them."""
APerson = Annotated[str | None, Query(max_length=256)]
Order = Literal["turns", "expiry", "amount"]
Items = Annotated[list[str] | None, Form(alias="item", max_length=MOST_AT_ONCE)]


@dataclass(frozen=True, slots=True)
class Told:
    """The result of one answer."""

    action_intent_id: str
    good: bool
    text: str
    known: bool = True
    undoable: bool = False


@dataclass(frozen=True, slots=True)
class Chosen:
    """The part of the queue that is looked at, its order, and from `after` on."""

    proposed_by: AnId = None
    reason: ACode = None
    action_type: ACode = None
    account_id: AnId = None
    assigned_to: APerson = None
    order: Order = "turns"
    after: str | None = None

    @property
    def group(self) -> dict[str, str | None]:
        names = ("proposed_by", "reason", "action_type", "account_id", "assigned_to")
        return {name: getattr(self, name) or None for name in names}

    @property
    def query(self) -> dict[str, str | None]:
        """The query that leads back to it, but for `after`."""
        return {**self.group, "order": None if self.order == "turns" else self.order}

    @property
    def limit(self) -> int:
        return MOST_AT_ONCE if any(self.group.values()) else PAGE


@dataclass(frozen=True, slots=True)
class ChangedCard:
    """A card as it is now: with `item` it waits, else `ending` says how it ended. `told` is of one's own answer."""

    action_intent_id: str
    item: AnswerableLine | None = None
    ending: Ending | None = None
    told: Told | None = None

    @property
    def standing(self) -> str:
        return standing(self.item) if self.item is not None else self.ending.standing if self.ending else ""


Group = Annotated[Chosen, Depends()]
Names = Annotated[list[str] | None, Query(max_length=MOST_AT_ONCE * 2)]


@dataclass(frozen=True, slots=True)
class Kept:
    """
    Parts of a page that stay when it is made anew: endings that nobody has dismissed, and the card that has the focus.
    """

    kept: list[str] = field(default_factory=list)
    focused: str | None = None


def _kept(kept: Names = None, focused: AnId = None) -> Kept:
    return Kept(kept or [], focused or None)


@router.get("/queue")
def queue(
    request: Request,
    remit: CurrentRemit,
    visitor: ReaderVisitor,
    chosen: Group,
    kept: Annotated[Kept, Depends(_kept)],
) -> Response:
    return _page(request, remit, visitor, None, chosen, kept)


@router.get("/queue/cards/{action_intent_id}")
def card(request: Request, remit: CurrentRemit, visitor: ReaderVisitor, action_intent_id: IntentId) -> Response:
    """All of one card, for the place beside the list."""
    return page(request, "queue_card.html", **shown_card(remit, visitor, action_intent_id))


def shown_card(remit: Remit, visitor: Visitor, action_intent_id: str) -> dict[str, Any]:
    stands = remit.status(visitor.tenant_id, action_intent_id)
    why = remit.why(visitor.tenant_id, action_intent_id)
    if stands["status"] not in WAITING:
        return {"item": None, "ending": ending_of(stands, why, remit.now()), "title": stands["title"]}
    return {"item": card_of(remit, stands, why), "ending": None, "title": stands["title"]}


@router.get("/queue/changes")
def changes(
    request: Request, remit: CurrentRemit, visitor: ReaderVisitor, chosen: Group, shown: Names = None
) -> Response:
    """
    The changes on a page of the queue since it was made; `shown` says what stands on its cards.

    The page stays in its order: what has come since is counted, and shown when somebody asks for it.
    """
    items, _ = _items(remit, visitor, chosen)
    waiting = {item["action_intent_id"]: item for item in items}
    on_page = {text.partition(" ")[0]: text for text in shown or [] if text}
    cards = [_as_it_is(remit, visitor, name, waiting.get(name)) for name in on_page]
    changed = [card for card in cards if card.standing != on_page[card.action_intent_id]]
    new = len(waiting.keys() - on_page.keys())
    return page(request, "queue_changes.html", changed=changed, new=new, answers=None)


@router.post("/queue/approve")
def approve(request: Request, remit: CurrentRemit, visitor: AnswererVisitor, items: Items = None) -> Response:
    """Each item is an intent's id and the digest under which the visitor saw it; each is answered by itself."""

    # They are given one after the other: the first must not begin before the last has been seen to be given.
    undo_for_s = min(UNDO_S + UNDO_S_EACH * (len(items or ()) - 1), LONGEST_UNDO.total_seconds())

    def one(action_intent_id: str, digest: str) -> Told:
        answer = remit.approve(
            visitor.tenant_id,
            action_intent_id,
            by=visitor.name,
            digest=digest,
            credential=visitor.credential,
            undo_for_s=undo_for_s,
        )
        if not isinstance(answer, Approval):
            text = f"approved by {votes_in_words(answer)}; another approver is needed"
            return Told(action_intent_id, True, text)
        if not same_person(answer.approved_by, visitor.name):
            return Told(action_intent_id, True, f"{answer.approved_by} approved it already")
        held = isinstance(answer.not_before, datetime)
        text = f"approved; it begins in {undo_for_s:.0f} seconds" if held else "approved; it runs now"
        return Told(action_intent_id, True, text, undoable=held)

    return _answered_page(request, remit, visitor, items, one)


@router.post("/queue/undo")
def undo(request: Request, remit: CurrentRemit, visitor: AnswererVisitor, items: Items = None) -> Response:
    """Take back approvals of one's own before anything of them has begun."""

    def one(action_intent_id: str, _: str) -> Told:
        remit.undo(visitor.tenant_id, action_intent_id, by=visitor.name, credential=visitor.credential)
        return Told(action_intent_id, True, "the approval is taken back; it waits again")

    return _answered_page(request, remit, visitor, items, one)


@router.post("/queue/reject")
def reject(
    request: Request,
    remit: CurrentRemit,
    visitor: AnswererVisitor,
    items: Items = None,
    reason: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    def one(action_intent_id: str, digest: str) -> Told:
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
        return Told(action_intent_id, True, "rejected")

    return _answered_page(request, remit, visitor, items, one)


def _answered_page(
    request: Request,
    remit: Remit,
    visitor: Visitor,
    items: Sequence[str] | None,
    answer: Callable[[str, str], Told],
) -> Response:
    """The result of each answer: in place for a page that is looked at, or with the queue as it is now."""
    if not items:
        raise InvalidInput("item", "is missing", "select what is to be answered")
    answers = [_answered(remit, visitor, *item.partition(" ")[::2], answer) for item in items]
    if "hx-request" not in request.headers:
        return _page(request, remit, visitor, answers, Chosen(), Kept())
    # Of what nobody has stored there is no card.
    cards = [_as_it_is(remit, visitor, told.action_intent_id, None, told) for told in answers if told.known]
    undoable = [card.action_intent_id for card in cards if card.told and card.told.undoable]
    return page(
        request,
        "queue_changes.html",
        changed=cards,
        new=None,
        answers=answers,
        swapped=True,
        undoable=undoable,
        undo_for_s=UNDO_S,
    )


def _answered(
    remit: Remit, visitor: Visitor, action_intent_id: str, digest: str, answer: Callable[[str, str], Told]
) -> Told:
    try:
        return answer(action_intent_id, digest)
    except Conflict as error:
        return Told(action_intent_id, False, first_answer(remit, visitor, action_intent_id) or str(error))
    except RemitError as error:
        return Told(action_intent_id, False, str(error), known=not isinstance(error, NotFound))


def first_answer(remit: Remit, visitor: Visitor, action_intent_id: str) -> str | None:
    """The words for whoever answered it before; `None` if nobody did."""
    ended = answered(remit.why(visitor.tenant_id, action_intent_id))
    return f"{ended} first, so nothing changed" if ended else None


def _as_it_is(
    remit: Remit, visitor: Visitor, name: str, item: QueuedAnswer | None, told: Told | None = None
) -> ChangedCard:
    """The card of an intent; `item` is what the queue says of it, if it was just read."""
    if item is not None:
        return ChangedCard(name, item, told=told)
    stands = remit.status(visitor.tenant_id, name)
    if stands["status"] in WAITING:
        return ChangedCard(name, stands, told=told)
    return ChangedCard(name, ending=ending_of(stands, remit.why(visitor.tenant_id, name), remit.now()), told=told)


def _items(remit: Remit, visitor: Visitor, chosen: Chosen) -> tuple[list[QueuedAnswer], str | None]:
    return remit.queue(
        visitor.tenant_id,
        proposed_by=chosen.proposed_by or None,
        reason=chosen.reason or None,
        action_type=chosen.action_type or None,
        account_id=chosen.account_id or None,
        assigned_to=chosen.assigned_to or None,
        answerer=visitor.name,
        order=chosen.order,
        after=chosen.after,
        limit=chosen.limit,
    )


def _page(
    request: Request,
    remit: Remit,
    visitor: Visitor,
    answers: Sequence[Told] | None,
    chosen: Chosen,
    kept: Kept,
) -> Response:
    items, following = _items(remit, visitor, chosen)
    waiting = [item["action_intent_id"] for item in items]
    ended = [each for name in kept.kept if name not in waiting and (each := _ended(remit, visitor, name))]
    focused = kept.focused if kept.focused in waiting else next(iter(waiting), None)
    return page(
        request,
        "queue.html",
        items=items,
        ended=ended,
        focused=focused,
        detail=_detail(remit, visitor, focused) if focused else None,
        after=chosen.after,
        chosen=chosen.query,
        groups=remit.queue_groups(visitor.tenant_id, answerer=visitor.name),
        here=_address(chosen.query, chosen.after),
        further=_address(chosen.query, following) if following else None,
        answers=answers,
        address=_address,
        to_judge=remit.sampled_count(visitor.tenant_id),
        most_to_judge=MOST_COUNTED,
    )


def _detail(remit: Remit, visitor: Visitor, action_intent_id: str) -> dict[str, Any] | None:
    """The card beside the list. Where the ledger has lost its content there is none, and the list stays."""
    try:
        item: dict[str, Any] | None = shown_card(remit, visitor, action_intent_id)["item"]
    except NotFound:
        return None
    return item


def _ended(remit: Remit, visitor: Visitor, name: str) -> dict[str, Any] | None:
    """A card that stays where it is not waited for any more, until it is dismissed."""
    try:
        shown = shown_card(remit, visitor, name)
    except (NotFound, InvalidInput):
        return None
    return shown if shown["ending"] is not None else None


def _address(query: Mapping[str, str | None], after: str | None = None) -> str:
    """The page of the queue that shows this part from there on."""
    text = urlencode({name: value for name, value in {**query, "after": after}.items() if value})
    return f"{HOME}queue" + (f"?{text}" if text else "")
