"""What can be read and proven: status, why, timeline, intents, export and verify."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, get_args

import typer
from rich.text import Text

from remit.app import verify_export
from remit.core import rendering
from remit.core.errors import InvalidInput
from remit.core.ledger.verification import KeptHead, Report
from remit.core.lifecycle import Status
from remit.entrypoints.cli import output
from remit.entrypoints.cli.exports import Against, KeptExport, export_lines
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
from remit.entrypoints.report_files import as_csv, as_html
from remit.flow.reading.pages import PAGE
from remit.ports import CaseFilter

MOST_FINDINGS_SHOWN = 20
MOST_SAID = 2000


def register(app: typer.Typer) -> None:
    for command in (status, why, timeline, intents, ledger, export, verify, report):
        app.command()(command)


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
    proposed, outcome, resolution = found["intent"] or {}, found["outcome"] or {}, found["resolution"] or {}
    output.print_fields(
        {
            "intent": found["action_intent_id"],
            "status": output.coloured(found["status"]),
            "reason": found["reason"],
            "account": found["account_id"],
            "action type": found["action_type"],
            "target": rendering.target(proposed["target"]) if proposed.get("target") else None,
            "amounts": output.amounts(found),
            "facts": output.facts(found),
            **output.whose(proposed),
            "parameters": proposed.get("parameters"),
            "approved by": {"POLICY": "policy", "HUMAN": "a person", None: None}[found["approval_source"]],
            "attempts": found["attempt_count"],
            "outcome": _outcome(outcome) if outcome else None,
            "resolved": _resolved(resolution) if resolution else None,
            "votes": output.votes(found),
            "obstacle": output.obstacle(found),
            "waits for": output.waits_for(found),
            "superseded by": found["superseded_by"],
            "created": output.local(found["created_at"]),
            "expires": output.local(found["expires_at"]),
            "digest": found["digest"],
            "trace": found["trace_id"],
        }
    )


def _outcome(outcome: dict[str, Any]) -> str:
    parts = ("system", "object_type", "object_id", "object_url")
    refs = [
        " ".join(rendering.name(ref[part]) for part in parts if ref[part]) for ref in outcome["external_object_refs"]
    ]
    said = [rendering.quoted(outcome["error_message"], MOST_SAID)] if outcome["error_message"] else []
    error = " ".join(filter(None, [outcome["error_class"], outcome["error_code"], *said]))
    details = [*refs, *([error] if error else [])]
    return f"{outcome['status']} at {output.local(outcome['completed_at'])}" + "".join(f"; {it}" for it in details)


def _resolved(resolution: dict[str, Any]) -> str:
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
    output.print_fields({**_because(told), **_content(content or {})})
    decision, clause = told["decision"], told["clause"]
    if decision:
        rows = [[_mark(check["passed"]), check["check"], _saw(check["saw"])] for check in decision["checks"]]
        output.say("")
        output.print_table(["", "check", "saw"], rows)
    if clause:
        output.say(f"\nrule {clause['clause_id']}:\n{clause['text']}")


def _because(told: dict[str, Any]) -> dict[str, Any]:
    decision, approval, rejection = told["decision"] or {}, told["approval"], told["rejection"]
    return {
        "intent": told["action_intent_id"],
        "action type": told["action_type"],
        "runs": told["tool"],
        "status": output.coloured(told["status"]),
        "decision": output.coloured(decision["result"]) if decision else "not decided yet",
        "reason": decision.get("reason"),
        "explanation": decision.get("explanation"),
        "facts": output.facts(told),
        "log only": output.log_only(told),
        "decided": output.local(decision.get("decided_at")),
        "bounds number": decision.get("config_sequence"),
        "policy": decision.get("policy_version"),
        "proposed by": told["proposed_by"],
        "because": "; ".join(map(rendering.value_text, told["why_proposed"] or [])) or None,
        "edited by": told["edited_by"],
        "votes": output.votes(told),
        "obstacle": output.obstacle(told),
        "waits for": output.waits_for(told),
        "approved": approval and f"by {approval['approved_by']} at {output.local(approval['approved_at'])}",
        "rejected": rejection and f"by {rejection['rejected_by']}: {_reason(rejection['reason'])}",
    }


def _content(intent: Mapping[str, Any]) -> dict[str, Any]:
    """What it is about, as `approve` shows it."""
    named = {"target": rendering.target(intent["target"]) if intent.get("target") else None}
    return {**named, **output.parameters(intent.get("parameters"))}


def _reason(given: str | None) -> str:
    return rendering.quoted(given, MOST_SAID) if given else "no reason given"


def _mark(passed: bool) -> Text:
    return Text("yes", style="green") if passed else Text("NO", style="red")


def _saw(saw: dict[str, Any]) -> str:
    return ", ".join(f"{row.path} {rendering.value_text(row.value)}" for row in rendering.rows(saw))


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
        columns = ["intent", "account", "action type", "status", "reason", "created"]
        output.print_table(columns, [_intent_row(item) for item in items])
    output.print_page(items, cursor, as_json=as_json)


def _known_status(name: str) -> Status:
    known: tuple[Status, ...] = get_args(Status)
    for status in known:
        if status == name:
            return status
    raise InvalidInput("--status", f"{name!r} is none", f"use one of {', '.join(known)}")


def _intent_row(item: dict[str, Any]) -> list[Any]:
    names = ("action_intent_id", "account_id", "action_type")
    row: list[Any] = [item[name] for name in names]
    return [*row, output.coloured(item["status"]), item["reason"], output.local(item["created_at"])]


def ledger(
    ctx: typer.Context,
    tenant: Tenant,
    intent: Annotated[
        str | None, typer.Option("--intent", metavar="INTENT", help="Only this intent's chain.", show_default=False)
    ] = None,
    db: Db = None,
) -> None:
    """
    Write the ledger's lines as they are stored, chain by chain, the tenant's own chain last.

    Nothing is written to the ledger: an export is the same lines and a seal.

    Example: remit ledger --tenant acme --intent i-7
    """
    sys.stdout.flush()
    with existing(ctx, db, tenant) as remit, output.progress("entries", beside_lines=True) as advance:
        for entry in remit.ledger_entries(tenant, intent):
            sys.stdout.buffer.write(entry.line + b"\n")
            advance()
        sys.stdout.buffer.flush()


def export(
    ctx: typer.Context,
    tenant: Tenant,
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who seals it.")] = "remit",
    first: FromOption = None,
    before: ToOption = None,
    db: Db = None,
) -> None:
    """
    Write a tenant's whole ledger to stdout, one entry a line, sealed at the end.

    Keep the file: what it says can be compared with any later one. With --from or --to it is a part to read: without a
    seal, and nothing that verify could check.

    Example: remit export --tenant acme > ledger.jsonl
    """
    sys.stdout.flush()
    with existing(ctx, db, tenant) as remit, output.progress("entries", beside_lines=True) as advance:
        since, until = moments(remit, tenant, first, before)
        whole = first is None and before is None
        for line in remit.export_lines(tenant, by=by) if whole else remit.extract_lines(tenant, since, until):
            sys.stdout.buffer.write(line + b"\n")
            advance()
        sys.stdout.buffer.flush()


def verify(
    ctx: typer.Context,
    file: Annotated[
        str | None, typer.Argument(metavar="[LEDGER.jsonl]", help="An exported ledger, or -.", show_default=False)
    ] = None,
    tenant: Annotated[
        str | None,
        typer.Option("--tenant", metavar="T", help="The ledger and counters in the database.", show_default=False),
    ] = None,
    against: Against = None,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """
    Check the invariants: of an exported file alone, or of a tenant in the database.

    With --against, every chain must also still hold what an export that you kept says of it.
    Ends with exit code 1, naming the first invariant that is broken, if one is.

    Example: remit verify ledger.jsonl
    """
    if (file is None) == (tenant is None):
        raise InvalidInput("FILE", "either a file or --tenant is needed, not both", "see 'remit verify --help'")
    kept = KeptExport.read(against) if against else None
    if tenant is not None:
        with existing(ctx, db, tenant) as remit:
            report = remit.verify(tenant, kept=_heads(kept, tenant))
    else:
        assert file is not None
        report = _verified(file, kept)
    _tell(report, as_json)
    raise typer.Exit(output.DONE if report.ok else output.BROKEN)


def _verified(file: str, kept: KeptExport | None) -> Report:
    lines = export_lines(file)
    report = verify_export(lines, kept=kept.heads() if kept else ())
    if kept and report.tenant_id not in (None, kept.tenant_id):
        _heads(kept, str(report.tenant_id))
    return report


def _heads(kept: KeptExport | None, tenant_id: str) -> Iterable[KeptHead]:
    if kept and kept.tenant_id != tenant_id:
        problem = f"{kept.name} is an export of tenant {kept.tenant_id!r}, not of {tenant_id!r}"
        raise InvalidInput("--against", problem, "name an export of the same tenant")
    return kept.heads() if kept else ()


def _tell(report: Report, as_json: bool) -> None:
    if as_json:
        first = str(report.findings[0]) if report.findings else None
        output.print_json({**report.wire(), "first_broken": first})
        return
    for finding in report.findings[:MOST_FINDINGS_SHOWN]:
        output.say(str(finding))
    if len(report.findings) > MOST_FINDINGS_SHOWN:
        output.say(f"… and {len(report.findings) - MOST_FINDINGS_SHOWN} more (--json shows all)")
    output.print_fields(
        {
            "verdict": Text("every invariant holds", "green") if report.ok else Text("BROKEN", "red"),
            "tenant": report.tenant_id,
            "entries": report.entries,
            "intents": report.intents,
            "autonomous": report.autonomous,
            "approved by people": report.approved_by_people,
            "running": report.running,
            "windows": report.windows,
            "sealed": "yes" if report.sealed else "no",
        }
    )


def report(
    ctx: typer.Context,
    tenant: Tenant,
    first: Annotated[str, typer.Option("--from", metavar="DAY", help="From this day, or moment, on.")],
    before: ToOption = None,
    html: Annotated[bool, typer.Option("--html", help="A page for paper, to stdout.")] = False,
    as_lines: Annotated[bool, typer.Option("--csv", help="One line an action, answer and change.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="All of it as one JSON object.")] = False,
    verified: Annotated[bool, typer.Option("--verify/--no-verify", help="Verify the whole ledger for it.")] = True,
    db: Db = None,
) -> None:
    """
    Report a time: what ran alone and why, who answered how fast, what failed, what was changed, and what proves it.

    Days are the tenant's own; --to is the first one that is left out, now if nothing is said.

    Example: remit report --tenant acme --from 2026-10-01 --to 2026-11-01 --html > october.html
    """
    if html + as_lines + as_json > 1:
        raise InvalidInput("--html", "--csv and --json exclude each other", "ask for one of them")
    with existing(ctx, db, tenant) as remit:
        since, until = moments(remit, tenant, first, before)
        assert since is not None
        told = remit.report(tenant, since, until or remit.now(), verified=remit.verify(tenant) if verified else None)
    if as_json:
        output.print_json(told)
    elif html or as_lines:
        sys.stdout.write(as_html(told) if html else as_csv(told))
    else:
        _say_report(told)


def _say_report(told: dict[str, Any]) -> None:
    proof, people = told["verified"], told["people"]
    sums = [f"{each['value']} {each['unit']}" for of_type in told["alone"]["by_type"] for each in of_type["sums"]]
    output.print_fields(
        {
            "from": output.local(told["from"]),
            "to": output.local(told["to"]),
            "ran alone": told["alone"]["count"],
            "in sums": ", ".join(sums) or None,
            "answered by people": people["count"],
            "expired": people["expired"],
            "failed or unknown": len(told["troubles"]),
            "changes": len(told["changes"]),
            "verified": "not asked" if proof is None else "holds" if proof["ok"] else "DOES NOT HOLD",
            "last export": told["last_seal"] and f"{output.local(told['last_seal']['at'])} {told['last_seal']['hash']}",
        }
    )
    columns = ("by", "approved", "rejected", "edited", "median_s")
    output.print_table([*columns], [[each[column] for column in columns] for each in people["by_person"]])
    output.note("All of it: --html, --csv or --json.")
