"""Workers that die or are asked to end in the middle of a call, and what is left for the next one."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from remit import Remit
from remit.core.errors import NotAnApproval
from remit.core.execution.approval import approved_event
from remit.core.execution.outcome import LEASE_MARGIN
from remit.core.records import CASE, case_key, chain_key
from remit.flow import execute
from tests.e2e.processes import HoldingCrm, Process, Worker
from tests.waiting import PATIENCE_S, received

TENANT = "acme"
# No call is given up before its worker is killed; whoever is left has its clock moved on, and waits for none of it.
TIMEOUT_S = PATIENCE_S
AHEAD = "ahead"


@pytest.fixture(autouse=True)
def consent(monkeypatch):
    """An operator's, who lets workers call far sides on this machine."""
    monkeypatch.setenv("REMIT_PRIVATE_HOSTS", "127.0.0.1")


@pytest.fixture(params=["sqlite_url", "postgres_url"])
def url(request):
    """The URL of an empty database, of each kind in turn."""
    found: str = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def remit(url):
    with Remit.open(url) as remit:
        yield remit


@pytest.fixture
def crm():
    """A far side that honours the key."""
    with HoldingCrm.start() as crm:
        yield crm


@pytest.fixture
def forgetful_crm():
    """A far side that acts as often as it is asked."""
    with HoldingCrm.start(honours_key=False) as crm:
        yield crm


def test_a_call_whose_worker_was_killed_is_made_again_where_the_key_is_honoured_and_acts_once(
    url, remit, crm, tmp_path
):
    _set_bounds(remit, crm)
    with _two_workers(url, tmp_path) as workers:
        _submit(remit, "i-1")
        received(crm.acted, what="a call of the far side")

        survivor, left_s = _kill_the_holder(remit, "i-1", workers)
        crm.go_on.set()
        _pass(tmp_path, left_s)
        survivor.heard("done")

    assert _outcome(remit, "i-1") == ("SUCCEEDED", 2)
    assert len(crm.writes) == 1
    assert len({request.key for request in crm.requests}) == 1
    # Nobody waits longer for the dead one than its call could have taken, with its margin.
    assert left_s <= TIMEOUT_S + LEASE_MARGIN.total_seconds()
    _assert_sound(remit)


def test_a_call_whose_worker_was_killed_is_never_repeated_where_the_key_is_not_honoured(
    url, remit, forgetful_crm, tmp_path
):
    _set_bounds(remit, forgetful_crm)
    with _two_workers(url, tmp_path) as workers:
        _submit(remit, "i-1")
        received(forgetful_crm.acted, what="a call of the far side")

        survivor, left_s = _kill_the_holder(remit, "i-1", workers)
        forgetful_crm.go_on.set()
        _pass(tmp_path, left_s)
        survivor.heard("done")

        assert _outcome(remit, "i-1") == ("UNKNOWN", 1)
        assert (len(forgetful_crm.requests), len(forgetful_crm.writes)) == (1, 1)
        _assert_sound(remit)

        remit.resolve(TENANT, "i-1", by="bob", status="SUCCEEDED", note="it stands in the far side's books")
        _deliver_again(remit, "i-1")

    assert remit.status(TENANT, "i-1")["status"] == "SUCCEEDED"
    assert _outcome(remit, "i-1") == ("UNKNOWN", 1)
    assert len(forgetful_crm.requests) == 1
    _assert_sound(remit)


def test_an_execution_whose_worker_was_killed_before_it_called_is_taken_over_and_acts_once(url, remit, crm, tmp_path):
    """The mark stands and the call was never made: where the key is honoured, calling is right in either case."""
    crm.go_on.set()
    _set_bounds(remit, crm)
    with Worker.working(url, hold_call=True) as first:
        _submit(remit, "i-1")
        first.heard("calling")
        attempt = _attempt(remit, "i-1")
        first.kill()
    _pass(tmp_path, _left_s(attempt))
    with Worker.working(url, ahead=str(tmp_path / AHEAD)) as second:
        second.heard("done")

    assert (attempt.status, attempt.attempt_count, attempt.invoking) == ("RUNNING", 1, True)
    assert _outcome(remit, "i-1") == ("SUCCEEDED", 2)
    assert (len(crm.requests), len(crm.writes)) == (1, 1)
    _assert_sound(remit)


def test_what_one_worker_has_in_flight_a_second_one_that_starts_does_not_run_again(url, remit, forgetful_crm):
    _set_bounds(remit, forgetful_crm)
    with Worker.working(url, concurrency=6) as first:
        in_flight = [f"i-{number}" for number in range(6)]
        _submit(remit, *in_flight)
        for _ in in_flight:
            received(forgetful_crm.acted, what="a call of the far side")
        with Worker.working(url, concurrency=6) as second:
            # The first one is full, so whoever answers for this one is the second, and is at work.
            _submit(remit, "i-6")
            received(forgetful_crm.acted, what="a call of the far side")
            ran = _runs(remit)
            forgetful_crm.go_on.set()
            for _ in in_flight:
                first.heard("done")
            second.heard("done")

    assert first.worker_id != second.worker_id
    # By whom, and how often it was begun.
    assert sorted(ran) == sorted([(first.worker_id, 1)] * 6 + [(second.worker_id, 1)])
    assert _runs(remit) == ran
    assert [_outcome(remit, name) for name in [*in_flight, "i-6"]] == [("SUCCEEDED", 1)] * 7
    assert (len(forgetful_crm.requests), len(forgetful_crm.writes)) == (7, 7)
    _assert_sound(remit)


def test_an_event_that_is_repeated_does_nothing(url, remit, forgetful_crm):
    forgetful_crm.go_on.set()
    _set_bounds(remit, forgetful_crm)
    with Worker.working(url) as worker:
        _submit(remit, "i-1")
        worker.heard("done")
        told = remit.ledger(TENANT, "i-1")

        repeated = [_deliver_again(remit, "i-1") for _ in range(3)]

    assert repeated == [None] * 3
    assert remit.ledger(TENANT, "i-1") == told
    assert len(forgetful_crm.requests) == 1
    _assert_sound(remit)


def test_an_event_that_is_false_does_nothing_and_the_true_one_still_runs(url, remit, forgetful_crm):
    forgetful_crm.go_on.set()
    _set_bounds(remit, forgetful_crm)
    with Worker.working(url) as worker, Remit.open(url, publishing=False) as silent:
        # Approved, and its own event is a few seconds away; the other one waits for a person.
        _submit(silent, "i-1")
        _submit(silent, "i-2", confidence_score=0.1)

        for changes in (
            {"intent_digest": "0" * 64},
            {"action_intent_id": "i-2"},
            {"action_intent_id": "i-2", "intent_digest": remit.intent(TENANT, "i-2").digest},
            {"approval_id": "made-up"},
            {"tenant_id": "globex"},
            {"tenant_id": None},
        ):
            with pytest.raises(NotAnApproval):
                _deliver_again(remit, "i-1", **changes)
        worker.heard("done")

    assert _outcome(remit, "i-1") == ("SUCCEEDED", 1)
    assert remit.status(TENANT, "i-2")["status"] == "AWAITING_APPROVAL"
    assert len(forgetful_crm.requests) == 1
    _assert_sound(remit)


def test_a_worker_that_is_asked_to_end_finishes_what_it_began(url, remit, forgetful_crm):
    _set_bounds(remit, forgetful_crm)
    _submit(remit, "i-1")
    with Process("-m", "remit", "worker", "--db", url, "--json") as worker:
        received(forgetful_crm.acted, what="a call of the far side")
        worker.terminate()
        # Longer than a worker takes to end when it waits for nothing.
        worker.says_nothing_for(2.0)
        forgetful_crm.go_on.set()
        told = json.loads(worker.line())
        code = worker.wait()

    assert (code, told) == (0, {"executed": 1, "by_status": {"SUCCEEDED": 1}})
    assert _outcome(remit, "i-1") == ("SUCCEEDED", 1)
    assert len(forgetful_crm.writes) == 1
    _assert_sound(remit)


# --- what the tests do and see ---


def _set_bounds(remit, crm):
    tool = {
        "connector": "http",
        "method": "POST",
        "url": f"{crm.url}/notes",
        "body": "{parameters}",
        "honours_idempotency_key": crm.honours_key,
        "timeout_s": TIMEOUT_S,
        "external_object": {"system": "crm", "object_type": "note", "object_id": "id"},
    }
    remit.apply(
        {
            "tenant": TENANT,
            "allowed_hosts": ["127.0.0.1"],
            "action_types": {"ADD_NOTE": {"risk_tier": "LOW", "tool": tool}},
            "allowlist": ["ADD_NOTE"],
            "modes": {"default": "AUTO_EXECUTE"},
            "budget": {"max_autonomous_per_day": 100},
        },
        by="ann",
    )


def _submit(remit, *names, **changes):
    proposals = [
        {
            "action_intent_id": name,
            "tenant_id": TENANT,
            "account_id": "north",
            "action_type": "ADD_NOTE",
            "target": {"entity_type": "contact", "entity_id": "c-1"},
            "parameters": {"text": name},
            "confidence_score": 0.9,
            "risk_level": "LOW",
            "proposed_by": "agent",
            **changes,
        }
        for name in names
    ]
    for answer in remit.submit(proposals):
        assert not isinstance(answer, Exception), answer


@contextmanager
def _two_workers(url, folder):
    ahead = str(folder / AHEAD)
    with Worker.working(url, ahead=ahead) as first, Worker.working(url, ahead=ahead) as second:
        yield [first, second]


def _pass(folder, seconds):
    """For whoever is left; in one go, for it looks while this is written."""
    (folder / "written").write_text(str(seconds))
    (folder / "written").replace(folder / AHEAD)


def _kill_the_holder(remit, name, workers):
    """Answers the one that is left, and how long the other one's lease still held when it died."""
    attempt = _attempt(remit, name)
    holder = attempt.holder.split("/")[0]
    (victim,) = [worker for worker in workers if worker.worker_id == holder]
    (survivor,) = [worker for worker in workers if worker.worker_id != holder]
    victim.kill()
    return survivor, _left_s(attempt)


def _left_s(attempt):
    return (attempt.lease_until - datetime.now(UTC)).total_seconds()


def _attempt(remit, name):
    case_at = case_key(TENANT, name)
    case = remit.context.store.read([case_at]).get(case_at)
    assert case is not None and case.attempt is not None
    return case.attempt


def _outcome(remit, name):
    outcome = remit.status(TENANT, name)["outcome"]
    return outcome["status"], outcome["attempt_count"]


def _assert_sound(remit):
    report = remit.verify(TENANT)
    assert report.ok, [str(finding) for finding in report.findings]


def _deliver_again(remit, name, **changes):
    """Carry out the approval's event once more, with `changes`, as an engine that carries events would."""
    chain_at = chain_key(TENANT, name)
    history = remit.context.store.read([chain_at]).get(chain_at)
    assert history is not None
    approval = history.approval(remit.status(TENANT, name)["approval_id"])
    assert approval is not None
    data = {**approved_event(approval)["detail"]["data"], **changes}
    executor = remit.executor(f"again-{time.monotonic_ns()}")
    return execute.run(executor, data, lambda function, *given: function(*given), time.sleep)


def _runs(remit):
    """Which worker holds each execution, or held it last, and how many calls it has marked."""
    attempts = [case.attempt for case in remit.context.store.scan(CASE, TENANT) if case.attempt]
    return [(attempt.holder.split("/")[0], attempt.attempt_count) for attempt in attempts]
