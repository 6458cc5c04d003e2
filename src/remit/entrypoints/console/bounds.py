"""Bounds: what may run alone and how often, shown, changed after a look at what changes, and who changed it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, get_args

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from remit.core.errors import InvalidInput
from remit.core.gate.autonomy import AutonomyMode
from remit.core.gate.bounds import AccountBounds, Bounds, BoundsInForce
from remit.core.gate.bounds_checks import parse_bounds
from remit.core.gate.bounds_diff import describe_changes
from remit.core.json_text import read_json
from remit.core.notifications.narration import narrate
from remit.core.whole_numbers import whole_number
from remit.entrypoints.bounds_file import BoundsFile, as_yaml
from remit.entrypoints.console.auth import HOME, BoundsSetterVisitor, FormRoute, ReaderVisitor, Visitor
from remit.entrypoints.console.bounds_form import fields_of, with_form
from remit.entrypoints.console.edit import Said
from remit.entrypoints.console.render import page
from remit.entrypoints.starter_bounds import TEMPLATE
from remit.entrypoints.web.callers import CurrentRemit
from remit.entrypoints.web.ledger_reads import LedgerReads, WholeLedgers
from remit.lab.proof import COURSES, VERDICTS
from remit.wiring import Remit

if TYPE_CHECKING:
    from remit.core.views import ReplayAnswer

router = APIRouter(route_class=FormRoute)
MODES: tuple[AutonomyMode, ...] = get_args(AutonomyMode)
ShownAccount = Annotated[str | None, Query(pattern=r"^[A-Za-z0-9._:@-]{0,128}$")]
WholeBounds = Annotated[str, Form(max_length=4 * 1024 * 1024)]
Changed = tuple[BoundsInForce, BoundsInForce]
MOST_CHANGES_SHOWN = 20
PERIOD = "30d"
"""What of the history a change is replayed over."""


@router.get("/bounds")
def bounds(request: Request, remit: CurrentRemit, visitor: ReaderVisitor, account_id: ShownAccount = None) -> Response:
    """The tenant's own level, or one account's."""
    return _page(request, remit, visitor, account_id or None)


def _page(
    request: Request,
    remit: Remit,
    visitor: Visitor,
    account_id: str | None,
    *,
    said: Mapping[str, str] | None = None,
    wanted: Bounds | None = None,
    problem: str | None = None,
    slip: str | None = None,
) -> Response:
    in_force = remit.bounds(visitor.tenant_id)
    whole = in_force.bounds
    level: Bounds | AccountBounds = whole if account_id is None else in_force.account(account_id)
    return page(
        request,
        "bounds.html",
        status=422 if problem else 200,
        in_force=in_force,
        whole=whole,
        said=fields_of(whole, level) if said is None else said,
        sequence=in_force.config_sequence if said is None else said.get("sequence", ""),
        account_id=account_id,
        types=_types(whole),
        mode_names=MODES,
        history=_history(remit, visitor),
        in_use=_others_in_use(remit, visitor, whole),
        warnings=remit.warnings(whole if wanted is None else wanted),
        unreadable=in_force.unreadable(),
        problem=problem,
        slip=slip,
    )


def _others_in_use(remit: Remit, visitor: Visitor, whole: Bounds) -> list[str]:
    """Accounts that agents name and the bounds do not."""
    found = remit.names_in_use(visitor.tenant_id)["accounts"]
    return [name for name in found if name not in whole.accounts]


def _types(whole: Bounds) -> list[str]:
    """Every action type that is registered or named at any level."""
    levels: list[Bounds | AccountBounds] = [whole, *whole.accounts.values()]
    named = {name for level in levels for name in [*(level.allowlist or []), *level.modes] if name != "default"}
    budgets = {name for level in levels if level.budget for name in level.budget.max_per_action_type}
    return sorted({*whole.action_types, *named, *budgets})


def _history(remit: Remit, visitor: Visitor) -> list[dict[str, Any]]:
    """The changes with their authors, newest first; each change of the bounds against the one before it."""
    entries, _ = remit.history(visitor.tenant_id, limit=MOST_CHANGES_SHOWN)
    states = remit.bounds_after(visitor.tenant_id)
    told = {entry_id: describe_changes(states[before], states[entry_id]) for before, entry_id in pairwise(states)}
    return [{"at": entry.at, "text": narrate(entry, None), "lines": told.get(entry.entry_id)} for entry in entries]


@router.post("/bounds/form")
def by_form(request: Request, remit: CurrentRemit, visitor: BoundsSetterVisitor, said: Said) -> Response:
    """The form's values, to be looked at before they are in force."""
    account_id = said.get("account_id") or None
    try:
        wanted = with_form(remit.bounds(visitor.tenant_id).bounds, account_id, said)
        return preview(request, remit, visitor, wanted, sequence_of(said))
    except InvalidInput as error:
        return _page(request, remit, visitor, account_id, said=said, problem=error.in_lines)


@router.post("/bounds/warnings")
def warnings_of_form(request: Request, remit: CurrentRemit, visitor: BoundsSetterVisitor, said: Said) -> Response:
    """Slips in the form, which do not do what they look like, said while it is written."""
    account_id = said.get("account_id") or None
    try:
        wanted = parse_bounds(with_form(remit.bounds(visitor.tenant_id).bounds, account_id, said))
        return _page(request, remit, visitor, account_id, said=said, wanted=wanted)
    except InvalidInput as error:
        # It is asked for while somebody still writes: half a form is no mistake of theirs.
        return _page(request, remit, visitor, account_id, said=said, slip=str(error))


@router.post("/bounds/template")
def begin(request: Request, remit: CurrentRemit, visitor: BoundsSetterVisitor) -> Response:
    """Bounds to begin with, as `remit init` writes them, to be looked at before they are in force."""
    template = BoundsFile.of_text("bounds.yaml", TEMPLATE.format(tenant=visitor.tenant_id)).bounds
    return preview(request, remit, visitor, template.model_dump(mode="json"), 0)


@router.get("/bounds/file")
def file(request: Request, remit: CurrentRemit, visitor: ReaderVisitor) -> Response:
    """The whole bounds as the file that `remit apply` takes."""
    in_force = remit.bounds(visitor.tenant_id)
    text = as_yaml(in_force.bounds)
    return page(request, "bounds_file.html", text=text, sequence=in_force.config_sequence, problem=None)


@router.post("/bounds/file")
def by_file(
    request: Request,
    remit: CurrentRemit,
    visitor: BoundsSetterVisitor,
    text: Annotated[str, Form(max_length=1024 * 1024)],
    sequence: Annotated[int, Form()],
) -> Response:
    try:
        wanted = BoundsFile.of_text("bounds.yaml", text).bounds
        if wanted.tenant != visitor.tenant_id:
            raise InvalidInput("tenant", f"is {wanted.tenant!r}", f"leave it at {visitor.tenant_id!r}")
        return preview(request, remit, visitor, wanted.model_dump(mode="json"), sequence)
    except InvalidInput as error:
        return page(request, "bounds_file.html", status=422, text=text, sequence=sequence, problem=error.in_lines)


def preview(
    request: Request, remit: Remit, visitor: Visitor, wanted: Mapping[str, Any], sequence: int | None
) -> Response:
    """A page that says what would change. Raises `InvalidInput` and `BoundsChanged`."""
    changed = remit.apply(dict(wanted), by=visitor.name, dry_run=True, expected_sequence=sequence)
    return _preview(request, remit, changed)


def _preview(request: Request, remit: Remit, changed: Changed, replay: ReplayAnswer | None = None) -> Response:
    before, after = changed
    return page(
        request,
        "bounds_preview.html",
        lines=describe_changes(before, after),
        verdicts=VERDICTS,
        courses=COURSES,
        proof=remit.prove_change(before, after) if before != after else None,
        replay=replay,
        warnings=remit.warnings(after.bounds),
        wanted=after.bounds.model_dump_json(),
        sequence=before.config_sequence,
    )


async def _preview_with_replay(
    request: Request, remit: Remit, visitor: Visitor, reads: LedgerReads, change: Callable[[], Changed]
) -> Response:
    """
    The page with what the change would have done; `change` is a dry run. Raises as `LedgerReads.replay` and that do.
    """
    changed = await run_in_threadpool(change)
    replay = await reads.replay(remit, visitor.principal, changed, PERIOD)
    return await run_in_threadpool(_preview, request, remit, changed, replay)


@router.post("/bounds/replay")
async def replay(
    request: Request,
    remit: CurrentRemit,
    visitor: BoundsSetterVisitor,
    reads: WholeLedgers,
    wanted: WholeBounds,
    sequence: Annotated[int, Form()],
) -> Response:
    """Replay the bounds that are looked at over the last weeks."""
    own = own_bounds(wanted, visitor)
    change = partial(remit.apply, own, by=visitor.name, dry_run=True, expected_sequence=sequence)
    return await _preview_with_replay(request, remit, visitor, reads, change)


@router.get("/bounds/promote")
async def promote(
    request: Request,
    remit: CurrentRemit,
    visitor: BoundsSetterVisitor,
    reads: WholeLedgers,
    name: Annotated[str, Query(max_length=300)],
) -> Response:
    """A policy or limit that only watches, made to count: what it would have said, to be put in force from there."""
    change = partial(remit.promote, visitor.tenant_id, name, by=visitor.name, dry_run=True)
    return await _preview_with_replay(request, remit, visitor, reads, change)


@router.post("/bounds/apply")
def apply(
    remit: CurrentRemit, visitor: BoundsSetterVisitor, wanted: WholeBounds, sequence: Annotated[int, Form()]
) -> Response:
    """Put in force what was looked at, unless somebody has changed the bounds meanwhile."""
    remit.apply(own_bounds(wanted, visitor), by=visitor.name, expected_sequence=sequence)
    return RedirectResponse(f"{HOME}bounds", status_code=303)


def own_bounds(wanted: str, visitor: Visitor) -> dict[str, Any]:
    """Bounds as a form carries them, of the visitor's own tenant. Raises `InvalidInput`."""
    parsed = read_json(wanted)
    if not isinstance(parsed, dict) or parsed.get("tenant") != visitor.tenant_id:
        raise InvalidInput("tenant", "is not this one", "go back and send the form again")
    return parsed


def sequence_of(said: Mapping[str, str]) -> int:
    number = whole_number(said.get("sequence", ""))
    if number is None:
        raise InvalidInput("sequence", "is missing", "reload the page and send the form again")
    return number
