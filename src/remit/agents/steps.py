"""
Steps of one guarded call, in their order, whoever carries them out: a thread that blocks, or an event loop.

Propose and begin in one write; where a person is asked, wait and begin then; act; say what came of it. The key under
which it begins is made here, for this one run: another run that goes on with the same call finds that it has begun.
What the bounds let a worker execute is waited for instead. Who is broken off before it may act takes the call back.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from uuid import uuid4

from remit.agents.call import ToolCall
from remit.agents.endings import NotActed, Unknown, ending_of, is_with_a_worker
from remit.client.permit import Permit, Proposed
from remit.core.errors import Conflict, NotBegun, RemitError

if TYPE_CHECKING:
    from remit.core.views import AgentAnswer, VerdictAnswer

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ask:
    """A verb of the client."""

    verb: str
    arguments: tuple[Any, ...]
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Act:
    """The tool itself, with the arguments that are approved. Its permit lives for a while, and can be renewed."""

    arguments: dict[str, Any]
    permit: Permit

    @property
    def idempotency_key(self) -> str:
        return self.permit.idempotency_key


@dataclass(frozen=True, slots=True)
class Reply:
    """A tool's answer that says itself whether the tool acted. What is kept of it has to be JSON, a text, or bytes."""

    answer: Any
    acted: Literal["yes", "no", "unknown"]
    error_code: str | None = None
    error_message: str | None = None


T = TypeVar("T")
Steps = Generator[Ask | Act, Any, Any]


@dataclass(frozen=True, slots=True)
class Patience:
    """The time that a call is held: for a person's answer, and for a worker that carries it out."""

    person_s: float
    worker_s: float


def steps_of(call: ToolCall, patience: Patience, kept: Callable[[Any], Any]) -> Steps:
    """
    Answers the tool's result, of which `kept` is what Remit keeps. Raises an ending that is none (`endings`), or what
    the tool raised as `NotActed`.
    """
    key = uuid4().hex
    return (yield from _ended(_or_taken_back(call, key, _permitted(call, key, patience)), kept))


def steps_after(action_intent_id: str, patience: Patience, kept: Callable[[Any], Any]) -> Steps:
    """
    `steps_of` for an intent that was proposed before, by this process or by one that has gone. Who is broken off leaves
    it to whoever comes next.
    """
    return (yield from _ended(_begun(action_intent_id, uuid4().hex, patience), kept))


def steps_at_worker(call: ToolCall, patience: Patience) -> Steps:
    """
    Guard a call that a worker makes, and nobody here. Raises `RuntimeError` where the bounds say that its caller
    does.
    """
    answer = yield from _or_taken_back(call, None, _left_to_a_worker(call, patience))
    return outcome_of(answer)


def proposing(call: ToolCall) -> Steps:
    """Propose it, and answer the gate's word: nobody begins it here."""
    return (yield from _or_taken_back(call, None, _proposed(call)))


def _ended(found: Generator[Ask | Act, Any, Permit | AgentAnswer], kept: Callable[[Any], Any]) -> Steps:
    permit = yield from found
    if isinstance(permit, Permit):
        return (yield from _carried_out(permit, kept))
    return outcome_of(permit)


def outcome_of(answer: AgentAnswer) -> Any:
    """The tool's result that an answer tells of. Raises the ending that it tells of else."""
    if answer["status"] == "SUCCEEDED":
        return value_of(answer)
    raise ending_of(answer)


def _permitted(call: ToolCall, key: str, patience: Patience) -> Generator[Ask | Act, Any, Permit | AgentAnswer]:
    """The permit, or the answer that there is instead."""
    proposed: Proposed = yield Ask("propose_and_begin", (call.proposal(),), {"key": key})
    if proposed.permit is not None:
        return proposed.permit
    return (yield from _begun(call.action_intent_id, key, patience))


def _begun(action_intent_id: str, key: str, patience: Patience) -> Generator[Ask | Act, Any, Permit | AgentAnswer]:
    """The permit of an intent that waits, or the answer that there is instead."""
    answer: AgentAnswer = yield from _waited(action_intent_id, patience)
    if answer["status"] != "APPROVED" or answer["executed_by"] != "caller":
        return answer
    try:
        permit: Permit = yield Ask("begin", (action_intent_id,), {"key": key})
        return permit
    except NotBegun:
        # Somebody else was first, or it ended meanwhile: what is recorded says which.
        answer = yield Ask("answer", (action_intent_id,))
        return answer


def _left_to_a_worker(call: ToolCall, patience: Patience) -> Generator[Ask | Act, Any, AgentAnswer]:
    verdict = yield from _proposed(call)
    if verdict["executed_by"] == "caller":
        yield from _taken_back(call, None)
        raise RuntimeError(
            f"the bounds say that the caller of {call.action_type} executes it; put the function's "
            "action_type_bounds() into them to have a worker run it"
        )
    return (yield from _waited(call.action_intent_id, patience))


def _proposed(call: ToolCall) -> Generator[Ask | Act, Any, VerdictAnswer]:
    verdict: VerdictAnswer = yield Ask("propose", (call.proposal(),))
    return verdict


def _waited(action_intent_id: str, patience: Patience) -> Generator[Ask | Act, Any, AgentAnswer]:
    """The answer, when a person's part of it is over; and a worker's, if one carries it out."""
    answer: AgentAnswer = yield Ask("wait", (action_intent_id,), {"timeout_s": patience.person_s})
    if is_with_a_worker(answer) and patience.worker_s > 0:
        answer = yield Ask("wait", (action_intent_id,), {"timeout_s": patience.worker_s})
    return answer


# --- broken off ---


def _or_taken_back(
    call: ToolCall, key: str | None, steps: Generator[Ask | Act, Any, T]
) -> Generator[Ask | Act, Any, T]:
    """
    The steps for event loops; whoever is broken off in them (cancelled, or by Ctrl-C) waits no more, and it must not
    run.
    """
    try:
        return (yield from steps)
    except (Exception, GeneratorExit):
        raise
    except BaseException:
        yield from _taken_back(call, key)
        raise


def _taken_back(call: ToolCall, key: str | None) -> Generator[Ask | Act, Any, None]:
    """Withdraw it. A permit that was given under `key`, and whose answer was lost, is finished: nobody acted."""
    try:
        yield Ask("withdraw", (call.action_intent_id,), {"reason": "its caller stopped waiting"})
    except Conflict:
        if key is not None:
            yield from _given_up(call, key)
    except RemitError as error:
        log.warning("intent %s could not be taken back: %s", call.action_intent_id, error)


def _given_up(call: ToolCall, key: str) -> Generator[Ask | Act, Any, None]:
    try:
        permit: Permit = yield Ask("begin", (call.action_intent_id,), {"key": key})
    except RemitError:
        # It has ended, or somebody else has begun it.
        return
    yield from _finished(permit, acted="no", error_code="NOT_ACTED", error_message="its caller stopped waiting")


# --- acting ---


def _carried_out(permit: Permit, kept: Callable[[Any], Any]) -> Steps:
    try:
        result = yield Act(permit.parameters, permit)
    except NotActed as error:
        yield from _finished(permit, acted="no", error_code="NOT_ACTED", error_message=_said(error))
        raise
    except BaseException as error:
        # Whoever broke off, or was cancelled, may have acted.
        yield from _finished(permit, acted="unknown", error_code="TOOL_RAISED", error_message=_said(error))
        if not isinstance(error, Exception):
            raise
        answer = yield Ask("answer", (permit.action_intent_id,))
        raise Unknown(answer) from error
    if isinstance(result, Reply):
        said = {"acted": result.acted, "error_code": result.error_code, "error_message": result.error_message}
        yield from _finished(permit, **said, result=kept(result.answer))
        return result.answer
    yield from _finished(permit, acted="yes", result=_as_json(kept(result)))
    return result


def _finished(permit: Permit, **what: Any) -> Generator[Ask | Act, Any, None]:
    try:
        yield Ask("finish", (permit,), what)
    except RemitError as error:
        # It may have acted, and its caller must hear what came of it. The permit lapses: for people it is UNKNOWN then.
        log.warning("what came of intent %s could not be told: %s", permit.action_intent_id, error)


def _as_json(result: Any) -> Any:
    """Keep what JSON cannot carry as its words."""
    try:
        json.dumps(result, allow_nan=False)
    except (TypeError, ValueError):
        return str(result)
    return result


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:500]


def value_of(answer: AgentAnswer) -> Any:
    """The tool's answer to a call that ran before or elsewhere; its words where its content is not kept."""
    result = answer["result"]
    if result is None or result["content"] is None:
        return answer["text"]
    content = result["content"]
    return json.loads(content) if result["media_type"].startswith("application/json") else content
