"""Templates to pages. What every page shows (who is there, the stop switch, what waits) is gathered here."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
from fastapi import Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from remit.core import rendering
from remit.core.comparisons import limit_name, limit_use
from remit.core.gate.amount import in_money, in_units, so_much
from remit.core.gate.autonomy import Stop, StopScope, stops_all
from remit.entrypoints.console import cards, labels, values
from remit.entrypoints.console.auth import HOME, SAFE_METHODS, Visitor, visitor_seen
from remit.entrypoints.report_files import span
from remit.wiring import Remit

FOLDER = Path(str(resources.files("remit.entrypoints.console")))
STATIC = FOLDER / "static"
HTMX = Path(str(resources.files("js_lib_htmx"))) / "static" / "htmx" / "htmx.min.js"


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # Whatever a template prints shows all of itself, without the template's having to think of it.
        finalize=values.text,
    )
    for name in ("reason", "action", "source", "percent", "share", "threshold", "exact", "whose"):
        environment.filters[name] = getattr(labels, name)
    for name in ("shown", "rows", "typed", "code", "dom_id"):
        environment.filters[name] = getattr(values, name)
    for name in ("quoted", "name", "target", "is_plain"):
        environment.filters[name] = getattr(rendering, name)
    environment.filters["moment"], environment.filters["money"] = _time, in_money
    environment.filters["value"], environment.filters["duration"] = rendering.value_text, span
    environment.filters["quantity"] = lambda value, unit: so_much(in_units(value), unit)
    environment.filters["scope"] = lambda scope: str(StopScope.model_validate(scope))
    environment.filters.update(due=_due, limit_name=limit_name, limit_use=limit_use)
    environment.globals.update(labels=labels, asset=asset, MOST_ROWS=values.MOST_ROWS, MOST_REASONS=5)
    environment.filters.update(standing=cards.standing, voted=cards.voted, as_shares=labels.as_shares)
    return environment


def _time(at: Any) -> Markup:
    shown = labels.moment(at)
    return Markup('<time datetime="{0}" title="{1}">{1}</time>').format(shown["datetime"], shown["text"])


def _due(at: Any) -> Markup:
    """A moment that pages tell from now on: `in 4 h`."""
    shown = labels.moment(at)
    return Markup('<time datetime="{0}" title="{1}" data-due>{1}</time>').format(shown["datetime"], shown["text"])


@cache
def asset(name: str) -> str:
    """The URL of a static file; it changes with the file, so that browsers may keep it for good."""
    content = (HTMX if name == "htmx.js" else STATIC / name).read_bytes()
    return f"/console/static/{name}?v={hashlib.sha256(content).hexdigest()[:16]}"


def page(request: Request, template: str, *, status: int = 200, **shown: Any) -> HTMLResponse:
    """One page with its frame; `waiting` among what is shown spares the frame the counting."""
    visitor = visitor_seen(request)
    path = _path(request)
    # Whoever stops from the answer to a form cannot be led back to it: it is at no address.
    back = path if request.method in SAFE_METHODS else HOME
    frame = (
        _frame(request.app.state.remit, visitor, shown.get("waiting"))
        if visitor
        else {"stops": [], "stopped": None, "waiting": 0, "push_key": None}
    )
    text = (
        _environment()
        .get_template(template)
        .render(
            visitor=visitor,
            path=path,
            back=back,
            oidc=request.app.state.code_flow is not None,
            made_behind=getattr(request.state, "made_behind", None),
            **{**frame, **shown},
        )
    )
    return HTMLResponse(text, status_code=status)


def _path(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _frame(remit: Remit, visitor: Visitor, waiting: int | None) -> dict[str, Any]:
    stops = remit.stops(visitor.tenant_id)
    if waiting is None:
        may_see = visitor.may("read")
        waiting = remit.waiting_count(visitor.tenant_id, answerer=visitor.name) if may_see else 0
    return {
        "stops": [stop.wire() for stop in stops],
        "stopped": _stopped(remit, visitor.tenant_id, stops),
        "waiting": waiting,
        "push_key": remit.push.public_key() if visitor.may("read") else None,
    }


def _stopped(remit: Remit, tenant_id: str, stops: Sequence[Stop]) -> str | None:
    """The words for how much is stopped; counted only where it is a part."""
    if not stops or stops_all(stops):
        return "Stopped" if stops else None
    accounts = remit.accounts_in_sight(tenant_id)
    return labels.stopped_part(stops, accounts, remit.bounds(tenant_id).bounds.action_types)
