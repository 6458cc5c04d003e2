"""The HTTP client: `RemitClient` and `AsyncRemitClient`, for who calls a Remit that runs elsewhere."""

from remit.client.calls import Verb
from remit.client.http_client import AsyncRemitClient, RemitClient
from remit.client.verbs import ROUTES

__all__ = ["ROUTES", "AsyncRemitClient", "RemitClient", "Verb"]
