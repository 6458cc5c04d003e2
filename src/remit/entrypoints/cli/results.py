"""Answers of tools: shown, and erased."""

from __future__ import annotations

import base64
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from remit.core import rendering
from remit.entrypoints.cli import output
from remit.entrypoints.cli.options import AsJson, By, Db, Intent, Tenant, existing, typed_by

if TYPE_CHECKING:
    from remit.core.views import ResultAnswer

STATES = {
    "KEPT": "kept",
    "NOT_KEPT": "not kept",
    "ERASED": "erased",
    "DAMAGED": "not what the ledger says: run remit verify",
}


def register(app: typer.Typer) -> None:
    app.command()(result)
    app.command("erase-result")(erase_result)


def result(
    ctx: typer.Context,
    intent: Intent,
    tenant: Tenant,
    raw: Annotated[bool, typer.Option("--raw", help="Only the bytes of the content, as they are.")] = False,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """
    Show what the tool answered for an intent, or why that is not kept.

    Example: remit result i-7 --tenant acme
    """
    with existing(ctx, db) as remit:
        found = remit.result(tenant, intent)
    if raw:
        sys.stdout.buffer.write(_content(found))
        return
    if as_json:
        output.print_json(found)
        return
    output.print_fields(
        {
            "intent": intent,
            "state": STATES[found["state"]],
            "why": found["not_kept"],
            "media type": rendering.quoted(found["media_type"]),
            "size": f"{found['size']} bytes",
            "sha256": found["sha256"],
            "erased at": output.local(found["erase_at"]) if found["erase_at"] else None,
        }
    )
    if found["content"] is not None:
        # Another system's text: nothing in it moves the cursor, or passes for a line of ours.
        output.say(rendering.visible(found["content"], lines=True))


def _content(found: ResultAnswer) -> bytes:
    if found["content"] is None:
        return b""
    return base64.b64decode(found["content"]) if found["encoding"] == "base64" else found["content"].encode()


def erase_result(
    ctx: typer.Context,
    intent: Intent,
    tenant: Tenant,
    by: By,
    reason: Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why.", show_default=False)] = None,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """
    Erase what is kept of a tool's answer before its time; the ledger keeps its hash, and says who erased it.

    Example: remit erase-result i-7 --tenant acme --by ann --reason "asked for by the customer"
    """
    with existing(ctx, db) as remit:
        known = remit.erase_result(tenant, intent, by=by, reason=reason, credential=typed_by())
    if as_json:
        output.print_json({"action_intent_id": intent, **known.facts()})
    else:
        output.say(f"the result of {intent} is erased; its hash stays {known.sha256}")
