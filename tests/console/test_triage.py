"""Triage: many answered in seconds each, and each answer visible until somebody dismisses it, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from remit.core.execution.outcome import CallResult
from tests.entrypoints.http_world import ACME, EMAIL, NOTE, Silent, bounds, http_world

from .conftest import Looker, text_of
from .test_queue import approve, card, opened, shown, status, submit

Look = Callable[..., Looker]


class Refusing(Silent):
    """A far side that says no."""

    def invoke(self, call):
        return CallResult(acted="no", error_code="409", error_class="VALIDATION", error_message="already refunded")


@pytest.fixture
def world(tmp_path):
    with http_world(tmp_path, connectors={"refusing": Refusing()}) as opened_world:
        yield opened_world


REFUNDS = {"amounts": {"refund": {"value": "parameters.amount", "unit": "parameters.currency"}}}
TITLE = "Refund {amounts.refund} · {target.entity_id}"


def with_refunds(world, **more):
    types = bounds()["action_types"]
    types[EMAIL] = {**types[EMAIL], **REFUNDS, **more}
    world.remit.apply(bounds(action_types=types), by="the test")


def refund(world, name, amount, day=20, currency="EUR", **changes):
    parameters = {"amount": amount, "currency": currency}
    submit(world, name, day, parameters=parameters, **changes)


def line(page, name):
    return card(page, name).locator(".line")


def said(page, name):
    return card(page, name).locator(".became-of")


# --- the list ---


def test_a_line_says_what_for_whom_how_much_why_who_and_until_when(look, world):
    with_refunds(world, title=TITLE)
    submit(world, "i-1", parameters={"amount": 1240, "currency": "EUR"}, proposed_by="shop-agent")
    page = look().goes("/console/queue")

    told = line(page, "i-1").inner_text()

    assert "Refund 1,240 EUR · c-1" in told
    assert "may never run alone here" in told and "acct-1" in told and "shop-agent" in told
    assert line(page, "i-1").locator("time").get_attribute("title").startswith("2030-01-20")
    assert line(page, "i-1").locator("time").inner_text().startswith("in ")


def test_without_a_title_the_sum_or_the_first_argument_and_the_target_are_said(look, world):
    submit(world, "i-1", parameters={"phone": "+49 30 1", "zip": "x"})
    page = look().goes("/console/queue")

    expect(line(page, "i-1")).to_contain_text('Send email · phone "+49 30 1" · contact c-1')


def test_odd_characters_in_a_headline_are_marked_and_a_long_value_says_how_much_follows(look, world):
    with_refunds(world, title="To {parameters.to}: {parameters.text} {parameters.missing}")
    submit(world, "i-1", parameters={"to": "a\u202eb", "text": "x" * 100})
    page = look().goes("/console/queue")

    told = line(page, "i-1").inner_text()

    assert 'To "a⟨U+202E⟩b": "' in told and "40 more characters" in told and "–" in told


def test_counts_are_true_however_many_wait(look, world):
    for number in range(120):
        submit(world, f"i-{number:03}", 1 + number % 20)
    page = look().goes("/console/queue")

    expect(page.locator("#waiting")).to_have_text("120")
    expect(page.get_by_role("navigation", name="Groups of the queue")).to_contain_text("All 120")
    page.goto(f"{world.url}/console/")
    expect(page.locator(".numbers")).to_contain_text("120 waiting for a person")


def test_it_is_narrowed_by_type_and_account_and_ordered_by_expiry_or_amount(look, world):
    with_refunds(world)
    refund(world, "small", 5, day=1, account_id="acct-2")
    refund(world, "large", 900, day=9, proposed_by="crm")
    refund(world, "middle", 50, day=5)
    world.submit("note", confidence_score=0.1)
    page = look().goes("/console/queue?order=expiry")
    assert shown(page) == ["note", "small", "middle", "large"]

    page.goto(f"{world.url}/console/queue?order=amount")
    assert shown(page) == ["large", "middle", "small", "note"]
    groups = page.get_by_role("navigation", name="Groups of the queue")
    groups.get_by_text("Action", exact=True).click()
    groups.get_by_role("link", name="Send email 3").click()
    expect(card(page, "note")).to_have_count(0)
    assert shown(page) == ["large", "middle", "small"]
    groups.get_by_text("Account", exact=True).click()
    groups.get_by_role("link", name="acct-2 1").click()
    expect(card(page, "large")).to_have_count(0)
    assert shown(page) == ["small"]


def test_the_focused_line_s_card_stands_beside_the_list_and_the_list_stays(look, world):
    for day in (1, 2, 3):
        submit(world, f"i-{day}", day, parameters={"text": f"hello {day}"})
    page = look(width=1440).goes("/console/queue")
    before = [line(page, f"i-{day}").bounding_box() for day in (1, 2, 3)]

    page.keyboard.press("j")
    page.keyboard.press("j")

    expect(approve(page, "i-2")).to_be_visible()
    expect(approve(page, "i-1")).not_to_be_visible()
    expect(card(page, "i-2").locator(".detail")).to_contain_text('"hello 2"')
    assert [line(page, f"i-{day}").bounding_box() for day in (1, 2, 3)] == before
    assert card(page, "i-2").locator(".detail").bounding_box()["x"] > before[1]["x"] + before[1]["width"] - 5


def test_on_a_phone_the_card_opens_below_its_line(look, world):
    for day in (1, 2):
        submit(world, f"i-{day}", day)
    page = look(width=390).goes("/console/queue")

    opened(page, "i-2")

    expect(approve(page, "i-2")).to_be_visible()
    assert card(page, "i-2").locator(".detail").bounding_box()["y"] > line(page, "i-2").bounding_box()["y"]


# --- many at once ---


def test_what_is_selected_is_summed_up_and_answered_as_one(look, world):
    with_refunds(world)
    for number, amount in enumerate((1200, 39.5, 0.5)):
        refund(world, f"i-{number}", amount, day=number + 1)
    refund(world, "dollars", 3, day=9, currency="USD")
    submit(world, "no-sum", 10)
    page = look().goes("/console/queue")
    expect(page.locator("#many")).to_be_hidden()

    for number in range(3):
        line(page, f"i-{number}").get_by_role("checkbox").check()
    expect(page.get_by_role("button", name="Approve 3 · 1,240.00 EUR")).to_be_visible()
    for name in ("dollars", "no-sum"):
        line(page, name).get_by_role("checkbox").check()
    page.get_by_role("button", name="Approve 5 · 1,240.00 EUR · 3.00 USD · 1 without a sum").click()

    expect(page.locator(".answers.ended")).to_have_count(5)
    expect(page.locator("#many")).to_be_hidden()
    assert set(status(world, "i-0", "i-1", "i-2", "dollars", "no-sum")) == {"APPROVED"}


def test_a_group_of_more_than_a_page_is_answered_as_one_and_taken_back_as_one(look, world):
    for number in range(60):
        submit(world, f"i-{number:02}", 1 + number % 20, proposed_by="flood")
    page = look().goes("/console/queue?proposed_by=flood")

    page.get_by_label("Select all here").check()
    page.get_by_role("button", name="Approve 60").click()
    page.get_by_role("button", name="Undo 60").click()

    expect(page.locator(".answers.ended")).to_have_count(0)
    expect(page.locator("#waiting")).to_have_text("60")
    assert set(status(world, *(f"i-{number:02}" for number in range(60)))) == {"AWAITING_APPROVAL"}


# --- undo ---


def test_an_approval_is_taken_back_within_five_seconds_and_the_card_waits_again(look, world):
    submit(world, "i-1")
    page = look().goes("/console/queue")

    approve(page, "i-1").click()
    said(page, "i-1").get_by_role("button", name="Undo").click()

    expect(approve(page, "i-1")).to_be_visible()
    expect(said(page, "i-1")).to_contain_text("the approval is taken back")
    expect(line(page, "i-1").get_by_role("checkbox")).to_be_visible()
    assert status(world, "i-1") == ["AWAITING_APPROVAL"]
    world.work()
    assert status(world, "i-1") == ["AWAITING_APPROVAL"]


def test_from_the_keyboard_the_last_approval_is_taken_back_and_has_the_focus(look, world):
    for day in (1, 2, 3):
        submit(world, f"i-{day}", day)
    page = look().goes("/console/queue")
    page.keyboard.press("j")
    for day in (1, 2):
        expect(approve(page, f"i-{day}")).to_be_visible()
        page.keyboard.press("a")
        expect(card(page, f"i-{day + 1}")).to_be_focused()

    page.keyboard.press("u")

    expect(approve(page, "i-2")).to_have_count(1)
    assert status(world, "i-1", "i-2", "i-3") == ["APPROVED", "AWAITING_APPROVAL", "AWAITING_APPROVAL"]


def test_the_offer_to_undo_ends_when_it_is_over(look, world):
    submit(world, "i-1")
    page = look().goes("/console/queue")
    page.clock.install()
    approve(page, "i-1").click()
    expect(said(page, "i-1").get_by_role("button", name="Undo")).to_be_visible()

    page.clock.run_for(6000)

    expect(said(page, "i-1").get_by_role("button", name="Undo")).not_to_be_visible()
    expect(said(page, "i-1")).to_contain_text("ann approved it")


# --- every answer stays ---


def test_what_came_of_an_answer_stays_beside_its_line_until_it_is_dismissed(look, world):
    submit(world, "i-1", 1)
    submit(world, "i-2", 2)
    page = look().goes("/console/queue")
    opened(page, "i-1").get_by_text("Reject…").click()
    card(page, "i-1").get_by_role("button", name="Reject", exact=True).click()
    expect(said(page, "i-1")).to_contain_text("ann rejected it")

    submit(world, "i-3", 3)
    page.get_by_role("button", name="1 new: show it").click()
    expect(card(page, "i-3")).to_be_visible()
    expect(said(page, "i-1")).to_contain_text("ann rejected it")
    said(page, "i-1").get_by_role("button", name="Dismiss").click()

    expect(card(page, "i-1")).to_have_count(0)
    assert shown(page) == ["i-2", "i-3"]


def test_the_line_follows_what_was_approved_to_its_end(look, world):
    digest = submit_note(world, "i-1")
    page = look().goes("/console/queue")

    world.remit.approve(ACME, "i-1", by="bob", digest=digest)
    expect(said(page, "i-1")).to_contain_text("bob approved it; it is sent")
    world.work()

    expect(said(page, "i-1")).to_contain_text("bob approved it; done, remit note")


def test_a_failure_is_said_in_its_own_words(look, world):
    world.remit.apply(bounds(action_types=failing_types()), by="the test")
    submit(world, "i-1")
    page = look().goes("/console/queue")

    world.remit.approve(ACME, "i-1", by="bob", digest=world.remit.intent(ACME, "i-1").digest)
    world.work()

    expect(said(page, "i-1")).to_contain_text('bob approved it; it failed: "already refunded"')


def submit_note(world, name):
    world.submit(name, confidence_score=0.1)
    return world.remit.intent(ACME, name).digest


def failing_types():
    types = bounds()["action_types"]
    types[EMAIL] = {**types[EMAIL], "tool": {"connector": "refusing", "operation": "send"}}
    return types


def test_if_somebody_else_answers_the_focused_card_the_focus_stays_and_says_so(look, world):
    for day in (1, 2):
        submit(world, f"i-{day}", day)
    page = look().goes("/console/queue")
    page.keyboard.press("j")

    world.remit.reject(ACME, "i-1", by="bob", reason="not this one")

    expect(said(page, "i-1")).to_contain_text('bob rejected it ("not this one")')
    expect(card(page, "i-1")).to_be_focused()
    page.keyboard.press("a")
    assert status(world, "i-2") == ["AWAITING_APPROVAL"]


# --- edit in place ---


def test_an_edit_is_made_beside_the_list_and_comes_back_to_it_with_before_and_after(look, world):
    with_refunds(world)
    refund(world, "i-1", 240.0, day=1, proposed_by="shop-agent")
    refund(world, "i-2", 10.0, day=2)
    page = look().goes("/console/queue")
    page.keyboard.press("j")
    expect(approve(page, "i-1")).to_be_visible()

    page.keyboard.press("e")
    page.get_by_label("parameters.amount").fill("24")
    expect(page.get_by_role("row", name="parameters.amount 240 24")).to_be_visible()
    page.get_by_role("button", name="Replace it with this").click()

    expect(page).to_have_url(f"{world.url}/console/queue")
    expect(page.locator(".edits")).to_contain_text("shop-agent proposed")
    expect(page.get_by_role("row", name="parameters.amount 240 24")).to_be_visible()
    new = next(name for name in shown(page) if name not in ("i-1", "i-2"))
    assert shown(page) == [new, "i-2"]
    assert world.remit.intent(ACME, new).parameters["amount"] == 24
    expect(approve(page, new)).to_be_visible()


def test_an_edit_that_does_not_fit_is_said_on_its_form_and_nothing_is_lost(look, world):
    schema = {"type": "object", "properties": {"amount": {"type": "number", "maximum": 100}}}
    with_refunds(world, parameters=schema)
    refund(world, "i-1", 24.0)
    page = look().goes("/console/queue")
    opened(page, "i-1").get_by_role("link", name="Edit…").click()
    page.get_by_label("parameters.amount").fill("500")

    page.get_by_role("button", name="Replace it with this").click()

    expect(page.get_by_role("alert").filter(has_text="parameters.amount")).to_be_visible()
    expect(page.get_by_label("parameters.amount")).to_have_value("500")
    page.get_by_role("button", name="Leave it").click()
    expect(approve(page, "i-1")).to_be_visible()
    assert status(world, "i-1") == ["AWAITING_APPROVAL"]


# --- why ---


def test_the_card_says_what_was_compared_and_leads_to_the_setting_that_said_no(visit, world):
    world.submit("i-1", confidence_score=0.42)
    ann = visit()

    text = text_of(ann.get("/console/queue"))

    assert "confidence 42 %, 70 % needed" in text
    assert 'href="/console/intents/i-1/automate">Make this automatic' in ann.get("/console/queue").text
    assert "Make this automatic" not in text_of(visit(roles={"approver"}).get("/console/queue"))


def test_the_budget_on_the_card_is_the_one_that_refused(visit, world):
    world.remit.apply(bounds(budget={"max_autonomous_per_day": 12, "max_per_action_type": {NOTE: 1}}), by="the test")
    for name in ("i-1", "i-2"):
        world.submit(name)

    text = text_of(visit().get("/console/queue"))

    assert f"{NOTE} 1 of 1 used" in text and "left today" not in text


# --- fifty ---


def test_fifty_are_answered_from_the_keyboard_without_a_lost_or_doubled_answer(look, world):
    names = [f"i-{number:02}" for number in range(50)]
    for number, name in enumerate(names):
        world.submit(name, action_type=EMAIL, expires_at=datetime(2030, 1, 1, tzinfo=UTC) + timedelta(hours=number))
    page = look(width=1440).goes("/console/queue")
    page.keyboard.press("j")

    for number, name in enumerate(names):
        expect(card(page, name)).to_be_focused()
        expect(approve(page, name)).to_be_enabled()
        if number % 5 == 4:
            page.keyboard.press("r")
            page.keyboard.type(f"no {number}")
            page.keyboard.press("Enter")
        else:
            page.keyboard.press("a")

    expect(page.locator("#waiting")).to_have_text("0")
    expect(page.locator(".answers.ended")).to_have_count(50)
    for number, name in enumerate(names):
        events = [entry["event_type"] for entry in world.remit.ledger(ACME, name)]
        answered = "ACTION_REJECTED" if number % 5 == 4 else "ACTION_APPROVED"
        assert [event for event in events if event.startswith("ACTION_")][:1] == [answered], name
        assert events.count(answered) == 1


def test_two_people_at_one_queue_give_each_intent_one_answer(look, world):
    names = [f"i-{number}" for number in range(6)]
    for number, name in enumerate(names):
        world.submit(name, action_type=EMAIL, expires_at=datetime(2030, 1, 1 + number, tzinfo=UTC))
    ann, bob = look("ann").goes("/console/queue"), look("bob").goes("/console/queue")

    for number, name in enumerate(names):
        mine, theirs = (ann, bob) if number % 2 else (bob, ann)
        opened(mine, name)
        approve(mine, name).click()
        expect(card(theirs, name).locator(".answers.ended")).to_contain_text("approved it")
    assert set(status(world, *names)) == {"APPROVED"}
    for name in names:
        assert [e["event_type"] for e in world.remit.ledger(ACME, name)].count("ACTION_APPROVED") == 1


# --- weight ---


@pytest.mark.parametrize("path", ["/console/", "/console/queue", "/console/intents/i-001", "/console/did"])
def test_a_page_weighs_little_but_for_its_list(visit, world, path):
    for number in range(60):
        submit(world, f"i-{number:03}", 1 + number % 20)

    answer = visit().get(path)

    rows = answer.text.count('class="card row') if path.endswith("queue") else 0
    assert len(answer.content) - 3000 * rows < 60_000
