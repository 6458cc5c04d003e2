"""Presses as Slack sends them: a form with one field, `payload`, that holds JSON."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

from remit.core.notifications.press import CardName, Press, SignedRequest
from remit.notifiers.slack_cards import APPROVE, REASON, REJECT


def press_of(request: SignedRequest) -> Press | None:
    """
    `block_actions` of one of our buttons and `view_submission` of our modal; `None` for anything else.

    https://docs.slack.dev/reference/interaction-payloads
    """
    payload = _payload(request.body)
    reader = {"block_actions": _pressed, "view_submission": _submitted}.get(str(_at(payload, "type")))
    return reader(payload, request.signature) if reader else None


def _payload(body: bytes) -> Any:
    try:
        fields = parse_qs(body.decode(), strict_parsing=True, max_num_fields=10)
        return json.loads(fields["payload"][0])
    # Nested deeper than the parser goes, too.
    except (ValueError, KeyError, RecursionError):
        return None


def _at(value: Any, *names: str | int) -> Any:
    for name in names:
        try:
            value = value[name]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _text(value: Any, *names: str | int) -> str | None:
    found = _at(value, *names)
    return found if isinstance(found, str) else None


def _who(payload: Any) -> tuple[str, str] | None:
    # In a shared channel the user's team is not the one in which it was pressed.
    team, user = _text(payload, "user", "team_id") or _text(payload, "team", "id"), _text(payload, "user", "id")
    return (team, user) if team and user else None


def _pressed(payload: Any, once: str) -> Press | None:
    who, card = _who(payload), CardName.parse(_text(payload, "actions", 0, "value") or "")
    wish = {APPROVE: "approve", REJECT: "ask_reason"}.get(_text(payload, "actions", 0, "action_id") or "")
    channel, message = _text(payload, "container", "channel_id"), _text(payload, "container", "message_ts")
    if who is None or card is None or wish is None or channel is None or message is None:
        return None
    trigger = _text(payload, "trigger_id")
    return Press(*who, card, "approve" if wish == "approve" else "ask_reason", once, None, trigger, (channel, message))


def _submitted(payload: Any, once: str) -> Press | None:
    who, card = _who(payload), CardName.parse(_text(payload, "view", "private_metadata") or "")
    if who is None or card is None or _text(payload, "view", "callback_id") != REJECT:
        return None
    reason = _text(payload, "view", "state", "values", REASON, REASON, "value")
    return Press(*who, card, "reject", once, (reason or "").strip() or None)
