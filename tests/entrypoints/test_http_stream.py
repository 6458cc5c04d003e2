"""The timeline as a stream: in time, whole, without repeats, across every way of being cut off."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from remit.core.gate.autonomy import StopScope
from remit.core.ledger.entries import NO_CHAIN, next_entry
from remit.core.ledger.position import LedgerCursor, LedgerPosition
from remit.entrypoints.web import stream
from remit.entrypoints.web.settings import HttpSettings
from remit.ports import UnitOfWork, Writes
from tests.entrypoints.http_world import EMAIL, GLOBEX, http_world
from tests.waiting import PATIENCE_S, ended, happened, until


class LedgerConsumer:
    """What one connection has received so far."""

    def __init__(self):
        self.events: list[dict[str, Any]] = []
        self.last_id: str | None = None
        self.comments = 0
        self.ended = threading.Event()
        self.ready = threading.Event()

    @property
    def told(self):
        return [event["action_intent_id"] or event["actor"] for event in self.events]

    def read(self, response):
        try:
            for line in response.iter_lines():
                self.take(line)
        except (httpx.HTTPError, httpx.StreamError, OSError):
            pass
        self.ended.set()

    def take(self, line):
        name, _, value = line.partition(": ")
        if name == "id":
            self.last_id = value
            self.ready.set()
        elif name == "data":
            self.events.append(json.loads(value))
        elif line.startswith(":"):
            self.comments += 1

    def wait_for(self, count):
        until(lambda: len(self.events) >= count, what=f"{count} events")

    def wait_to_hear(self, name):
        until(lambda: name in self.told, what=f"an event of {name}")


@contextmanager
def following(world, role="approver", tenant="acme", last_event_id=None):
    headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
    client = world.client(role, tenant)
    with client.stream("GET", "/v1/stream", headers=headers, timeout=PATIENCE_S) as response:
        assert response.status_code == 200, response.read()
        assert response.headers["Content-Type"].startswith("text/event-stream")
        follower = LedgerConsumer()
        reader = threading.Thread(target=follower.read, args=(response,), daemon=True)
        reader.start()
        if last_event_id is None:
            happened(follower.ready, what="the stream's first id")
        yield follower
        # As a network that goes away: the one way to wake a thread that reads.
        response.extensions["network_stream"].get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        ended(reader)


def ask(world, name, **changes):
    """Something that the timeline tells at once: a person is asked."""
    world.submit(name, action_type=EMAIL, **changes)


def told_until_now(world, follower):
    """What is repeated would come before the second of these, which the stream reads for anew."""
    for name in ("last-1", "last-2"):
        ask(world, name)
        follower.wait_to_hear(name)


def write_late(world, name, at):
    """An entry whose time is `at`, committed now: as from a writer that waited for its turn."""
    entry = next_entry(
        NO_CHAIN,
        "INTENT_EXPIRED",
        {},
        entry_id=f"late-{name}",
        tenant_id="acme",
        account_id="acct-1",
        action_intent_id=name,
        actor="remit",
        at=at,
    )
    world.remit.context.store.transact([UnitOfWork([], lambda _: Writes(answer=None, entries=[entry]))])


def seconds_ago(seconds):
    return datetime.now(UTC) - timedelta(seconds=seconds)


# --- what arrives ---


def test_what_happens_arrives_in_the_words_of_the_timeline_and_what_was_before_does_not(world):
    ask(world, "before")

    with following(world) as follower:
        ask(world, "i-1")
        world.remit.reject("acme", "i-1", by="ann")
        follower.wait_for(2)

    assert follower.told == ["i-1", "i-1"]
    timeline = world.client("approver").get("/v1/timeline", params={"limit": 2}).json()["items"]
    assert follower.events == timeline[::-1]


def test_only_the_credentials_tenant_is_told(world):
    with following(world, tenant=GLOBEX) as stranger:
        ask(world, "i-1")
        world.remit.stop(StopScope(tenant_id=GLOBEX), by="eve", reason="odd")
        stranger.wait_for(1)

    assert stranger.told == ["eve"]


@pytest.mark.parametrize(("role", "status"), [("agent", 403), ("platform", 403), (None, 401)])
def test_only_who_may_read_follows(world, role, status):
    assert world.client(role).get("/v1/stream").status_code == status


def test_entries_of_one_moment_all_arrive(world):
    moment = datetime.now(UTC)
    with following(world) as follower:
        for number in range(30):
            write_late(world, f"i-{number}", moment)
            if number % 10 == 9:
                # What arrives later is of the same moment as what was told already.
                follower.wait_for(number + 1)
        told_until_now(world, follower)

    assert sorted(follower.told[:30]) == sorted(f"i-{number}" for number in range(30))
    assert follower.told[30:] == ["last-1", "last-2"]


def test_an_entry_that_is_committed_late_arrives_after_newer_ones(world):
    with following(world) as follower:
        ask(world, "newer")
        follower.wait_for(1)
        write_late(world, "late", seconds_ago(3))
        follower.wait_for(2)

    assert follower.told == ["newer", "late"]


# --- cut off ---


def test_who_was_cut_off_gets_what_was_missed_once(world):
    with following(world) as first:
        ask(world, "i-1")
        first.wait_for(1)
    ask(world, "i-2")

    with following(world, last_event_id=first.last_id) as second:
        ask(world, "i-3")
        second.wait_for(2)
        told_until_now(world, second)

    assert second.told == ["i-2", "i-3", "last-1", "last-2"]


def test_who_was_cut_off_before_anything_arrived_misses_nothing(world):
    ask(world, "before")
    with following(world) as first:
        pass
    ask(world, "i-1")

    with following(world, last_event_id=first.last_id) as second:
        second.wait_for(1)

    assert (first.told, second.told) == ([], ["i-1"])


def test_a_late_entry_from_while_it_was_cut_off_arrives_and_what_arrived_is_not_repeated(world):
    with following(world) as first:
        for name in ("i-1", "i-2", "i-3"):
            ask(world, name)
        write_late(world, "late-1", seconds_ago(4))
        first.wait_for(4)
    write_late(world, "late-2", seconds_ago(4))
    write_late(world, "late-3", seconds_ago(2))

    with following(world, last_event_id=first.last_id) as second:
        ask(world, "i-4")
        second.wait_for(3)
        told_until_now(world, second)

    assert second.told == ["late-2", "late-3", "i-4", "last-1", "last-2"]


def test_from_any_event_on_the_rest_follows_in_the_same_order(world):
    with following(world) as first:
        ids = []
        for number in range(5):
            ask(world, f"i-{number}")
            first.wait_for(number + 1)
            ids.append(first.last_id)

    for number, last_event_id in enumerate(ids[:-1]):
        with following(world, last_event_id=last_event_id) as again:
            again.wait_for(4 - number)
        assert again.told == [f"i-{n}" for n in range(number + 1, 5)]


def test_a_long_absence_is_made_up_for_in_order(world, monkeypatch):
    monkeypatch.setattr("remit.flow.reading.timeline.MOST_AT_ONCE", 20)
    with following(world) as first:
        pass
    for number in range(150):
        # Many at once, then nothing for a while, and none of them at the time at which it is committed.
        write_late(world, f"i-{number:03}", seconds_ago(3600 - number // 60 * 900))

    with following(world, last_event_id=first.last_id) as second:
        ask(world, "now")
        second.wait_to_hear("now")

    assert second.told == [*(f"i-{number:03}" for number in range(150)), "now"]


@pytest.mark.parametrize("days", [-400, 400])
def test_no_clock_keeps_an_event_from_arriving(world, days):
    with following(world) as first:
        write_late(world, "elsewhere", seconds_ago(-86400 * days))
        first.wait_for(1)
        ask(world, "i-1")
        first.wait_for(2)

    with following(world, last_event_id=first.last_id) as second:
        told_until_now(world, second)

    assert (first.told, second.told) == (["elsewhere", "i-1"], ["last-1", "last-2"])


def test_who_comes_with_an_id_of_a_release_that_followed_by_time_gets_what_it_had_not_got(world):
    moment = seconds_ago(100)
    for name in ("before", "got", "missed"):
        write_late(world, name, moment + timedelta(seconds=("before", "got", "missed").index(name)))
    bookmark = LedgerCursor(LedgerPosition(moment + timedelta(milliseconds=500), ""))
    bookmark.passed(LedgerPosition(moment + timedelta(seconds=1), "late-got"))

    with following(world, last_event_id=bookmark.text()) as first:
        first.wait_to_hear("missed")
        ask(world, "now")
        first.wait_to_hear("now")
    with following(world, last_event_id=first.last_id) as second:
        told_until_now(world, second)

    # The test's own bounds and keys are newer than what was got.
    assert [name for name in first.told if name != "the test"] == ["missed", "now"]
    assert second.told == ["last-1", "last-2"]


def test_who_is_cut_off_while_an_id_of_that_release_is_made_good_gets_nothing_twice(world, monkeypatch):
    monkeypatch.setattr("remit.flow.reading.timeline.MOST_AT_ONCE", 1)
    moment = seconds_ago(100)
    for number in range(4):
        write_late(world, f"i-{number}", moment + timedelta(seconds=number))
    bookmark = LedgerCursor(LedgerPosition(moment - timedelta(seconds=1), ""))
    bookmark.passed(LedgerPosition(moment + timedelta(seconds=2), "late-i-2"))
    cursor, more = world.remit.stream_cursor("acme", bookmark.text()), True
    told = []

    while more:
        followed = world.remit.since("acme", cursor)
        told += [sentence["action_intent_id"] for _, sentence in followed.told]
        cursor, more = followed.cursor, followed.more
        if followed.told:
            # Cut off after each event, and back with its id.
            cursor = world.remit.stream_cursor("acme", followed.told[-1][0])

    assert [name for name in told if name] == ["i-0", "i-1", "i-3"]


NEVER_SENT = ["yesterday", "2026-01-01|x", "2026-01-01T00:00:00Z", "|", "1#x", "1#-1", f"1#{'9' * 5000}"]


@pytest.mark.parametrize("last_event_id", NEVER_SENT, ids=lambda text: text[:20])
def test_an_id_that_was_never_sent_is_refused(world, last_event_id):
    refused = world.client("approver").get("/v1/stream", headers={"Last-Event-ID": last_event_id})

    assert (refused.status_code, refused.json()["field"]) == (422, "Last-Event-ID")


# --- the connection itself ---


def test_a_quiet_stream_says_that_it_is_there(world, monkeypatch):
    monkeypatch.setattr(stream, "HEARTBEAT_S", 0.1)

    with following(world) as follower:
        until(lambda: follower.comments >= 3, what="three signs of life")

    assert follower.events == []


def test_a_key_that_is_revoked_follows_no_further(world, monkeypatch):
    monkeypatch.setattr(stream, "HEARTBEAT_S", 0.1)
    key_id = next(key.key_id for key in world.remit.keys("acme") if key.name == "approver-1")

    with following(world) as follower:
        world.remit.revoke_key("acme", key_id, by="ann")
        happened(follower.ended, what="the end of the stream")


def test_so_many_streams_are_served_and_one_that_ended_makes_room(tmp_path):
    with http_world(tmp_path, HttpSettings(most_streams=2)) as world:
        with following(world), following(world):
            full = world.client("approver").get("/v1/stream")

        assert (full.status_code, full.headers["Content-Type"]) == (503, "application/problem+json")
        assert full.headers["Retry-After"]
        for _ in range(4):
            until(lambda: _opens(world), what="room for a stream")


def _opens(world):
    with world.client("approver").stream("GET", "/v1/stream") as response:
        return response.status_code == 200


def test_streams_end_cleanly_when_the_server_stops(tmp_path):
    with http_world(tmp_path) as world:
        client = world.client("approver")
        follower = LedgerConsumer()
        with client.stream("GET", "/v1/stream", timeout=PATIENCE_S) as response:
            reader = threading.Thread(target=follower.read, args=(response,), daemon=True)
            reader.start()
            happened(follower.ready, what="the stream's first id")
            world.stop()
            # An ended answer, not a broken one.
            happened(follower.ended, what="the end of the stream")
            ended(reader)
            assert response.is_stream_consumed


def test_a_stream_that_is_bounded_tells_what_is_new_ends_and_goes_on_where_it_was(tmp_path):
    with http_world(tmp_path, HttpSettings(stream_for_s=0)) as world:
        client = world.client("approver")
        first = client.get("/v1/stream", timeout=PATIENCE_S).text
        (place,) = [line.removeprefix("id: ") for line in first.splitlines() if line.startswith("id: ")]
        ask(world, "i-1")
        second = client.get("/v1/stream", headers={"Last-Event-ID": place}, timeout=PATIENCE_S).text

    assert first.startswith("retry: 10000")
    assert "event: timeline" not in first
    assert "event: timeline" in second
