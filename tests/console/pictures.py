"""`python -m tests.console.pictures`: the pictures of the console in `docs/images/`, of a shop of nine days."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from remit.entrypoints.server.worker import work
from tests.console.conftest import ARGUMENTS, KeptContexts, Looker, looker
from tests.entrypoints.http_world import ACME, World, http_world

FOLDER = Path(__file__).parents[2] / "docs" / "images"
REFUNDS = """@id("refund_above_50") @reason("REFUND_ABOVE_50") @effect("REQUIRE_APPROVAL")
@explanation("only refunds of up to 50.00 EUR run without a person")
forbid (principal, action, resource)
when { context.action_type == "REFUND_ORDER" }
unless {
  context.numbers.hasTag("amount")
  && context.numbers.getTag("amount").greaterThan(decimal("0.00"))
  && context.numbers.getTag("amount").lessThanOrEqual(decimal("50.00"))
};
"""
NOTE_TOOL = {"connector": "internal", "operation": "create_note"}
BOUNDS = {
    "tenant": ACME,
    "action_types": {
        "UPDATE_CONTACT": {"risk_tier": "LOW", "tool": NOTE_TOOL},
        "REFUND_ORDER": {
            "risk_tier": "LOW",
            "min_confidence": 0.8,
            "tool": NOTE_TOOL,
            "amounts": {"refund": {"value": "parameters.amount", "unit": "EUR"}},
            "title": "Refund {amounts.refund} · {target.entity_id}",
        },
        "RESTART_SERVICE": {"risk_tier": "HIGH", "tool": NOTE_TOOL},
        "SEND_EMAIL": {"risk_tier": "LOW", "tool": NOTE_TOOL},
    },
    "allowlist": ["UPDATE_CONTACT", "REFUND_ORDER", "SEND_EMAIL"],
    "modes": {"default": "AUTO_EXECUTE", "SEND_EMAIL": "APPROVAL_REQUIRED"},
    "budget": {"max_autonomous_per_day": 12, "max_per_action_type": {"REFUND_ORDER": 4}, "timezone": "Europe/Berlin"},
    "accounts": {"shop-lisbon": {"budget": {"max_autonomous_per_day": 6}}},
    "policies": [{"name": "refunds.cedar", "text": REFUNDS}],
}
# Type, target, parameters, confidence, why: as a shop's agent proposes them, over and over.
PROPOSED = [
    (
        "UPDATE_CONTACT",
        "contact c-17",
        {"phone": "+49 30 1234567"},
        0.97,
        "the customer wrote that the number has changed",
    ),
    (
        "REFUND_ORDER",
        "order o-2041",
        {"amount": 18.5, "cause": "damaged on arrival"},
        0.93,
        "the picture shows a broken lid",
    ),
    ("REFUND_ORDER", "order o-2055", {"amount": 240.0, "cause": "never arrived"}, 0.91, "the carrier lost the parcel"),
    ("UPDATE_CONTACT", "contact c-88", {"city": "Porto"}, 0.95, "new address in the last order"),
    ("SEND_EMAIL", "contact c-17", {"subject": "Your refund", "urgent": False}, 0.9, "the customer asked to be told"),
    ("UPDATE_CONTACT", "contact c-3", {"name": "M. Ferreira"}, 0.58, "the name may be misspelt"),
    ("UPDATE_CONTACT", "contact c-41", {"phone": "+351 21 555 01"}, 0.92, "signature of the last mail"),
    ("RESTART_SERVICE", "service checkout", {"reason": "slow since noon"}, 0.88, "p99 above 4 s for ten minutes"),
]


class Clock:
    """Nine days ago at first."""

    def __init__(self) -> None:
        self.at = datetime.now(UTC) - timedelta(days=9)

    def now(self) -> datetime:
        return self.at


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder, http_world(Path(folder), clock=clock) as world:
        _nine_days(world, clock)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=[*ARGUMENTS, "--no-sandbox"])
            contexts = KeptContexts(browser)
            with looker(contexts, world, "ann", width=1200) as ann:
                _picture(ann, "/console/", "now")
                _picture(ann, "/console/report?from=2020-01-01&to=2035-01-01", "report")
            with looker(contexts, world, "ann", width=1440) as ann:
                _picture(ann, "/console/queue", "queue", _select_refunds)
            with looker(contexts, world, "ann", width=1200, scheme="dark") as ann:
                _picture(ann, "/console/did", "did-dark")
            with looker(contexts, world, "ann", width=390, scheme="dark") as ann:
                _picture(ann, "/console/intents/today-2", "intent-phone-dark")
            with looker(contexts, world, "ann", width=390) as ann:
                _picture(ann, "/console/queue", "queue-phone")
            browser.close()


def _nine_days(world: World, clock: Clock) -> None:
    world.remit.apply(BOUNDS, by="ann")
    for day in range(9):
        for number in range(4 + (day * 5) % 7):
            _propose(world, f"d{day}-{number}", number + day)
        work(world.remit, until_idle=True)
        for case in world.remit.waiting(ACME, limit=20)[: 3 + day % 2]:
            if day < 8:
                world.remit.approve(ACME, case.action_intent_id, by="bob", digest=case.digest)
        work(world.remit, until_idle=True)
        clock.at += timedelta(days=1)
    clock.at = datetime.now(UTC) - timedelta(minutes=20)
    for number in range(len(PROPOSED)):
        _propose(world, f"today-{number}", number)
    work(world.remit, until_idle=True)
    clock.at = datetime.now(UTC)
    world.remit.follow()


def _propose(world: World, name: str, number: int) -> None:
    action_type, target, parameters, confidence, why = PROPOSED[number % len(PROPOSED)]
    entity_type, entity_id = target.split()
    world.submit(
        name,
        account_id=("shop-berlin", "shop-lisbon")[number % 2],
        action_type=action_type,
        target={"entity_type": entity_type, "entity_id": entity_id},
        parameters=parameters,
        confidence_score=confidence,
        why=[why],
        proposed_by="shop-agent",
    )


def _select_refunds(page: Page) -> None:
    for box in reversed(page.locator(".row", has_text="Refund 240").locator(".line > input").all()):
        box.check()


def _picture(somebody: Looker, path: str, name: str, then: Callable[[Page], None] = lambda _: None) -> None:
    page = somebody.goes(path)
    then(page)
    page.wait_for_timeout(500)
    page.screenshot(path=FOLDER / f"{name}.png")


if __name__ == "__main__":
    main()
