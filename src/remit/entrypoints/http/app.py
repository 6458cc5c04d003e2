"""The HTTP door's application: routes, callers, problems."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from fastapi import FastAPI
from starlette.datastructures import State

from remit.entrypoints.http import (
    agents,
    answers,
    bounds,
    health,
    notifications,
    operating,
    own,
    people,
    policies,
    reading,
    results,
    slack,
)
from remit.entrypoints.http.metrics import Metrics, Timed
from remit.entrypoints.web import problems, stream
from remit.entrypoints.web.callers import Credentials
from remit.entrypoints.web.fact_waits import FactWaits
from remit.entrypoints.web.lean_paths import LeanPaths
from remit.entrypoints.web.ledger_reads import LedgerReads
from remit.entrypoints.web.limits import BodyLimit, RateLimiter, SignInLimiter
from remit.entrypoints.web.settings import HttpSettings
from remit.entrypoints.web.turns import BESIDE_OTHERS, Turns
from remit.entrypoints.web.waits import Waits
from remit.wiring import Remit

ROUTES = (
    *(agents, own, people, reading, answers, results, stream),
    *(bounds, policies, operating, notifications, slack, health),
)


def create_api(remit: Remit, settings: HttpSettings) -> FastAPI:
    """An ASGI application over one running Remit, without the console."""
    app = FastAPI(
        title="Remit",
        version=_version(),
        summary="Agents act on their own within bounds that people set; everything else is asked.",
        responses=problems.RESPONSES,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    _hold(app.state, remit, settings)
    remit.hooks.add(app.state.metrics.happened)
    remit.hooks.add(app.state.streams.happened)
    largest, answered = settings.largest_body_bytes, app.state.metrics.answered
    routes = [route for module in ROUTES for route in module.router.routes]
    app.add_middleware(BodyLimit, largest=largest)
    app.add_middleware(Timed, answered=answered)
    app.add_middleware(LeanPaths, routes=routes, largest=largest, answered=answered)
    problems.install(app)
    for module in ROUTES:
        app.include_router(module.router)
    return app


def _hold(state: State, remit: Remit, settings: HttpSettings) -> None:
    """Put what requests share where their routes find it."""
    state.remit = remit
    state.limiter = RateLimiter(settings.requests_per_minute)
    state.presses = SignInLimiter(settings.requests_per_minute)
    state.turns = Turns(beside_others=BESIDE_OTHERS)
    state.streams = stream.Streams(settings.streams(), settings.stream_for_s)
    state.waits = Waits(settings.waits())
    state.ledger_reads = LedgerReads(settings.exports())
    state.credentials = Credentials(remit, settings.oidc)
    state.fact_waits = FactWaits()
    state.submit = agents.Submit(remit, state.fact_waits)
    state.metrics, state.metrics_open = Metrics(), settings.metrics_open


def _version() -> str:
    try:
        return version("remit")
    except PackageNotFoundError:
        return "0.1.0"
