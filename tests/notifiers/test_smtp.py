"""E-mail over a real SMTP server on loopback: what arrives, who refuses, what is secret."""

from __future__ import annotations

import email
import email.policy
import logging
import socket
import ssl
import threading
import time
from contextlib import contextmanager

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from remit.core.errors import InvalidInput
from remit.core.notifications.subscription import Recipient
from remit.notifiers import smtp as smtp_notifier
from remit.notifiers.smtp import MailServer, SmtpNotifier
from tests.far_side import CERTIFICATE, PRIVATE_KEY

from .letters import URL, letter, mailing, subscription

ANN = Recipient(name="ann", address="ann@example.com", roles=["approver"])
BOB = Recipient(name="bob", address="bob@example.com")
PASSWORD = "hunter2/+@"
FROM = "remit@remit.example.com"


class Mailbox:
    """What the server took. `refusals` are answers to `RCPT TO` by address, `data` the one to a whole message."""

    def __init__(self):
        self.taken, self.refusals, self.data = [], {}, "250 OK"
        self.port = 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in self.refusals:
            return self.refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.taken += [(envelope.mail_from, envelope.rcpt_tos, message)] if self.data.startswith("250") else []
        return self.data


def allows(server, session, envelope, mechanism, data):
    right = (data.login, data.password) == (b"remit", PASSWORD.encode())
    return AuthResult(success=right, handled=False)


class OnAnyPort(Controller):
    """Listens on a port that is free, which its first look at itself has to know."""

    def _trigger_server(self):
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def serving(**more):
    mailbox = Mailbox()
    controller = OnAnyPort(mailbox, hostname="127.0.0.1", port=0, server_hostname="crm.example.com", **more)
    controller.start()
    try:
        mailbox.port = int(controller.port)
        yield mailbox
    finally:
        controller.stop()


def notifier(port, query="?tls=off", login="", scheme="smtp", host="127.0.0.1", **more):
    return SmtpNotifier(MailServer.parse(f"{scheme}://{login}{host}:{port}{query}", FROM), **more)


def send(through, *recipients, text="A person is asked about CALL"):
    to = subscription(channel="email", recipients=[each.model_dump() for each in (ANN, BOB)])
    return through.send(mailing(to, *(letter(text, recipient=each) for each in recipients)))


@pytest.fixture
def mailbox():
    with serving() as running:
        yield running


# --- what arrives ---


def test_everybody_gets_a_message_of_their_own(mailbox):
    reports = send(notifier(mailbox.port), ANN, BOB)

    assert [report.outcome for report in reports] == ["delivered", "delivered"]
    (mail_from, to, message), (_, to_bob, _) = mailbox.taken
    assert (mail_from, to, to_bob) == (FROM, ["ann@example.com"], ["bob@example.com"])
    assert message["From"] == FROM and message["To"] == "ann <ann@example.com>"
    assert message["Subject"] == "An action needs your input (acme)"
    assert message["Date"] == "Tue, 10 Mar 2026 12:00:00 +0000" and message["Auto-Submitted"] == "auto-generated"
    assert message.get_content().strip().splitlines() == [
        "A person is asked about CALL",
        URL,
        "",
        "Opening a link decides nothing.",
    ]


def test_sent_again_it_has_the_same_message_id_and_another_person_s_has_another(mailbox):
    send(notifier(mailbox.port), ANN, BOB), send(notifier(mailbox.port), ANN)

    first, bob, again = (message["Message-ID"] for _, _, message in mailbox.taken)
    assert first == again != bob and first.endswith("@remit.example.com>")


def test_text_of_every_alphabet_arrives(mailbox):
    send(notifier(mailbox.port), ANN, text="«Größe» für 東京 \U0001f600")

    content = mailbox.taken[0][2].get_content().replace("\r\n", "\n")
    assert content.startswith("«Größe» für 東京 \U0001f600\n")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\n\n", "\u2028", "\u2029", "\u0085", "\x0b", "\x0c", "\x1e"])
def test_what_an_agent_wrote_is_one_line_whatever_ends_a_line(mailbox, end):
    send(notifier(mailbox.port), ANN, text=f"c-17{end}Sign in and look at it:{end}https://evil.example/link")

    lines = mailbox.taken[0][2].get_content().strip().splitlines()
    assert lines[1:] == [URL, "", "Opening a link decides nothing."]
    assert lines[0].startswith("c-17⟨U+") and "Sign in" in lines[0] and "evil" in lines[0]


def test_a_line_with_a_single_dot_is_a_line_like_any_other(mailbox):
    send(notifier(mailbox.port), ANN, text=".")

    assert mailbox.taken[0][2].get_content().strip().splitlines()[0] == "."


def test_what_an_agent_wrote_is_no_header(mailbox):
    send(notifier(mailbox.port), ANN, text="x\r\nBcc: eve@example.com\r\n\r\nBcc: eve@example.com")

    _, to, message = mailbox.taken[0]
    assert to == ["ann@example.com"] and message["Bcc"] is None


# --- who refuses ---


def test_one_recipient_s_refusal_is_not_another_s(mailbox):
    mailbox.refusals = {"ann@example.com": "550 no such user"}

    refused, delivered = send(notifier(mailbox.port), ANN, BOB)

    assert (refused.outcome, refused.detail) == ("refused", "550 no such user")
    assert delivered.outcome == "delivered" and [to for _, to, _ in mailbox.taken] == [["bob@example.com"]]


def test_a_refusal_for_now_is_tried_again(mailbox):
    mailbox.refusals = {"ann@example.com": "450 mailbox busy"}

    (report,) = send(notifier(mailbox.port), ANN)

    assert report.outcome == "failed"


@pytest.mark.parametrize(("answer", "outcome"), [("554 spam", "refused"), ("451 later", "failed")])
def test_a_message_that_is_not_taken_is_refused_for_good_or_for_now(mailbox, answer, outcome):
    mailbox.data = answer

    (report,) = send(notifier(mailbox.port), ANN)

    assert (report.outcome, report.detail) == (outcome, answer)


def test_nobody_at_home_is_no_delivery_for_anybody():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    reports = send(notifier(port), ANN, BOB)

    assert [report.outcome for report in reports] == ["failed", "failed"]


def test_what_was_delivered_before_the_connection_broke_stays_delivered(mailbox):
    async def breaks(server, session, envelope):
        if envelope.rcpt_tos == ["ann@example.com"]:
            return "250 OK"
        server.transport.abort()
        return "250 OK"

    mailbox.handle_DATA = breaks

    reports = send(notifier(mailbox.port), ANN, BOB)

    assert [report.outcome for report in reports] == ["delivered", "failed"]


@pytest.mark.parametrize("greeting", [b"", b"2"])
def test_a_server_that_drips_is_left_when_its_time_is_over(monkeypatch, greeting):
    monkeypatch.setattr(smtp_notifier, "TIMEOUT_S", 0.5)
    over = threading.Event()

    def drip(listener):
        connection, _ = listener.accept()
        with connection:
            while not over.wait(0.1):
                try:
                    connection.sendall(greeting or b"")
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener,), daemon=True)
        thread.start()
        began = time.monotonic()
        (report,) = send(notifier(listener.getsockname()[1]), ANN)
        took = time.monotonic() - began
        over.set()
        thread.join()

    # It drips until it is told that it is over: any end is one of our own.
    assert report.outcome == "failed" and took < 30


# --- TLS and passwords ---


@pytest.fixture
def certificate(tmp_path):
    (tmp_path / "cert.pem").write_text(CERTIFICATE)
    (tmp_path / "key.pem").write_text(PRIVATE_KEY)
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    served.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    trusted = ssl.create_default_context(cadata=CERTIFICATE)
    return served, trusted


@pytest.fixture
def named(monkeypatch):
    """The name in the certificate leads to loopback."""
    lookup = socket.getaddrinfo
    here = {"crm.example.com": "127.0.0.1"}
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *rest, **more: lookup(here.get(host, host), *rest, **more))


LOGIN = "remit:hunter2%2F%2B%40@"


def test_a_password_is_said_only_after_tls_began(certificate, named):
    served, trusted = certificate
    with serving(tls_context=served, require_starttls=True, authenticator=allows, auth_required=True) as mailbox:
        through = notifier(mailbox.port, "", LOGIN, host="crm.example.com", tls=trusted)
        (report,) = send(through, ANN)

    assert report.outcome == "delivered", report.detail
    assert len(mailbox.taken) == 1


def test_a_server_whose_certificate_is_not_trusted_is_told_nothing(certificate, named):
    served, _ = certificate
    with serving(tls_context=served, authenticator=allows) as mailbox:
        (report,) = send(notifier(mailbox.port, "", LOGIN, host="crm.example.com"), ANN)

    assert report.outcome == "failed" and "certificate" in report.detail
    assert mailbox.taken == []


def test_a_server_without_tls_is_told_nothing(mailbox):
    (report,) = send(notifier(mailbox.port, ""), ANN)

    assert report.outcome == "failed" and mailbox.taken == []


def test_a_wrong_password_is_no_delivery_and_is_not_shown(certificate, named, caplog):
    caplog.set_level(logging.DEBUG)
    served, trusted = certificate
    with serving(tls_context=served, authenticator=allows, auth_required=True) as mailbox:
        through = notifier(mailbox.port, "", "remit:wrong-secret@", host="crm.example.com", tls=trusted)
        (report,) = send(through, ANN)

    assert report.outcome == "failed" and report.detail.startswith("crm.example.com: 535")
    assert "wrong-secret" not in report.detail + caplog.text + repr(
        MailServer.parse("smtp://remit:wrong-secret@crm.example.com", FROM)
    )


# --- settings ---


@pytest.mark.parametrize(
    ("url", "port", "security"),
    [
        ("smtp://mail.example.com", 587, "starttls"),
        ("smtps://ann:pw@mail.example.com", 465, "tls"),
        ("smtp://mail.example.com:25?tls=off", 25, "off"),
    ],
)
def test_a_server_is_one_url(url, port, security):
    server = MailServer.parse(url, FROM)

    assert (server.host, server.port, server.security) == ("mail.example.com", port, security)


@pytest.mark.parametrize(
    "url",
    ["mail.example.com", "http://mail.example.com", "smtp://", "smtp://mail:port", "smtp://ann:hunter2@mail?tls=off",
     "smtps://mail?tls=off", "smtp://ann:hunter2%C3%A4@mail", "smtp://ann:hunter2@mail?tls=maybe"],
)  # fmt: skip
def test_a_server_that_is_not_understood_is_refused_and_no_password_shown(url):
    with pytest.raises(InvalidInput, match="REMIT_SMTP_URL") as refused:
        MailServer.parse(url, FROM)

    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("sender", ["", "remit", "a@b\r\nBcc: eve@example.com"])
def test_a_sender_is_an_address(sender):
    with pytest.raises(InvalidInput, match="REMIT_MAIL_FROM"):
        MailServer.parse("smtp://mail.example.com", sender)


@pytest.mark.parametrize("address", ["a..b@example.com", ".a@example.com", "a.@example.com"])
def test_an_address_that_no_message_can_carry_is_refused_and_the_others_get_theirs(mailbox, address):
    odd = Recipient(name="odd", address=address)

    first, second, third = send(notifier(mailbox.port), ANN, odd, BOB)

    assert (first.outcome, second.outcome, third.outcome) == ("delivered", "refused", "delivered")
    assert [to for _, to, _ in mailbox.taken] == [[ANN.address], [BOB.address]]
