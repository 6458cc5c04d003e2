"""Without a mouse, and without seeing: pages by keyboard, and by the roles and names that a screen reader tells."""

from __future__ import annotations

from itertools import pairwise

import pytest
from playwright.sync_api import expect

from tests.entrypoints.http_world import ACME, EMAIL, NOTE, OWN, SILENT, Silent, bounds, http_world

from .conftest import looker

PAGES = {
    "/console/": "Now",
    "/console/did": "Autopilot did",
    "/console/queue": "Needs your input",
    "/console/intents": "Intents",
    "/console/bounds": "Bounds",
    f"/console/bounds/types/{NOTE}": NOTE,
    f"/console/bounds/rule?action_type={OWN}": "A rule or a limit",
    "/console/report": "Report",
    "/console/audit": "Audit",
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    with http_world(tmp_path_factory.mktemp("shop"), connectors={"silent": Silent()}) as world:
        world.remit.apply(bounds(silent=True), by="ann")
        world.submit("waits", action_type=EMAIL)
        world.submit("also", action_type=EMAIL)
        world.submit("unknown", action_type=SILENT)
        world.work()
        world.remit.follow()
        yield world


@pytest.fixture(scope="module")
def ann(browser, shop):
    with looker(browser, shop, "ann", width=1440) as made:
        yield made


# What has the focus: its role's element, its name as it is told, and where it is.
FOCUSED = """() => {
  const it = document.activeElement, box = it.getBoundingClientRect();
  const label = it.labels?.[0]?.innerText ?? document.getElementById(it.getAttribute("aria-labelledby"))?.innerText;
  const name = it.getAttribute("aria-label") ?? label ?? (it.innerText || it.getAttribute("placeholder") || it.title);
  const style = getComputedStyle(it);
  const inner = it.matches(".card") ? getComputedStyle(it.querySelector(".line")) : style;
  const shown = [style, inner].some((each) => each.outlineStyle !== "none" && parseFloat(each.outlineWidth) > 0);
  it.dataset.met = "";
  // What every page shows is put anew in its place, with its id, whenever a part of the page is.
  (window.metIds ??= new Set()).add(it.id);
  return { tag: it.tagName, name: (name ?? "").trim(), shown, width: box.width, height: box.height };
}"""
UNMET = """() => {
  const met = (it) => "met" in it.dataset || metIds.has(it.id || null);
  const all = document.querySelectorAll("a[href], button, input, select, textarea, summary");
  const usable = (it) => it.checkVisibility() && !it.disabled && !["hidden", "radio"].includes(it.type);
  return [...all].filter((it) => usable(it) && !met(it)).map((it) => it.outerHTML.slice(0, 120));
}"""
# Back where it began; a date has a stop for each of its parts.
ROUND = """() => {
  const it = document.activeElement;
  return it === document.body || ("met" in it.dataset && it.type !== "date");
}"""
NOTHING_COMES = "() => !document.querySelector('.htmx-request')"
MOST_STOPS = 400


@pytest.mark.parametrize("path", PAGES)
def test_tab_reaches_everything_that_can_be_used_shows_where_it_is_and_has_a_name(ann, path):
    # News would put new elements in the place of those that were met: none comes.
    ann.page.route("**/console/stream*", lambda _: None)
    page = ann.goes(path)

    stops = []
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        # A card brings what it says in full when it is reached: who is quicker than that passes it by.
        page.wait_for_function(NOTHING_COMES)
        if page.evaluate(ROUND):
            break
        stops.append(page.evaluate(FOCUSED))

    page.unroute("**/console/stream*")
    assert page.evaluate(UNMET) == []
    assert [stop for stop in stops if not stop["name"]] == []
    assert [stop for stop in stops if not stop["shown"]] == []
    assert stops[0]["name"] == "Skip to content"


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_one_heading_one_main_part_and_says_where_one_is(ann, path):
    page = ann.goes(path)

    expect(page.get_by_role("heading", level=1)).to_have_text(PAGES[path])
    expect(page.get_by_role("main")).to_have_count(1)
    current = page.get_by_role("navigation", name="Pages").locator("[aria-current=page]")
    expect(current).to_have_count(1)
    levels = page.evaluate("[...document.querySelectorAll('main :is(h1, h2, h3)')].map((it) => Number(it.tagName[1]))")
    assert all(following - before <= 1 for before, following in pairwise(levels))


def test_a_card_is_told_with_its_title_and_its_answers_with_their_names(ann):
    page = ann.goes("/console/queue")

    card = page.get_by_role("listitem", name="Send email · text hello · contact c-1").first
    expect(card.get_by_role("button", name="Approve")).to_be_visible()
    expect(card.get_by_role("checkbox", name="Select Send email")).to_be_visible()
    expect(card.get_by_role("link", name="Edit…")).to_be_visible()


def test_what_is_new_and_what_became_of_an_answer_is_told_by_a_live_part(ann, shop):
    page = ann.goes("/console/queue")

    shop.submit("new", action_type=EMAIL)
    expect(page.get_by_role("status").get_by_role("button", name="1 new: show it")).to_be_visible()
    page.keyboard.press("n")
    expect(page.locator('[data-card="new"]')).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("a")

    expect(page.locator("#became[role=status]")).to_contain_text("approved; it begins in 5 seconds")


def test_bounds_are_changed_without_a_mouse(look, world):
    page = look().goes("/console/bounds")
    page.get_by_label(f"{NOTE} a day at most").focus()

    page.keyboard.type("7")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="What changes")).to_be_visible()
    page.get_by_role("button", name="Put in force").focus()
    page.keyboard.press("Enter")

    expect(page.get_by_label(f"{NOTE} a day at most")).to_have_value("7")
    assert world.remit.bounds(ACME).bounds.budget.max_per_action_type == {NOTE: 7}
