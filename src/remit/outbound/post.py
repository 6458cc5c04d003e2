"""Bringing a message to a receiver: one POST, and what it came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from remit.core.delivery import Report
from remit.outbound.failure import Failure
from remit.outbound.reach import Reach
from remit.outbound.secrets import Secrets
from remit.outbound.wire import Answer, Deadline, Header, Outgoing, host_header, parse_url

TIMEOUT_S = 10.0
"""How long a receiver may take in all: it takes the message, and does what it does with it afterwards."""
_GONE = 410
_SAID = 200


def post(
    reach: Reach, url: str, headers: Mapping[str, str], body: bytes, allowed_hosts: Sequence[str], now: datetime
) -> Report:
    """Raises `Failure` if there was no answer. A redirect is not followed: the signature is for this receiver."""
    target = parse_url(url)
    usual = {
        "Accept-Encoding": "identity",
        "Connection": "close",
        "User-Agent": "remit",
        "Content-Length": str(len(body)),
        **headers,
    }
    sent = Outgoing("POST", target, (host_header(target), *(Header(*each) for each in usual.items())), body)
    return _report(sent.host, reach.ask(sent, allowed_hosts, Deadline(TIMEOUT_S)), now)


def _report(host: str, answer: Answer, now: datetime) -> Report:
    # Without path and query, which may be a secret.
    detail = f"{host} answered {answer.status}"
    if 200 <= answer.status < 300:
        return Report(outcome="delivered", detail=detail)
    said = " ".join(answer.body.decode("utf-8", "replace").split())
    return Report(
        outcome="refused" if answer.status == _GONE else "failed",
        detail=f"{detail}: {said}" if said else detail,
        retry_after_s=answer.retry_after_s(now),
    )


def kept_quiet(report: Report | Failure, secrets: Secrets) -> Report:
    """As it may be written down: no secret in it, and not longer than it needs to be."""
    if isinstance(report, Failure):
        report = Report(outcome="failed", detail=str(report))
    detail = secrets.mask(report.detail).encode("utf-8", "replace").decode().replace("\0", "")
    return report.changed(detail=detail[:_SAID])
