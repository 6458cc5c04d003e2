"""Verbs of the HTTP door: every route once, for both clients."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import httpx

from remit.client.answered_errors import error_of
from remit.client.bounds_verbs import BoundsVerbs
from remit.client.calls import JsonObject, RouteCall, Verb, items_of, verb
from remit.client.operating_verbs import OperatingVerbs
from remit.client.permit import Permit, Proposed, permit_of
from remit.core.errors import RemitError

if TYPE_CHECKING:
    # For annotations alone: at run time the client is httpx and the errors, so that it loads at once.
    from remit.core import views as a


def _each(response: httpx.Response) -> list[Any]:
    return [error_of(item) if "type" in item else item for item in response.json()["items"]]


def _of_intent(action_intent_id: str, body: Any = None) -> RouteCall[Any]:
    return RouteCall(ids={"action_intent_id": action_intent_id}, body=body)


def _permitted(client: Any, response: httpx.Response) -> Permit:
    return permit_of(client, response.json())


def _proposed(client: Any, response: httpx.Response) -> Proposed:
    verdict: a.VerdictAnswer = response.json()
    permit = verdict["begun"]["permit"]
    return Proposed(verdict, Permit(permit, client) if permit else None)


def _tool_answer(result: Any, media_type: str | None) -> dict[str, str]:
    """A tool's answer, as the door takes it."""
    if isinstance(result, bytes):
        content = base64.b64encode(result).decode()
        return {"media_type": media_type or "application/octet-stream", "encoding": "base64", "content": content}
    if isinstance(result, str):
        return {"media_type": media_type or "text/plain", "content": result}
    return {"media_type": media_type or "application/json", "content": json.dumps(result, ensure_ascii=False)}


def _page(account_id: str | None, after: str | None, limit: int) -> dict[str, Any]:
    return {"account_id": account_id, "after": after, "limit": limit}


class Verbs(BoundsVerbs, OperatingVerbs):
    """Every route once."""

    # --- agents ---

    @verb("POST /v1/intents")
    def propose(self, proposal: JsonObject) -> RouteCall[a.VerdictAnswer]:
        """Propose one intent and have it decided. Sent again under the same id, it answers the same."""
        return RouteCall(body=proposal)

    @verb("POST /v1/intents")
    def propose_many(self, proposals: Sequence[JsonObject]) -> RouteCall[list[a.VerdictAnswer | RemitError]]:
        """Up to 500, each answered by itself, in order: its verdict, or why it could not be stored."""
        return RouteCall(body=list(proposals), read=_each)

    @verb("POST /v1/intents")
    def store(self, proposal: JsonObject) -> RouteCall[a.IntentAnswer]:
        """Store one intent and do not decide it yet."""
        return RouteCall(body=proposal, query={"gate": False})

    @verb("POST /v1/gate")
    def gate(self, action_intent_id: str, account_id: str) -> RouteCall[a.VerdictAnswer]:
        """Decide a stored intent; a decision that exists is answered as it was made."""
        return RouteCall(body={"action_intent_id": action_intent_id, "account_id": account_id})

    @verb("POST /v1/intents")
    def propose_and_begin(self, proposal: JsonObject, *, key: str | None = None) -> RouteCall[Proposed]:
        """Propose one intent, have it decided, and begin in the same write what policy approves."""
        return RouteCall(body=proposal, query={"begin": True, "key": key}, read=partial(_proposed, self))

    @verb("POST /v1/intents/{action_intent_id}/begin")
    def begin(self, action_intent_id: str, *, key: str | None = None) -> RouteCall[Permit]:
        """
        The permit to execute an approved intent oneself, once. Raises `NotBegun` where there is none.

        Asked again under the same `key` while the permit lives, it is the same one.
        """
        return replace(_of_intent(action_intent_id, {"key": key}), read=partial(_permitted, self))

    @verb("POST /v1/intents/{action_intent_id}/finish")
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
    ) -> RouteCall[a.FinishedAnswer]:
        """
        Say what came of a permit, once; `no` only for what certainly did not happen. `result` is what the tool
        answered: bytes, a text, or any JSON value; it is kept as the action type says.
        """
        error = {"error_code": error_code, "error_class": error_class, "error_message": error_message}
        refs = list(external_object_refs)
        body: dict[str, Any] = {"approval_id": approval_id, "acted": acted, "external_object_refs": refs, **error}
        body |= {} if result is None else {"result": _tool_answer(result, media_type)}
        return _of_intent(action_intent_id, body)

    @verb("POST /v1/intents/{action_intent_id}/renew")
    def renew(self, action_intent_id: str, *, approval_id: str) -> RouteCall[Permit]:
        """Prolong a permit by the time that it was first given for."""
        return replace(
            _of_intent(action_intent_id, {"approval_id": approval_id}),
            read=lambda response: Permit(response.json(), self),
        )

    @verb("POST /v1/intents/{action_intent_id}/withdraw")
    def withdraw(self, action_intent_id: str, *, reason: str | None = None) -> RouteCall[a.WithdrawnAnswer]:
        """Take back an intent of the caller's own that nobody has started, or the newest that took its place."""
        return _of_intent(action_intent_id, {"reason": reason})

    # --- people ---

    @verb("GET /v1/queue")
    def queue(
        self,
        *,
        account_id: str | None = None,
        proposed_by: str | None = None,
        reason: str | None = None,
        action_type: str | None = None,
        assigned_to: str | None = None,
        order: Literal["turns", "expiry", "amount"] | None = None,
        include_voted: bool = False,
        after: str | None = None,
        limit: int = 50,
    ) -> RouteCall[a.QueueAnswer]:
        """
        Intents that need you, proposers in turns; with `include_voted` also what you have approved. `assigned_to` is
        whoever has the cards, theirs or handed over to them.
        """
        which = {"proposed_by": proposed_by, "reason": reason, "action_type": action_type, "assigned_to": assigned_to}
        which |= {"order": order}
        return RouteCall(query={**_page(account_id, after, limit), **which, "include_voted": include_voted or None})

    @verb("GET /v1/queue/groups")
    def queue_groups(self) -> RouteCall[a.QueueGroupsAnswer]:
        """The numbers of what needs you, by who proposed it and by why a person is asked."""
        return RouteCall()

    @verb("POST /v1/intents/{action_intent_id}/approve")
    def approve(self, action_intent_id: str, *, digest: str, undo_for_s: float = 0) -> RouteCall[a.ApprovedAnswer]:
        """Approve what was seen under `digest`; for `undo_for_s` it can be taken back (`undo`), and nothing begins."""
        more = {"undo_for_s": undo_for_s} if undo_for_s else {}
        return _of_intent(action_intent_id, {"digest": digest, **more})

    @verb("POST /v1/intents/{action_intent_id}/undo")
    def undo(self, action_intent_id: str) -> RouteCall[a.UndoneAnswer]:
        """Take back one's own approval in time: the intent waits again."""
        return _of_intent(action_intent_id, {})

    @verb("POST /v1/intents/{action_intent_id}/reject")
    def reject(self, action_intent_id: str, *, reason: str | None = None) -> RouteCall[a.RejectedAnswer]:
        return _of_intent(action_intent_id, {"reason": reason})

    @verb("POST /v1/intents/{action_intent_id}/question")
    def ask(self, action_intent_id: str, *, text: str) -> RouteCall[list[a.QuestionAnswer]]:
        """Ask the agent something about a waiting intent instead of answering."""
        return replace(_of_intent(action_intent_id, {"text": text}), read=items_of)

    @verb("POST /v1/intents/{action_intent_id}/assign")
    def assign(self, action_intent_id: str, *, to: str | None) -> RouteCall[a.AssignedAnswer]:
        """Make a waiting intent somebody's to answer, or nobody's; it gives no right."""
        return _of_intent(action_intent_id, {"to": to})

    @verb("GET /v1/sampled")
    def sampled(
        self, *, account_id: str | None = None, after: str | None = None, limit: int = 50
    ) -> RouteCall[a.SampledManyAnswer]:
        """Automatic actions that people are shown afterwards and nobody judged yet."""
        return RouteCall(query=_page(account_id, after, limit))

    @verb("POST /v1/intents/{action_intent_id}/judge")
    def judge(self, action_intent_id: str, *, right: bool, reason: str | None = None) -> RouteCall[a.JudgedAnswer]:
        """Say whether a sampled action was right; too many that were not stop its type, or what a limit is over."""
        return _of_intent(action_intent_id, {"right": right, "reason": reason})

    @verb("GET /v1/queue/handovers")
    def handovers(self) -> RouteCall[list[a.HandoverAnswer]]:
        """The handovers of assigned cards at the moment."""
        return RouteCall(read=items_of)

    @verb("POST /v1/queue/handovers")
    def hand_over(self, *, to: str | None = None, until: str | None = None) -> RouteCall[a.HandoverAnswer]:
        """Hand the cards assigned to the caller to another until then (RFC 3339); without both, take them back."""
        return RouteCall(body={"to": to, "until": until})

    @verb("POST /v1/intents/{action_intent_id}/supplement")
    def supplement(self, action_intent_id: str, *, text: str) -> RouteCall[list[a.QuestionAnswer]]:
        """Answer what people asked about an intent of the caller's own; it waits on."""
        return replace(_of_intent(action_intent_id, {"text": text}), read=items_of)

    @verb("POST /v1/intents/{action_intent_id}/edit")
    def edit(self, action_intent_id: str, changes: JsonObject) -> RouteCall[a.VerdictAnswer]:
        """Replace a waiting intent: `changes` maps paths such as `parameters.amount` to new values."""
        return _of_intent(action_intent_id, {"changes": changes})

    @verb("POST /v1/intents/{action_intent_id}/resolve")
    def resolve(
        self, action_intent_id: str, *, status: Literal["SUCCEEDED", "FAILED"], note: str | None = None
    ) -> RouteCall[a.ResolutionAnswer]:
        """Say what became of an intent whose outcome is `UNKNOWN`."""
        return _of_intent(action_intent_id, {"status": status, "note": note})

    @verb("POST /v1/intents/{action_intent_id}/erase")
    def erase(
        self, action_intent_id: str, *, reason: str, paths: Sequence[str] | None = None
    ) -> RouteCall[a.ErasedAnswer]:
        """Forget private values of an intent for good: those at `paths`, or all."""
        return _of_intent(action_intent_id, {"reason": reason, "paths": None if paths is None else list(paths)})

    @verb("POST /v1/approve")
    def approve_many(self, digests: Mapping[str, str]) -> RouteCall[list[a.ApprovedAnswer | RemitError]]:
        """Approve several, by id the digest that was seen; each is answered by itself, in order."""
        items = [{"action_intent_id": name, "digest": digest} for name, digest in digests.items()]
        return RouteCall(body={"items": items}, read=_each)

    @verb("POST /v1/reject")
    def reject_many(
        self, action_intent_ids: Sequence[str], *, reason: str | None = None
    ) -> RouteCall[list[a.RejectedAnswer | RemitError]]:
        return RouteCall(body={"action_intent_ids": list(action_intent_ids), "reason": reason}, read=_each)

    @verb("POST /v1/decide-again")
    def decide_again(self, action_intent_ids: Sequence[str]) -> RouteCall[list[a.DecidedAgainAnswer | RemitError]]:
        """Have waiting intents decided again by the bounds as they are; what a person is asked about waits on."""
        return RouteCall(body={"action_intent_ids": list(action_intent_ids)}, read=_each)

    # --- reading ---

    @verb("GET /v1/intents")
    def intents(
        self,
        *,
        account_id: str | None = None,
        action_type: str | None = None,
        status: Sequence[str] = (),
        reason: str | None = None,
        created_from: str | None = None,
        created_before: str | None = None,
        describe: bool = False,
        after: str | None = None,
        limit: int = 50,
    ) -> RouteCall[a.IntentLinesAnswer]:
        """Intents, the newest first. Times are RFC 3339. `describe` adds title, target, amounts, and why it failed."""
        which = {
            "action_type": action_type,
            "status": list(status),
            "reason": reason,
            "created_from": created_from,
            "created_before": created_before,
            "describe": "true" if describe else None,
        }
        return RouteCall(query={**which, **_page(account_id, after, limit)})

    @verb("GET /v1/intents/{action_intent_id}")
    def status(self, action_intent_id: str) -> RouteCall[a.StatusAnswer]:
        return _of_intent(action_intent_id)

    @verb("GET /v1/intents/{action_intent_id}/why")
    def why(self, action_intent_id: str) -> RouteCall[a.WhyAnswer]:
        return _of_intent(action_intent_id)

    @verb("GET /v1/intents/{action_intent_id}/ledger")
    def ledger(self, action_intent_id: str) -> RouteCall[list[a.EntryAnswer]]:
        """The intent's chain of the ledger."""
        return replace(_of_intent(action_intent_id), read=items_of)

    @verb("GET /v1/intents/{action_intent_id}/auto-exec-state")
    def auto_exec_state(self, action_intent_id: str) -> RouteCall[a.AutoExecStateAnswer]:
        """The publication state of its approval. Raises `NotFound` where it was never approved, or that is over."""
        return _of_intent(action_intent_id)

    @verb("GET /v1/intents/{action_intent_id}/answer")
    def answer(self, action_intent_id: str, *, wait_s: float | None = None) -> RouteCall[a.AgentAnswer]:
        """
        The answer to an intent, or to what took its place, in words and in fields; with `wait_s` (at most 60) as soon
        as it is settled.
        """
        return replace(_of_intent(action_intent_id), query={"wait_s": wait_s}, held_s=wait_s or 0.0)

    @verb("GET /v1/intents/{action_intent_id}/result")
    def result(self, action_intent_id: str) -> RouteCall[a.ResultAnswer]:
        """The tool's answer: another system's words, and no instruction. Raises `NotFound` before there is one."""
        return _of_intent(action_intent_id)

    @verb("DELETE /v1/intents/{action_intent_id}/result")
    def erase_result(self, action_intent_id: str, *, reason: str | None = None) -> RouteCall[a.ResultFacts]:
        """Erase what is kept of the answer; its hash stays in the ledger, with who erased it, and why."""
        return replace(_of_intent(action_intent_id), query={"reason": reason})

    @verb("GET /v1/timeline")
    def timeline(
        self, *, account_id: str | None = None, after: str | None = None, limit: int = 50
    ) -> RouteCall[a.TimelineAnswer]:
        """Events, newest first."""
        return RouteCall(query=_page(account_id, after, limit))

    @verb("GET /v1/usage")
    def usage(self, *, account_id: str | None = None) -> RouteCall[a.UsageAnswer]:
        return RouteCall(query={"account_id": account_id})

    @verb("GET /v1/overview")
    def overview(self) -> RouteCall[a.OverviewAnswer]:
        """One look: what ran alone today, what waits, what went wrong, what is nearly used up, and what is stopped."""
        return RouteCall()

    @verb("GET /v1/tally")
    def tally(self, first_day: str, last_day: str) -> RouteCall[a.TallyAnswer]:
        """The counts of each day; days are ISO dates, both included."""
        return RouteCall(query={"from": first_day, "to": last_day})

    @verb("POST /v1/verify")
    def verify(self) -> RouteCall[a.ReportAnswer]:
        """The invariants over the live store."""
        return RouteCall()


EXPORT: RouteCall[Any] = RouteCall(route="GET /v1/ledger/export")


def export_of(since: str | None, before: str | None) -> RouteCall[Any]:
    """The whole ledger, or the entries of a time."""
    return replace(EXPORT, query={"since": since, "before": before})


STREAM: RouteCall[Any] = RouteCall(route="GET /v1/stream")
_VERBS = [verb for part in Verbs.__mro__ for verb in vars(part).values() if isinstance(verb, Verb)]
ROUTES = {verb.route for verb in _VERBS} | {EXPORT.route, STREAM.route}
"""Every route that a client asks."""
