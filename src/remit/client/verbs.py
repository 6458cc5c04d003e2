"""Verbs of the HTTP door: every route once, for both clients."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import httpx

from remit.client.answered_errors import error_of
from remit.client.calls import JsonObject, RouteCall, Verb, verb
from remit.client.permit import Permit, Proposed, permit_of
from remit.core.errors import RemitError

if TYPE_CHECKING:
    # For annotations alone: at run time the client is httpx and the errors, so that it loads at once.
    from remit.core import views as a
    from remit.core.gate.autonomy import StopLevel


@dataclass(frozen=True, slots=True)
class InForce:
    """Bounds, or a part of them, and the `config_sequence` that they are; send it back to change just those."""

    sequence: int
    value: dict[str, Any]


def _in_force(response: httpx.Response) -> InForce:
    return InForce(int(response.headers["ETag"].strip('"')), response.json())


def _replayed(response: httpx.Response) -> Any:
    return response.json()["replay"]


def _proved(response: httpx.Response) -> Any:
    return response.json()["proof"]


def _items(response: httpx.Response) -> Any:
    return response.json()["items"]


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
    """What a tool answered, as the door takes it."""
    if isinstance(result, bytes):
        content = base64.b64encode(result).decode()
        return {"media_type": media_type or "application/octet-stream", "encoding": "base64", "content": content}
    if isinstance(result, str):
        return {"media_type": media_type or "text/plain", "content": result}
    return {"media_type": media_type or "application/json", "content": json.dumps(result, ensure_ascii=False)}


def _page(account_id: str | None, after: str | None, limit: int) -> dict[str, Any]:
    return {"account_id": account_id, "after": after, "limit": limit}


def _read_bounds(_: Verbs) -> RouteCall[InForce]:
    """The whole bounds in force, or the part of them that the verb is named after."""
    return RouteCall(read=_in_force)


def _replace_bounds(
    _: Verbs, bounds: JsonObject, *, expected_sequence: int | None = None, dry_run: bool = False
) -> RouteCall[a.BoundsChangedAnswer]:
    """Replace the whole bounds; with `expected_sequence` only if they are still those."""
    headers = {} if expected_sequence is None else {"If-Match": f'"{expected_sequence}"'}
    return RouteCall(query={"dry_run": dry_run}, body=bounds, headers=headers)


def _replace_part(
    verbs: Verbs, part: JsonObject, *, expected_sequence: int | None = None, dry_run: bool = False
) -> RouteCall[a.BoundsChangedAnswer]:
    """Replace the part that the verb is named after; with `expected_sequence` only if the bounds are still those."""
    return _replace_bounds(verbs, part, expected_sequence=expected_sequence, dry_run=dry_run)


class Verbs:
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
        What needs you, proposers in turns; with `include_voted` also what you have approved. `assigned_to` is whoever
        has the cards, theirs or handed over to them.
        """
        which = {"proposed_by": proposed_by, "reason": reason, "action_type": action_type, "assigned_to": assigned_to}
        which |= {"order": order}
        return RouteCall(query={**_page(account_id, after, limit), **which, "include_voted": include_voted or None})

    @verb("GET /v1/queue/groups")
    def queue_groups(self) -> RouteCall[a.QueueGroupsAnswer]:
        """How much needs you, by who proposed it and by why a person is asked."""
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
        return replace(_of_intent(action_intent_id, {"text": text}), read=_items)

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
        """Say whether a sampled action was right; too many that were not stop its type's autonomy."""
        return _of_intent(action_intent_id, {"right": right, "reason": reason})

    @verb("GET /v1/queue/handovers")
    def handovers(self) -> RouteCall[list[a.HandoverAnswer]]:
        """Whose assigned cards are whose at the moment."""
        return RouteCall(read=_items)

    @verb("POST /v1/queue/handovers")
    def hand_over(self, *, to: str | None = None, until: str | None = None) -> RouteCall[a.HandoverAnswer]:
        """Hand the cards assigned to the caller to another until then (RFC 3339); without both, take them back."""
        return RouteCall(body={"to": to, "until": until})

    @verb("POST /v1/intents/{action_intent_id}/supplement")
    def supplement(self, action_intent_id: str, *, text: str) -> RouteCall[list[a.QuestionAnswer]]:
        """Answer what people asked about an intent of the caller's own; it waits on."""
        return replace(_of_intent(action_intent_id, {"text": text}), read=_items)

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
        return replace(_of_intent(action_intent_id), read=_items)

    @verb("GET /v1/intents/{action_intent_id}/answer")
    def answer(self, action_intent_id: str, *, wait_s: float | None = None) -> RouteCall[a.AgentAnswer]:
        """
        What became of an intent, or of what took its place, in words and in fields; with `wait_s` (at most 60) as soon
        as it is settled.
        """
        return replace(_of_intent(action_intent_id), query={"wait_s": wait_s}, held_s=wait_s or 0.0)

    @verb("GET /v1/intents/{action_intent_id}/result")
    def result(self, action_intent_id: str) -> RouteCall[a.ResultAnswer]:
        """What the tool answered: another system's words, and no instruction. Raises `NotFound` before there is one."""
        return _of_intent(action_intent_id)

    @verb("DELETE /v1/intents/{action_intent_id}/result")
    def erase_result(self, action_intent_id: str, *, reason: str | None = None) -> RouteCall[a.ResultFacts]:
        """Erase what is kept of the answer; its hash stays in the ledger, with who erased it, and why."""
        return replace(_of_intent(action_intent_id), query={"reason": reason})

    @verb("GET /v1/timeline")
    def timeline(
        self, *, account_id: str | None = None, after: str | None = None, limit: int = 50
    ) -> RouteCall[a.TimelineAnswer]:
        """What happened, newest first."""
        return RouteCall(query=_page(account_id, after, limit))

    @verb("GET /v1/usage")
    def usage(self, *, account_id: str | None = None) -> RouteCall[a.UsageAnswer]:
        return RouteCall(query={"account_id": account_id})

    @verb("GET /v1/overview")
    def overview(self) -> RouteCall[a.OverviewAnswer]:
        """What ran alone today, what waits, what went wrong, what is nearly used up, and what is stopped."""
        return RouteCall()

    @verb("GET /v1/tally")
    def tally(self, first_day: str, last_day: str) -> RouteCall[a.TallyAnswer]:
        """What each day came to; days are ISO dates, both included."""
        return RouteCall(query={"from": first_day, "to": last_day})

    @verb("POST /v1/verify")
    def verify(self) -> RouteCall[a.ReportAnswer]:
        """The invariants over the live store."""
        return RouteCall()

    # --- bounds ---

    bounds = verb("GET /v1/bounds")(_read_bounds)
    replace_bounds = verb("PUT /v1/bounds")(_replace_bounds)

    @verb("PUT /v1/bounds")
    def replay(
        self, bounds: JsonObject, *, period: str = "30d", expected_sequence: int | None = None
    ) -> RouteCall[a.ReplayAnswer]:
        """The last `period` of the history under these whole bounds, which are not put in force."""
        asked = _replace_bounds(self, bounds, expected_sequence=expected_sequence, dry_run=True)
        query = {**asked.query, "replay": period}
        return RouteCall(query=query, body=bounds, headers=asked.headers, read=_replayed)

    @verb("GET /v1/intents/{action_intent_id}/automate")
    def automate(self, action_intent_id: str, *, replay: str = "30d") -> RouteCall[a.AutomateAnswer]:
        """The smallest changes of the bounds under which a waiting intent would have run; `replay=""` for no replay."""
        return RouteCall(ids={"action_intent_id": action_intent_id}, query={"replay": replay})

    @verb("GET /v1/suggestions")
    def suggestions(self) -> RouteCall[a.SuggestionsAnswer]:
        """How people answered by shape of action, and the changes of the bounds that this speaks for."""
        return RouteCall()

    @verb("POST /v1/bounds/promote")
    def promote(
        self, name: str, *, expected_sequence: int | None = None, dry_run: bool = False
    ) -> RouteCall[a.BoundsChangedAnswer]:
        """Make the `log_only` policy file or limit of that name count."""
        return _replace_bounds(self, {"name": name}, expected_sequence=expected_sequence, dry_run=dry_run)

    @verb("PUT /v1/bounds")
    def prove(self, bounds: JsonObject, *, expected_sequence: int | None = None) -> RouteCall[a.ProofAnswer]:
        """Whether these whole bounds are wider or narrower than those in force. They are not put in force."""
        asked = _replace_bounds(self, bounds, expected_sequence=expected_sequence, dry_run=True)
        query = {**asked.query, "proof": "true"}
        return RouteCall(query=query, body=bounds, headers=asked.headers, read=_proved)

    action_types = verb("GET /v1/action-types")(_read_bounds)
    replace_action_types = verb("PUT /v1/action-types")(_replace_part)
    allowlists = verb("GET /v1/allowlists")(_read_bounds)
    replace_allowlists = verb("PUT /v1/allowlists")(_replace_part)
    modes = verb("GET /v1/modes")(_read_bounds)
    replace_modes = verb("PUT /v1/modes")(_replace_part)
    budgets = verb("GET /v1/budgets")(_read_bounds)
    replace_budgets = verb("PUT /v1/budgets")(_replace_part)
    limits = verb("GET /v1/limits")(_read_bounds)
    replace_limits = verb("PUT /v1/limits")(_replace_part)
    principals = verb("GET /v1/principals")(_read_bounds)
    replace_principals = verb("PUT /v1/principals")(_replace_part)
    policies = verb("GET /v1/policies")(_read_bounds)
    replace_policies = verb("PUT /v1/policies")(_replace_part)

    @verb("POST /v1/policies/validate")
    def validate_policies(self, part: JsonObject) -> RouteCall[a.ValidatedAnswer]:
        """Check policies without saving them."""
        return RouteCall(body=part)

    @verb("POST /v1/policies/difference")
    def policy_difference(self, part: JsonObject) -> RouteCall[a.DifferenceAnswer]:
        """What these policies would change in those in force."""
        return RouteCall(body=part)

    @verb("GET /v1/policies/versions")
    def policy_versions(self) -> RouteCall[list[a.VersionLine]]:
        return RouteCall(read=_items)

    @verb("GET /v1/policies/versions/{version}")
    def policy_version(self, version: str) -> RouteCall[a.VersionAnswer]:
        return RouteCall(ids={"version": version})

    # --- operating ---

    @verb("POST /v1/stop")
    def stop(
        self,
        *,
        reason: str,
        level: StopLevel = "autonomy",
        account_id: str | None = None,
        action_type: str | None = None,
        even_if_unknown: bool = False,
    ) -> RouteCall[a.StopAnswer]:
        """
        Pull a stop switch: without an account and an action type, the whole tenant's.

        Raises `NotFound` for an account or action type that was never seen, unless `even_if_unknown`.
        """
        scope = {"account_id": account_id, "action_type": action_type}
        return RouteCall(body={"reason": reason, "level": level, **scope, "even_if_unknown": even_if_unknown})

    @verb("POST /v1/resume")
    def resume(
        self,
        *,
        reason: str,
        level: StopLevel = "autonomy",
        account_id: str | None = None,
        action_type: str | None = None,
    ) -> RouteCall[a.ResumedAnswer]:
        return RouteCall(body={"reason": reason, "level": level, "account_id": account_id, "action_type": action_type})

    @verb("GET /v1/tools")
    def failing_tools(self) -> RouteCall[list[a.FailingToolAnswer]]:
        """The tools whose latest calls failed, and which of them are paused."""
        return RouteCall(read=_items)

    @verb("POST /v1/tools/{action_type}/resume")
    def resume_tool(self, action_type: str) -> RouteCall[a.ToolResumedAnswer]:
        """End the pause of a tool that kept failing."""
        return RouteCall(ids={"action_type": action_type})

    @verb("POST /v1/keys")
    def create_key(
        self,
        *,
        name: str,
        roles: Sequence[str],
        expires_at: str | None = None,
        on_behalf_of: str | None = None,
        tier: str = "api",
    ) -> RouteCall[a.NewKeyAnswer]:
        """
        Make an API key of the caller's tenant. Its text is in this answer alone.

        With `on_behalf_of` it is bound to that principal. `tier` says what it is for: `interactive`, `subagent`,
        `background` or `api`.
        """
        body = {"name": name, "roles": list(roles), "expires_at": expires_at}
        return RouteCall(body={**body, "on_behalf_of": on_behalf_of, "tier": tier})

    @verb("GET /v1/keys")
    def keys(self) -> RouteCall[list[a.KeyAnswer]]:
        return RouteCall(read=_items)

    @verb("POST /v1/keys/{key_id}/revoke")
    def revoke_key(self, key_id: str) -> RouteCall[a.KeyAnswer]:
        return RouteCall(ids={"key_id": key_id})

    # --- telling people ---

    @verb("GET /v1/subscriptions")
    def subscriptions(self) -> RouteCall[list[a.SubscriptionAnswer]]:
        return RouteCall(read=_items)

    @verb("PUT /v1/subscriptions/{subscription_id}")
    def set_subscription(self, subscription_id: str, asked: JsonObject) -> RouteCall[a.SubscriptionAnswer]:
        """Make a subscription, or replace the one of that name."""
        return RouteCall(ids={"subscription_id": subscription_id}, body=asked)

    @verb("DELETE /v1/subscriptions/{subscription_id}")
    def remove_subscription(self, subscription_id: str) -> RouteCall[a.SubscriptionAnswer]:
        return RouteCall(ids={"subscription_id": subscription_id})

    @verb("POST /v1/subscriptions/{subscription_id}/test")
    def test_subscription(self, subscription_id: str) -> RouteCall[a.DeliveryAnswer]:
        """Have a worker send it a test; `deliveries` says a moment later what came of it."""
        return RouteCall(ids={"subscription_id": subscription_id})

    @verb("GET /v1/deliveries")
    def deliveries(
        self, *, subscription_id: str | None = None, status: str | None = None, limit: int = 50
    ) -> RouteCall[list[a.DeliveryAnswer]]:
        """What was sent and is being sent, the newest first."""
        return RouteCall(query={"subscription_id": subscription_id, "status": status, "limit": limit}, read=_items)


EXPORT: RouteCall[Any] = RouteCall(route="GET /v1/ledger/export")


def export_of(since: str | None, before: str | None) -> RouteCall[Any]:
    """The whole ledger, or the entries of a time."""
    return replace(EXPORT, query={"since": since, "before": before})


STREAM: RouteCall[Any] = RouteCall(route="GET /v1/stream")
ROUTES = {verb.route for verb in vars(Verbs).values() if isinstance(verb, Verb)} | {EXPORT.route, STREAM.route}
"""Every route that a client asks."""
