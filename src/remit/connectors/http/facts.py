"""Facts over HTTP: one `GET` under the rules for tools, whose answer is read and whose redirects are refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from remit.connectors.http import tool as tools
from remit.core.errors import InvalidInput
from remit.core.execution.templates import INTENT_FIELDS, url_base
from remit.core.gate.fact import LARGEST_ANSWER_BYTES, FactNotHad, FactSpec
from remit.egress.addresses import check_listed
from remit.egress.failure import Failure
from remit.egress.reach import Egress
from remit.egress.secrets import CallSecrets, SecretSource
from remit.egress.wire import Deadline, Header, HttpRequest, HttpResponse, host_header, parse_url
from remit.ports import FactLookup

_LATER_FIELDS = frozenset({"trace_id", "created_at", "expires_at"})
"""Those that a proposal gets with the write: before it, nothing can be looked up by them."""
_USUAL_HEADERS = {
    "Accept": "application/json",
    # Not compressed: a small answer cannot become a large one.
    "Accept-Encoding": "identity",
    "Connection": "close",
    "User-Agent": "remit",
}


class HttpFacts:
    """Looks facts up at hosts that the tenant lists, with the secrets that the operator lists for it."""

    def __init__(self, secrets: SecretSource, egress: Egress) -> None:
        self._secrets, self._egress = secrets, egress

    def check(self, fact: FactSpec, allowed_hosts: Sequence[str]) -> None:
        tools.checked_get(fact.url, fact.headers, without=_LATER_FIELDS)
        if url_base(fact.url) is None:
            self._check_host(fact.url, allowed_hosts)

    def _check_host(self, template: str, allowed_hosts: Sequence[str]) -> None:
        try:
            # Placeholders stand behind the host only.
            asked = HttpRequest("GET", parse_url(template.partition("{")[0]), (), None)
            check_listed(asked.host, asked.port, allowed_hosts)
        except Failure as failure:
            raise InvalidInput("url", str(failure), "list the host under allowed_hosts") from None

    def map(self, fact: FactSpec, fields: Mapping[str, Any]) -> dict[str, Any]:
        known = {name: fields[name] for name in INTENT_FIELDS if name in fields}
        return tools.mapped_get(fact.url, fact.headers, known)

    def get(self, lookup: FactLookup) -> bytes:
        secrets = CallSecrets(self._secrets, lookup.tenant_id)
        deadline = Deadline(lookup.timeout_s)
        try:
            answer = self._egress.ask(_outgoing(lookup, secrets), lookup.allowed_hosts, deadline)
        except Failure as failure:
            late = failure.error_class == "TIMEOUT"
            raise FactNotHad(_late(lookup) if late else secrets.mask(str(failure))) from None
        return _body(answer, lookup, deadline)


def _outgoing(lookup: FactLookup, secrets: CallSecrets) -> HttpRequest:
    request = lookup.request
    url = parse_url("".join(part if isinstance(part, str) else secrets.base_url(part) for part in request["url"]))
    own = [
        Header(name, secrets.expand(parts), confidential=any(not isinstance(part, str) for part in parts))
        for name, parts in request["headers"].items()
    ]
    taken = {header.name.lower() for header in own}
    usual = [Header(name, value) for name, value in _USUAL_HEADERS.items() if name.lower() not in taken]
    return HttpRequest("GET", url, (host_header(url), *usual, *own), None, carries=secrets.read)


def _body(answer: HttpResponse, lookup: FactLookup, deadline: Deadline) -> bytes:
    if answer.status != 200:
        followed = ", and no redirect is followed" if 300 <= answer.status < 400 else ""
        raise FactNotHad(f"it was answered with {answer.status}{followed}")
    if len(answer.body) > LARGEST_ANSWER_BYTES:
        raise FactNotHad(f"its answer has more than {LARGEST_ANSWER_BYTES} bytes")
    if not answer.complete:
        raise FactNotHad(_late(lookup) if deadline.is_over() else "its answer broke off")
    return answer.body


def _late(lookup: FactLookup) -> str:
    return f"there was no answer within {lookup.timeout_s:.3g} s"
