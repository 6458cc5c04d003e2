"""Commands of people: look at the queue, approve, reject, edit, resolve what nobody could know, and erase."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from remit.core import rendering
from remit.core.errors import InvalidInput
from remit.core.intent import ActionIntentV1
from remit.core.json_text import NotJson, read_json
from remit.core.ledger.history import Votes
from remit.core.mirrors import view_of
from remit.core.paths import split_assignment
from remit.core.values import instant, parse_typed_moment
from remit.entrypoints.cli import output
from remit.entrypoints.cli.options import (
    AccountOption,
    AfterOption,
    AsJson,
    By,
    Db,
    Intent,
    LimitOption,
    Tenant,
    existing,
    typed_by,
)
from remit.flow.pages import PAGE
from remit.flow.reading.waiting import WaitingGroups

if TYPE_CHECKING:
    from remit.core.views import QueuedAnswer, WhyAnswer

DigestOption = Annotated[
    str | None, typer.Option("--digest", metavar="D", help="The digest of what you saw.", show_default=False)
]


def register(app: typer.Typer) -> None:
    for command in (queue, approve, reject, edit, ask, assign, hand_over, resolve, erase):
        app.command()(command)


def queue(
    ctx: typer.Context,
    tenant: Tenant,
    account: AccountOption = None,
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="NAME", help="As NAME sees it: without what NAME approved.", show_default=False),
    ] = None,
    proposed_by: Annotated[
        str | None, typer.Option("--proposed-by", metavar="P", help="Only of this proposer.", show_default=False)
    ] = None,
    assigned_to: Annotated[
        str | None,
        typer.Option("--assigned-to", metavar="NAME", help="Only the cards that NAME has.", show_default=False),
    ] = None,
    groups: Annotated[bool, typer.Option("--groups", help="How much waits, by proposer and by reason.")] = False,
    limit: LimitOption = PAGE,
    after: AfterOption = None,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """
    Show what waits for a person: proposers take turns, and of each the soonest to expire comes first.

    Example: remit queue --tenant acme
    """
    with existing(ctx, db, tenant) as remit:
        if groups:
            _refuse_with_groups(account=account, proposed_by=proposed_by, assigned_to=assigned_to, after=after)
            _show_groups(remit.queue_groups(tenant, answerer=by), as_json)
            return
        items, cursor = remit.queue(
            tenant,
            account_id=account,
            proposed_by=proposed_by,
            assigned_to=assigned_to,
            answerer=by,
            after=after,
            limit=limit,
        )
    if not as_json:
        columns = ["intent", "what", "parameters", "account", "status", "why it asks", "votes", "obstacle", "tool"]
        columns += ["budget left", "expires"]
        output.print_table(columns, [_queue_row(item) for item in items])
    output.print_page(items, cursor, as_json=as_json)


def _refuse_with_groups(**chosen: str | None) -> None:
    for name, value in chosen.items():
        if value is not None:
            raise InvalidInput(
                f"--{name.replace('_', '-')}", "goes with a list, and --groups counts all", "leave one out"
            )


def _show_groups(found: WaitingGroups, as_json: bool) -> None:
    if as_json:
        output.print_json(found.wire())
        return
    output.print_table(["proposed by", "waiting"], [list(group) for group in found.by_proposer])
    output.print_table(["reason", "waiting"], [list(group) for group in found.by_reason])
    output.say(f"{found.total} wait")


def _queue_row(item: QueuedAnswer) -> list[Any]:
    budget = item["budget"]
    return [
        item["action_intent_id"],
        item["title"],
        output.parameters_line(item["parameters"]),
        item["account_id"],
        output.coloured(item["status"]),
        item["reason"],
        output.votes(item["approvals_required"], item["votes"]),
        item["obstacle"] and item["obstacle"]["code"],
        "paused" if item["paused_tool"] else None,
        None if (most := budget["max_autonomous_per_day"]) is None else f"{budget['left']} of {most}",
        output.local(item["expires_at"]),
    ]


def approve(
    ctx: typer.Context,
    intent: Intent,
    tenant: Tenant,
    by: By,
    digest: DigestOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask, even on a terminal.")] = False,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """
    Approve an intent: exactly what the digest stands for, or without one what is shown first.

    Example: remit approve i-7 --tenant acme --by ann
    """
    with existing(ctx, db) as remit:
        if digest is None:
            digest = _show(remit.intent(tenant, intent), remit.why(tenant, intent), as_json)
            if not yes and sys.stdin.isatty() and not typer.confirm("Approve this?", err=True):
                raise typer.Abort
        approval = remit.approve(tenant, intent, by=by, digest=digest, credential=typed_by())
    if as_json:
        output.print_json(approval.wire())
    elif isinstance(approval, Votes):
        so_far = output.votes(approval.approvals_required, [view_of(vote) for vote in approval.votes])
        output.say(f"{intent} still waits for further approvers; so far {so_far}")
    else:
        output.say(f"{intent} is approved by {approval.approved_by} (approval {approval.approval_id})")


def _show(intent: ActionIntentV1, told: WhyAnswer, as_json: bool) -> str:
    """The reason why it asks, and all that would be executed; beside the answer if that is JSON. Answers its digest."""
    if as_json:
        output.note_json({"approving": intent.wire()})
    else:
        output.print_fields(
            {
                "why it asks": f"{told['reason']}: {told['decision']['explanation']}" if told["decision"] else None,
                "runs": told["tool"] or "nothing: no tool is registered for it",
                "action type": intent.action_type,
                "account": intent.account_id,
                "target": intent.target and rendering.target(intent.target.wire()),
                "amounts": output.amounts(told["amounts"]),
                "facts": output.facts(told["facts"]),
                **output.parameters(intent.parameters),
                "risk": intent.risk_level,
                "confidence": intent.confidence_score,
                "why": "; ".join(map(rendering.value_text, intent.why or [])) or None,
                "proposed by": intent.proposed_by,
                **output.whose(view_of(intent)),
                "expires": output.local(instant(intent.expires_at)),
                "digest": intent.digest,
            }
        )
    return intent.digest


def reject(
    ctx: typer.Context,
    intent: Intent,
    tenant: Tenant,
    by: By,
    reason: Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why.", show_default=False)] = None,
    digest: DigestOption = None,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """
    Reject an intent; it is never executed.

    Example: remit reject i-7 --tenant acme --by ann --reason "wrong contact"
    """
    with existing(ctx, db) as remit:
        case = remit.reject(tenant, intent, by=by, reason=reason, digest=digest, credential=typed_by())
    if as_json:
        output.print_json({"action_intent_id": intent, "tenant_id": tenant, "status": case.status, "rejected_by": by})
    else:
        output.say(f"{intent} is rejected")


def edit(
    ctx: typer.Context,
    intent: Intent,
    tenant: Tenant,
    by: By,
    set_: Annotated[
        list[str],
        typer.Option("--set", metavar="PATH=VALUE", help="A new value: JSON, or text as it is. Repeat for more."),
    ] = [],  # noqa: B006
    unset: Annotated[
        list[str], typer.Option("--unset", metavar="PATH", help="A parameter that goes. Repeat for more.")
    ] = [],  # noqa: B006
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """
    Replace a waiting intent by an edited one, which then waits for a person.

    Example: remit edit i-7 --tenant acme --by ann --set parameters.text="Call back on Monday"
    """
    changes = _changes(set_, unset)
    with existing(ctx, db) as remit:
        answer = remit.edit(tenant, intent, by=by, changes=changes)
        digest = remit.intent(tenant, answer.action_intent_id).digest
    if as_json:
        output.print_json({**answer.wire(), "supersedes": intent, "digest": digest})
    else:
        output.say(f"{answer.action_intent_id} replaces {intent} and waits for a person (digest {digest})")


def _changes(assignments: list[str], removed: list[str]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for path, value in [*map(_assignment, assignments), *((path, None) for path in removed)]:
        if path in changes:
            raise InvalidInput(path, "is named twice", "name it once")
        changes[path] = value
    return changes


def _assignment(text: str) -> tuple[str, Any]:
    assigned = split_assignment(text)
    if assigned is None:
        raise InvalidInput("--set", f"{text!r} has no '='", "write --set parameters.name=VALUE")
    path, value = assigned
    try:
        parsed = read_json(value)
    except NotJson:
        return path, value
    if parsed is None:
        raise InvalidInput(path, "cannot be set to null", f"use --unset {path}")
    return path, parsed


def ask(
    ctx: typer.Context,
    intent: Intent,
    tenant: Tenant,
    by: By,
    text: Annotated[str, typer.Option("--text", metavar="TEXT", help="What you want to know.")],
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """
    Ask the agent something about an intent instead of answering; it waits on.

    Example: remit ask i-7 --tenant acme --by ann --text "Which order is it about?"
    """
    with existing(ctx, db) as remit:
        asked = remit.ask(tenant, intent, by=by, text=text, credential=typed_by())
    if as_json:
        output.print_json({"action_intent_id": intent, "questions": [each.wire() for each in asked]})
    else:
        output.say(f"{intent} waits on; its agent is asked")


def assign(
    ctx: typer.Context,
    intent: Intent,
    tenant: Tenant,
    by: By,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="NAME", help="Whose it is; nobody's without.", show_default=False),
    ] = None,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """
    Make a waiting intent somebody's to answer, or nobody's; it gives no right.

    Example: remit assign i-7 --tenant acme --by ann --to bob
    """
    with existing(ctx, db) as remit:
        remit.assign(tenant, intent, by=by, to=to, credential=typed_by())
    if as_json:
        output.print_json({"action_intent_id": intent, "assigned_to": to})
    else:
        output.say(f"{intent} is {to or 'nobody'}'s to answer")


def hand_over(
    ctx: typer.Context,
    tenant: Tenant,
    by: By,
    to: Annotated[str | None, typer.Option("--to", metavar="NAME", help="Whose they are.", show_default=False)] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="How long, RFC 3339.", show_default=False)
    ] = None,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """
    Hand the cards assigned to you to another for a time; without both, take them back.

    Example: remit hand-over --tenant acme --by ann --to bob --until 2026-12-24T08:00:00Z
    """
    with existing(ctx, db, tenant) as remit:
        handed = remit.hand_over(tenant, by=by, to=to, until=_moment(until), credential=typed_by())
    if as_json:
        output.print_json(handed.wire())
    else:
        told = f"are {to}'s until {output.local(instant(handed.until))}" if to else "are their own again"
        output.say(f"the cards assigned to {by} {told}")


def _moment(text: str | None) -> datetime | None:
    try:
        return parse_typed_moment(text) if text is not None else None
    except ValueError as error:
        raise InvalidInput("--until", f"{text!r:.60} {error}", "write 2026-12-24T08:00:00Z") from None


def resolve(
    ctx: typer.Context,
    intent: Intent,
    tenant: Tenant,
    by: By,
    succeeded: Annotated[bool, typer.Option("--succeeded", help="It happened.")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="It did not happen.")] = False,
    note: Annotated[
        str | None, typer.Option("--note", metavar="TEXT", help="How you know.", show_default=False)
    ] = None,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """
    Say what became of an intent whose outcome is unknown.

    Example: remit resolve i-7 --tenant acme --by ann --succeeded --note "seen in the CRM"
    """
    if succeeded == failed:
        raise InvalidInput("--succeeded", "either this or --failed is needed, not both", "look at the far side first")
    with existing(ctx, db) as remit:
        status = "SUCCEEDED" if succeeded else "FAILED"
        resolution = remit.resolve(tenant, intent, by=by, status="SUCCEEDED" if succeeded else "FAILED", note=note)
    if as_json:
        output.print_json(resolution.wire())
    else:
        output.say(f"{intent} is resolved: {status}")


def erase(
    ctx: typer.Context,
    intent: Intent,
    tenant: Tenant,
    by: By,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it stands in the ledger.")],
    path: Annotated[
        list[str], typer.Option("--path", metavar="PATH", help="Only this private value. Repeat for more.")
    ] = [],  # noqa: B006
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """
    Forget private values of an intent for good; its ledger stays as it is, and verifies.

    Example: remit erase i-7 --tenant acme --by ann --reason "asked for by the customer"
    """
    with existing(ctx, db) as remit:
        erased = remit.erase(tenant, intent, by=by, reason=reason, paths=path or None, credential=typed_by())
    if as_json:
        output.print_json(erased.wire())
    elif erased.paths:
        output.say(f"{intent}: erased {', '.join(erased.paths)}")
    else:
        output.say(f"{intent} has no private value that is not erased already")
