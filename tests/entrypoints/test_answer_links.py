"""Links in mails that answer one action: opened they decide nothing, a press does, once, as whom the mail went to."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import httpx
import pytest

from remit.core.identity.principal import Principal
from remit.core.notifications import outbox
from remit.core.notifications.outbox import SendResult
from remit.core.records import SIGN_IN_LINK, Key
from remit.entrypoints.web.settings import HttpSettings
from tests.waiting import PATIENCE_S

from .http_world import ACME, EMAIL, bounds, http_world, proposal

BOB = Principal("bob", ACME, frozenset({"approver"}))
MAIL = {
    "channel": "email",
    "recipients": [
        {"name": "bob", "address": "bob@example.com", "roles": ["approver"], "links": "answer"},
        {"name": "dan", "address": "dan@example.com", "roles": ["auditor"], "links": "answer"},
    ],
}


class Mailbox:
    """A notifier that keeps what it is given."""

    def __init__(self):
        self.letters = []

    def check(self, asked):
        """Anything goes."""

    def send(self, mailing):
        self.letters += mailing.letters
        return [SendResult(outcome="delivered", detail="kept")] * len(mailing.letters)


class Post(SimpleNamespace):
    def link(self, name, recipient="bob", **changes):
        """The path of the link in the mail about a new intent."""
        self.remit.submit([{"tenant_id": ACME, **proposal(name, action_type=EMAIL), **changes}])
        self.bring()
        letters = [letter for letter in self.mailbox.letters if letter.recipient.name == recipient]
        (_, url) = letters[-1].lines[0]
        return url.removeprefix("https://r.test")

    def bring(self):
        while self.remit.follow():
            pass
        for which in self.remit.due_deliveries():
            self.remit.deliver(which)

    def get(self, path):
        return httpx.get(f"{self.url}{path}", trust_env=False, timeout=PATIENCE_S)

    def post(self, path, **form):
        return httpx.post(f"{self.url}{path}", data=form, trust_env=False, timeout=PATIENCE_S)

    def status(self, name):
        return self.remit.status(ACME, name)["status"]

    def entry(self, name, event_type):
        return next(each for each in self.remit.ledger(ACME, name) if each["event_type"] == event_type)


@pytest.fixture(scope="module")
def post(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(outbox, "GATHER", timedelta(0))
        patched.setenv("REMIT_CONSOLE_URL", "https://r.test")
        with http_world(tmp_path_factory.mktemp("mail"), HttpSettings(sign_ins_per_minute=None)) as world:
            mailbox = Mailbox()
            world.remit.context.notifiers["email"] = mailbox
            world.remit.set_subscription(ACME, "mail", MAIL, by="root")
            yield Post(remit=world.remit, url=world.url, mailbox=mailbox, app=world.app)


def test_the_page_shows_the_item_and_a_press_answers_it_as_whom_the_mail_went_to(post):
    link = post.link("i-1", parameters={"text": "all of it <b>"})

    shown = [post.get(link) for _ in range(3)][-1]
    assert shown.status_code == 200 and "all of it &lt;b&gt;" in shown.text
    assert "set-cookie" not in shown.headers and post.status("i-1") == "AWAITING_APPROVAL"
    assert "bob approved it" in post.post(f"{link}/approve").text

    data = post.entry("i-1", "ACTION_APPROVED")["data"]
    assert (data["approved_by"], data["credential"]["kind"], data["credential"]["made_by"]) == ("bob", "link", ["root"])
    assert link.split(".")[-2] == data["credential"]["id"]


def test_a_link_is_used_once(post):
    link = post.link("i-2")
    assert post.post(f"{link}/reject", reason="no").status_code == 200

    assert post.entry("i-2", "ACTION_REJECTED")["data"]["reason"] == "no"
    assert [post.get(link).status_code, post.post(f"{link}/approve").status_code] == [401, 401]


def test_what_is_refused_uses_no_link_up(post):
    link, whole = post.link("i-3"), bounds()
    post.remit.apply({**whole, "modes": {"default": "DISABLED"}}, by="root")
    refused = post.post(f"{link}/approve")
    post.remit.apply(whole, by="root")

    assert refused.status_code == 409 and "blocked" in refused.text
    assert post.post(f"{link}/approve").status_code == 200


def test_rules_of_approval_hold_and_roles_too(post):
    own = post.link("i-own", proposed_by="bob")

    assert post.post(f"{own}/approve").status_code == 403
    auditors = post.link("i-4", recipient="dan")
    assert [post.get(auditors).status_code, post.post(f"{auditors}/approve").status_code] == [403, 403]
    assert post.status("i-4") == "AWAITING_APPROVAL"


def test_what_was_answered_elsewhere_needs_no_answer(post):
    link = post.link("i-5")
    post.remit.reject(ACME, "i-5", by="zoe")

    shown = post.get(link)

    assert "zoe rejected it: no answer is needed" in shown.text and "/approve" not in shown.text


def test_a_link_answers_nothing_else_and_signs_nobody_in(post):
    link = post.link("i-6")
    token = link.rpartition("/")[2]
    _, _, rest = token.partition(".")

    assert post.post(f"/console/link/rl.{rest}").status_code == 401
    assert post.get(f"{link}x").status_code == 401
    sign_in = post.remit.make_link(BOB, leads_to="/console/queue")
    assert post.get(f"/console/answer/ra.{sign_in.partition('.')[2]}").status_code == 401


def test_another_sites_form_is_refused(post):
    link = post.link("i-7")

    answer = httpx.post(
        f"{post.url}{link}/approve", headers={"Origin": "https://evil.example"}, trust_env=False, timeout=PATIENCE_S
    )

    assert answer.status_code == 403 and post.status("i-7") == "AWAITING_APPROVAL"


def test_a_link_ends_with_what_it_answers(post):
    expires = (post.remit.now() + timedelta(minutes=5)).isoformat()
    link = post.link("i-8", expires_at=expires)

    stored = post.remit.context.store.read([Key(SIGN_IN_LINK, ACME, link.split(".")[-2])])
    assert (
        stored.get(Key(SIGN_IN_LINK, ACME, link.split(".")[-2])).expires_at == post.remit.intent(ACME, "i-8").expires_at
    )


def test_the_link_is_in_the_ledger_without_its_secret(post):
    link = post.link("i-9")
    _, link_id, secret = link.rsplit(".", 2)

    lines = b"".join(post.remit.export_lines(ACME)).decode()
    assert link_id in lines and secret not in lines
