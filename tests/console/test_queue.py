"""The queue while somebody looks at it, in a real browser: nothing moves under a hand, and all that runs is shown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from remit.core.gate.autonomy import StopScope
from tests.entrypoints.http_world import ACME, EMAIL, NOTE, bounds

from .conftest import Looker, text_of

Look = Callable[..., Looker]


def card(page, name):
    return page.locator(f'[data-card="{name}"]')


def opened(page, name):
    """The card, beside the list."""
    card(page, name).locator(".line").click(position={"x": 200, "y": 30})
    return card(page, name)


def approve(page, name):
    return card(page, name).get_by_role("button", name="Approve")


def shown(page):
    return page.locator("[data-card]").evaluate_all("cards => cards.map(card => card.dataset.card)")


def submit(world, name, day=20, **changes):
    """It waits for a person; the lower the day, the sooner it expires."""
    return world.submit(name, action_type=EMAIL, expires_at=datetime(2030, 1, day, tzinfo=UTC), **changes)


def status(world, *names):
    return [world.remit.status(ACME, name)["status"] for name in names]


# --- nothing moves ---


def test_a_click_answers_the_card_that_was_there_whatever_came_meanwhile(look, world):
    submit(world, "i-2")
    page = look().goes("/console/queue")
    approve(page, "i-2").hover()
    page.mouse.down()

    submit(world, "i-1", day=1)
    expect(page.get_by_role("button", name="1 new: show it")).to_be_visible()
    page.mouse.up()

    expect(card(page, "i-2").locator(".ended")).to_contain_text("ann approved it")
    assert shown(page) == ["i-2"]
    assert status(world, "i-1", "i-2") == ["AWAITING_APPROVAL", "APPROVED"]


def test_a_card_that_its_proposer_took_back_says_so_and_is_answered_no_more(look, world):
    submit(world, "i-1")
    page = look().goes("/console/queue")
    approve(page, "i-1").hover()

    world.remit.withdraw(ACME, "i-1", by="agent")

    expect(card(page, "i-1").locator(".ended")).to_contain_text("agent took it back")
    expect(approve(page, "i-1")).not_to_be_visible()
    assert status(world, "i-1") == ["WITHDRAWN"]


def test_a_second_click_at_the_same_place_answers_nothing(look, world):
    for day in (1, 2, 3):
        submit(world, f"i-{day}", day)
    page = look().goes("/console/queue")
    approve(page, "i-1").hover()

    page.mouse.down()
    page.mouse.up()
    expect(card(page, "i-1").locator(".ended")).to_be_visible()
    page.mouse.down()
    page.mouse.up()
    expect(page.locator("#waiting")).to_have_text("2")

    assert shown(page) == ["i-1", "i-2", "i-3"]
    assert status(world, "i-1", "i-2", "i-3") == ["APPROVED", "AWAITING_APPROVAL", "AWAITING_APPROVAL"]


def test_what_others_answer_is_marked_in_its_place(look, world):
    for day in (1, 2, 3):
        submit(world, f"i-{day}", day)
    page = look().goes("/console/queue")
    places = {name: card(page, name).bounding_box() for name in ("i-2", "i-3")}

    world.remit.reject(ACME, "i-1", by="bob", reason="not this customer")

    expect(card(page, "i-1").locator(".ended")).to_contain_text('Rejected bob rejected it ("not this customer")')
    for button in ("Approve", "Reject", "Undo"):
        expect(card(page, "i-1").get_by_role("button", name=button)).to_have_count(0)
    expect(card(page, "i-1").get_by_role("checkbox")).to_have_count(0)
    assert {name: card(page, name).bounding_box() for name in ("i-2", "i-3")} == places


def test_a_card_that_moved_takes_no_answer_for_a_second(look, world):
    submit(world, "i-2")
    page = look().goes("/console/queue")
    page.clock.install()
    submit(world, "i-1", day=1)
    page.clock.run_for(1000)
    expect(page.get_by_role("button", name="1 new: show it")).to_be_visible()

    page.get_by_role("button", name="1 new: show it").click()

    expect(card(page, "i-1")).to_be_visible()
    expect(approve(page, "i-2")).to_be_disabled()
    page.clock.run_for(1001)
    expect(approve(page, "i-2")).to_be_enabled()


def test_whatever_pushes_the_cards_down_makes_them_wait(look, world):
    submit(world, "i-1")
    page = look().goes("/console/queue")
    expect(approve(page, "i-1")).to_be_enabled()
    page.clock.install()

    page.evaluate("document.querySelector('#stopped').append(document.createElement('h1'))")
    page.evaluate("document.querySelector('#stopped h1').textContent = 'Stopped.'")

    expect(approve(page, "i-1")).to_be_disabled()
    page.clock.run_for(1001)
    expect(approve(page, "i-1")).to_be_enabled()


def test_a_reason_in_another_card_survives_what_others_answer(look, world):
    for day in (1, 2):
        submit(world, f"i-{day}", day)
    page = look().goes("/console/queue")
    opened(page, "i-2").get_by_text("Reject…").click()
    card(page, "i-2").get_by_label("Why not?").fill("half a sen")
    card(page, "i-2").get_by_role("checkbox").check()

    world.remit.reject(ACME, "i-1", by="bob")

    expect(card(page, "i-1").locator(".became-of")).to_contain_text("bob rejected it")
    expect(card(page, "i-2").get_by_label("Why not?")).to_have_value("half a sen")
    expect(card(page, "i-2").get_by_role("checkbox")).to_be_checked()


def test_an_answer_names_the_digest_that_was_on_the_screen(visit, world):
    submit(world, "i-1")
    ann = visit()

    for door in ("approve", "reject"):
        for item in ("i-1 " + "0" * 64, "i-1"):
            assert "digest" in text_of(ann.post(f"/console/queue/{door}", {"item": item}))

    assert status(world, "i-1") == ["AWAITING_APPROVAL"]


# --- what cannot succeed says so ---


def test_a_blocked_card_offers_no_approval_and_says_what_helps(look, world):
    world.remit.apply(bounds(modes={"default": "DISABLED"}, allowlist=[NOTE, EMAIL]), by="ann")
    world.submit("i-1")
    page = look().goes("/console/queue")

    expect(card(page, "i-1")).to_contain_text("Nobody can approve it until the block is lifted")
    expect(approve(page, "i-1")).to_have_count(0)
    expect(card(page, "i-1").get_by_role("link", name="change the modes")).to_be_visible()


def test_an_unregistered_type_offers_no_approval_and_says_what_helps(look, world):
    world.submit("i-1", action_type="FLY_TO_MARS")
    page = look().goes("/console/queue")

    expect(card(page, "i-1")).to_contain_text("FLY_TO_MARS was not registered when this was proposed")
    expect(approve(page, "i-1")).to_have_count(0)
    expect(card(page, "i-1").get_by_role("link", name="Register it")).to_be_visible()
    page = look().goes("/console/intents/i-1")
    expect(approve(page, "i-1")).to_have_count(0)


def test_a_stop_of_everything_takes_the_approval_off_the_card_and_its_end_brings_it_back(look, world):
    submit(world, "i-1")
    page = look().goes("/console/queue")
    scope = StopScope(tenant_id=ACME, action_type=EMAIL)

    world.remit.stop(scope, by="carl", reason="odd", level="everything")
    expect(card(page, "i-1")).to_contain_text("approved now, it would be cancelled")
    expect(approve(page, "i-1")).to_have_count(0)
    world.remit.resume(scope, by="carl", reason="over", level="everything")

    expect(approve(page, "i-1")).to_be_enabled()


# --- groups ---


def test_the_queue_is_grouped_by_proposer_and_reason_with_true_counts(look, world):
    for number in range(30):
        submit(world, f"f-{number}", 1, proposed_by="flood")
    submit(world, "legit", 20, proposed_by="crm")
    world.submit("note", confidence_score=0.1, proposed_by="crm")
    page = look().goes("/console/queue")
    groups = page.get_by_role("navigation", name="Groups of the queue")
    expect(groups).to_contain_text("All 32")
    assert "legit" in shown(page)[:4]

    groups.get_by_text("Proposer", exact=True).click()
    groups.get_by_role("link", name="crm 2").click()
    expect(card(page, "legit")).to_be_visible()
    assert shown(page) == ["note", "legit"]
    groups.get_by_text("Why", exact=True).click()
    groups.get_by_role("link", name="The agent is not sure enough 1").click()
    expect(card(page, "legit")).to_have_count(0)
    assert shown(page) == ["note"]


def test_a_group_stands_on_one_page_and_all_that_waits_on_as_many_as_it_needs(look, world):
    for number in range(30):
        submit(world, f"f-{number:02}", 1, proposed_by="flood")
        submit(world, f"g-{number:02}", 1, proposed_by="crm")
    page = look().goes("/console/queue?proposed_by=crm")
    assert shown(page) == [f"g-{number:02}" for number in range(30)]
    page.goto(f"{world.url}/console/queue")
    first = shown(page)

    page.get_by_role("link", name="Less urgent ones").click()

    expect(card(page, "g-29")).to_be_visible()
    assert len(first) == 50
    assert sorted(first + shown(page)) == sorted(f"{one}-{number:02}" for one in "fg" for number in range(30))


# --- what is shown is what runs ---


def row(page, path):
    return card(page, "i-1").locator("tr", has=page.locator(f"bdi:text-is({path!r})")).locator("td")


def test_types_and_numbers_show_as_they_are_sent(look, world):
    values = {"a": True, "b": "true", "c": 100, "d": "100", "e": None, "f": "", "g": 1299.0, "h": 1e-05, "i": ["1", 1]}
    submit(world, "i-1", parameters=values)
    page = look().goes("/console/queue")

    told = {name: row(page, name).inner_text() for name in values}

    assert told == {
        "a": "true", "b": '"true"', "c": "100", "d": '"100"', "e": "null", "f": '""', "g": "1299", "h": "0.00001",
        "i": '["1",1]',
    }  # fmt: skip


def test_no_two_values_have_one_name(look, world):
    submit(world, "i-1", parameters={"account.iban": 1, "account": {"iban": 2}})
    page = look().goes("/console/queue")

    names = card(page, "i-1").locator(".rows th").all_inner_texts()

    assert sorted(names) == ['["account.iban"]', "account.iban"]


@pytest.mark.parametrize("path", ["/console/queue", "/console/intents/i-1", "/console/", "/console/intents/i-1/edit"])
def test_nothing_that_does_not_show_reaches_a_page(look, world, path):
    odd = "pay \u202eann\u200b\u2028now\u0085" + "e" + "\u0301" * 30
    target = {"entity_type": odd, "entity_id": odd}
    submit(world, "i-1", target=target, parameters={odd: odd, "in": [odd]}, why=[odd])
    page = look().goes(path)

    text = page.locator("main").inner_text()

    assert "⟨U+202E⟩ann⟨U+200B⟩⟨U+2028⟩now⟨U+0085⟩" in text
    assert not set(text) & set("\u202e\u200b\u2028\u0085") and "\u0301" * 5 not in text


def test_the_lines_of_a_text_are_kept(look, world):
    submit(world, "i-1", parameters={"body": "Dear Ann,\n\n  it is done.\n"})
    page = look().goes("/console/queue")

    assert row(page, "body").inner_text() == '"Dear Ann,\n\n  it is done.\n"'


def test_a_long_text_says_how_much_more_there_is_and_opens(look, world):
    submit(world, "i-1", parameters={"body": "a" * 3_000 + "the end", "lines": "x\n" * 60 + "hidden"})
    page = look().goes("/console/queue")
    expect(row(page, "body")).not_to_contain_text("the end", use_inner_text=True)

    row(page, "body").get_by_text("… 2,607 more characters").click()
    row(page, "lines").get_by_text("more characters").click()

    expect(row(page, "body")).to_contain_text("the end", use_inner_text=True)
    expect(row(page, "lines")).to_contain_text("hidden", use_inner_text=True)


def test_what_is_too_long_for_a_card_is_whole_on_its_own_page(look, world):
    many = {f"n{number:03}": number for number in range(100)}
    submit(world, "i-1", parameters={"body": "a" * 30_000 + "the end", **many}, why=["because"] * 7)
    page = look().goes("/console/queue")
    expect(card(page, "i-1")).to_contain_text("… 61 more values: see all of them")
    expect(card(page, "i-1")).to_contain_text("… 2 more reasons: see all of them")

    row(page, "body").get_by_text("… 29,607 more characters").click()
    row(page, "body").get_by_role("link", name="See all of it").click()

    whole = page.locator("section", has=page.get_by_role("heading", name="What was proposed"))
    expect(whole).to_contain_text("the end")
    expect(whole).to_contain_text("n099")


# --- several approvers ---


def test_the_first_vote_stands_on_the_card_and_takes_it_out_of_that_persons_queue(look, world):
    spec = bounds()["action_types"]
    spec[EMAIL]["approvals_required"] = 2
    world.remit.apply(bounds(action_types=spec), by="the test")
    submit(world, "i-1")
    page, bobs = look().goes("/console/queue"), look("bob").goes("/console/queue")

    approve(page, "i-1").click()
    expect(card(page, "i-1").locator(".votes")).to_contain_text("1 of 2 approved: ann")
    expect(card(bobs, "i-1").locator(".votes")).to_contain_text("1 of 2 approved: ann")

    expect(approve(page, "i-1")).to_have_count(0)
    expect(page.locator("#waiting")).to_have_text("0")
    expect(approve(bobs, "i-1")).to_be_visible()
    page.reload()
    assert shown(page) == []
    approve(bobs, "i-1").click()
    expect(card(bobs, "i-1").locator(".ended")).to_contain_text("bob approved it")
