"""The connector: a mapped request becomes one call, and whatever comes of it becomes a result."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from remit.connectors.http import tool as tools
from remit.connectors.http.answer import result_of
from remit.core.canonical import canonical
from remit.core.errors import TryLater
from remit.core.execution.outcome import CallResult
from remit.core.execution.templates import ENV, environment_names, url_base
from remit.core.intent import ActionIntentV1
from remit.egress.addresses import check_listed
from remit.egress.failure import Acted, Failure
from remit.egress.reach import Egress
from remit.egress.secrets import SECRET_UNREADABLE, CallSecrets, SecretSource
from remit.egress.wire import Deadline, Header, HttpRequest, HttpResponse, host_header, parse_url
from remit.ports import Call, TriedHost

MOST_REDIRECTS = 3
TRY_S = 3.0
_SAME_REQUEST_ELSEWHERE = (307, 308)
_ELSEWHERE = (301, 302, 303, *_SAME_REQUEST_ELSEWHERE)


class HttpConnector:
    """
    Calls a listed host once per `invoke`, with the idempotency key always along.

    `secrets` says what a tenant's tools may refer to. No proxy, cookie or other setting of the process has any say.
    """

    always_honours_key = False

    def __init__(self, secrets: SecretSource, egress: Egress) -> None:
        self._secrets, self._egress = secrets, egress

    def check(self, tool: dict[str, Any]) -> None:
        tools.checked(tool)

    def map(self, tool: dict[str, Any], intent: ActionIntentV1) -> dict[str, Any]:
        return tools.map_intent(tool, intent)

    def refusal(self, request: dict[str, Any], allowed_hosts: Sequence[str]) -> str | None:
        """A host that the tenant does not list. What the operator lists may differ from process to process."""
        if not isinstance(request["url"][0], str):
            return None
        try:
            url = parse_url("".join(request["url"]))
            asked = HttpRequest(request["method"], url, (), None)
            check_listed(asked.host, asked.port, allowed_hosts)
        except Failure as failure:
            return str(failure)
        return None

    def refusal_of_tool(self, tool: dict[str, Any], allowed_hosts: Sequence[str]) -> str | None:
        """The host of a URL that names it itself: placeholders stand behind that only."""
        url = tools.checked(tool).url
        return None if url_base(url) else self.refusal({"method": "GET", "url": [url.partition("{")[0]]}, allowed_hosts)

    def try_host(self, tenant_id: str, tool: dict[str, Any], allowed_hosts: Sequence[str]) -> TriedHost:
        """The host of its URL, and why no connection is to be had; the URL is the environment's where it says so."""
        parsed, secrets = tools.checked(tool), CallSecrets(self._secrets, tenant_id)
        template = parsed.url
        name = url_base(template)
        try:
            url = parse_url(secrets.base_url({ENV: name}) if name else template.partition("{")[0])
            asked = HttpRequest("GET", url, (), None, carries=secrets.read)
            for secret in asked.carries:
                secret.check_destination(asked.host, asked.port)
            self._egress.connect(asked.host, asked.port, allowed_hosts, Deadline(TRY_S))
        except Failure as failure:
            return TriedHost(f"${{{name}}}" if name else template.partition("{")[0], str(failure))
        return TriedHost(f"{asked.host}:{asked.port}", None, _lacking(parsed, secrets, asked))

    def prepare(self, call: Call) -> None:
        try:
            _outgoing(call, CallSecrets(self._secrets, call.intent.tenant_id))
        except Failure as failure:
            if failure.error_code == SECRET_UNREADABLE:
                raise TryLater(str(failure)) from failure

    def invoke(self, call: Call) -> CallResult:
        secrets = CallSecrets(self._secrets, call.intent.tenant_id)
        try:
            answer, outgoing = self._follow(_outgoing(call, secrets), call, secrets)
            result = result_of(answer, outgoing, call.request["external_object"], call.now)
        except Failure as failure:
            result = failure.result()
        return secrets.redacted(result)

    def _follow(self, outgoing: HttpRequest, call: Call, secrets: CallSecrets) -> tuple[HttpResponse, HttpRequest]:
        deadline = Deadline(call.timeout_s)
        for _ in range(MOST_REDIRECTS + 1):
            answer = self._egress.ask(outgoing, call.allowed_hosts, deadline)
            if not 300 <= answer.status < 400:
                return answer, outgoing
            outgoing = _redirected(outgoing, answer, secrets)
        raise Failure(
            "VALIDATION", "TOO_MANY_REDIRECTS", f"{outgoing.host} redirected more than {MOST_REDIRECTS} times"
        )


def _lacking(tool: tools.HttpTool, secrets: CallSecrets, asked: HttpRequest) -> str | None:
    beside_url = [*tool.headers.values(), tool.bearer_token or "", tool.signing_secret or ""]
    try:
        for name in sorted(environment_names(beside_url)):
            secrets.value({ENV: name})
        for secret in secrets.read:
            secret.check_destination(asked.host, asked.port)
    except Failure as failure:
        return str(failure)
    return None


def _outgoing(call: Call, secrets: CallSecrets) -> HttpRequest:
    request = call.request
    body = None if request["body"] is None else canonical(request["body"])
    url = parse_url("".join(part if isinstance(part, str) else secrets.base_url(part) for part in request["url"]))
    own = [
        Header(name, secrets.expand(parts), confidential=any(not isinstance(part, str) for part in parts))
        for name, parts in request["headers"].items()
    ]
    if request["signing_secret"]:
        signed = signature(secrets.value(request["signing_secret"]), int(call.now.timestamp()), body or b"")
        own.append(Header(tools.SIGNATURE_HEADER, signed, confidential=True))
    taken = {header.name.lower() for header in own}
    usual = [header for header in _usual_headers(call, body) if header.name.lower() not in taken]
    return HttpRequest(request["method"], url, (host_header(url), *usual, *own), body, carries=secrets.read)


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


def _redirected(outgoing: HttpRequest, answer: HttpResponse, secrets: CallSecrets) -> HttpRequest:
    """
    The request for where the answer points; what is secret in it stays behind if that is another origin.

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
    url = parse_url(location, outgoing.url)
    if outgoing.url.scheme == "https" and url.scheme != "https":
        problem = f"{outgoing.host} redirected from https to http, which is not followed"
        raise Failure("VALIDATION", "URL_NOT_ALLOWED", problem)
    same_origin = (url.scheme, url.host, url.port) == (outgoing.url.scheme, outgoing.url.host, outgoing.url.port)
    kept = [h for h in outgoing.headers if h.name != "Host" and (same_origin or not h.confidential)]
    # The far side may have put one of them into the URL.
    carries = outgoing.carries if same_origin or secrets.mask(str(url)) != str(url) else ()
    return replace(outgoing, url=url, headers=(host_header(url), *kept), carries=carries)


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """HMAC-SHA256 over timestamp, a dot and the body as sent: `t=…,v1=…` in lowercase hex."""
    signed = f"{timestamp}.".encode() + body
    return f"t={timestamp},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"
