"""Messages for Slack, and for whatever takes what Slack's incoming webhooks take."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from remit.core.execution.templates import ENV
from remit.core.notifications.outbox import SendResult
from remit.core.notifications.subscription import NewSubscription
from remit.egress.addresses import Resolve, system_resolve
from remit.egress.failure import Failure
from remit.egress.post import post, redacted
from remit.egress.reach import Egress
from remit.egress.secrets import Secrets
from remit.ports import NotificationBatch, OutgoingNotification

_LONGEST_SECTION = 2900
_LONGEST_HEADER = 150


class SlackNotifier:
    """Posts each letter once. `environ` holds what subscriptions may refer to, and nothing else."""

    def __init__(
        self, environ: Mapping[str, str], *, resolve: Resolve = system_resolve, tls: ssl.SSLContext | None = None
    ) -> None:
        self._environ, self._reach = environ, Egress(resolve, tls)

    def check(self, asked: NewSubscription) -> None:
        """Anything goes: whether the URL is there is known where a worker sends."""

    def send(self, mailing: NotificationBatch) -> list[SendResult]:
        return [self._send(letter, mailing) for letter in mailing.letters]

    def _send(self, letter: OutgoingNotification, mailing: NotificationBatch) -> SendResult:
        secrets = Secrets(self._environ)
        body = json.dumps(message(letter)).encode()
        try:
            url = secrets.secret_url({ENV: (mailing.to.url or "")[2:-1]})
            headers = {"Content-Type": "application/json; charset=utf-8"}
            return redacted(post(self._reach, url, headers, body, mailing.allowed_hosts, mailing.now), secrets)
        except Failure as failure:
            return redacted(failure, secrets)


def message(letter: OutgoingNotification) -> dict[str, Any]:
    """https://docs.slack.dev/reference/block-kit: a header, and the lines in as few sections as hold them."""
    header = {"type": "header", "text": {"type": "plain_text", "text": letter.subject[:_LONGEST_HEADER]}}
    sections = [{"type": "section", "text": {"type": "mrkdwn", "text": text}} for text in _sections(letter.lines)]
    return {"text": _escaped(letter.subject), "blocks": [header, *sections]}


def _sections(lines: Sequence[tuple[str, str | None]]) -> Iterator[str]:
    section = ""
    for text, url in lines:
        line = f"• {_escaped(text)}" + (f" <{_escaped(url)}|Look at it>" if url else "")
        if section and len(section) + len(line) >= _LONGEST_SECTION:
            yield section
            section = ""
        section += f"\n{line}" if section else line
    if section:
        yield section


def _escaped(text: str) -> str:
    """Nothing that an agent wrote becomes a link or calls a channel."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
