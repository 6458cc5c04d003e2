"""Bounds from a file, and stop switches; and how much of the bounds is used."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from remit.core.errors import InvalidInput
from remit.core.gate.autonomy import StopLevel, StopScope
from remit.core.gate.bounds import Bounds, BoundsInForce
from remit.core.gate.bounds_diff import changes, describe_changes, limits_from_zero
from remit.entrypoints.bounds_file import BoundsFile, InvalidFile
from remit.entrypoints.cli import output, proving, replaying
from remit.entrypoints.cli.options import (
    AccountOption,
    AsJson,
    By,
    ByOrYou,
    Db,
    Tenant,
    existing,
    login,
    looked_at,
    opened,
)
from remit.entrypoints.cli.replaying import ReplayFileOption, ReplayOption
from remit.wiring import Remit

ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it stands in the ledger.")]
OnlyTenant = Annotated[
    str | None, typer.Option("--tenant", metavar="T", help="Only this tenant; else all.", show_default=False)
]
OnlyType = Annotated[
    str | None, typer.Option("--action-type", metavar="X", help="Only this action type.", show_default=False)
]
OnlyPrincipal = Annotated[
    str | None, typer.Option("--principal", metavar="P", help="Only what is on its behalf.", show_default=False)
]
Everything = Annotated[
    bool, typer.Option("--everything", help="Also what people approved, not only what runs by itself.")
]


def register(app: typer.Typer) -> None:
    for command in (apply, promote, stop, resume):
        app.command()(command)


def apply(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE.yaml", help="The tenant's whole bounds.", show_default=False)],
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="NAME", help="Who does it; the login name if left out.", show_default=False),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")] = False,
    replay: ReplayOption = None,
    replay_file: ReplayFileOption = None,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """
    Put a file's bounds in force, and show what that changes.

    The file is everything: what it does not list any more goes. Stop switches stay as they are.

    Example: remit apply bounds.yaml --dry-run --replay 30d
    """
    replaying.require_dry_run(dry_run, replay, replay_file)
    read = _read(file)
    if replay_file is not None:
        _print_replayed({"tenant_id": read.bounds.tenant, "dry_run": True}, as_json, replay_file, read, replay)
        return
    with looked_at(ctx, db) if dry_run else opened(ctx, db) as remit:
        try:
            before, after = remit.apply(read.bounds, by=login() if by is None else by, dry_run=dry_run)
        except InvalidInput as error:
            raise read.located(error) from None
        beside = _shown_beside(remit, before, after, dry_run, replay)
    _print_change(before, after, dry_run, beside, as_json=as_json)


def promote(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A policy file or a limit.", show_default=False)],
    tenant: Tenant,
    by: ByOrYou = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")] = False,
    replay: ReplayOption = None,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """
    Make a log_only policy or limit count, and show what that changes.

    Example: remit promote burst --tenant acme --dry-run --replay 30d
    """
    replaying.require_dry_run(dry_run, replay, None)
    with existing(ctx, db, tenant) as remit:
        before, after = remit.promote(tenant, name, by=login() if by is None else by, dry_run=dry_run)
        beside = _shown_beside(remit, before, after, dry_run, replay)
    _print_change(before, after, dry_run, beside, as_json=as_json)


def _shown_beside(
    remit: Remit, before: BoundsInForce, after: BoundsInForce, dry_run: bool, replay: str | None
) -> dict[str, Any]:
    """
    Everything that a change is shown with: warnings, and where it is only looked at its proof, and the history under
    it.
    """
    beside: dict[str, Any] = {"warnings": remit.warnings(after.bounds)}
    if dry_run and before != after:
        beside["proof"] = remit.prove_change(before, after)
    if replay is not None:
        beside["replay"] = replaying.replay_stored(remit, before, after, replay)
    return beside


def _print_change(
    before: BoundsInForce, after: BoundsInForce, dry_run: bool, beside: dict[str, Any], *, as_json: bool
) -> None:
    if as_json:
        output.print_json({**_applied(before, after, dry_run), **beside})
        return
    for line in describe_changes(before, after):
        output.say(line)
    # Said every time, changed or not: a limit on a name that nothing bears limits nothing.
    for warning in beside["warnings"]:
        output.say(f"! {warning}")
    output.say(_verdict(before, after, dry_run))
    if "proof" in beside:
        proving.print_proof(beside["proof"])
    if "replay" in beside:
        replaying.print_replay(beside["replay"])


def _read(file: Path) -> BoundsFile:
    """The file. What is wrong with it is told whole: also what only putting its sound rest in force would show."""
    try:
        return BoundsFile.read(file)
    except InvalidFile as error:
        if error.rest is None:
            raise
        raise error.with_mistakes(_mistakes_of_rest(error.rest)) from None


def _mistakes_of_rest(rest: Bounds) -> list[InvalidInput]:
    # Nothing of it is stored anywhere: tools, facts and policies are what is asked about.
    with Remit.open("memory://") as remit:
        return remit.mistakes_in(rest)


def _print_replayed(
    about: dict[str, Any], as_json: bool, replay_file: str, read: BoundsFile, period: str | None
) -> None:
    replayed = replaying.replay_file(replay_file, read, period)
    if as_json:
        output.print_json({**about, "replay": replayed})
    else:
        replaying.print_replay(replayed)


def _applied(before: BoundsInForce, after: BoundsInForce, dry_run: bool) -> dict[str, Any]:
    return {
        "tenant_id": after.bounds.tenant,
        "dry_run": dry_run,
        "changed": before != after,
        "config_sequence": before.config_sequence if dry_run else after.config_sequence,
        "changes": [change.wire() for change in changes(before, after)],
        "zones_until": after.wire()["zones_until"],
        "limits_from_zero": limits_from_zero(before, after),
    }


def _verdict(before: BoundsInForce, after: BoundsInForce, dry_run: bool) -> str:
    tenant = after.bounds.tenant
    if before == after:
        return f"nothing changes for tenant {tenant} (bounds number {before.config_sequence})"
    if dry_run:
        return f"this would change for tenant {tenant}; nothing was changed"
    return f"in force for tenant {tenant} (bounds number {after.config_sequence})"


def stop(
    ctx: typer.Context,
    by: By,
    reason: ReasonOption,
    tenant: OnlyTenant = None,
    account: AccountOption = None,
    action_type: OnlyType = None,
    principal: OnlyPrincipal = None,
    everything: Everything = False,
    even_if_unknown: Annotated[
        bool, typer.Option("--even-if-unknown", help="Also an account or action type that was never seen.")
    ] = False,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """
    Stop autonomy: from the next decision and the next execution on, nothing runs by itself.

    Without --tenant it stops every tenant.

    Example: remit stop --tenant acme --account acct-1 --by ann --reason "odd notes since noon"
    """
    scope = StopScope(tenant_id=tenant, account_id=account, action_type=action_type, principal=principal)
    with existing(ctx, db) as remit:
        pulled = remit.stop(scope, by=by, reason=reason, level=_level(everything), even_if_unknown=even_if_unknown)
    if as_json:
        output.print_json(pulled.wire())
    else:
        output.say(f"stopped {pulled.level}: {scope}")


def resume(
    ctx: typer.Context,
    by: By,
    reason: ReasonOption,
    tenant: OnlyTenant = None,
    account: AccountOption = None,
    action_type: OnlyType = None,
    principal: OnlyPrincipal = None,
    everything: Everything = False,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """
    Put a stop switch back: the same scope and level that it was pulled with.

    Example: remit resume --tenant acme --account acct-1 --by ann --reason "it was a test"
    """
    scope = StopScope(tenant_id=tenant, account_id=account, action_type=action_type, principal=principal)
    level = _level(everything)
    with existing(ctx, db, tenant) as remit:
        resumed = remit.resume(scope, by=by, reason=reason, level=level)
    if as_json:
        output.print_json({"resumed": resumed, "scope": scope.wire(), "level": level})
    elif resumed:
        output.say(f"resumed {level}: {scope}")
    else:
        output.say(f"{level} was not stopped for {scope}; nothing changed")


def _level(everything: bool) -> StopLevel:
    return "everything" if everything else "autonomy"
