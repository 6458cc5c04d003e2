"""Web Push as people turn it on at the console: in a real browser, whose push service a test plays."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

from remit.core.identity.principal import Principal
from remit.notifiers.push import PushKey, new_key
from tests.entrypoints.http_world import ACME, bounds, http_world
from tests.push_service import push_server
from tests.waiting import until

from .conftest import ROLES, looker

KEY = new_key()
PUBLIC = PushKey.parse(KEY, "mailto:ops@example.com").public
SETTINGS = {
    "REMIT_PUSH_KEY": KEY,
    "REMIT_PUSH_CONTACT": "mailto:ops@example.com",
    "REMIT_PRIVATE_HOSTS": "127.0.0.1",
}
# A browser without a service of its maker's: it subscribes at ours, and tells what it was asked with.
SUBSCRIBES = """
(() => {
  const given = %s;
  const subscription = {
    endpoint: given.endpoint,
    toJSON: () => ({ endpoint: given.endpoint, keys: { p256dh: given.p256dh, auth: given.auth } }),
    unsubscribe: async () => { sessionStorage.removeItem("subscribed"); return true; },
  };
  Notification.requestPermission = async () => "granted";
  PushManager.prototype.subscribe = async (asked) => {
    const key = btoa(String.fromCharCode(...asked.applicationServerKey));
    sessionStorage.setItem("subscribed", key.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", ""));
    return subscription;
  };
  PushManager.prototype.getSubscription = async () => (sessionStorage.getItem("subscribed") ? subscription : null);
})();
"""


@pytest.fixture
def service():
    with push_server(PUBLIC) as found:
        yield found


@pytest.fixture
def world(tmp_path):
    with http_world(tmp_path, operator=SETTINGS) as made:
        made.remit.apply(bounds(allowed_hosts=["127.0.0.1"]), by="the test")
        yield made


def test_a_person_turns_it_on_is_told_and_turns_it_off(browser, world, service):
    theirs = service.browser("ann")
    with looker(browser, world, "ann") as ann:
        ann.page.add_init_script(SUBSCRIBES % json.dumps(theirs.gives))
        page = ann.goes("/console/telling")
        page.get_by_role("button", name="Tell me in this browser").click()
        expect(page.get_by_role("button", name="Stop telling me in this browser")).to_be_visible()
        assert page.evaluate("sessionStorage.getItem('subscribed')") == PUBLIC
        (stored,) = world.remit.push.browsers(ACME)
        assert (stored.name, stored.endpoint) == ("ann", theirs.endpoint)
        expect(page.get_by_text(stored.browser_id[:8])).to_be_visible()
        assert theirs.gives["auth"] not in page.content() and "/push/ann" not in page.content()

        page.get_by_role("button", name="Stop telling me in this browser").click()
        expect(page.get_by_role("button", name="Tell me in this browser")).to_be_visible()
        assert world.remit.push.browsers(ACME) == []


def test_what_arrives_is_shown_and_leads_into_the_console_alone(browser, world, service):
    with looker(browser, world, "ann") as ann:
        ann.context.grant_permissions(["notifications"], origin=world.url)
        ann.page.add_init_script(SUBSCRIBES % json.dumps(service.browser("ann").gives))
        page = ann.goes("/console/telling")
        page.get_by_role("button", name="Tell me in this browser").click()
        expect(page.get_by_role("button", name="Stop telling me in this browser")).to_be_visible()
        said = {"id": "d-1", "title": "An action needs your input", "text": "one line", "url": "https://evil.example/x"}

        _push(ann, page, json.dumps(said))

        shown = until(lambda: page.evaluate(SHOWN), what="it is shown")
        assert shown == [["An action needs your input", "one line", "/console/queue"]]
        ann.context.clear_permissions()


def test_who_signs_out_is_told_nothing_more_there_and_who_comes_next_takes_it_from_the_last(browser, world, service):
    subscribes = SUBSCRIBES % json.dumps(service.browser("ann").gives)
    with looker(browser, world, "ann") as ann:
        ann.page.add_init_script(subscribes)
        page = ann.goes("/console/telling")
        page.get_by_role("button", name="Tell me in this browser").click()
        expect(page.get_by_role("button", name="Stop telling me in this browser")).to_be_visible()

        page.locator("details.who summary").click()
        page.get_by_role("button", name="Sign out").click()
        expect(page).to_have_url(f"{world.url}/console/sign-in")
        assert page.evaluate("[sessionStorage.getItem('subscribed'), localStorage.length]") == [None, 0]
        assert world.remit.push.browsers(ACME) == []

        _signs_in(ann, "ann")
        ann.goes("/console/telling").get_by_role("button", name="Tell me in this browser").click()
        expect(page.get_by_role("button", name="Stop telling me in this browser")).to_be_visible()
        (before,) = world.remit.push.browsers(ACME)
        _signs_in(ann, "ann")
        ann.goes("/console/")
        until(lambda: page.evaluate("1") and _session(world) != before.credential.session_id, what="they are seen")
        _signs_in(ann, "bob")
        ann.goes("/console/")
        page.wait_for_function("sessionStorage.getItem('subscribed') === null")


def _session(world):
    (stored,) = world.remit.push.browsers(ACME)
    return stored.credential.session_id


def _signs_in(looking, name):
    """In the same browser, without signing out."""
    token = looking.world.remit.make_link(Principal(name, ACME, frozenset(ROLES)), leads_to="/console/")
    looking.goes(f"/console/link/{token}")


SHOWN = """
(async () => {
  const worker = await navigator.serviceWorker.getRegistration("/console/");
  return (await worker.getNotifications()).map((each) => [each.title, each.body, each.data.url]);
})()
"""


def _push(ann, page, text):
    """As the browser's own push service would bring it, once there is a worker that hears it."""
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    found: dict[str, str] = {}
    session = ann.context.new_cdp_session(page)
    session.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda told: found.update({each["scopeURL"]: each["registrationId"] for each in told["registrations"]}),
    )
    session.send("ServiceWorker.enable")
    # The context may know workers of other worlds: their origins are others.
    scope = f"{ann.world.url}/console/"
    registration = until(lambda: page.evaluate("1") and found.get(scope), what="the worker is there")
    asked = {"origin": ann.world.url, "registrationId": registration, "data": text}
    session.send("ServiceWorker.deliverPushMessage", asked)
