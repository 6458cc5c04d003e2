"""The connector: a mapped request becomes one call, and whatever comes of it becomes a result."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import httpx

from remit.connectors.http import tool as tools
from remit.connectors.http.addresses import Resolve, permitted, system_resolve
from remit.connectors.http.answer import result_of
from remit.connectors.http.failure import Acted, Failure
from remit.connectors.http.secrets import Secrets, signature
from remit.connectors.http.wire import Answer, Deadline, Header, Outgoing, exchange
from remit.core.canonical import canonical
from remit.core.intent import ActionIntentV1
from remit.core.outcome import CallResult
from remit.ports import Call

MOST_REDIRECTS = 3
_SAME_REQUEST_ELSEWHERE = (307, 308)
_ELSEWHERE = (301, 302, 303, *_SAME_REQUEST_ELSEWHERE)


class HttpConnector:
    """
    Calls a listed host once per `invoke`, with the idempotency key always along.

    `environ` holds what tools may refer to and nothing else; `tls` replaces the usual certificate authorities.
    No proxy, cookie or other setting of the process has any say.
    """

    always_honours_key = False

    def __init__(
        self, environ: Mapping[str, str], *, resolve: Resolve = system_resolve, tls: ssl.SSLContext | None = None
    ) -> None:
        self._environ, self._resolve, self._own_tls = environ, resolve, tls

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return self._own_tls or httpx.create_ssl_context(trust_env=False)

    def check(self, tool: dict[str, Any]) -> None:
        tools.checked(tool)

    def map(self, tool: dict[str, Any], intent: ActionIntentV1) -> dict[str, Any]:
        return tools.map_intent(tool, intent)

    def invoke(self, call: Call) -> CallResult:
        secrets = Secrets(self._environ)
        try:
            answer, outgoing = self._follow(_outgoing(call, secrets), call)
            result = result_of(answer, outgoing, call.request["external_object"], call.now)
        except Failure as failure:
            result = failure.result()
        return secrets.masked(result)

    def _follow(self, outgoing: Outgoing, call: Call) -> tuple[Answer, Outgoing]:
        deadline = Deadline(call.timeout_s)
        for _ in range(MOST_REDIRECTS + 1):
            addresses = permitted(outgoing.host, outgoing.port, call.allowed_hosts, self._resolve)
            answer = exchange(outgoing, addresses, deadline, self._tls)
            if not 300 <= answer.status < 400:
                return answer, outgoing
            outgoing = _redirected(outgoing, answer)
        raise Failure(
            "VALIDATION", "TOO_MANY_REDIRECTS", f"{outgoing.host} redirected more than {MOST_REDIRECTS} times"
        )


def _outgoing(call: Call, secrets: Secrets) -> Outgoing:
    request = call.request
    body = None if request["body"] is None else canonical(request["body"])
    url = _url("".join(part if isinstance(part, str) else secrets.base_url(part) for part in request["url"]))
    own = [
        Header(name, secrets.expand(parts), confidential=any(not isinstance(part, str) for part in parts))
        for name, parts in request["headers"].items()
    ]
    if request["signing_secret"]:
        signed = signature(secrets.value(request["signing_secret"]), int(call.now.timestamp()), body or b"")
        own.append(Header(tools.SIGNATURE_HEADER, signed, confidential=True))
    taken = {header.name.lower() for header in own}
    usual = [header for header in _usual_headers(call, body) if header.name.lower() not in taken]
    return Outgoing(request["method"], url, (_host_header(url), *usual, *own), body)


def _usual_headers(call: Call, body: bytes | None) -> list[Header]:
    headers = {
        "Accept": "application/json",
        # Not compressed: a small answer cannot become a large one.
        "Accept-Encoding": "identity",
        "Connection": "close",
        "User-Agent": "remit",
        "Idempotency-Key": call.idempotency_key,
        "X-Remit-Trace-Id": call.intent.trace_id,
    }
    if body is not None:
        headers["Content-Type"] = "application/json"
    if call.request["method"] != "GET":
        headers["Content-Length"] = str(len(body or b""))
    return [Header(name, value) for name, value in headers.items()]


def _host_header(url: httpx.URL) -> Header:
    return Header("Host", url.netloc.decode("ascii"))


def _url(text: str) -> httpx.URL:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise Failure("VALIDATION", "URL_NOT_ALLOWED", f"the URL cannot be called ({error})") from None
    if url.scheme not in ("http", "https") or not url.host or url.userinfo:
        problem = f"the URL is not http or https with a host and no user name: {url.scheme}://{url.host}"
        raise Failure("VALIDATION", "URL_NOT_ALLOWED", problem)
    return url


def _redirected(outgoing: Outgoing, answer: Answer) -> Outgoing:
    """
    The same request for where the answer points; what is secret in it stays behind if that is another origin.

    Raises `Failure` if it is not followed. 307 and 308 say that nothing was done here and a GET asks for
    nothing to be done; any other redirect may be how the far side says that it is done, so whether it
    acted is unknown then.
    """
    harmless = outgoing.method == "GET" or answer.status in _SAME_REQUEST_ELSEWHERE
    location = answer.headers.get("location")
    if not (harmless and location and answer.status in _ELSEWHERE):
        problem = f"{outgoing.host} answered {answer.status} to {outgoing.method}, which is not followed"
        acted: Acted = "no" if harmless else "unknown"
        raise Failure("VALIDATION", f"HTTP_{answer.status}", problem, acted=acted)
    url = _url(_joined(outgoing.url, location))
    if outgoing.url.scheme == "https" and url.scheme != "https":
        problem = f"{outgoing.host} redirected from https to http, which is not followed"
        raise Failure("VALIDATION", "URL_NOT_ALLOWED", problem)
    same_origin = (url.scheme, url.host, url.port) == (outgoing.url.scheme, outgoing.url.host, outgoing.url.port)
    kept = [h for h in outgoing.headers if h.name != "Host" and (same_origin or not h.confidential)]
    return replace(outgoing, url=url, headers=(_host_header(url), *kept))


def _joined(base: httpx.URL, location: str) -> str:
    try:
        return str(base.join(location))
    except httpx.InvalidURL as error:
        raise Failure("VALIDATION", "URL_NOT_ALLOWED", f"the redirect cannot be followed ({error})") from None
