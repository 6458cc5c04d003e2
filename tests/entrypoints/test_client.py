"""`RemitClient` and `AsyncRemitClient` against a real server."""

from __future__ import annotations

import asyncio
import inspect
import socket
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources

import httpx
import pytest

from remit.client.calls import Verb
from remit.client.http_client import AsyncRemitClient, RemitClient
from remit.client.lines import Lines
from remit.client.verbs import ROUTES
from remit.core.errors import (
    CallerMistake,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    OutcomeUnknown,
    RemitError,
    TryLater,
    Unauthenticated,
)
from remit.core.identity.access import ROLES
from remit.entrypoints.web.settings import HttpSettings
from remit.testing.faults import FaultyStore
from tests.entrypoints.http_world import ACME, EMAIL, http_world, proposal
from tests.waiting import PATIENCE_S, ended

HEALTH = {"/healthz", "/readyz", "/metrics"}
"""For whoever watches the server, not for whoever uses it."""


@pytest.fixture
def ann(world):
    """Somebody with every role that a tenant has."""
    with RemitClient(world.url, _key(world)) as client:
        yield client


def _key(world):
    roles = [role for role in ROLES if role != "platform"]
    return world.remit.create_key(ACME, {"name": "ann", "roles": roles}, by="the test")[1]


def test_every_route_of_the_document_has_a_verb(world):
    paths = httpx.get(f"{world.url}/openapi.json", trust_env=False, timeout=PATIENCE_S).json()["paths"]
    served = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods if path not in HEALTH}

    assert served == ROUTES


def test_both_clients_have_the_same_verbs_and_each_says_what_it_takes():
    for name, verb in inspect.getmembers(RemitClient, lambda member: isinstance(member, Verb)):
        assert inspect.getattr_static(AsyncRemitClient, name) is verb
        assert verb.__name__ == name


# --- each verb once ---


def test_an_agents_verbs(ann):
    verdict = ann.propose(proposal("i-1"))
    stored = ann.store(proposal("i-2"))
    gated = ann.gate("i-2", "acct-1")
    fine, wrong, odd = ann.propose_many([proposal("i-3"), proposal("i-4", risk_level="low"), {"tenant_id": "other"}])

    assert verdict["result"] == "AUTO_EXECUTED"
    assert (stored["action_intent_id"], stored["proposed_by"]) == ("i-2", "ann")
    assert gated["result"] == "AUTO_EXECUTED"
    assert not isinstance(fine, RemitError)
    assert isinstance(wrong, InvalidInput)
    assert wrong.field == "risk_level"
    assert isinstance(odd, Forbidden)


def test_a_persons_verbs(ann, world):
    for name in ("i-1", "i-2", "i-3", "i-4"):
        world.submit(name, action_type=EMAIL)
    digests = {item["action_intent_id"]: item["digest"] for item in ann.queue(account_id="acct-1")["items"]}

    approved = ann.approve("i-1", digest=digests["i-1"])
    rejected = ann.reject("i-2", reason="no")
    edited = ann.edit("i-3", {"parameters.text": "politely"})
    many = ann.approve_many({"i-4": digests["i-4"], "i-2": digests["i-2"]})
    also = ann.reject_many([edited["action_intent_id"], "none"])

    assert approved["approval"]["approved_by"] == "ann"
    assert rejected["status"] == "REJECTED"
    assert edited["reason"] == "EDITED_BY_PERSON"
    assert not isinstance(many[0], RemitError)
    assert isinstance(many[1], Conflict)
    assert not isinstance(also[0], RemitError)
    assert isinstance(also[1], NotFound)
    with pytest.raises(Conflict):
        ann.resolve("i-1", status="FAILED", note="seen")
    assert ann.erase("i-1", reason="asked for") == {"action_intent_id": "i-1", "paths": []}


def test_what_a_tool_answered_is_read_and_erased(ann, world):
    ann.propose(proposal("i-1"))
    with pytest.raises(NotFound):
        ann.result("i-1")
    world.work()

    read = ann.result("i-1")
    erased = ann.erase_result("i-1", reason="asked for")

    assert (read["state"], erased["sha256"]) == ("KEPT", read["sha256"])
    assert ann.result("i-1")["state"] == "ERASED"


def test_a_readers_verbs(ann):
    ann.propose(proposal("i-1"))

    assert ann.status("i-1")["status"] == "APPROVED"
    assert ann.why("i-1")["decision"]
    assert ann.ledger("i-1")[0]["event_type"] == "INTENT_PROPOSED"
    assert ann.auto_exec_state("i-1")["status"] == "PUBLISHED"
    assert [line["action_intent_id"] for line in ann.intents(status=["APPROVED", "RUNNING"])["items"]] == ["i-1"]
    assert ann.intents(created_before="2020-01-01T00:00:00Z")["items"] == []
    assert ann.timeline(limit=1)["items"][0]["text"]
    assert ann.usage(account_id="acct-1")["accounts"][0]["used"] == 1
    assert ann.verify()["ok"]
    assert [entry["event_type"] for entry in ann.export()][-1] == "LEDGER_SEALED"


@pytest.mark.parametrize("part", ["bounds", "action_types", "allowlists", "modes", "budgets", "limits", "policies"])
def test_bounds_are_changed_as_they_were_looked_at_or_not_at_all(ann, part):
    in_force = getattr(ann, part)()
    put = getattr(ann, f"replace_{part}")

    tried = put(in_force.value, expected_sequence=in_force.sequence, dry_run=True)
    kept = put(in_force.value, expected_sequence=in_force.sequence)

    assert (tried["dry_run"], tried["changed"], kept["changed"]) == (True, False, False)
    with pytest.raises(Conflict):
        put(in_force.value, expected_sequence=in_force.sequence + 1)


def test_policies_are_checked_compared_and_kept(ann):
    text = resources.files("remit.demo").joinpath("refunds.cedar").read_text()
    part = {"policies": [{"name": "refunds.cedar", "text": text}]}

    with pytest.raises(InvalidInput):
        ann.validate_policies({"policies": [{"name": "ours.cedar", "text": "nonsense"}]})
    assert ann.policy_difference({"policies": []})["changed"] is False
    assert ann.validate_policies(part)["rules"]
    assert "+forbid" in ann.policy_difference(part)["difference"]
    (version,) = ann.policy_versions()
    assert ann.policy_version(version["version"])["in_force"]


def test_an_operators_verbs(ann):
    assert ann.stop(reason="an incident", account_id="acct-1", even_if_unknown=True)["level"] == "autonomy"
    assert ann.resume(reason="over", account_id="acct-1")["resumed"]
    assert (ann.failing_tools(), ann.resume_tool("SEND_EMAIL")["resumed"]) == ([], False)
    made = ann.create_key(name="bot", roles=["agent"])
    listed = ann.keys()
    assert made["key_id"] in {key["key_id"]: key for key in listed}
    assert ann.revoke_key(made["key_id"])["revoked_by"] == "ann"


def test_the_verbs_of_telling_people(ann):
    asked = {"channel": "webhook", "url": "https://hooks.example.com/in", "signing_secret": "${HOOK_SECRET}"}

    made = ann.set_subscription("ops", asked)
    tried = ann.test_subscription("ops")

    assert [each["subscription_id"] for each in ann.subscriptions()] == ["ops"] == [made["subscription_id"]]
    assert ann.deliveries(subscription_id="ops", status="PENDING") == [tried]
    assert ann.remove_subscription("ops") == made
    assert (ann.subscriptions(), ann.deliveries()) == ([], [])


def test_a_part_of_the_ledger_is_that_of_a_time_and_has_no_seal(ann):
    ann.propose(proposal("i-1"))

    part = [entry["event_type"] for entry in ann.export(since="2020-01-01T00:00:00Z")]

    assert "ACTION_APPROVED" in part and "LEDGER_SEALED" not in part
    assert list(ann.export(before="2020-01-01T00:00:00Z")) == []


def test_the_verbs_of_one_look_and_of_described_lists(ann):
    ann.propose(proposal("i-1"))
    ann.propose(proposal("i-2", action_type=EMAIL))

    seen = ann.overview()
    described, plain = ann.intents(describe=True)["items"], ann.intents()["items"]

    assert (seen["waiting"]["count"], seen["config_sequence"]) == (1, 1)
    assert seen["most_used"][0]["used"] == 1
    assert described[0]["title"] == "Send email · text hello · contact c-1"
    assert "title" not in plain[0] and plain[0]["action_intent_id"] == described[0]["action_intent_id"]


def test_the_verb_of_days(ann, world):
    ann.propose(proposal("i-1"))
    world.remit.follow()
    today = ann.tally("2026-03-01", "2026-03-01")["today"]

    (day,) = ann.tally(today, today)["days"]

    assert [(row["result"], row["count"]) for row in day["decisions"]] == [("AUTO_EXECUTED", 1)]


@pytest.mark.parametrize("end", ["\u2028", "\u2029", "\x85", "\x0b\x0c\x1c\x1d\x1e", "\r", "\r\n", "\n"])
def test_what_others_take_for_ends_of_lines_ends_neither_an_entry_nor_an_event(ann, world, end):
    text = f"a{end}b"
    ann.propose(proposal("i-0", action_type=EMAIL))
    stream = ann.stream(after=f"{datetime(2020, 1, 1, tzinfo=UTC).isoformat()}|")
    ann.propose(proposal("i-1", action_type=EMAIL, parameters={"text": text}, why=[text]))
    ann.reject("i-1", reason=text)

    rejected = next(event.told for event in stream if event.told["event_type"] == "ACTION_REJECTED")
    entries = list(ann.export())

    async def exported():
        async with AsyncRemitClient(world.url, _key(world)) as remit:
            return [entry async for entry in remit.export()]

    assert rejected["text"]
    assert [entry["data"]["reason"] for entry in entries if entry["event_type"] == "ACTION_REJECTED"] == [text]
    assert len(asyncio.run(exported())) > len(entries)


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_lines_are_cut_alike_however_they_arrive(size):
    whole = "one\u2028\n\ntwo\x85\r\nthree".encode()
    lines = Lines()

    cut = [line for at in range(0, len(whole), size) for line in lines.ended_by(whole[at : at + size])]

    assert [*cut, *lines.rest()] == ["one\u2028", "", "two\x85", "three"]


def test_the_stream_goes_on_where_it_was_left(ann, world):
    heard, asked = threading.Event(), []

    def ask():
        asked.append(f"i-{len(asked)}")
        world.submit(asked[-1], action_type=EMAIL)

    def ask_until_heard():
        # Nobody says when a stream is open: what comes before is not told.
        while not heard.wait(0.1):
            ask()

    asking = threading.Thread(target=ask_until_heard)
    asking.start()
    first = next(ann.stream())
    heard.set()
    ended(asking)
    ask(), ask()

    again = ann.stream(after=first.id)

    later = asked[asked.index(first.told["action_intent_id"]) + 1 :]
    assert first.id
    assert [next(again).told["action_intent_id"] for _ in later] == later


def test_ids_are_carried_whole(ann):
    for name in (".", "..", "a:b@c", "x.y-z_1"):
        ann.propose(proposal(name))
        assert ann.status(name)["action_intent_id"] == name
    with pytest.raises(InvalidInput):
        ann.status("i-1/why")


def test_the_other_client_is_awaited(world):
    async def day():
        async with AsyncRemitClient(world.url, _key(world)) as remit:
            verdicts = await asyncio.gather(*(remit.propose(proposal(f"i-{n}")) for n in range(5)))
            assert {verdict["result"] for verdict in verdicts} == {"AUTO_EXECUTED"}
            assert (await remit.bounds()).sequence == 1
            with pytest.raises(NotFound):
                await remit.status("none")
            assert [entry["event_type"] async for entry in remit.export()][-1] == "LEDGER_SEALED"
            with pytest.raises(InvalidInput):
                async for _ in remit.stream(after="nonsense"):
                    pass

    asyncio.run(day())


# --- errors ---


def test_problems_become_the_errors_of_the_core(ann, world):
    ann.propose(proposal("i-1"))

    with pytest.raises(Conflict, match="differs in parameters"):
        ann.propose(proposal("i-1", parameters={}))
    with pytest.raises(NotFound, match="'none' is not known"):
        ann.why("none")
    with pytest.raises(InvalidInput) as wrong:
        ann.propose(proposal("i-2", confidence_score=85))
    with pytest.raises(Unauthenticated), RemitClient(world.url, "rk.acme.no.key") as nobody:
        nobody.usage()
    with pytest.raises(Forbidden), RemitClient(world.url, world.keys[ACME, "agent"]) as agent:
        agent.verify()
    with pytest.raises(Forbidden), RemitClient(world.url, world.keys[ACME, "agent"]) as agent:
        list(agent.export())

    assert wrong.value.field == "confidence_score"
    assert str(wrong.value).startswith("confidence_score: ")
    assert str(wrong.value).count("confidence_score") == 1


def test_too_much_or_too_often_is_told_apart(tmp_path):
    with (
        http_world(tmp_path, HttpSettings(requests_per_minute=2, largest_body_bytes=1000)) as world,
        RemitClient(world.url, world.keys[ACME, "agent"]) as agent,
    ):
        with pytest.raises(CallerMistake, match="1000 bytes"):
            agent.propose(proposal("i-1", why=["x" * 1000]))
        with pytest.raises(NotFound):
            agent.status("none")
        with pytest.raises(NotFound):
            agent.status("none")
        with pytest.raises(TryLater) as often:
            agent.status("none")

    assert often.value.retry_after_s >= 1  # type: ignore[attr-defined]


def _faulty(world):
    faulty = FaultyStore(world.remit.context.store)
    world.goes_through(faulty)
    return faulty


def test_only_what_did_not_happen_is_sent_again_and_only_when_asked(ann, world):
    ann.usage()
    faulty = _faulty(world)
    with RemitClient(world.url, _key(world), retries=2) as patient:
        patient.usage()
        faulty.arm("try_later")
        with pytest.raises(TryLater):
            ann.propose(proposal("i-1"))
        faulty.arm("try_later")
        assert patient.propose(proposal("i-1"))["result"] == "AUTO_EXECUTED"
        faulty.arm("lost_answer")
        with pytest.raises(OutcomeUnknown):
            patient.propose(proposal("i-2"))


def test_where_nobody_listens_nothing_was_sent():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with RemitClient(url, "key") as client, pytest.raises(TryLater, match="nothing was sent"):
            client.propose({})


CLIENTS = pytest.mark.parametrize("kind", [RemitClient, AsyncRemitClient])


@CLIENTS
@pytest.mark.parametrize(
    "url", ["127.0.0.1:8000", "localhost:8000", "", "ftp://remit.example.com", "http://", "http://a:b"]
)
def test_where_no_request_could_go_the_url_is_refused(kind, url):
    with pytest.raises(InvalidInput, match="write it with its scheme") as refused:
        kind(url, "key")

    assert refused.value.field == "url"


@CLIENTS
@pytest.mark.parametrize(
    "key", ["", " \n", "rk.acme.1.secret\nrk.acme.2.secret", "rk.acme.1 secret", "rk.acme.1.sécret"]
)
def test_what_no_header_can_carry_is_no_key_and_is_not_shown(kind, key):
    with pytest.raises(InvalidInput) as refused:
        kind("http://127.0.0.1:8000", key)

    assert refused.value.field == "key"
    assert "secret" not in str(refused.value)


def test_a_key_may_come_from_a_file_with_the_end_of_its_line(world):
    with RemitClient(world.url, f"{_key(world)}\n") as client:
        assert client.usage()["tenant_id"] == ACME


@contextmanager
def _standing_between(answer):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            answer(self)

        do_POST = do_GET

        def log_message(self, *_): ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _hangs_up(handler):
    handler.close_connection = True


def _bad_gateway(handler):
    handler.send_error(502)


def _elsewhere(handler):
    handler.send_response(302)
    handler.send_header("Location", "http://127.0.0.1:1/")
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def _later(handler):
    problem = b'{"type": "about:blank", "title": "later", "status": 503, "detail": "not now", "kind": "try_later"}'
    handler.send_response(503)
    handler.send_header("Content-Type", "application/problem+json")
    handler.send_header("Retry-After", "\u00b2")
    handler.send_header("Content-Length", str(len(problem)))
    handler.end_headers()
    handler.wfile.write(problem)


def test_a_pause_that_is_no_number_is_none():
    with _standing_between(_later) as url, RemitClient(url, "key") as client, pytest.raises(RemitError) as later:
        client.usage()

    assert getattr(later.value, "retry_after_s", 0.0) == 0.0


@pytest.mark.parametrize("answer", [_hangs_up, _bad_gateway])
def test_a_lost_answer_may_mean_that_it_happened(answer):
    with _standing_between(answer) as url, RemitClient(url, "key", retries=1) as client:
        with pytest.raises(OutcomeUnknown, match="look whether it happened"):
            client.propose({})
        with pytest.raises(TryLater, match="nothing was changed"):
            client.usage()


def test_a_key_is_not_carried_to_where_a_redirect_leads():
    with _standing_between(_elsewhere) as url, RemitClient(url, "key") as client, pytest.raises(CallerMistake):
        client.usage()


def test_a_client_does_not_show_its_key(world):
    assert "rk." not in repr(RemitClient(world.url, world.keys[ACME, "agent"]))


def test_a_replay_says_what_the_history_would_have_been(ann):
    ann.propose(proposal("i-1"))
    in_force = ann.bounds()

    replay = ann.replay({**in_force.value, "allowlist": []}, period="1d", expected_sequence=in_force.sequence)

    assert (replay["decisions"], replay["would_ask"]["count"]) == (1, 1)
    assert ann.bounds() == in_force


def test_a_proof_says_how_bounds_stand_to_those_in_force(ann):
    in_force = ann.bounds()

    proof = ann.prove({**in_force.value, "allowlist": []}, expected_sequence=in_force.sequence)

    assert (proof["verdict"], proof["narrower"]["before"]["course"]) == ("NARROWER", "RUNS")
    assert ann.bounds() == in_force
