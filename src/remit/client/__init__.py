"""The HTTP client: `RemitClient` and `AsyncRemitClient`, for who calls a Remit that runs elsewhere."""

from remit.client.http_client import ROUTES, AsyncRemitClient, RemitClient, Verb

__all__ = ["ROUTES", "AsyncRemitClient", "RemitClient", "Verb"]
