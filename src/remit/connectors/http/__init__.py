"""
Calls to other systems over HTTP.

`tool.py` says what people may write and maps an intent to a request without any secret in it; `answer.py` says
what came of it. `HttpConnector` strings them together with `remit.egress`, which says where a request may go and
sends it once, and is the only place where secrets are expanded.
"""

from remit.connectors.http.connector import HttpConnector
from remit.connectors.http.facts import HttpFacts

__all__ = ["HttpConnector", "HttpFacts"]
