"""
Agents' proposals: `{"proposal": {…}}`, or `{"proposals": [{…}, …]}` for up to 500.

Each is stored and decided in one write and answered with the gate's word, or with its problem. With `"gate": false`
each is only stored and answered as stored; an `ACTION_PROPOSED` event then wakes the gate, and if that is lost,
reconciling has it decided a little later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from remit.core.errors import InvalidInput, RemitError
from remit.core.intent import ActionIntentV1
from remit.entrypoints.aws_lambda import process
from remit.entrypoints.aws_lambda.entry import entry
from remit.entrypoints.aws_lambda.responses import answered, refused, require_known
from remit.ports import Message, SendingPublisher
from remit.wiring import Remit

DETAIL_TYPE = "ACTION_PROPOSED"
MOST_INTENTS = 500


@answered
def propose(remit: Remit, event: Mapping[str, Any]) -> dict[str, Any]:
    """One proposal is answered as one, several as `{"items": […]}` in their order."""
    one = "proposal" in event
    require_known(event, ("proposal" if one else "proposals", "gate"))
    proposals = [event["proposal"]] if one else event.get("proposals")
    if not isinstance(proposals, list) or not 1 <= len(proposals) <= MOST_INTENTS:
        way_out = f"send one as proposal, or a list of 1 to {MOST_INTENTS} as proposals"
        raise InvalidInput("proposals", "is missing, or not such a list", way_out)
    answers = [_shown(answer) for answer in _carried_out(remit, proposals, event.get("gate", True))]
    return answers[0] if one else {"items": answers}


def _carried_out(remit: Remit, proposals: list[Any], gate: Any) -> Sequence[Any]:
    if not isinstance(gate, bool):
        raise InvalidInput("gate", f"is {gate!r}", "send true or false, or leave it out")
    if gate:
        return remit.submit(proposals)
    stored = remit.propose(proposals)
    sender = process.sender()
    if sender is not None:
        announce(sender, [intent for intent in stored if isinstance(intent, ActionIntentV1)])
    return stored


def announce(sender: SendingPublisher, intents: Sequence[ActionIntentV1]) -> None:
    """Tell the gate. What is not delivered is not lost: every stored intent becomes due for the gate by itself."""
    sender.send([Message(_proposed(intent), 1) for intent in intents])


def _proposed(intent: ActionIntentV1) -> dict[str, Any]:
    names = ("action_intent_id", "tenant_id", "account_id", "trace_id")
    data = {name: getattr(intent, name) for name in names}
    return {"source": process.event_source(), "detail_type": DETAIL_TYPE, "detail": {"data": data}}


def _shown(answer: Any) -> dict[str, Any]:
    if isinstance(answer, RemitError):
        return refused(answer)
    shown: dict[str, Any] = answer.wire()
    return shown


handler = entry(propose, publishes=True)
