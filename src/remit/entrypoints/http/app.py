"""The application: routes, who is asking, problems."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from fastapi import FastAPI
from fastapi.responses import RedirectResponse

from remit.app import BATCH
from remit.entrypoints.console import create_console
from remit.entrypoints.http import agents, bounds, health, notifications, operating, people, policies, reading
from remit.entrypoints.http.metrics import Metrics, Timed
from remit.entrypoints.web import problems, stream
from remit.entrypoints.web.callers import Credentials
from remit.entrypoints.web.limits import BodyLimit, RateLimiter
from remit.entrypoints.web.settings import HttpSettings
from remit.wiring import Remit


def create_app(remit: Remit, settings: HttpSettings | None = None) -> FastAPI:
    """An ASGI application over one running Remit."""
    settings = settings or HttpSettings()
    app = FastAPI(
        title="Remit",
        version=_version(),
        summary="Agents act on their own within bounds that people set; everything else is asked.",
        responses=problems.RESPONSES,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    app.state.remit = remit
    app.state.limiter = RateLimiter(settings.requests_per_minute)
    app.state.streams = stream.Streams(settings.most_streams)
    app.state.credentials = Credentials(remit, settings.oidc)
    app.state.submit = agents.Submit(remit.submit, BATCH)
    app.state.metrics, app.state.metrics_open = Metrics(), settings.metrics_open
    remit.hooks.add(app.state.metrics.happened)
    app.add_middleware(BodyLimit, largest=settings.largest_body_bytes)
    app.add_middleware(Timed, answered=app.state.metrics.answered)
    problems.install(app)
    for module in (agents, people, reading, stream, bounds, policies, operating, notifications, health):
        app.include_router(module.router)
    if settings.console:
        app.mount("/console", create_console(remit, settings, app.state.limiter, app.state.streams))
        app.add_api_route("/", _to_console, include_in_schema=False)
    return app


async def _to_console() -> RedirectResponse:
    return RedirectResponse("/console/")


def _version() -> str:
    try:
        return version("remit")
    except PackageNotFoundError:
        return "0.1.0"
