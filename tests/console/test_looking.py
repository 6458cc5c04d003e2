"""What people do at the console, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from remit.core.gate.autonomy import StopScope
from tests.entrypoints.http_world import ACME, EMAIL, NOTE, OWN, SILENT, bounds
from tests.waiting import until

from .conftest import Looker

Look = Callable[..., Looker]


def card(page, name):
    return page.locator(f'[data-card="{name}"]')


def test_signing_in_with_a_key_and_out_again(look, world):
    page = look(signed_in=False).goes("/console/queue")
    expect(page).to_have_url(f"{world.url}/console/sign-in?to=/console/queue")

    page.get_by_label("API key").fill(world.keys[ACME, "approver"])
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{world.url}/console/queue")
    page.locator(".who summary").click()
    page.get_by_role("button", name="Sign out").click()
    page.goto(f"{world.url}/console/queue")

    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_wrong_key_is_told_so(look):
    ann = look(signed_in=False)
    page = ann.goes("/console/sign-in")

    page.get_by_label("API key").fill("rk.acme.nobody.nothing")
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_role("alert")).to_contain_text("not known")
    ann.forgets("401")


def test_an_intent_arrives_while_one_looks(look, world):
    page = look().goes("/console/queue")
    expect(page.get_by_text("Nothing waits for you")).to_be_visible()

    world.submit("i-1", action_type=EMAIL)

    expect(page.locator("#waiting")).to_have_text("1")
    page.get_by_role("button", name="1 new: show it").click()
    expect(card(page, "i-1")).to_be_visible()


def test_what_autopilot_does_shows_up_with_the_reason(look, world):
    page = look().goes("/console/did")

    world.submit("i-1")
    world.work()

    line = page.locator(".told li", has_text="Autopilot did")
    expect(line).to_contain_text("number 1 of 10 today")
    expect(line.locator(".tag")).to_have_text("Autopilot")


def test_approving_in_the_queue(look, world):
    world.submit("i-1", action_type=EMAIL)
    page = look().goes("/console/queue")
    expect(card(page, "i-1")).to_contain_text("This kind of action may never run alone here")

    card(page, "i-1").get_by_role("button", name="Approve").click()

    expect(page.locator("#became")).to_contain_text("i-1: approved; it begins in 5 seconds")
    expect(card(page, "i-1").locator(".ended")).to_contain_text("ann approved it")
    for name in ("Approve", "Reject"):
        expect(card(page, "i-1").get_by_role("button", name=name)).to_have_count(0)
    assert world.remit.why(ACME, "i-1")["approval"]["approved_by"] == "ann"


def test_rejecting_with_a_reason(look, world):
    world.submit("i-1", action_type=EMAIL)
    page = look().goes("/console/queue")

    card(page, "i-1").get_by_text("Reject…").click()
    card(page, "i-1").get_by_label("Why not?").fill("not this customer")
    card(page, "i-1").get_by_role("button", name="Reject", exact=True).click()

    expect(page.locator("#became")).to_contain_text("i-1: rejected")
    assert world.remit.why(ACME, "i-1")["rejection"]["reason"] == "not this customer"


def test_editing_shows_the_difference_and_makes_a_new_intent(look, world):
    parameters = {"text": "hello", "amount": 12.5, "urgent": True, "lines": [{"sku": "a"}]}
    world.submit("i-1", action_type=EMAIL, parameters=parameters)
    page = look().goes("/console/intents/i-1")
    page.get_by_role("link", name="Edit…").click()

    page.get_by_label("parameters.amount").fill("9.75")
    page.get_by_label("parameters.urgent").select_option("false")
    difference = page.locator("#difference")
    expect(difference.get_by_role("row", name="parameters.amount 12.5 9.75")).to_be_visible()
    expect(difference.get_by_role("row", name="parameters.urgent true false")).to_be_visible()
    page.get_by_role("button", name="Replace it with this").click()

    expect(page.get_by_text("It replaced i-1")).to_be_visible()
    new = world.remit.status(ACME, page.url.rsplit("/", 1)[1])
    assert new["intent"]["parameters"] == {**parameters, "amount": 9.75, "urgent": False}
    assert (new["status"], new["reason"]) == ("AWAITING_APPROVAL", "EDITED_BY_PERSON")
    assert world.remit.status(ACME, "i-1")["status"] == "SUPERSEDED"


def test_selecting_many_and_answering_them_together(look, world):
    for name in ("i-1", "i-2", "i-3"):
        world.submit(name, action_type=EMAIL)
    page = look().goes("/console/queue")

    for name in ("i-1", "i-3"):
        card(page, name).get_by_role("checkbox").check()
    page.get_by_role("button", name="Approve 2").click()
    expect(page.locator("#became").locator("li")).to_have_count(2)
    page.get_by_label("Select all here").check()
    page.get_by_label("Reason").fill("enough")
    page.get_by_role("button", name="Reject 1").click()

    expect(page.locator(".answers.ended")).to_have_count(3)
    assert [world.remit.status(ACME, name)["status"] for name in ("i-1", "i-2", "i-3")] == [
        "APPROVED",
        "REJECTED",
        "APPROVED",
    ]


def test_the_queue_is_answered_from_the_keyboard_alone(look, world):
    for number in (1, 2, 3, 4):
        # The sooner it expires, the further up.
        world.submit(f"i-{number}", action_type=EMAIL, expires_at=datetime(2030, 1, number, tzinfo=UTC))
    page = look().goes("/console/queue")
    keys = page.keyboard

    keys.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    keys.press("Escape")
    keys.press("j")
    expect(card(page, "i-1")).to_be_focused()
    keys.press("j")
    keys.press("k")
    keys.press("a")
    expect(page.locator("#became")).to_contain_text("i-1: approved")
    # The card that took its place has the focus: the next answer needs no hand on the mouse.
    expect(card(page, "i-2")).to_be_focused()
    expect(card(page, "i-2").get_by_text("Reject…")).to_be_visible()
    keys.press("r")
    keys.type("no")
    keys.press("Enter")
    expect(page.locator("#became")).to_contain_text("i-2: rejected")
    keys.press("x")
    expect(card(page, "i-3").get_by_role("checkbox")).to_be_checked()
    keys.press("j")
    expect(card(page, "i-4").get_by_role("link", name="Edit…")).to_be_visible()
    keys.press("e")
    expect(card(page, "i-4").locator(".in-place [name^=parameters]").first).to_be_focused()
    keys.press("Escape")
    expect(card(page, "i-4").get_by_role("button", name="Approve")).to_be_visible()
    expect(card(page, "i-4")).to_be_focused()

    assert world.remit.why(ACME, "i-2")["rejection"]["reason"] == "no"


def test_enter_in_the_reason_for_rejecting_many_approves_nothing(look, world):
    world.submit("i-1", action_type=EMAIL)
    page = look().goes("/console/queue")
    page.get_by_label("Select all here").check()

    page.get_by_label("Reason").fill("not this customer")
    page.get_by_label("Reason").press("Enter")
    card(page, "i-1").get_by_role("checkbox").press("Enter")
    page.get_by_role("button", name="Reject 1").click()

    expect(page.locator("#became")).to_contain_text("i-1: rejected")
    assert world.remit.why(ACME, "i-1")["rejection"]["reason"] == "not this customer"


def test_enter_in_a_note_says_nothing_about_what_happened(look, world):
    world.remit.apply(bounds(silent=True), by="ann")
    world.submit("i-1", action_type=SILENT)
    world.work()
    page = look().goes("/console/intents/i-1")

    page.get_by_label("What did you find?").fill("nothing arrived there")
    page.get_by_label("What did you find?").press("Enter")
    page.get_by_role("button", name="It did not happen").click()

    expect(page.get_by_text("found out: failed")).to_be_visible()


def test_a_key_that_is_held_down_answers_once(look, world):
    for number in (1, 2):
        world.submit(f"i-{number}", action_type=EMAIL, expires_at=datetime(2030, 1, number, tzinfo=UTC))
    page = look().goes("/console/queue")
    page.keyboard.press("j")

    page.keyboard.down("a")
    expect(card(page, "i-2")).to_be_focused()
    page.keyboard.down("a")
    page.keyboard.up("a")
    page.keyboard.press("j")

    expect(page.locator("#became")).to_contain_text("i-1: approved")
    assert world.remit.status(ACME, "i-2")["status"] == "AWAITING_APPROVAL"


def test_news_puts_no_other_intent_under_the_finger_that_approves(look, world):
    for number in (1, 2):
        world.submit(f"i-{number}", action_type=EMAIL, expires_at=datetime(2030, 1, number, tzinfo=UTC))
    page = look().goes("/console/queue")
    page.keyboard.press("j")
    expect(card(page, "i-1")).to_be_focused()

    world.remit.reject(ACME, "i-1", by="bob")
    expect(card(page, "i-1").locator(".ended")).to_contain_text("bob rejected it")
    expect(card(page, "i-1")).to_be_focused()
    page.keyboard.press("a")
    page.keyboard.press("j")

    expect(card(page, "i-2")).to_be_focused()
    assert world.remit.status(ACME, "i-2")["status"] == "AWAITING_APPROVAL"


def test_of_two_who_answer_at_once_one_wins_and_the_other_is_told_who(look, world):
    world.submit("i-1", action_type=EMAIL)
    ann, bob = look("ann"), look("bob")
    for looker in (ann, bob):
        # A stream that cannot be had is asked for again and again.
        looker.provokes("ERR_FAILED", "console/stream")
        looker.goes("/console/queue")
        # Neither learns of the other's answer before giving their own.
        looker.page.route("**/console/stream*", lambda route: route.abort())
        looker.page.reload()

    card(ann.page, "i-1").get_by_role("button", name="Approve").click()
    expect(ann.page.locator("#became")).to_contain_text("approved; it begins in 5 seconds")
    card(bob.page, "i-1").get_by_text("Reject…").click()
    card(bob.page, "i-1").get_by_role("button", name="Reject", exact=True).click()

    expect(bob.page.locator("#became")).to_contain_text("ann approved it first, so nothing changed")


def test_news_does_not_pull_an_answer_from_under_ones_hands(look, world):
    world.submit("i-1", action_type=EMAIL)
    page = look().goes("/console/queue")
    card(page, "i-1").get_by_text("Reject…").click()
    card(page, "i-1").get_by_label("Why not?").fill("half a sen")

    world.submit("i-2", action_type=EMAIL)

    expect(page.get_by_role("button", name="1 new")).to_be_visible()
    expect(card(page, "i-1").get_by_label("Why not?")).to_have_value("half a sen")
    page.get_by_role("button", name="1 new").click()
    expect(card(page, "i-2")).to_be_visible()


def test_stopping_and_resuming_from_any_page(look, world):
    page = look().goes("/console/audit")
    page.locator("#switch summary").click()
    page.get_by_label("Why?").fill("odd notes since noon")
    page.get_by_role("button", name="Stop now").click()

    expect(page.locator("#switch summary")).to_have_text("Stopped")
    told = 'ann stopped autonomy for tenant acme: "odd notes since noon"'
    expect(page.locator("#stopped")).to_contain_text(told)
    assert world.submit("i-1").reason == "AUTONOMY_STOPPED"
    page.locator("#switch summary").click()
    page.get_by_label("Why may it go on?").fill("it was a test")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("#switch summary")).to_have_text("Autonomy on")
    assert world.submit("i-2").reason == "WITHIN_BOUNDS"


@pytest.mark.parametrize("path", ["/console/", "/console/queue", "/console/bounds", "/console/audit"])
def test_a_stop_from_elsewhere_shows_up_by_itself(look, world, path):
    page = look().goes(path)

    world.remit.stop(StopScope(tenant_id=ACME), by="carl", reason="from outside")

    expect(page.locator("#switch summary")).to_have_text("Stopped")
    expect(page.get_by_text("carl stopped autonomy for tenant acme")).to_be_visible()
    page.locator("#switch summary").click()
    page.get_by_label("Why may it go on?").fill("it was a test")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("#switch summary")).to_have_text("Autonomy on")


def test_bounds_are_changed_after_a_look_at_what_changes(look, world):
    page = look().goes("/console/bounds")

    page.get_by_label(f"{EMAIL} may run alone").check()
    page.get_by_label(f"{NOTE} a day at most").fill("3")
    page.get_by_role("button", name="Show what changes").click()
    expect(page.locator(".diff")).to_contain_text(f"budget.max_per_action_type.{NOTE}: 3")
    page.get_by_role("button", name="Put in force").click()

    expect(page.get_by_text("ann changed the bounds (now number 2)")).to_be_visible()
    in_force = world.remit.bounds(ACME).bounds
    assert in_force.allowlist == [NOTE, OWN, EMAIL]
    assert in_force.budget is not None and in_force.budget.max_per_action_type == {NOTE: 3}


def test_an_account_gets_bounds_of_its_own(look, world):
    page = look().goes("/console/bounds")
    page.get_by_placeholder("another account").fill("acct-9")
    page.get_by_role("button", name="Open").click()

    page.get_by_label("a list of its own").check()
    page.get_by_label(f"Mode of {NOTE}").select_option("DISABLED")
    page.get_by_role("button", name="Show what changes").click()
    page.get_by_role("button", name="Put in force").click()

    expect(page.get_by_role("link", name="acct-9")).to_be_visible()
    own = world.remit.bounds(ACME).bounds.accounts["acct-9"]
    assert (own.allowlist, own.modes) == ([], {NOTE: "DISABLED"})


def test_a_policy_is_checked_while_it_is_written(look, world):
    page = look().goes("/console/policies")
    editor = page.get_by_role("textbox", name="Text")

    editor.fill("permit (principal, action, resource);")
    expect(page.locator("#checked .problem")).to_be_visible()
    editor.fill(
        '@id("no_nights") @reason("AT_NIGHT") @effect("REQUIRE_APPROVAL") @explanation("nobody is here at night")\n'
        "forbid (principal, action, resource) when { context.hour < 24 };"
    )
    expect(page.locator("#checked")).to_contain_text("It is sound: 1 rule")
    page.get_by_role("button", name="Show what changes").click()
    page.get_by_role("button", name="Put in force").click()
    expect(page).to_have_url(f"{world.url}/console/bounds")

    assert world.submit("i-1").reason == "AT_NIGHT"


def test_a_key_is_made_shown_once_and_revoked(look, world):
    page = look().goes("/console/keys")
    page.get_by_label("Whose key").fill("crm-agent")
    page.get_by_label("agent: may propose").check()
    page.get_by_role("button", name="Make a key").click()
    text = page.locator(".secret").inner_text()
    assert world.remit.authenticate(text).name == "crm-agent"

    page.get_by_role("button", name="Revoke the key of crm-agent").click()

    expect(page.get_by_text("revoked by ann")).to_be_visible()
    expect(page.locator(".secret")).to_have_count(0)


def test_somebody_is_told_and_the_last_result_is_listed(look, world):
    world.remit.apply(bounds(allowed_hosts=["hooks.example.com"]), by="ann")
    page = look().goes("/console/telling")
    page.get_by_label("Its name").fill("ops")
    page.get_by_label("URL").fill("https://hooks.example.com/remit")
    page.get_by_label("Signing secret").fill("${HOOK_SECRET}")
    page.get_by_label("the day's digest").uncheck()
    page.get_by_role("button", name="Save").click()

    page.get_by_role("button", name="Try it: ops").click()

    expect(page.get_by_role("row", name="ops a test")).to_contain_text("pending")
    (made,) = world.remit.subscriptions(ACME)
    assert "DAILY_DIGEST" not in made.notices and made.signing_secret == "${HOOK_SECRET}"
    page.get_by_role("button", name="Remove ops").click()
    expect(page.get_by_text("Nobody is told anything yet")).to_be_visible()


OF_CHANNEL = {
    "webhook": {"url", "signing_secret"},
    "slack": {"url", "signing_secret", "slack_channel", "bot_token", "people"},
    "email": {"recipients", "answer_links"},
    "push": set(),
}


@pytest.mark.parametrize("scripts", [True, False])
def test_only_what_the_chosen_channel_has_is_asked(look, world, scripts):
    ann = look()
    if not scripts:
        ann.page.route("**/*.js*", lambda route: route.fulfill(content_type="text/javascript", body=""))
    page = ann.goes("/console/telling")
    form = page.locator("form.by-channel")

    for channel in ["webhook", *OF_CHANNEL]:
        form.locator("[name=channel]").select_option(channel)
        shown = {name for name in set().union(*OF_CHANNEL.values()) if form.locator(f"[name={name}]").is_visible()}
        assert shown == OF_CHANNEL[channel], channel


def test_what_was_typed_for_another_channel_is_not_sent_and_not_lost_on_the_way(look, world):
    world.remit.apply(bounds(allowed_hosts=["hooks.example.com"]), by="ann")
    ann = look()
    page = ann.goes("/console/telling")
    form = page.locator("form.by-channel")
    form.get_by_label("Its name").fill("ops")
    form.locator("[name=channel]").select_option("slack")
    form.get_by_label("Slack channel").fill("C0123")
    form.locator("[name=channel]").select_option("webhook")
    form.get_by_label("URL").fill("nonsense")
    form.get_by_label("Signing secret").fill("${HOOK_SECRET}")
    form.get_by_role("button", name="Save").click()

    expect(page.get_by_role("alert")).to_contain_text("url: is not an http or https URL")
    ann.forgets("422")
    expect(form.locator("[name=channel]")).to_have_value("webhook")
    expect(form.get_by_label("Slack channel")).to_be_hidden()
    expect(form.get_by_label("Slack channel")).to_have_value("C0123")
    form.get_by_label("URL").fill("https://hooks.example.com/remit")
    form.get_by_role("button", name="Save").click()

    expect(page.get_by_role("button", name="Try it: ops")).to_be_visible()
    (made,) = world.remit.subscriptions(ACME)
    assert (made.channel, made.slack_channel) == ("webhook", None)


def refusals(page, looker):
    # The browser's messages arrive while its driver is asked something.
    page.evaluate("1")
    return len([said for said in looker.complaints if "Content Security Policy" in said])


def test_the_browser_refuses_what_the_content_policy_does_not_allow(look):
    ann = look()
    # The answer to the picture comes when it comes, after the last refusal too.
    ann.provokes("Content Security Policy", "404", "elsewhere.example")
    page = ann.goes("/console/queue")

    page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.ran = true";
            document.body.append(script);
            document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='window.ran = true'>");
            document.body.insertAdjacentHTML("beforeend", "<iframe src='https://elsewhere.example/'></iframe>");
        }"""
    )

    until(lambda: refusals(page, ann) >= 3, what="three refusals of the browser")
    assert page.evaluate("window.ran") is None


def test_verification_is_told_in_words_and_the_export_is_sealed(look, world):
    world.submit("i-1")
    world.work()
    page = look().goes("/console/audit")

    page.get_by_role("button", name="Verify now").click()
    expect(page.get_by_role("heading", name="Everything holds")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Export and seal").click()

    assert "LEDGER_SEALED" in download.value.path().read_text().splitlines()[-1]


def test_times_are_in_the_viewers_zone_and_exact_on_hover(look, world):
    world.submit("i-1", action_type=EMAIL, expires_at=datetime(2030, 1, 2, 18, 30, tzinfo=UTC))
    page = look().goes("/console/queue")

    due = card(page, "i-1").locator(".expires time")
    expires = page.locator(".facts li", has_text="expires").locator("time")

    expect(due).to_have_text(re.compile(r"in [0-9,]+ days"))
    expect(due).to_have_attribute("title", "2030-01-02 18:30:00 UTC")
    expect(expires).to_have_text("3 Jan 2030, 03:30")
    expect(expires).to_have_attribute("title", "2030-01-02 18:30:00 UTC")


@pytest.mark.parametrize("width", [1440, 390])
def test_a_name_as_long_as_names_may_be_leaves_every_column_in_sight_and_words_whole(look, world, width):
    world.remit.create_key(ACME, {"name": "k" * 128, "roles": ["agent"]}, by="ann")
    world.submit("i-1", account_id="a" * 128, action_type=EMAIL)
    ann = look(width=width)
    for path in ("/console/keys", "/console/intents"):
        page = ann.goes(path)
        wide = page.locator(".wide").bounding_box()
        for cell in page.locator(".listed tbody td").all():
            box = cell.bounding_box()
            assert box["x"] >= wide["x"] and box["x"] + box["width"] <= wide["x"] + wide["width"] + 1, path
    role = ann.goes("/console/keys").locator("fieldset b", has_text="agent")
    assert role.evaluate("(word) => word.getClientRects().length") == 1
