"""Web Push: who turns it on in a browser is told there, encrypted for it alone, until nobody is there any more."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from cryptography.exceptions import InvalidTag

from remit.core.errors import Conflict, Forbidden, InvalidInput, NotFound, Unauthenticated
from remit.core.identity.credential import Credential
from remit.core.identity.principal import Principal
from remit.core.notifications.browser import MOST_OF_PERSON, TOLD_FOR, TOLD_UNASKED_FOR, decoded, unpadded
from remit.core.records import BROWSER
from remit.notifiers.push import PushKey, PushNotifier, new_key
from remit.notifiers.push_encryption import encrypt
from remit.stores.memory import MemoryStore
from tests.far_side import egress
from tests.push_service import push_server

from .notified import CONSOLE, bring
from .world import TENANT, World

KEY = new_key()
PUSH_KEY = PushKey.parse(KEY, "mailto:ops@example.com")
ANN = Principal("ann", TENANT, frozenset({"approver"}))
BOB = Principal("bob", TENANT, frozenset({"auditor"}))
ADMIN = Principal("dora", TENANT, frozenset({"admin"}))


@pytest.fixture
def service():
    with push_server(PUSH_KEY.public) as found:
        yield found


@pytest.fixture
def world(service):
    store = MemoryStore()
    made = World(lambda: store, notifiers={"push": PushNotifier(PUSH_KEY, egress())}, console_url=CONSOLE)
    made.apply(allowed_hosts=["127.0.0.1"])
    made.app.set_subscription(TENANT, "phones", {"channel": "push", "fields": ["parameters.text"]}, by="dora")
    return made


def turned_on(world, service, who=ANN, name="one"):
    browser = service.browser(name)
    return browser, world.app.push.turn_on(who, browser.gives)


def test_each_browser_is_told_by_a_message_that_it_alone_can_read(world, service):
    (one, _), (two, _) = turned_on(world, service), turned_on(world, service, BOB, "two")
    world.queued("i-1")

    (delivery,) = bring(world)

    assert delivery.status == "DELIVERED", delivery.last_result
    bodies = {path: body for path, _, body in service.taken}
    said = one.read(bodies["/push/one"])
    assert said == two.read(bodies["/push/two"])
    assert said["title"] == f"An action needs your input ({TENANT})"
    assert said["url"] == f"{CONSOLE}/console/intents/i-1"
    assert "parameters.text: " in said["text"] and set(said) == {"id", "title", "text", "url"}
    with pytest.raises(InvalidTag):
        one.read(bodies["/push/two"])
    assert {headers["urgency"] for _, headers, _ in service.taken} == {"high"}
    world.assert_sound()


def test_a_message_stays_within_what_push_services_take_and_holds_no_more_than_it_says(world, service):
    browser, _ = turned_on(world, service)
    for number in range(40):
        world.queued(f"i-{number}", parameters={"text": "\U0001f600" * 300, "secret": "s3cr3t"})

    bring(world)

    said = browser.read(service.taken[0][2])
    assert said["text"].endswith("more") and said["url"] == "/console/queue"
    assert "s3cr3t" not in str(said)


@pytest.mark.parametrize("status", [404, 410])
def test_a_browser_that_is_gone_is_forgotten_and_the_others_have_it(world, service, status):
    turned_on(world, service), turned_on(world, service, BOB, "two")
    service.answers["/push/one"] = status
    world.queued("i-1")

    bring(world)

    assert [each.name for each in world.app.push.browsers(TENANT)] == ["bob"]
    told = [entry for entry in world.inner.chain(TENANT, None) if "browser" in entry.data]
    assert [entry.data["change"] for entry in told] == ["CREATED", "CREATED", "REMOVED"]
    assert (told[-1].actor, told[-1].data["browser"]["name"]) == ("remit", "ann")
    (delivery,) = world.app.deliveries(TENANT)
    assert (delivery["status"], delivery["tries"]) == ("FAILED", 1)
    assert "1 of 2 browsers have it" in delivery["last_result"]["detail"]
    world.assert_sound()


def test_who_cannot_be_reached_now_is_tried_again_and_the_others_are_not_told_twice(world, service):
    turned_on(world, service), turned_on(world, service, BOB, "two")
    service.answers["/push/one"] = 503
    world.queued("i-1")
    bring(world)
    service.answers.clear()
    world.clock.pass_(minutes=1)

    (delivery,) = bring(world)

    assert delivery.status == "DELIVERED"
    assert sorted(path for path, *_ in service.taken) == ["/push/one", "/push/one", "/push/two"]


def test_nobody_is_told_who_has_long_not_been_there_or_whose_key_lets_nobody_in(world, service):
    record, _ = world.app.create_key(TENANT, {"name": "ann", "roles": ["approver"]}, by="dora")
    by_key = Principal("ann", TENANT, frozenset({"approver"}), Credential("key", record.key_id))
    turned_on(world, service, by_key), turned_on(world, service, BOB, "two")
    world.app.revoke_key(TENANT, record.key_id, by="dora")
    world.queued("i-1")
    bring(world)
    assert [path for path, *_ in service.taken] == ["/push/two"]

    world.clock.pass_(days=TOLD_FOR / timedelta(days=1))
    world.queued("i-2", expires_at=(world.clock.at + timedelta(days=1)).isoformat())
    (delivery, *_) = bring(world)

    assert len(service.taken) == 1 and "0 of 0 browsers have it" in delivery.last_result.detail
    turned_on(world, service, BOB, "two")
    world.app.test_subscription(TENANT, "phones", by="dora")
    bring(world)
    assert len(service.taken) == 2
    world.assert_sound()


def signed_in(world, service, who, name="one", **how):
    """In a browser, which they turn on. Answers the cookie."""
    cookie = world.app.begin_session(who, **how)
    turned_on(world, service, world.app.session(cookie)[0], name)
    return cookie


def told(world):
    return sorted(each.name for each in world.app.push.browsers(TENANT))


def test_who_signs_out_is_told_nothing_more_in_that_browser_and_in_their_others_is(world, service):
    here, there = signed_in(world, service, ANN), signed_in(world, service, ANN, "phone")
    signed_in(world, service, BOB, "two")

    world.app.end_session(here)

    world.queued("i-1")
    bring(world)
    assert sorted(path for path, *_ in service.taken) == ["/push/phone", "/push/two"]
    entry = world.inner.chain(TENANT, None)[-1]
    assert (entry.data["change"], entry.actor, entry.data["credential"]["kind"]) == ("REMOVED", "ann", "process")
    assert told(world) == ["ann", "bob"] and world.app.session(there)
    world.assert_sound()


def test_it_is_the_session_in_which_they_were_there_last_that_ends_it(world, service):
    first = signed_in(world, service, ANN)
    second = signed_in(world, service, ANN)

    world.app.end_session(first)
    assert told(world) == ["ann"]
    world.app.end_session(second)
    assert told(world) == []


def test_a_tab_that_is_left_open_turns_nothing_on_again_once_its_session_is_ended(world, service):
    cookie = signed_in(world, service, ANN)
    in_the_tab, _ = world.app.session(cookie)

    world.app.end_session(cookie)

    with pytest.raises(Unauthenticated):
        turned_on(world, service, in_the_tab)
    assert told(world) == []


def test_a_session_that_is_over_by_its_time_ends_nothing_and_the_night_is_told(world, service):
    signed_in(world, service, ANN)
    world.clock.pass_(hours=13)
    world.app.begin_session(BOB)  # drops what is over
    world.queued("i-1")

    bring(world)

    assert service.taken and told(world) == ["ann"]


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ({"subject": None, "issuer_session": "s-1"}, ["ann", "zoe"]),
        ({"subject": "sub-ann", "issuer_session": None}, ["zoe"]),
        ({"subject": "sub-bob", "issuer_session": "s-1"}, ["ann", "ann", "zoe"]),
    ],
    ids=["one session", "all of one person", "a session of somebody else's"],
)
@pytest.mark.parametrize("hours", [1, 13], ids=["in time", "after the sessions were over"])
def test_what_the_issuer_ends_is_told_no_more(hours, said, left, world, service):
    for subject, name, issuer_session in [("ann", "one", "s-1"), ("ann", "two", "s-2"), ("zoe", "three", "s-3")]:
        who = Principal(subject, TENANT, frozenset({"approver"}), Credential("oidc", f"sub-{subject}"))
        signed_in(world, service, who, name, issuer_session=issuer_session)
    world.clock.pass_(hours=hours)
    world.app.begin_session(BOB)  # drops what is over

    world.app.end_issuer_sessions(**said)

    assert told(world) == left
    assert {entry.actor for entry in world.inner.chain(TENANT, None) if entry.data.get("change") == "REMOVED"} <= {
        "remit"
    }
    world.assert_sound()


def test_of_whom_nobody_can_be_asked_is_told_for_a_shorter_time(world, service):
    _, text = world.app.create_key(TENANT, {"name": "ann", "roles": ["approver"]}, by="dora")
    signed_in(world, service, world.app.authenticate(text), by_key=text)
    signed_in(world, service, Principal("bob", TENANT, frozenset({"auditor"}), Credential("oidc", "sub-bob")), "two")
    world.clock.pass_(days=TOLD_UNASKED_FOR / timedelta(days=1))
    world.queued("i-1", expires_at=(world.clock.at + timedelta(days=1)).isoformat())

    bring(world)

    assert {path for path, *_ in service.taken} == {"/push/one"}


def test_a_message_is_encrypted_as_the_standards_own_example():
    """https://www.rfc-editor.org/rfc/rfc8291#appendix-A"""
    sent = encrypt(
        b"When I grow up, I want to be a watermelon",
        theirs=decoded("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"),
        secret=decoded("BTBZMqHH6r4Tts7J_aSIgg"),
        own=PushKey.parse("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw", "mailto:ops@example.com").private,
        salt=decoded("DGv6ra1nlYgDCS1FRnbzlw"),
    )

    assert unpadded(sent) == (
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3"
        "jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )


def test_what_only_the_browser_is_to_know_stands_nowhere_that_people_or_logs_see(world, service, caplog):
    caplog.set_level(logging.DEBUG)
    browser, stored = turned_on(world, service)
    world.queued("i-1")
    bring(world)

    chain = [entry.wire() for entry in world.inner.chain(TENANT, None)]
    seen = [stored.shown(), repr(stored), chain, world.app.deliveries(TENANT), world.app.timeline(TENANT), caplog.text]
    for secret in (*browser.gives.values(), KEY):
        assert secret not in str(seen)
    assert repr(PUSH_KEY).find(KEY) < 0
    assert "ann made a browser in which ann is told" in str(world.app.timeline(TENANT)[0])


def test_a_browser_is_whose_it_was_last_and_is_turned_off_by_them_or_an_admin(world, service):
    _, stored = turned_on(world, service)
    browser = service.browser("one")
    world.clock.pass_(hours=1)
    again = world.app.push.turn_on(BOB, browser.gives)

    assert [each.name for each in world.app.push.browsers(TENANT)] == ["bob"]
    assert (again.browser_id, again.turned_on_at) == (stored.browser_id, world.clock.at)
    with pytest.raises(Forbidden):
        world.app.push.turn_off(ANN, again.browser_id)
    world.app.push.turn_off(ADMIN, again.browser_id)
    with pytest.raises(NotFound):
        world.app.push.turn_off(BOB, again.browser_id)
    assert world.inner.scan(BROWSER, TENANT) == []
    world.assert_sound()


def test_one_person_turns_it_on_in_so_many_browsers(world, service):
    for number in range(MOST_OF_PERSON):
        turned_on(world, service, name=str(number))

    with pytest.raises(InvalidInput, match="browser 11 of ann"):
        turned_on(world, service, name="more")
    turned_on(world, service, name="0"), turned_on(world, service, BOB, "bob's")


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"endpoint": "http://push.example.com/x"}, "endpoint"),
        ({"endpoint": "https://elsewhere.example.com/x"}, "endpoint"),
        ({"endpoint": "https://user@fcm.googleapis.com/x"}, "endpoint"),
        ({"endpoint": "ftp://127.0.0.1/x"}, "endpoint"),
        ({"p256dh": "BAAA"}, "p256dh"),
        ({"p256dh": "BA" + "A" * 85}, "p256dh"),
        ({"auth": "not base64url!"}, "auth"),
        ({"auth": None}, "auth"),
    ],
)
def test_what_no_browser_gives_is_refused_without_repeating_it(world, service, changed, field):
    given = {**service.browser("one").gives, **changed}

    with pytest.raises(InvalidInput) as refused:
        world.app.push.turn_on(ANN, given)

    assert refused.value.field == field
    assert not any(str(value) in str(refused.value) for value in given.values() if value)
    assert world.app.push.browsers(TENANT) == []


def test_a_service_that_the_tenant_does_not_allow_any_more_and_no_private_one_is_called(service):
    store = MemoryStore()
    world = World(lambda: store, notifiers={"push": PushNotifier(PUSH_KEY, egress(private="10.0.0.1"))})
    world.apply(allowed_hosts=["127.0.0.1"])
    world.app.set_subscription(TENANT, "phones", {"channel": "push"}, by="dora")
    turned_on(world, service)
    world.queued("i-1")
    bring(world)
    world.apply()
    world.clock.pass_(minutes=1)
    bring(world)

    assert service.taken == []
    assert {each["status"] for each in world.app.deliveries(TENANT)} == {"PENDING"}


def test_where_the_operator_set_no_key_nobody_turns_it_on(service):
    store = MemoryStore()
    world = World(lambda: store)
    world.apply()

    assert world.app.push.public_key() is None
    with pytest.raises(Conflict, match="REMIT_PUSH_KEY"):
        world.app.push.turn_on(ANN, service.browser("one").gives)


@pytest.mark.parametrize(
    ("key", "contact", "setting"),
    [
        ("short", "mailto:a@b.c", "REMIT_PUSH_KEY"),
        ("!" * 43, "mailto:a@b.c", "REMIT_PUSH_KEY"),
        (KEY, "ops", "_CONTACT"),
    ],
    # A key is another one in each process.
    ids=["too short", "no base64", "a contact that is none"],
)
def test_a_key_that_is_none_is_refused_and_not_shown(key, contact, setting):
    with pytest.raises(InvalidInput, match=setting) as refused:
        PushKey.parse(key, contact)

    assert key not in str(refused.value)
