"""
Remit over HTTP, for agents and tools in other processes: `RemitClient`, and `AsyncRemitClient` with the same verbs.

Problems are raised as the errors of `remit.core.errors`, sorted by what to do next. Nothing is sent twice unless
`retries` says so, and then only what is known not to have happened.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial, update_wrapper
from typing import TYPE_CHECKING, Any, Concatenate, Generic, Literal, ParamSpec, Self, TypeVar, cast, overload
from urllib.parse import quote

import httpx

from remit.client.permit import Permit, Proposed, permit_of
from remit.core.errors import (
    CallerMistake,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    OutcomeUnknown,
    QueueFull,
    RemitError,
    TryLater,
    Unauthenticated,
)

if TYPE_CHECKING:
    # For annotations alone: at run time the client is httpx and these errors, so that it loads at once.
    from remit.core import views as a
    from remit.core.gate.autonomy import StopLevel

P = ParamSpec("P")
T = TypeVar("T")
JsonObject = Mapping[str, Any]

TIMEOUT_S = 30.0
LONGEST_PAUSE_S = 30.0
WAIT_S = 30.0
LONGEST_WAIT_S = 60.0
"""How long the door holds one question for an answer."""
LOOK_AGAIN_S = 1.0
"""When somebody who waits asks again after a question that came to nothing."""


# --- a call, before it is made ---


def _json(response: httpx.Response) -> Any:
    return response.json()


@dataclass(frozen=True, slots=True)
class _RouteCall(Generic[T]):
    """One request, described: its route, what goes into it, and how its answer is read."""

    route: str = ""
    ids: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    held_s: float = 0.0
    """How much longer than usual its answer may take."""
    read: Callable[[httpx.Response], T] = _json

    @property
    def method(self) -> str:
        return self.route.partition(" ")[0]

    @property
    def path(self) -> str:
        return self.route.partition(" ")[2].format(**{name: _quoted(id) for name, id in self.ids.items()})


def _quoted(id: str) -> str:
    if not id or "/" in id:
        # On the way it would become another path, and another question.
        raise InvalidInput("(id)", f"is {id!r}", "send the id as it was answered")
    # A path of dots alone would be taken for a way up.
    return "%2E" * len(id) if not id.strip(".") else quote(id, safe="")


class Verb(Generic[P, T]):
    """A described call as a method: of a `RemitClient` it answers, of an `AsyncRemitClient` it is awaited."""

    def __init__(self, route: str, describe: Callable[Concatenate[Any, P], _RouteCall[T]]) -> None:
        self.route, self._describe = route, describe
        update_wrapper(cast(Any, self), describe)

    def __set_name__(self, owner: type, name: str) -> None:
        # Several verbs may be described alike.
        self.__name__ = name

    @overload
    def __get__(self, client: None, owner: Any = None) -> Self: ...
    @overload
    def __get__(self, client: RemitClient, owner: Any = None) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: AsyncRemitClient, owner: Any = None) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, client: Any, owner: Any = None) -> Any:
        if client is None:
            return self

        def ask(*args: P.args, **kwargs: P.kwargs) -> Any:
            return client._ask(replace(self._describe(client, *args, **kwargs), route=self.route))

        return update_wrapper(ask, cast(Any, self))


def _verb(route: str) -> Callable[[Callable[Concatenate[Any, P], _RouteCall[T]]], Verb[P, T]]:
    return lambda describe: Verb(route, describe)


@dataclass(frozen=True, slots=True)
class InForce:
    """Bounds, or a part of them, and the `config_sequence` that they are; send it back to change just those."""

    sequence: int
    value: dict[str, Any]


def _in_force(response: httpx.Response) -> InForce:
    return InForce(int(response.headers["ETag"].strip('"')), response.json())


def _items(response: httpx.Response) -> Any:
    return response.json()["items"]


def _each(response: httpx.Response) -> list[Any]:
    return [error_of(item) if "type" in item else item for item in response.json()["items"]]


def _of_intent(action_intent_id: str, body: Any = None) -> _RouteCall[Any]:
    return _RouteCall(ids={"action_intent_id": action_intent_id}, body=body)


def _permitted(client: Any, response: httpx.Response) -> Permit:
    return permit_of(client, response.json())


def _proposed(client: Any, response: httpx.Response) -> Proposed:
    verdict: a.VerdictAnswer = response.json()
    permit = verdict["begun"]["permit"]
    return Proposed(verdict, Permit(permit, client) if permit else None)


def _tool_answer(result: Any, media_type: str | None) -> dict[str, str]:
    """What a tool answered, as the door takes it."""
    if isinstance(result, bytes):
        content = base64.b64encode(result).decode()
        return {"media_type": media_type or "application/octet-stream", "encoding": "base64", "content": content}
    if isinstance(result, str):
        return {"media_type": media_type or "text/plain", "content": result}
    return {"media_type": media_type or "application/json", "content": json.dumps(result, ensure_ascii=False)}


def _page(account_id: str | None, after: str | None, limit: int) -> dict[str, Any]:
    return {"account_id": account_id, "after": after, "limit": limit}


def _read_bounds(_: _Verbs) -> _RouteCall[InForce]:
    """The whole bounds in force, or the part of them that the verb is named after."""
    return _RouteCall(read=_in_force)


def _replace_bounds(
    _: _Verbs, bounds: JsonObject, *, expected_sequence: int | None = None, dry_run: bool = False
) -> _RouteCall[a.BoundsChangedAnswer]:
    """Replace the whole bounds; with `expected_sequence` only if they are still those."""
    headers = {} if expected_sequence is None else {"If-Match": f'"{expected_sequence}"'}
    return _RouteCall(query={"dry_run": dry_run}, body=bounds, headers=headers)


def _replace_part(
    verbs: _Verbs, part: JsonObject, *, expected_sequence: int | None = None, dry_run: bool = False
) -> _RouteCall[a.BoundsChangedAnswer]:
    """Replace the part that the verb is named after; with `expected_sequence` only if the bounds are still those."""
    return _replace_bounds(verbs, part, expected_sequence=expected_sequence, dry_run=dry_run)


class _Verbs:
    """Every route once."""

    # --- agents ---

    @_verb("POST /v1/intents")
    def propose(self, proposal: JsonObject) -> _RouteCall[a.VerdictAnswer]:
        """Propose one intent and have it decided. Sent again under the same id, it answers the same."""
        return _RouteCall(body=proposal)

    @_verb("POST /v1/intents")
    def propose_many(self, proposals: Sequence[JsonObject]) -> _RouteCall[list[a.VerdictAnswer | RemitError]]:
        """Up to 500, each answered by itself, in order: its verdict, or why it could not be stored."""
        return _RouteCall(body=list(proposals), read=_each)

    @_verb("POST /v1/intents")
    def store(self, proposal: JsonObject) -> _RouteCall[a.IntentAnswer]:
        """Store one intent and do not decide it yet."""
        return _RouteCall(body=proposal, query={"gate": False})

    @_verb("POST /v1/gate")
    def gate(self, action_intent_id: str, account_id: str) -> _RouteCall[a.VerdictAnswer]:
        """Decide a stored intent; a decision that exists is answered as it was made."""
        return _RouteCall(body={"action_intent_id": action_intent_id, "account_id": account_id})

    @_verb("POST /v1/intents")
    def propose_and_begin(self, proposal: JsonObject, *, key: str | None = None) -> _RouteCall[Proposed]:
        """Propose one intent, have it decided, and begin in the same write what policy approves."""
        return _RouteCall(body=proposal, query={"begin": True, "key": key}, read=partial(_proposed, self))

    @_verb("POST /v1/intents/{action_intent_id}/begin")
    def begin(self, action_intent_id: str, *, key: str | None = None) -> _RouteCall[Permit]:
        """
        The permit to execute an approved intent oneself, once. Raises `NotBegun` where there is none.

        Asked again under the same `key` while the permit lives, it is the same one.
        """
        return replace(_of_intent(action_intent_id, {"key": key}), read=partial(_permitted, self))

    @_verb("POST /v1/intents/{action_intent_id}/finish")
    def finish(
        self,
        action_intent_id: str,
        *,
        approval_id: str,
        acted: Literal["yes", "no", "unknown"],
        external_object_refs: Sequence[a.RefAnswer] = (),
        error_code: str | None = None,
        error_class: str | None = None,
        error_message: str | None = None,
        result: Any = None,
        media_type: str | None = None,
    ) -> _RouteCall[a.FinishedAnswer]:
        """
        Say what came of a permit, once; `no` only for what certainly did not happen. `result` is what the tool
        answered: bytes, a text, or any JSON value; it is kept as the action type says.
        """
        error = {"error_code": error_code, "error_class": error_class, "error_message": error_message}
        refs = list(external_object_refs)
        body: dict[str, Any] = {"approval_id": approval_id, "acted": acted, "external_object_refs": refs, **error}
        body |= {} if result is None else {"result": _tool_answer(result, media_type)}
        return _of_intent(action_intent_id, body)

    @_verb("POST /v1/intents/{action_intent_id}/renew")
    def renew(self, action_intent_id: str, *, approval_id: str) -> _RouteCall[Permit]:
        """Prolong a permit by the time that it was first given for."""
        return replace(
            _of_intent(action_intent_id, {"approval_id": approval_id}),
            read=lambda response: Permit(response.json(), self),
        )

    @_verb("POST /v1/intents/{action_intent_id}/withdraw")
    def withdraw(self, action_intent_id: str, *, reason: str | None = None) -> _RouteCall[a.WithdrawnAnswer]:
        """Take back an intent of the caller's own that nobody has started."""
        return _of_intent(action_intent_id, {"reason": reason})

    # --- people ---

    @_verb("GET /v1/queue")
    def queue(
        self,
        *,
        account_id: str | None = None,
        proposed_by: str | None = None,
        reason: str | None = None,
        include_voted: bool = False,
        after: str | None = None,
        limit: int = 50,
    ) -> _RouteCall[a.QueueAnswer]:
        """What needs you, proposers in turns; with `include_voted` also what you have approved."""
        which = {"proposed_by": proposed_by, "reason": reason, "include_voted": include_voted or None}
        return _RouteCall(query={**_page(account_id, after, limit), **which})

    @_verb("GET /v1/queue/groups")
    def queue_groups(self) -> _RouteCall[a.QueueGroupsAnswer]:
        """How much needs you, by who proposed it and by why a person is asked."""
        return _RouteCall()

    @_verb("POST /v1/intents/{action_intent_id}/approve")
    def approve(self, action_intent_id: str, *, digest: str) -> _RouteCall[a.ApprovedAnswer]:
        """Approve what was seen under `digest`."""
        return _of_intent(action_intent_id, {"digest": digest})

    @_verb("POST /v1/intents/{action_intent_id}/reject")
    def reject(self, action_intent_id: str, *, reason: str | None = None) -> _RouteCall[a.RejectedAnswer]:
        return _of_intent(action_intent_id, {"reason": reason})

    @_verb("POST /v1/intents/{action_intent_id}/question")
    def ask(self, action_intent_id: str, *, text: str) -> _RouteCall[list[a.QuestionAnswer]]:
        """Ask the agent something about a waiting intent instead of answering."""
        return replace(_of_intent(action_intent_id, {"text": text}), read=_items)

    @_verb("POST /v1/intents/{action_intent_id}/supplement")
    def supplement(self, action_intent_id: str, *, text: str) -> _RouteCall[list[a.QuestionAnswer]]:
        """Answer what people asked about an intent of the caller's own; it waits on."""
        return replace(_of_intent(action_intent_id, {"text": text}), read=_items)

    @_verb("POST /v1/intents/{action_intent_id}/edit")
    def edit(self, action_intent_id: str, changes: JsonObject) -> _RouteCall[a.VerdictAnswer]:
        """Replace a waiting intent: `changes` maps paths such as `parameters.amount` to new values."""
        return _of_intent(action_intent_id, {"changes": changes})

    @_verb("POST /v1/intents/{action_intent_id}/resolve")
    def resolve(
        self, action_intent_id: str, *, status: Literal["SUCCEEDED", "FAILED"], note: str | None = None
    ) -> _RouteCall[a.ResolutionAnswer]:
        """Say what became of an intent whose outcome is `UNKNOWN`."""
        return _of_intent(action_intent_id, {"status": status, "note": note})

    @_verb("POST /v1/intents/{action_intent_id}/erase")
    def erase(
        self, action_intent_id: str, *, reason: str, paths: Sequence[str] | None = None
    ) -> _RouteCall[a.ErasedAnswer]:
        """Forget private values of an intent for good: those at `paths`, or all."""
        return _of_intent(action_intent_id, {"reason": reason, "paths": None if paths is None else list(paths)})

    @_verb("POST /v1/approve")
    def approve_many(self, digests: Mapping[str, str]) -> _RouteCall[list[a.ApprovedAnswer | RemitError]]:
        """Approve several, by id the digest that was seen; each is answered by itself, in order."""
        items = [{"action_intent_id": name, "digest": digest} for name, digest in digests.items()]
        return _RouteCall(body={"items": items}, read=_each)

    @_verb("POST /v1/reject")
    def reject_many(
        self, action_intent_ids: Sequence[str], *, reason: str | None = None
    ) -> _RouteCall[list[a.RejectedAnswer | RemitError]]:
        return _RouteCall(body={"action_intent_ids": list(action_intent_ids), "reason": reason}, read=_each)

    # --- reading ---

    @_verb("GET /v1/intents")
    def intents(
        self,
        *,
        account_id: str | None = None,
        action_type: str | None = None,
        status: Sequence[str] = (),
        reason: str | None = None,
        created_from: str | None = None,
        created_before: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> _RouteCall[a.IntentLinesAnswer]:
        """Intents, the newest first. Times are RFC 3339."""
        which = {
            "action_type": action_type,
            "status": list(status),
            "reason": reason,
            "created_from": created_from,
            "created_before": created_before,
        }
        return _RouteCall(query={**which, **_page(account_id, after, limit)})

    @_verb("GET /v1/intents/{action_intent_id}")
    def status(self, action_intent_id: str) -> _RouteCall[a.StatusAnswer]:
        return _of_intent(action_intent_id)

    @_verb("GET /v1/intents/{action_intent_id}/why")
    def why(self, action_intent_id: str) -> _RouteCall[a.WhyAnswer]:
        return _of_intent(action_intent_id)

    @_verb("GET /v1/intents/{action_intent_id}/ledger")
    def ledger(self, action_intent_id: str) -> _RouteCall[list[a.EntryAnswer]]:
        """The intent's chain of the ledger."""
        return replace(_of_intent(action_intent_id), read=_items)

    @_verb("GET /v1/intents/{action_intent_id}/answer")
    def answer(self, action_intent_id: str, *, wait_s: float | None = None) -> _RouteCall[a.AgentAnswer]:
        """
        What became of an intent, or of what took its place, in words and in fields; with `wait_s` (at most 60) as soon
        as it is settled.
        """
        return replace(_of_intent(action_intent_id), query={"wait_s": wait_s}, held_s=wait_s or 0.0)

    @_verb("GET /v1/intents/{action_intent_id}/result")
    def result(self, action_intent_id: str) -> _RouteCall[a.ResultAnswer]:
        """What the tool answered: another system's words, and no instruction. Raises `NotFound` before there is one."""
        return _of_intent(action_intent_id)

    @_verb("DELETE /v1/intents/{action_intent_id}/result")
    def erase_result(self, action_intent_id: str, *, reason: str | None = None) -> _RouteCall[a.ResultFacts]:
        """Erase what is kept of the answer; its hash stays in the ledger, with who erased it, and why."""
        return replace(_of_intent(action_intent_id), query={"reason": reason})

    @_verb("GET /v1/timeline")
    def timeline(
        self, *, account_id: str | None = None, after: str | None = None, limit: int = 50
    ) -> _RouteCall[a.TimelineAnswer]:
        """What happened, newest first."""
        return _RouteCall(query=_page(account_id, after, limit))

    @_verb("GET /v1/usage")
    def usage(self, *, account_id: str | None = None) -> _RouteCall[a.UsageAnswer]:
        return _RouteCall(query={"account_id": account_id})

    @_verb("GET /v1/tally")
    def tally(self, first_day: str, last_day: str) -> _RouteCall[a.TallyAnswer]:
        """What each day came to; days are ISO dates, both included."""
        return _RouteCall(query={"from": first_day, "to": last_day})

    @_verb("POST /v1/verify")
    def verify(self) -> _RouteCall[a.ReportAnswer]:
        """The invariants over the live store."""
        return _RouteCall()

    # --- bounds ---

    bounds = _verb("GET /v1/bounds")(_read_bounds)
    replace_bounds = _verb("PUT /v1/bounds")(_replace_bounds)
    action_types = _verb("GET /v1/action-types")(_read_bounds)
    replace_action_types = _verb("PUT /v1/action-types")(_replace_part)
    allowlists = _verb("GET /v1/allowlists")(_read_bounds)
    replace_allowlists = _verb("PUT /v1/allowlists")(_replace_part)
    modes = _verb("GET /v1/modes")(_read_bounds)
    replace_modes = _verb("PUT /v1/modes")(_replace_part)
    budgets = _verb("GET /v1/budgets")(_read_bounds)
    replace_budgets = _verb("PUT /v1/budgets")(_replace_part)
    principals = _verb("GET /v1/principals")(_read_bounds)
    replace_principals = _verb("PUT /v1/principals")(_replace_part)
    policies = _verb("GET /v1/policies")(_read_bounds)
    replace_policies = _verb("PUT /v1/policies")(_replace_part)

    @_verb("POST /v1/policies/validate")
    def validate_policies(self, part: JsonObject) -> _RouteCall[a.ValidatedAnswer]:
        """Check policies without saving them."""
        return _RouteCall(body=part)

    @_verb("POST /v1/policies/difference")
    def policy_difference(self, part: JsonObject) -> _RouteCall[a.DifferenceAnswer]:
        """What these policies would change in those in force."""
        return _RouteCall(body=part)

    @_verb("GET /v1/policies/versions")
    def policy_versions(self) -> _RouteCall[list[a.VersionLine]]:
        return _RouteCall(read=_items)

    @_verb("GET /v1/policies/versions/{version}")
    def policy_version(self, version: str) -> _RouteCall[a.VersionAnswer]:
        return _RouteCall(ids={"version": version})

    # --- operating ---

    @_verb("POST /v1/stop")
    def stop(
        self,
        *,
        reason: str,
        level: StopLevel = "autonomy",
        account_id: str | None = None,
        action_type: str | None = None,
        even_if_unknown: bool = False,
    ) -> _RouteCall[a.StopAnswer]:
        """
        Pull a stop switch: without an account and an action type, the whole tenant's.

        Raises `NotFound` for an account or action type that was never seen, unless `even_if_unknown`.
        """
        scope = {"account_id": account_id, "action_type": action_type}
        return _RouteCall(body={"reason": reason, "level": level, **scope, "even_if_unknown": even_if_unknown})

    @_verb("POST /v1/resume")
    def resume(
        self,
        *,
        reason: str,
        level: StopLevel = "autonomy",
        account_id: str | None = None,
        action_type: str | None = None,
    ) -> _RouteCall[a.ResumedAnswer]:
        return _RouteCall(body={"reason": reason, "level": level, "account_id": account_id, "action_type": action_type})

    @_verb("GET /v1/tools")
    def failing_tools(self) -> _RouteCall[list[a.FailingToolAnswer]]:
        """The tools whose latest calls failed, and which of them are paused."""
        return _RouteCall(read=_items)

    @_verb("POST /v1/tools/{action_type}/resume")
    def resume_tool(self, action_type: str) -> _RouteCall[a.ToolResumedAnswer]:
        """End the pause of a tool that kept failing."""
        return _RouteCall(ids={"action_type": action_type})

    @_verb("POST /v1/keys")
    def create_key(
        self,
        *,
        name: str,
        roles: Sequence[str],
        expires_at: str | None = None,
        on_behalf_of: str | None = None,
        tier: str = "api",
    ) -> _RouteCall[a.NewKeyAnswer]:
        """
        Make an API key of the caller's tenant. Its text is in this answer alone.

        With `on_behalf_of` it is bound to that principal. `tier` says what it is for: `interactive`, `subagent`,
        `background` or `api`.
        """
        body = {"name": name, "roles": list(roles), "expires_at": expires_at}
        return _RouteCall(body={**body, "on_behalf_of": on_behalf_of, "tier": tier})

    @_verb("GET /v1/keys")
    def keys(self) -> _RouteCall[list[a.KeyAnswer]]:
        return _RouteCall(read=_items)

    @_verb("POST /v1/keys/{key_id}/revoke")
    def revoke_key(self, key_id: str) -> _RouteCall[a.KeyAnswer]:
        return _RouteCall(ids={"key_id": key_id})

    # --- telling people ---

    @_verb("GET /v1/subscriptions")
    def subscriptions(self) -> _RouteCall[list[a.SubscriptionAnswer]]:
        return _RouteCall(read=_items)

    @_verb("PUT /v1/subscriptions/{subscription_id}")
    def set_subscription(self, subscription_id: str, asked: JsonObject) -> _RouteCall[a.SubscriptionAnswer]:
        """Make a subscription, or replace the one of that name."""
        return _RouteCall(ids={"subscription_id": subscription_id}, body=asked)

    @_verb("DELETE /v1/subscriptions/{subscription_id}")
    def remove_subscription(self, subscription_id: str) -> _RouteCall[a.SubscriptionAnswer]:
        return _RouteCall(ids={"subscription_id": subscription_id})

    @_verb("POST /v1/subscriptions/{subscription_id}/test")
    def test_subscription(self, subscription_id: str) -> _RouteCall[a.DeliveryAnswer]:
        """Have a worker send it a test; `deliveries` says a moment later what came of it."""
        return _RouteCall(ids={"subscription_id": subscription_id})

    @_verb("GET /v1/deliveries")
    def deliveries(
        self, *, subscription_id: str | None = None, status: str | None = None, limit: int = 50
    ) -> _RouteCall[list[a.DeliveryAnswer]]:
        """What was sent and is being sent, the newest first."""
        return _RouteCall(query={"subscription_id": subscription_id, "status": status, "limit": limit}, read=_items)


_EXPORT: _RouteCall[Any] = _RouteCall(route="GET /v1/ledger/export")
_STREAM: _RouteCall[Any] = _RouteCall(route="GET /v1/stream")
ROUTES = {verb.route for verb in vars(_Verbs).values() if isinstance(verb, Verb)} | {_EXPORT.route, _STREAM.route}
"""Every route that a client asks."""


# --- lines ---


class _Lines:
    """
    Cuts an answer into its lines, at LF alone.

    Texts within JSON may hold U+2028, U+2029 and U+0085, which Python and httpx take for ends of lines as well.
    """

    def __init__(self) -> None:
        self._begun: list[bytes] = []

    def ended_by(self, piece: bytes) -> Iterator[str]:
        first, *others = piece.split(b"\n")
        self._begun.append(first)
        for start in others:
            yield self._whole()
            self._begun = [start]

    def rest(self) -> Iterator[str]:
        """The last line, where it has no end."""
        if any(self._begun):
            yield self._whole()

    def _whole(self) -> str:
        return b"".join(self._begun).removesuffix(b"\r").decode()


# --- the stream ---


@dataclass(frozen=True, slots=True)
class Streamed:
    """One event of the timeline. To go on after it, ask for the stream with its `id`."""

    id: str
    told: a.ToldAnswer


class _Events:
    """Puts the lines of an event stream together."""

    def __init__(self) -> None:
        self._id, self._data = "", ""

    def hear(self, line: str) -> Streamed | None:
        name, _, value = line.partition(":")
        if name == "id":
            self._id = value.strip()
        elif name == "data":
            self._data += value.removeprefix(" ")
        elif not line and self._data:
            data, self._data = self._data, ""
            return Streamed(self._id, json.loads(data))
        return None


def _stream_after(after: str | None) -> _RouteCall[Any]:
    return replace(_STREAM, headers={"Last-Event-ID": after} if after else {})


# --- waiting ---


class _Waiting:
    """How long to wait in all, cut into questions that the door holds."""

    def __init__(self, for_s: float) -> None:
        self._until = time.monotonic() + for_s

    def next_s(self) -> float:
        return round(min(max(self._until - time.monotonic(), 0.0), LONGEST_WAIT_S), 3)

    def is_over(self) -> bool:
        return time.monotonic() >= self._until

    def pause_s(self, error: TryLater) -> float:
        """Before the question that came to nothing is asked again. Raises the error when the time is over."""
        left_s = self._until - time.monotonic()
        if left_s <= 0:
            raise error
        return min(max(float(getattr(error, "retry_after_s", 0.0)), LOOK_AGAIN_S), left_s)


# --- the clients ---


class _Client(_Verbs):
    def __init__(self, retries: int) -> None:
        self._retries = retries

    def _pause_s(self, error: TryLater, attempt: int) -> float:
        """Raises the error again once it was tried often enough."""
        if attempt >= self._retries:
            raise error
        asked = float(getattr(error, "retry_after_s", 0.0))
        return min(max(asked, 0.1 * 2.0**attempt), LONGEST_PAUSE_S)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(key not shown)"


class RemitClient(_Client):
    """
    Remit at `url`, as whoever `key` (an API key or an access token) is.

    >>> with RemitClient("http://127.0.0.1:8000", key) as remit:  # doctest: +SKIP
    ...     remit.propose({...})["result"]

    `retries` is how often a call is made again that is known not to have happened (`TryLater`). Safe to share
    between threads.
    """

    def __init__(self, url: str, key: str, *, timeout_s: float = TIMEOUT_S, retries: int = 0) -> None:
        super().__init__(retries)
        self._http = httpx.Client(**_options(url, key, timeout_s))

    def _ask(self, call: _RouteCall[T]) -> T:
        attempt = 0
        while True:
            try:
                with _our_errors(call):
                    response = self._http.send(_request(self._http, call))
                return _answer(call, response)
            except TryLater as error:
                pause_s = self._pause_s(error, attempt)
            attempt += 1
            time.sleep(pause_s)

    def wait(self, action_intent_id: str, *, timeout_s: float = WAIT_S) -> a.AgentAnswer:
        """The answer when it is settled, or as it is after `timeout_s`, however long that is; follows edits."""
        waiting = _Waiting(timeout_s)
        while True:
            try:
                found = self.answer(action_intent_id, wait_s=waiting.next_s())
                if found["settled"] or waiting.is_over():
                    return found
            except TryLater as error:
                time.sleep(waiting.pause_s(error))

    def export(self) -> Iterator[a.EntryAnswer]:
        """Every ledger entry of the tenant, closed by a seal."""
        return (json.loads(line) for line in self._lines(_EXPORT))

    def stream(self, *, after: str | None = None) -> Iterator[Streamed]:
        """The timeline as it happens, from now or from after an event that was streamed."""
        events = _Events()
        return (event for line in self._lines(_stream_after(after)) if (event := events.hear(line)))

    def _lines(self, call: _RouteCall[Any]) -> Iterator[str]:
        with _our_errors(call):
            response = self._http.send(_request(self._http, call), stream=True)
            try:
                if not response.is_success:
                    response.read()
                    raise _error_of(response, call)
                lines = _Lines()
                for piece in response.iter_bytes():
                    yield from lines.ended_by(piece)
                yield from lines.rest()
            finally:
                response.close()

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncRemitClient(_Client):
    """`RemitClient` for an event loop: every verb is awaited."""

    def __init__(self, url: str, key: str, *, timeout_s: float = TIMEOUT_S, retries: int = 0) -> None:
        super().__init__(retries)
        self._http = httpx.AsyncClient(**_options(url, key, timeout_s))

    async def _ask(self, call: _RouteCall[T]) -> T:
        attempt = 0
        while True:
            try:
                with _our_errors(call):
                    response = await self._http.send(_request(self._http, call))
                return _answer(call, response)
            except TryLater as error:
                pause_s = self._pause_s(error, attempt)
            attempt += 1
            await asyncio.sleep(pause_s)

    async def wait(self, action_intent_id: str, *, timeout_s: float = WAIT_S) -> a.AgentAnswer:
        """The answer when it is settled, or as it is after `timeout_s`, however long that is; follows edits."""
        waiting = _Waiting(timeout_s)
        while True:
            try:
                found = await self.answer(action_intent_id, wait_s=waiting.next_s())
                if found["settled"] or waiting.is_over():
                    return found
            except TryLater as error:
                await asyncio.sleep(waiting.pause_s(error))

    async def export(self) -> AsyncIterator[a.EntryAnswer]:
        """Every ledger entry of the tenant, closed by a seal."""
        async for line in self._lines(_EXPORT):
            yield json.loads(line)

    async def stream(self, *, after: str | None = None) -> AsyncIterator[Streamed]:
        """The timeline as it happens, from now or from after an event that was streamed."""
        events = _Events()
        async for line in self._lines(_stream_after(after)):
            if event := events.hear(line):
                yield event

    async def _lines(self, call: _RouteCall[Any]) -> AsyncIterator[str]:
        with _our_errors(call):
            response = await self._http.send(_request(self._http, call), stream=True)
            try:
                if not response.is_success:
                    await response.aread()
                    raise _error_of(response, call)
                lines = _Lines()
                async for piece in response.aiter_bytes():
                    for line in lines.ended_by(piece):
                        yield line
                for line in lines.rest():
                    yield line
            finally:
                await response.aclose()

    async def close(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _options(url: str, key: str, timeout_s: float) -> dict[str, Any]:
    # A redirect would carry the key to wherever it leads.
    headers = {"Authorization": f"Bearer {key}"}
    return {"base_url": url, "headers": headers, "timeout": timeout_s, "follow_redirects": False}


def _request(http: httpx.Client | httpx.AsyncClient, call: _RouteCall[Any]) -> httpx.Request:
    query = {name: value for name, value in call.query.items() if value is not None}
    body = {} if call.body is None else {"json": call.body}
    timeout = _timeout(http.timeout, call.held_s)
    return http.build_request(call.method, call.path, params=query, headers=call.headers, timeout=timeout, **body)


def _timeout(usual: httpx.Timeout, held_s: float) -> httpx.Timeout:
    read = None if usual.read is None else usual.read + held_s
    return httpx.Timeout(connect=usual.connect, read=read, write=usual.write, pool=usual.pool)


def _answer(call: _RouteCall[T], response: httpx.Response) -> T:
    if not response.is_success:
        raise _error_of(response, call)
    return call.read(response)


# --- errors ---


@contextmanager
def _our_errors(call: _RouteCall[Any]) -> Iterator[None]:
    """What goes wrong on the way, by what it means for the call."""
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise TryLater(f"nothing was sent: {error or type(error).__name__}") from error
    except httpx.TransportError as error:
        raise _lost(call, f"the answer was lost: {error or type(error).__name__}") from error


def _lost(call: _RouteCall[Any], what: str) -> RemitError:
    if call.method == "GET":
        return TryLater(f"{what}; nothing was changed")
    return OutcomeUnknown(f"{what}; look whether it happened before you send it again")


def _error_of(response: httpx.Response, call: _RouteCall[Any]) -> RemitError:
    if response.headers.get("content-type", "").startswith("application/problem+json"):
        problem: a.Problem = response.json()
        after = response.headers.get("retry-after", "")
        return error_of(problem, retry_after_s=float(after) if after.isdigit() else 0.0)
    # Not Remit's own words: something stands between it and us.
    what = f"{response.status_code} {response.reason_phrase} from {response.url}"
    return _lost(call, what) if response.status_code >= 500 else CallerMistake(f"{what}; is this the URL of Remit?")


def error_of(problem: a.Problem, *, retry_after_s: float = 0.0) -> RemitError:
    """The error that a problem stands for; `TryLater` has `retry_after_s`."""
    kind, detail = problem["type"].removeprefix("/problems/"), problem["detail"]
    if kind == "invalid-input":
        return _invalid_input(problem)
    error = _as_said(_KINDS.get(kind, CallerMistake if problem["status"] < 500 else OutcomeUnknown), detail)
    if isinstance(error, TryLater):
        error.retry_after_s = retry_after_s  # type: ignore[attr-defined]
    return error


_KINDS: dict[str, type[RemitError]] = {
    "unauthenticated": Unauthenticated,
    "forbidden": Forbidden,
    "not-found": NotFound,
    "conflict": Conflict,
    "queue-full": QueueFull,
    "try-later": TryLater,
    "too-many-requests": TryLater,
    "outcome-unknown": OutcomeUnknown,
    "refused": CallerMistake,
}


def _as_said(kind: type[RemitError], detail: str) -> RemitError:
    # Past the constructors: some build their sentence from facts, and here the sentence is what is known.
    error = kind.__new__(kind)
    Exception.__init__(error, detail)
    return error


def _invalid_input(problem: a.Problem) -> InvalidInput:
    name, way_out = problem.get("field", ""), problem.get("way_out", "")
    said = problem["detail"].removeprefix(f"{name}: ")
    return InvalidInput(name, said.removesuffix(f"; {way_out}") if way_out else said, way_out)
