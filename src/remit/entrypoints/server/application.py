"""The application that a server serves: the HTTP door, with the console mounted beside it."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.responses import RedirectResponse

from remit.entrypoints.console import create_console
from remit.entrypoints.http import create_api
from remit.entrypoints.web.settings import HttpSettings
from remit.wiring import Remit


def create_app(remit: Remit, settings: HttpSettings | None = None) -> FastAPI:
    """An ASGI application over one running Remit."""
    settings = settings or HttpSettings()
    app = create_api(remit, settings)
    if settings.console:
        # One count of requests, of streams and of exports over both.
        app.mount("/console", create_console(remit, settings, app.state))
        app.add_api_route("/", _to_console, include_in_schema=False)
    return app


async def _to_console() -> RedirectResponse:
    return RedirectResponse("/console/")
