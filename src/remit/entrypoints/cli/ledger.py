"""The ledger as people take it along: its lines, exports, reports, and what verifies them."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from remit.core.errors import InvalidInput
from remit.entrypoints.cli import output
from remit.entrypoints.cli.layout import Cell
from remit.entrypoints.cli.options import Against, AsJson, Db, FromOption, Tenant, ToOption, existing, moments

if TYPE_CHECKING:
    from remit.core.ledger.verification import KeptHead, Report
    from remit.entrypoints.cli.exports import KeptExport

if TYPE_CHECKING:
    from remit.core.views.report import PeriodReport

MOST_FINDINGS_SHOWN = 20


def register(app: typer.Typer) -> None:
    for command in (ledger, export, verify, recount, report):
        app.command()(command)


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
    by: Annotated[
        str | None, typer.Option("--by", metavar="NAME", help="Who seals it; Remit itself without.", show_default=False)
    ] = None,
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
    if file is not None and db is not None:
        raise InvalidInput("--db", "goes with --tenant, and a file is checked by itself", "leave one out")
    kept = _kept(against) if against is not None else None
    if tenant is not None:
        with existing(ctx, db, tenant) as remit:
            report = remit.verify(tenant, kept=_heads(kept, tenant))
    else:
        assert file is not None
        report = _verified(file, kept)
    _tell(report, as_json)
    raise typer.Exit(output.DONE if report.ok else output.BROKEN)


def recount(ctx: typer.Context, tenant: Tenant, as_json: AsJson = False, db: Db = None) -> None:
    """
    Make right the counts and lists of what waits, where verify says that they are not. Everything goes on meanwhile.

    Example: remit recount --tenant acme
    """
    with existing(ctx, db, tenant) as remit:
        wrong = remit.recount(tenant)
    if as_json:
        output.print_json({"tenant_id": tenant, "wrong": wrong})
    else:
        said = f"{wrong} {'count or place in a list was' if wrong == 1 else 'counts or places in lists were'} wrong"
        output.say(f"{said}, and {'is' if wrong == 1 else 'are'} right now" if wrong else "nothing was wrong")


def _kept(against: str) -> KeptExport:
    # Imported here: without an export, nothing that reads one is needed.
    from remit.entrypoints.cli.exports import KeptExport

    return KeptExport.read(against)


def _verified(file: str, kept: KeptExport | None) -> Report:
    from remit.entrypoints.cli.exports import verify_file

    report = verify_file(file, kept.heads() if kept else None)
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
            "verdict": Cell("every invariant holds", "green") if report.ok else Cell("BROKEN", "red"),
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
        from remit.entrypoints.report_files import as_csv, as_html

        sys.stdout.write(as_html(told) if html else as_csv(told))
    else:
        _say_report(told)


def _say_report(told: PeriodReport) -> None:
    from remit.entrypoints.report_files import span

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
    rows = [
        [each["by"], each["approved"], each["rejected"], each["edited"], each["voted"], span(each["median_s"])]
        for each in people["by_person"]
    ]
    output.print_table(["by", "approved", "rejected", "edited", "voted", "median"], rows)
    output.note("All of it: --html, --csv or --json.")
