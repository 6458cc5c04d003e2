"""A worker that tells people: real receivers, real threads, and executions that wait for none of them."""

from __future__ import annotations

import base64
import json
import threading
from contextlib import contextmanager
from datetime import timedelta

import pytest
from standardwebhooks.webhooks import Webhook

from remit.core.errors import TryLater
from remit.core.notifications import outbox
from remit.egress import post
from remit.entrypoints.server import ending, notifications
from remit.entrypoints.server.worker import work
from remit.flow import consumer
from remit.wiring import Remit
from tests.far_side import says, talking
from tests.waiting import PATIENCE_S, ended, happened, until

from .http_world import ACME, EMAIL, NOTE, bounds, proposal

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
SETTINGS = {
    "REMIT_CONSOLE_URL": "https://r.test",
    "REMIT_PRIVATE_HOSTS": "127.0.0.1",
    "REMIT_TOOL_ENVIRONMENT": "acme:HOOK_SECRET@127.0.0.1, globex:HOOK_SECRET@127.0.0.1",
}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """The same, and nobody has to wait for it."""
    monkeypatch.setattr(outbox, "GATHER", timedelta(milliseconds=300))
    monkeypatch.setattr(outbox, "FIRST_PAUSE", timedelta(milliseconds=300))
    monkeypatch.setattr(notifications, "LOOK_S", 0.05)


@contextmanager
def working(url="memory://", **changes):
    with Remit.open(url, environ={"HOOK_SECRET": SECRET}, settings=SETTINGS) as remit:
        remit.apply(bounds(allowed_hosts=["127.0.0.1"], **changes), by="ann")
        stop = threading.Event()
        thread = threading.Thread(target=work, args=(remit,), kwargs={"stop": stop})
        thread.start()
        try:
            yield remit
        finally:
            stop.set()
            ended(thread)


def subscribe(remit, url, name="ops", **changes):
    asked = {"channel": "webhook", "url": f"{url}/in", "signing_secret": "${HOOK_SECRET}", **changes}
    remit.set_subscription(ACME, name, asked, by="ann")


def submit(remit, name, **changes):
    (answer,) = remit.submit([{"tenant_id": ACME, **proposal(name), **changes}])
    assert not isinstance(answer, Exception), answer


def _succeeded(remit, name):
    return bool(remit.status(ACME, name)["status"] == "SUCCEEDED")


def event(request):
    head, _, body = request.partition("\r\n\r\n")
    headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:])
    name, value = "webhook-signature", next(line for line in head.split("\r\n") if "ignature" in line)
    return Webhook(SECRET).verify(body, {**headers, name: value.split(": ", 1)[1]}) and json.loads(body)


@pytest.mark.parametrize("database", ["memory", "sqlite"])
def test_what_needs_input_reaches_a_receiver_signed_and_with_a_link(database, request):
    url = "memory://" if database == "memory" else request.getfixturevalue("sqlite_url")
    with talking(says(204)) as receiver, working(url) as remit:
        subscribe(remit, receiver.url)
        submit(remit, "i-1", action_type=EMAIL)
        until(lambda: [each["status"] for each in remit.deliveries(ACME)] == ["DELIVERED"], what="it is delivered")

    (item,) = event(receiver.heard[0])["data"]["items"]
    assert (item["action_intent_id"], item["url"]) == ("i-1", "https://r.test/console/intents/i-1")


def test_a_secret_is_in_no_file_no_answer_and_no_log(tmp_path, caplog):
    caplog.set_level("DEBUG")
    echo = says(500, body=f"expected {SECRET}")
    with talking(echo) as receiver, working(f"sqlite:///{tmp_path / 'remit.db'}") as remit:
        subscribe(remit, receiver.url)
        remit.test_subscription(ACME, "ops", by="ann")
        until(lambda: len(receiver.heard) > 1, what="a second attempt")
        shown = str([remit.deliveries(ACME), [each.wire() for each in remit.subscriptions(ACME)]])

    assert "expected ${HOOK_SECRET}" in shown
    for text in (SECRET, SECRET.removeprefix("whsec_")):
        assert text not in shown + caplog.text
        assert all(text.encode() not in file.read_bytes() for file in tmp_path.iterdir())


def test_a_receiver_that_fails_gets_it_when_it_has_recovered():
    answers = iter([says(500), says(503), says(200)])

    with talking(lambda *given: next(answers)(*given)) as receiver, working() as remit:
        subscribe(remit, receiver.url)
        submit(remit, "i-1", action_type=EMAIL)
        until(lambda: [each["status"] for each in remit.deliveries(ACME)] == ["DELIVERED"], what="it is delivered")

    assert len({event(request)["id"] for request in receiver.heard}) == 1
    assert len(receiver.heard) == 3


def test_a_slow_receiver_holds_up_neither_executions_nor_other_receivers(monkeypatch):
    monkeypatch.setattr(post, "TIMEOUT_S", 3 * PATIENCE_S)
    over = threading.Event()

    with (
        talking(lambda *_: over.wait(PATIENCE_S)) as slow,
        talking(says(200)) as quick_one,
        working() as remit,
    ):
        for number in range(3):
            subscribe(remit, slow.url, f"slow-{number}")
        subscribe(remit, quick_one.url)
        submit(remit, "asked", action_type=EMAIL)
        until(lambda: len(slow.heard) == 3, what="the slow ones are asked")
        for number in range(8):
            submit(remit, f"i-{number}", action_type=NOTE)
        until(lambda: all(_succeeded(remit, f"i-{number}") for number in range(8)), what="eight executions end")
        until(lambda: len(quick_one.heard) == 1, what="the quick one is told")
        over.set()


@pytest.mark.parametrize("looked_at", [notifications.FIRST_LOOKED_AT, 4])
def test_no_tenant_takes_every_place(monkeypatch, looked_at):
    # What is due of the greedy one is the longest due, and more than is looked at first.
    monkeypatch.setattr(notifications, "FIRST_LOOKED_AT", looked_at)
    monkeypatch.setattr(post, "TIMEOUT_S", 3 * PATIENCE_S)
    over, busy = threading.Event(), threading.Event()

    def slow(*_):
        busy.set()
        over.wait(PATIENCE_S)

    with talking(slow) as greedy, talking(says(200)) as other, working() as remit:
        for number in range(notifications.AT_ONCE + 4):
            subscribe(remit, greedy.url, f"slow-{number}")
        remit.apply(bounds("globex", allowed_hosts=["127.0.0.1"]), by="zoe")
        asked = {"channel": "webhook", "url": f"{other.url}/in", "signing_secret": "${HOOK_SECRET}"}
        remit.set_subscription("globex", "ops", asked, by="zoe")
        submit(remit, "asked", action_type=EMAIL)
        happened(busy, what="the slow one is asked")
        remit.test_subscription("globex", "ops", by="zoe")
        until(lambda: len(other.heard) == 1, what="the other tenant is told")
        at_once = len(greedy.heard)
        over.set()

    assert at_once <= notifications.AT_ONCE_PER_TENANT


def test_what_fails_while_following_is_tried_again_and_executions_go_on(monkeypatch):
    with talking(says(200)) as receiver, working() as remit:
        follow, failures = remit.follow, iter([RuntimeError("a bug"), TryLater("busy")])

        def failing():
            for failure in failures:
                raise failure
            return follow()

        monkeypatch.setattr(remit, "follow", failing)
        subscribe(remit, receiver.url)
        submit(remit, "asked", action_type=EMAIL), submit(remit, "i-1")
        until(lambda: len(receiver.heard) == 1 and _succeeded(remit, "i-1"), what="both are done")


def test_a_worker_that_ends_has_counted_what_it_did():
    with Remit.open("memory://", environ={}, settings={}) as remit:
        remit.apply(bounds(), by="ann")
        submit(remit, "i-1")
        work(remit, until_idle=True)
        today = remit.tally(ACME, "2026-01-01", "2026-01-01")["today"]

        (day,) = remit.tally(ACME, today, today)["days"]

    assert [(row["status"], row["count"]) for row in day["outcomes"]] == [("SUCCEEDED", 1)]


def test_however_much_that_was_and_whoever_held_the_store(monkeypatch):
    monkeypatch.setattr(consumer, "MOST_UNREAD", 5)
    monkeypatch.setattr(notifications, "LOOK_S", PATIENCE_S)
    monkeypatch.setattr(ending, "LOOK_S", 0.01)
    with Remit.open("memory://", environ={}, settings={}) as remit:
        remit.apply(bounds(budget={"max_autonomous_per_day": 100}), by="ann")
        for number in range(20):
            submit(remit, f"i-{number}")
        follow, asked = remit.follow, []

        def held_now_and_then():
            asked.append(1)
            if len(asked) % 3 == 0:
                raise TryLater("held by another writer")
            return follow()

        monkeypatch.setattr(remit, "follow", held_now_and_then)
        work(remit, until_idle=True)
        today = remit.tally(ACME, "2026-01-01", "2026-01-01")["today"]

        (day,) = remit.tally(ACME, today, today)["days"]

    assert [(row["status"], row["count"]) for row in day["outcomes"]] == [("SUCCEEDED", 20)]
