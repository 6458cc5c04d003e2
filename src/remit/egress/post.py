"""Bringing a message to a receiver: one POST, and what it came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from remit.core.notifications.outbox import SendResult
from remit.egress.failure import Failure
from remit.egress.reach import Egress
from remit.egress.secrets import CallSecrets
from remit.egress.wire import Deadline, Header, HttpRequest, HttpResponse, host_header, parse_url

TIMEOUT_S = 10.0
"""How long a receiver may take in all: it takes the message, and does what it does with it afterwards."""
_GONE = 410
_SAID = 200


def post(
    egress: Egress,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    secrets: CallSecrets,
    allowed_hosts: Sequence[str],
    now: datetime,
) -> SendResult:
    """
    Send it with the `secrets` that were read for it. A redirect is not followed: the signature is for this receiver.

    Raises `Failure` if there was no answer.
    """
    return report(*send(egress, url, headers, body, secrets, allowed_hosts), now)


def send(
    egress: Egress,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    secrets: CallSecrets,
    allowed_hosts: Sequence[str],
    timeout_s: float | None = None,
) -> tuple[str, HttpResponse]:
    """The host and its whole answer, within `timeout_s` if that is shorter than usual. Raises `Failure` for none."""
    target = parse_url(url)
    usual = {
        "Accept-Encoding": "identity",
        "Connection": "close",
        "User-Agent": "remit",
        "Content-Length": str(len(body)),
        **headers,
    }
    all_headers = (host_header(target), *(Header(*each) for each in usual.items()))
    sent = HttpRequest("POST", target, all_headers, body, carries=secrets.read)
    return sent.host, egress.ask(sent, allowed_hosts, Deadline(timeout_s or TIMEOUT_S))


def report(host: str, answer: HttpResponse, now: datetime) -> SendResult:
    """The meaning of a receiver's answer, by its status."""
    # Without path and query, which may be a secret.
    detail = f"{host} answered {answer.status}"
    if 200 <= answer.status < 300:
        return SendResult(outcome="delivered", detail=detail)
    said = " ".join(answer.body.decode("utf-8", "replace").split())
    return SendResult(
        outcome="refused" if answer.status == _GONE else "failed",
        detail=f"{detail}: {said}" if said else detail,
        retry_after_s=answer.retry_after_s(now),
    )


def redacted(result: SendResult | Failure, secrets: CallSecrets) -> SendResult:
    """As it may be written down: no secret in it, and not longer than it needs to be."""
    if isinstance(result, Failure):
        result = SendResult(outcome="failed", detail=str(result))
    # Masked last, so that nothing that is taken out puts a secret together.
    detail = result.detail.encode("utf-8", "replace").decode().replace("\0", "")
    return result.changed(detail=secrets.mask(detail)[:_SAID])
