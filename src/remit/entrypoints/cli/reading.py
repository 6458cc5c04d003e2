"""Reading: status, why, publication states, timeline and intents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from remit.core import rendering
from remit.core.errors import InvalidInput
from remit.core.lifecycle import Status
from remit.entrypoints.cli import output
from remit.entrypoints.cli.layout import Cell
from remit.entrypoints.cli.options import (
    AccountOption,
    AfterOption,
    AsJson,
    Db,
    FromOption,
    Intent,
    LimitOption,
    Tenant,
    ToOption,
    existing,
    moments,
)
from remit.flow.pages import PAGE
from remit.ports import CaseFilter

if TYPE_CHECKING:
    from remit.core.views import IntentAnswer, ListedIntent, OutcomeAnswer, RefAnswer, ResolutionAnswer, WhyAnswer

MOST_SAID = 2000
APPROVED_BY = {"POLICY": "policy", "HUMAN": "a person", None: None}


def register(app: typer.Typer) -> None:
    for command in (status, why, timeline, intents):
        app.command()(command)
    app.command("auto-exec-state")(auto_exec_state)


def status(ctx: typer.Context, intent: Intent, tenant: Tenant, as_json: AsJson = False, db: Db = None) -> None:
    """
    Show where one intent stands, and its outcome.

    Example: remit status i-7 --tenant acme
    """
    with existing(ctx, db) as remit:
        found = remit.status(tenant, intent)
    if as_json:
        output.print_json(found)
        return
    proposed, outcome, resolution = found["intent"], found["outcome"], found["resolution"]
    output.print_fields(
        {
            "intent": found["action_intent_id"],
            "status": output.coloured(found["status"]),
            "reason": found["reason"],
            "account": found["account_id"],
            "action type": found["action_type"],
            "target": _target(proposed),
            "amounts": output.amounts(found["amounts"]),
            "facts": output.facts(found["facts"]),
            "before the call": output.facts(found["rechecked"]),
            **(output.whose(proposed) if proposed else {}),
            "parameters": proposed["parameters"] if proposed else None,
            "approved by": APPROVED_BY[found["approval_source"]],
            "attempts": found["attempt_count"],
            "outcome": _outcome(outcome) if outcome else None,
            "resolved": _resolved(resolution) if resolution else None,
            "votes": output.votes(found["approvals_required"], found["votes"]),
            "obstacle": output.obstacle(found["obstacle"]),
            "waits for": output.waits_for(found),
            "superseded by": found["superseded_by"],
            "created": output.local(found["created_at"]),
            "expires": output.local(found["expires_at"]),
            "digest": found["digest"],
            "trace": found["trace_id"],
        }
    )


def _target(intent: IntentAnswer | None) -> str | None:
    return rendering.target(intent["target"]) if intent and intent["target"] else None


def _outcome(outcome: OutcomeAnswer) -> str:
    refs = [" ".join(rendering.name(part) for part in _parts(ref) if part) for ref in outcome["external_object_refs"]]
    said = [rendering.quoted(outcome["error_message"], MOST_SAID)] if outcome["error_message"] else []
    error = " ".join(filter(None, [outcome["error_class"], outcome["error_code"], *said]))
    details = [*refs, *([error] if error else [])]
    return f"{outcome['status']} at {output.local(outcome['completed_at'])}" + "".join(f"; {it}" for it in details)


def _parts(ref: RefAnswer) -> tuple[str | None, ...]:
    return ref["system"], ref["object_type"], ref["object_id"], ref["object_url"]


def _resolved(resolution: ResolutionAnswer) -> str:
    note = f": {rendering.quoted(resolution['note'], MOST_SAID)}" if resolution["note"] else ""
    return f"{resolution['status']} by {resolution['resolved_by']} at {output.local(resolution['resolved_at'])}{note}"


def why(ctx: typer.Context, intent: Intent, tenant: Tenant, as_json: AsJson = False, db: Db = None) -> None:
    """
    Explain one intent: every check in order, what it saw, the rule that decided, and who approved.

    Example: remit why i-7 --tenant acme
    """
    with existing(ctx, db) as remit:
        told, content = remit.why(tenant, intent), remit.status(tenant, intent)["intent"]
    if as_json:
        output.print_json(told)
        return
    output.print_fields({**_because(told), **(_content(content) if content else {})})
    decision, clause = told["decision"], told["clause"]
    if decision:
        rows = [[_mark(check["passed"]), check["check"], _saw(check["saw"])] for check in decision["checks"]]
        output.say("")
        output.print_table(["", "check", "saw"], rows)
    if clause:
        output.say(f"\nrule {clause['clause_id']}:\n{clause['text']}")


def _because(told: WhyAnswer) -> dict[str, Any]:
    decision, approval, rejection = told["decision"], told["approval"], told["rejection"]
    return {
        "intent": told["action_intent_id"],
        "action type": told["action_type"],
        "runs": told["tool"],
        "status": output.coloured(told["status"]),
        "decision": output.coloured(decision["result"]) if decision else "not decided yet",
        "reason": decision["reason"] if decision else None,
        "explanation": decision["explanation"] if decision else None,
        "facts": output.facts(told["facts"]),
        "before the call": output.facts(told["rechecked"]),
        "log only": output.log_only(told["log_only"]),
        "decided": output.local(decision["decided_at"] if decision else None),
        "bounds number": decision["config_sequence"] if decision else None,
        "policy": decision["policy_version"] if decision else None,
        "proposed by": told["proposed_by"],
        "because": "; ".join(map(rendering.value_text, told["why_proposed"] or [])) or None,
        "edited by": told["edited_by"],
        "votes": output.votes(told["approvals_required"], told["votes"]),
        "obstacle": output.obstacle(told["obstacle"]),
        "waits for": output.waits_for(told),
        "approved": approval and f"by {approval['approved_by']} at {output.local(approval['approved_at'])}",
        "rejected": rejection and f"by {rejection['rejected_by']}: {_reason(rejection['reason'])}",
    }


def _content(intent: IntentAnswer) -> dict[str, Any]:
    """The subject, as `approve` shows it."""
    return {"target": _target(intent), **output.parameters(intent["parameters"])}


def _reason(given: str | None) -> str:
    return rendering.quoted(given, MOST_SAID) if given else "no reason given"


_OF_A_LIMIT = {"scope", "window_id", "limit", "used_before", "used_after", "resets_at", "name", "unit", "taken"}


def _mark(passed: bool) -> Cell:
    return Cell("yes", "green") if passed else Cell("NO", "red")


def _saw(saw: dict[str, Any]) -> str:
    return ", ".join(
        f"{row.path} {_limits(row.value) or rendering.value_text(row.value)}" for row in rendering.rows(saw)
    )


def _limits(value: Any) -> str | None:
    """Limits that a check saw, a few words each; `None` for anything else, and where more than that is said of one."""
    if not isinstance(value, list) or not value or not all(isinstance(each, dict) for each in value):
        return None
    if any(not set(each) <= _OF_A_LIMIT or not each.get("window_id") for each in value):
        return None
    return "; ".join(_limit(each) for each in value)


def _limit(seen: dict[str, Any]) -> str:
    what = seen.get("name") or seen["window_id"].partition("|")[2]
    most = "no limit" if seen["limit"] is None else f"of {seen['limit']}"
    unit = f" {seen['unit']}" if seen.get("unit") else ""
    return f"{what} {seen['used_before']} to {seen['used_after']} {most}{unit} until {seen['resets_at']}"


def auto_exec_state(ctx: typer.Context, intent: Intent, tenant: Tenant, as_json: AsJson = False, db: Db = None) -> None:
    """
    Show the publication state of an intent's approval, and the windows that were charged.

    Example: remit auto-exec-state i-7 --tenant acme
    """
    with existing(ctx, db) as remit:
        state = remit.auto_exec_state(tenant, intent).wire()
    if as_json:
        output.print_json(state)
        return
    times = ("reserved", "published", "released", "expires")
    output.print_fields(
        {
            "intent": state["action_intent_id"],
            "state": state["status"],
            "approval": state["approval_id"],
            "approved by": APPROVED_BY[state["approval_source"]],
            "charged": "; ".join(charge["window_id"] for charge in state["charges"]) or None,
            "deliveries": state["deliveries"],
            **{name: output.local(state[f"{name}_at"]) for name in times},
        }
    )


def timeline(
    ctx: typer.Context,
    tenant: Tenant,
    account: AccountOption = None,
    first: FromOption = None,
    before: ToOption = None,
    limit: LimitOption = PAGE,
    after: AfterOption = None,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """
    Tell what happened, newest first.

    Example: remit timeline --tenant acme --from 2026-10-01 --limit 20
    """
    with existing(ctx, db, tenant) as remit:
        since, until = moments(remit, tenant, first, before)
        items, cursor = remit.timeline(tenant, account_id=account, since=since, before=until, after=after, limit=limit)
    if not as_json:
        rows = [[output.local(item["at"]), item["text"], item["action_intent_id"]] for item in items]
        output.print_table(["when", "what", "intent"], rows)
    output.print_page(items, cursor, as_json=as_json)


def intents(
    ctx: typer.Context,
    tenant: Tenant,
    account: AccountOption = None,
    status: Annotated[
        list[str], typer.Option("--status", metavar="S", help="Only in this status. Repeat for more.")
    ] = [],  # noqa: B006
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="R", help="Only decided for this reason.", show_default=False)
    ] = None,
    action_type: Annotated[
        str | None, typer.Option("--action-type", metavar="X", help="Only this action type.", show_default=False)
    ] = None,
    first: FromOption = None,
    before: ToOption = None,
    limit: LimitOption = PAGE,
    after: AfterOption = None,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """
    List intents, newest first.

    Example: remit intents --tenant acme --status FAILED --status UNKNOWN
    """
    statuses = [_known_status(name) for name in status] or None
    with existing(ctx, db, tenant) as remit:
        created_from, created_before = moments(remit, tenant, first, before)
        which = CaseFilter(statuses, account, action_type, reason, created_from, created_before)
        items, cursor = remit.intents(tenant, which, after=after, limit=limit)
    if not as_json:
        columns = ["intent", "account", "action type", "status", "reason", "tool", "created"]
        output.print_table(columns, [_intent_row(item) for item in items])
    output.print_page(items, cursor, as_json=as_json)


def _known_status(name: str) -> Status:
    known: tuple[Status, ...] = get_args(Status)
    for status in known:
        if status == name:
            return status
    raise InvalidInput("--status", f"{name!r} is none", f"use one of {', '.join(known)}")


def _intent_row(item: ListedIntent) -> list[Any]:
    row = [item["action_intent_id"], item["account_id"], item["action_type"]]
    paused = "paused" if item["paused_tool"] else None
    return [*row, output.coloured(item["status"]), item["reason"], paused, output.local(item["created_at"])]
