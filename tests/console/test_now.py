"""Now and the list of intents: today in one screen, each number a way to what it counts."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from remit.core.execution.outcome import CallResult
from tests.entrypoints.http_world import ACME, EMAIL, NOTE, SILENT, Silent, bounds, http_world

from .conftest import text_of

AMOUNTS = {"refund": {"value": "parameters.amount", "unit": "EUR"}}


class Refusing(Silent):
    """A far side that says no."""

    def invoke(self, call):
        return CallResult(acted="no", error_code="409", error_class="VALIDATION", error_message="already refunded")


@pytest.fixture
def world(tmp_path):
    with http_world(tmp_path, connectors={"silent": Silent(), "refusing": Refusing()}) as opened:
        yield opened


def busy(world):
    """Two notes with sums alone, one that failed, one that nobody knows of, one that waits; nine of ten are used."""
    types = bounds(silent=True)["action_types"]
    types[NOTE] = {**types[NOTE], "amounts": AMOUNTS}
    types["FAILING"] = {"risk_tier": "LOW", "tool": {"connector": "refusing", "max_attempts": 1}}
    world.remit.apply(
        bounds(action_types=types, allowlist=[NOTE, SILENT, "FAILING"], budget={"max_autonomous_per_day": 4}), by="ann"
    )
    for number, amount in enumerate((1200, 40.5)):
        world.submit(f"note-{number}", parameters={"amount": amount})
    world.submit("failed", action_type="FAILING")
    world.submit("unknown", action_type=SILENT)
    world.submit("mail", action_type=EMAIL, why=["the customer asked"])
    world.work()
    world.remit.follow()


def test_one_screen_says_what_ran_alone_what_waits_what_failed_and_what_is_nearly_used_up(look, world):
    busy(world)
    page = look(width=1440).goes("/console/")

    numbers = page.get_by_role("list", name="Today").get_by_role("listitem")
    assert [" ".join(said.split()) for said in numbers.all_inner_texts()][2:] == [
        "1 failed today",
        "1 nobody knows",
        "1 nearly used up",
    ]
    expect(numbers.nth(0)).to_contain_text("4 ran alone today")
    expect(numbers.nth(1)).to_contain_text("1 waiting for a person")
    expect(numbers.nth(1)).to_contain_text("the oldest since")
    expect(page.get_by_role("row", name="Create internal note 2 1,240.50 EUR")).to_be_visible()
    expect(page.get_by_role("row", name="Failing 1 1 failed")).to_be_visible()
    expect(page.locator(".used li").first).to_contain_text("4 of 4")


def test_each_number_and_each_chart_leads_to_the_list_of_what_it_counts(look, world):
    busy(world)
    ann = look(width=1440)
    page = ann.goes("/console/")

    page.get_by_role("link", name="1 failed today").click()
    expect(page.locator(".listed tbody tr")).to_have_count(1)
    expect(page.locator(".listed tbody")).to_contain_text("already refunded")
    page.go_back()
    page.get_by_role("link", name="Create internal note").first.click()
    expect(page.locator(".listed tbody tr")).to_have_count(2)
    page.go_back()
    page.locator(".days a").last.click()
    expect(page.locator(".listed tbody tr")).to_have_count(5)
    page.go_back()
    page.get_by_role("link", name="4 ran alone today").click()
    expect(page.locator(".told li")).to_have_count(4)


def test_an_approval_that_was_taken_back_is_not_answered_today(visit, world):
    world.submit("mail", action_type=EMAIL)
    world.remit.approve(ACME, "mail", by="bob", digest=world.remit.intent(ACME, "mail").digest, undo_for_s=5)
    world.remit.undo(ACME, "mail", by="bob")
    world.remit.follow()

    assert "0 answered by people today" in text_of(visit().get("/console/"))


def test_a_stop_of_one_account_of_several_says_how_much_is_stopped(visit, world):
    busy(world)
    world.client("operator").post("/v1/stop", json={"account_id": "acct-1", "level": "autonomy", "reason": "odd"})

    assert "1 of 1 account stopped" in text_of(visit().get("/console/"))


def test_intents_show_what_they_are_about_and_offer_what_there_is(visit, world):
    busy(world)
    page = visit().get("/console/intents?reason=WITHIN_BOUNDS").text

    assert '<option value="acct-1">' in page and '<option value="CREATE_INTERNAL_NOTE">' in page
    assert '<option value="WITHIN_BOUNDS" selected>Within the bounds</option>' in page
    assert "1,200 EUR" in page and "contact c-1" in page and "already refunded" in page
    assert "the customer asked" not in page


def test_a_row_says_the_target_and_the_sum_that_its_type_s_own_title_leaves_out(visit, world):
    busy(world)
    types = world.remit.bounds(ACME).bounds.model_dump(mode="json")["action_types"]
    types[NOTE]["title"] = "Note for {account_id}"
    world.remit.apply(bounds(action_types=types), by="ann")

    row = text_of(visit().get("/console/intents?action_type=CREATE_INTERNAL_NOTE"))

    assert "Note for acct-1 contact c-1 · 40.50 EUR" in row


def test_intents_are_those_of_the_days_that_are_named(visit, world):
    busy(world)
    ann, today = visit(), world.remit.now().date()
    tomorrow, yesterday = today + timedelta(days=1), today - timedelta(days=1)

    assert "No intent fits" in ann.get(f"/console/intents?from={tomorrow}").text
    assert "No intent fits" in ann.get(f"/console/intents?to={yesterday}").text
    assert ann.get(f"/console/intents?from={yesterday}&to={today}").text.count('<th scope="row">') == 5
    assert "Nothing that fits" in ann.get(f"/console/did?from={tomorrow}").text
    assert ann.get("/console/intents?from=soon").status_code == 422


def test_a_view_is_kept_under_a_name_until_it_is_forgotten(look, world):
    page = look().goes("/console/intents?status=FAILED&reason=WITHIN_BOUNDS")

    page.get_by_label("Name of this view").fill("Mine")
    page.get_by_role("button", name="Keep").click()
    page.goto(f"{world.url}/console/intents")
    views = page.get_by_role("navigation", name="Views")
    views.get_by_role("link", name="Mine").click()
    expect(page).to_have_url(f"{world.url}/console/intents?status=FAILED&reason=WITHIN_BOUNDS")
    page.get_by_role("button", name="Forget the view Mine").click()

    expect(views.get_by_role("link", name="Mine")).to_have_count(0)


def test_on_a_phone_the_list_is_cards_and_nothing_is_cut(look, world):
    busy(world)
    page = look(width=390).goes("/console/intents")

    first = page.locator(".listed tbody tr").first
    expect(first).to_contain_text("acct-1")
    box = first.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 390
    assert page.evaluate("document.querySelector('.wide').scrollWidth <= document.querySelector('.wide').clientWidth")
