"""The HTTP door's own health: is it alive, can it answer, what does it count, and who may see that."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from remit.core.errors import InvalidInput, TryLater
from remit.entrypoints.http.metrics import MOST_SERIES, Metrics
from remit.entrypoints.web.settings import HttpSettings, settings_from
from remit.flow.reading.measure import Measured
from remit.hooks import StepEvent
from tests.entrypoints.http_world import (
    EMAIL,
    GLOBEX,
    NOTE,
    SILENT,
    Down,
    bounds,
    http_world,
    proposal,
    with_paused_tool,
)


class SetClock:
    def __init__(self):
        self.ahead = timedelta()

    def now(self):
        return datetime.now(UTC) + self.ahead


def samples(text):
    """By name and the values of the labels, in the order of the labels' names."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def scraped(world, role="platform", tenant="acme"):
    answered = world.client(role, tenant).get("/metrics")
    assert answered.status_code == 200, answered.text
    assert answered.headers["Content-Type"].startswith("text/plain")
    return samples(answered.text)


# --- alive, ready ---


def test_alive_and_ready_need_no_key(world):
    nobody = world.client(None)

    assert nobody.get("/healthz").json() == {"status": "ok"}
    assert nobody.get("/readyz").json() == {"status": "ok"}


def test_a_store_that_does_not_answer_makes_it_not_ready_and_leaves_it_alive(world, monkeypatch):
    def away(_):
        raise TryLater("the database does not answer")

    monkeypatch.setattr(world.remit.context.store, "read", away)
    nobody = world.client(None)

    not_ready = nobody.get("/readyz")

    assert (not_ready.status_code, not_ready.headers["Content-Type"]) == (503, "application/problem+json")
    assert nobody.get("/healthz").status_code == 200


# --- who may see the numbers ---


@pytest.mark.parametrize(("role", "status"), [(None, 401), ("agent", 403), ("approver", 403), ("admin", 403)])
def test_numbers_take_a_platforms_or_an_operators_key(world, role, status):
    assert world.client(role).get("/metrics").status_code == status


def test_an_operator_sees_its_own_tenant_and_no_other(world):
    world.remit.apply(bounds(GLOBEX), by="the test")
    world.submit("i-1")
    world.submit("secret", tenant=GLOBEX, account_id="acct-secret")

    own = scraped(world, "operator")
    everybody = scraped(world)

    assert ("remit_decisions_total", "WITHIN_BOUNDS", "AUTO_EXECUTED", "acme") in own
    assert not [sample for sample in own if GLOBEX in sample or "acct-secret" in sample]
    assert not [sample for sample in own if "acme" not in sample]
    assert ("remit_budget_left", "acct-secret", GLOBEX) in everybody
    assert [sample for sample in everybody if sample[0].startswith("remit_http")]


def test_open_numbers_take_no_key(tmp_path):
    with http_world(tmp_path, HttpSettings(metrics_open=True)) as world:
        assert world.client(None).get("/metrics").status_code == 200


@pytest.mark.parametrize(("text", "is_open"), [("true", True), ("1", True), ("false", False), ("0", False)])
def test_they_are_opened_by_a_setting(text, is_open):
    assert settings_from({"REMIT_METRICS_OPEN": text}).metrics_open is is_open
    assert not settings_from({}).metrics_open


def test_a_setting_that_is_neither_yes_nor_no_is_refused():
    with pytest.raises(InvalidInput, match="REMIT_METRICS_OPEN"):
        settings_from({"REMIT_METRICS_OPEN": "maybe"})


# --- what is counted ---


def test_decisions_are_counted_by_result_and_reason(world):
    agent = world.client("agent")
    agent.post("/v1/intents", json=[proposal("i-1"), proposal("i-2"), proposal("i-3", action_type=EMAIL)])

    counted = scraped(world)

    assert counted["remit_decisions_total", "WITHIN_BOUNDS", "AUTO_EXECUTED", "acme"] == 2
    assert counted["remit_decisions_total", "ACTION_TYPE_NOT_ALLOWLISTED", "REQUIRE_APPROVAL", "acme"] == 1


def test_executions_are_counted_by_status(world):
    world.submit("i-1")
    world.work()

    assert scraped(world)["remit_executions_total", "SUCCEEDED", "acme"] == 1


def test_what_is_left_of_the_budget_is_shown_by_account(world):
    world.remit.apply(bounds(accounts={"acct-2": {"budget": {"max_autonomous_per_day": 3}}}), by="the test")
    world.submit("i-1")

    counted = scraped(world)

    assert counted["remit_budget_left", "acct-1", "acme"] == 9
    assert counted["remit_budget_left", "acct-2", "acme"] == 3


def test_the_series_of_budgets_are_bounded_and_the_rest_is_told(world):
    world.remit.apply(bounds(accounts={f"acct-{number}": {} for number in range(20)}), by="the test")

    measured = world.remit.measure(most_accounts=5)

    assert (len(measured.budget_left), measured.left_out) == (5, 15)


def test_the_queue_and_the_lag_of_publication_are_shown_with_their_age(tmp_path):
    clock = SetClock()
    with http_world(tmp_path, clock=clock, publishing=False) as world:
        world.submit("waiting", action_type=EMAIL)
        world.submit("reserved")
        clock.ahead = timedelta(minutes=10)
        world.submit("waiting-too", action_type=EMAIL)

        counted = scraped(world)

    assert counted["remit_queue_length", "acme"] == 2
    assert 600 <= counted["remit_queue_oldest_seconds", "acme"] < 660
    assert 600 <= counted["remit_publish_lag_seconds", "acme"] < 660


def test_how_long_a_tool_is_paused_is_shown_to_its_tenant_alone(tmp_path):
    with http_world(tmp_path, connectors={"down": Down()}) as world:
        with_paused_tool(world)

        counted = scraped(world)

        assert 0 < counted["remit_tool_paused_seconds", SILENT, "acme"] < 60
        assert "tool_paused" not in world.client("operator", GLOBEX).get("/metrics").text


def test_how_long_no_worker_has_taken_what_is_approved_is_shown_to_its_tenant_alone(tmp_path):
    clock = SetClock()
    with http_world(tmp_path, clock=clock) as world:
        world.submit("i-1")
        clock.ahead = timedelta(minutes=10)

        counted = scraped(world)
        assert 600 <= counted["remit_not_taken_seconds", NOTE, "acme"] < 660
        assert "not_taken" not in world.client("operator", GLOBEX).get("/metrics").text
        world.work()
        assert ("remit_not_taken_seconds", NOTE, "acme") not in scraped(world)


def test_requests_are_timed_by_route_and_not_by_what_stands_in_the_path(world):
    reader = world.client("approver")
    world.submit("i-1")
    reader.get("/v1/intents/i-1")
    reader.get("/v1/intents/i-9")
    reader.get("/no/such/path")

    counted = scraped(world)

    count = "remit_http_request_duration_seconds_count"
    assert counted[count, "GET", "/v1/intents/{action_intent_id}", "200"] == 1
    assert counted[count, "GET", "/v1/intents/{action_intent_id}", "404"] == 1
    assert counted[count, "(none)", "(none)", "404"] == 1
    assert not [sample for sample in counted if "i-1" in str(sample) or "such" in str(sample)]


def test_methods_that_no_route_takes_are_one(world):
    stranger = world.client(None)
    for method in ("PROPFIND", "REPORT", "TRACE", "OPTIONS"):
        assert stranger.request(method, "/v1/intents").status_code == 405

    counted = scraped(world)

    refused = {sample: value for sample, value in counted.items() if "_count" in sample[0] and "405" in sample}
    assert refused == {("remit_http_request_duration_seconds_count", "(none)", "/v1/intents", "405"): 4}


def test_reasons_without_end_do_not_make_series_without_end():
    metrics = Metrics()
    for number in range(MOST_SERIES + 50):
        metrics.happened(StepEvent("gate", "acme", "i", None, "REQUIRE_APPROVAL", f"REASON_{number}", 0, 0))

    counted = samples(metrics.page(Measured(), None).decode())

    decisions = {sample: value for sample, value in counted.items() if sample[0] == "remit_decisions_total"}
    assert len(decisions) == MOST_SERIES + 1
    assert decisions["remit_decisions_total", "*", "*", "*"] == 50


def test_two_applications_count_apart(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with http_world(tmp_path / "a") as one, http_world(tmp_path / "b") as other:
        one.submit("i-1", action_type=NOTE)

        assert ("remit_decisions_total", "WITHIN_BOUNDS", "AUTO_EXECUTED", "acme") in scraped(one)
        assert ("remit_decisions_total", "WITHIN_BOUNDS", "AUTO_EXECUTED", "acme") not in scraped(other)
