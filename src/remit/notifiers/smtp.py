"""E-mail, over the server that the operator named: one message for each recipient."""

from __future__ import annotations

import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from remit.core.canonical import sha256_hex
from remit.core.errors import InvalidInput
from remit.core.notifications.outbox import SendResult
from remit.core.notifications.subscription import NewSubscription, Recipient
from remit.core.redaction import masked
from remit.core.rendering import sentence
from remit.ports import NotificationBatch, OutgoingNotification

TIMEOUT_S = 30.0
"""How long all letters of one message may take together."""
_SAID = 200
# Releases of Python raise different ones for the same text.
_NO_ADDRESS = (ValueError, IndexError, MessageError)


@dataclass(frozen=True, slots=True)
class MailServer:
    """
    The server by which mail leaves, and in whose name.

    Plain `smtp` is secured by STARTTLS before anything is said, or not used; `tls=off` in its URL allows it as it
    is, without a password.
    """

    host: str
    port: int
    sender: Address
    security: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, url: str, sender: str) -> MailServer:
        """Raises `InvalidInput` naming the setting, and showing nothing of a password."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise InvalidInput("REMIT_SMTP_URL", "is not a URL", _WAY_OUT) from None
        off = parse_qs(parts.query).get("tls") == ["off"]
        if parts.scheme not in ("smtp", "smtps") or not host or (parts.query and not off):
            raise InvalidInput("REMIT_SMTP_URL", "is not understood", _WAY_OUT)
        if off and (parts.password or parts.scheme == "smtps"):
            raise InvalidInput("REMIT_SMTP_URL", "has tls=off beside a password or smtps", "leave one of them out")
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        if not (user + password).isascii():
            raise InvalidInput("REMIT_SMTP_URL", "has a user or password that is not ASCII", "SMTP cannot say it")
        return cls(
            host=host,
            port=port or (465 if parts.scheme == "smtps" else 587),
            sender=_address(sender),
            security="tls" if parts.scheme == "smtps" else "off" if off else "starttls",
            user=user or None,
            password=password or None,
        )


_WAY_OUT = "write smtps://user:password@host:465, smtp://user:password@host:587, or smtp://host:25?tls=off"


def _address(text: str) -> Address:
    try:
        return Address(addr_spec=text)
    except _NO_ADDRESS:
        raise InvalidInput("REMIT_MAIL_FROM", "is not an e-mail address", "write remit@example.com") from None


class _DeadlineSocket(smtplib.SMTP):
    """A connection that is over when its time is, however slowly the server drips: a time-out is for each wait."""

    def connect(self, *where: Any, **more: Any) -> tuple[int, bytes]:
        self._timer = threading.Timer(TIMEOUT_S, self._end)
        self._timer.daemon = True
        self._timer.start()
        return super().connect(*where, **more)

    def close(self) -> None:
        self._timer.cancel()
        super().close()

    def _end(self) -> None:
        with suppress(OSError, AttributeError):
            self.sock.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]


class _EndsInTimeOverTls(_DeadlineSocket, smtplib.SMTP_SSL):
    """SMTP over TLS from its first byte."""


class SmtpNotifier:
    """Sends each letter once. `tls` replaces the usual certificate authorities."""

    def __init__(self, server: MailServer, *, tls: ssl.SSLContext | None = None) -> None:
        self._server, self._tls = server, tls or ssl.create_default_context()

    def check(self, asked: NewSubscription) -> None:
        """Anything goes."""

    def send(self, mailing: NotificationBatch) -> list[SendResult]:
        letters = [(letter, letter.recipient) for letter in mailing.letters if letter.recipient]
        reports: list[SendResult] = []
        try:
            with self._connected() as smtp:
                for letter, recipient in letters:
                    reports.append(self._send(smtp, letter, recipient, mailing))
        except (OSError, smtplib.SMTPException) as error:
            # Also what was on its way when the connection broke: it may have arrived, and is sent once more.
            problem = SendResult(outcome="failed", detail=self._said(f"{self._server.host}: {_in_words(error)}"))
            return [*reports, *[problem] * (len(letters) - len(reports))]
        return reports

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        server = self._server
        smtp: smtplib.SMTP
        if server.security == "tls":
            smtp = _EndsInTimeOverTls(server.host, server.port, timeout=TIMEOUT_S, context=self._tls)
        else:
            smtp = _DeadlineSocket(server.host, server.port, timeout=TIMEOUT_S)
        try:
            if server.security == "starttls":
                smtp.starttls(context=self._tls)
            if server.user:
                smtp.login(server.user, server.password or "")
            yield smtp
        finally:
            with suppress(OSError, smtplib.SMTPException):
                smtp.quit()
            smtp.close()

    def _send(
        self, smtp: smtplib.SMTP, letter: OutgoingNotification, recipient: Recipient, mailing: NotificationBatch
    ) -> SendResult:
        try:
            message = self._message(letter, recipient, mailing)
        except _NO_ADDRESS as error:
            # An address that no message can carry: the other recipients' letters must not come to grief over it.
            return SendResult(outcome="refused", detail=self._said(f"no message can be written to it: {error}"))
        try:
            smtp.send_message(message)
        except smtplib.SMTPRecipientsRefused as refused:
            code, said = refused.recipients[recipient.address]
            return self._refused(code, said)
        except smtplib.SMTPDataError as refused:
            return self._refused(refused.smtp_code, refused.smtp_error)
        return SendResult(outcome="delivered", detail=f"{self._server.host} took it")

    def _message(self, letter: OutgoingNotification, recipient: Recipient, mailing: NotificationBatch) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self._server.sender
        message["To"] = Address(recipient.name, addr_spec=recipient.address)
        message["Subject"] = sentence(letter.subject)
        message["Date"] = format_datetime(mailing.now)
        # The same for every try, so that mailboxes can tell a repeat.
        once = sha256_hex(f"{letter.delivery_id} {recipient.address}".encode())[:32]
        message["Message-ID"] = f"<{once}@{self._server.sender.domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(_body(letter))
        return message

    def _refused(self, code: int, said: bytes | str) -> SendResult:
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
        return SendResult(outcome="refused" if code >= 500 else "failed", detail=self._said(f"{code} {text}"))

    def _said(self, text: str) -> str:
        names = {self._server.user: "SMTP_USER", self._server.password: "SMTP_PASSWORD"}
        secrets = {secret: name for secret, name in names.items() if secret}
        return masked(" ".join(text.replace("\0", "").split()), secrets)[:_SAID]


def _body(letter: OutgoingNotification) -> str:
    # Every line break of a mail is one of these: no notice can write a paragraph or a link of its own.
    lines = [(sentence(text), url) for text, url in letter.lines]
    paragraphs = [f"{text}\n{url}" if url else text for text, url in lines]
    if letter.sign_in:
        paragraphs.append(f"Sign in and look at it; for you alone, and once:\n{letter.sign_in}")
    return "\n\n".join([*paragraphs, "Opening a link decides nothing."])


def _in_words(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error
        return f"{error.smtp_code} {said.decode('utf-8', 'replace') if isinstance(said, bytes) else said}"
    return str(error) or type(error).__name__
