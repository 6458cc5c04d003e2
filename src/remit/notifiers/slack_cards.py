"""Cards as Slack lays them out: what waits with its buttons, what was answered without, and the question why not."""

from __future__ import annotations

from typing import Any

from remit.core.notifications.card import Card
from remit.core.notifications.press import CardName
from remit.core.rendering import sentence
from remit.notifiers.slack_blocks import LONGEST_HEADER, LONGEST_SECTION, PLAIN_ANSWERS, escaped, plain, within
from remit.ports import OutgoingNotification

APPROVE, REJECT, OPEN, REASON = "approve", "reject", "open", "reason"
LONGEST_URL = 3000
LONGEST_REASON = 2000


def card_message(letter: OutgoingNotification, card: Card) -> dict[str, Any]:
    """A message for `chat.postMessage` and `chat.update`: https://docs.slack.dev/reference/block-kit/blocks."""
    subject = sentence(letter.subject if card.is_open else card.note or "No answer is needed any more")
    blocks = [
        {"type": "header", "text": plain(within(subject, LONGEST_HEADER))},
        _section(card.text),
        *_fields(card),
        _section(card.details),
        *([_section(card.note)] if card.note else []),
        *_actions(card),
    ]
    return {"text": escaped(subject), **PLAIN_ANSWERS, "blocks": blocks}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": plain(within(sentence(text), LONGEST_SECTION))}


def _fields(card: Card) -> list[dict[str, Any]]:
    text = _fields_text(card)
    return [{"type": "section", "text": plain(within(text, LONGEST_SECTION))}] if text else []


def _fields_text(card: Card) -> str:
    return "\n".join(sentence(f"{each.path}: {each.text}") for each in card.fields)


def _actions(card: Card) -> list[dict[str, Any]]:
    if not card.is_open:
        return _link(card)
    # Nobody approves what they do not see.
    seen = card.shows_all and len(_fields_text(card)) <= LONGEST_SECTION
    value = CardName(card.subscription_id, card.action_intent_id, card.digest).text()
    buttons = [
        *([_button(APPROVE, "Approve", value, "primary")] if seen else []),
        _button(REJECT, "Reject…", value, "danger"),
        *_open(card),
    ]
    told = [] if seen else [_section("It does not show all that would run, so it is approved in the console.")]
    return [*told, {"type": "actions", "elements": buttons}]


def _button(action: str, text: str, value: str, style: str) -> dict[str, Any]:
    return {"type": "button", "action_id": action, "text": plain(text), "value": value, "style": style}


def _open(card: Card) -> list[dict[str, Any]]:
    if card.url is None or len(card.url) > LONGEST_URL:
        return []
    return [{"type": "button", "action_id": OPEN, "text": plain("Open"), "url": card.url}]


def _link(card: Card) -> list[dict[str, Any]]:
    buttons = _open(card)
    return [{"type": "actions", "elements": buttons}] if buttons else []


def reason_view(card: CardName, text: str) -> dict[str, Any]:
    """The modal in which somebody says why not: https://docs.slack.dev/reference/views/modal-views."""
    field = {"type": "plain_text_input", "action_id": REASON, "multiline": True, "max_length": LONGEST_REASON}
    return {
        "type": "modal",
        "callback_id": REJECT,
        "private_metadata": card.text(),
        "title": plain("Reject"),
        "submit": plain("Reject"),
        "close": plain("Cancel"),
        "blocks": [
            _section(text),
            {"type": "input", "block_id": REASON, "optional": True, "label": plain("Why?"), "element": field},
        ],
    }
