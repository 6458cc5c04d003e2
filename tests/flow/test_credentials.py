"""Keys, subscriptions and sign-in links on every store: each change is told in the tenant's chain, in one write."""

from __future__ import annotations

import json

import pytest

from remit.app.offline import verify_export
from remit.core.canonical import sha256_hex
from remit.core.errors import Forbidden, InvalidInput, NotFound
from remit.core.identity.credential import PROCESS, Credential
from remit.core.identity.principal import Principal
from remit.core.ledger.entries import entry_hash
from remit.core.records import API_KEY, DELIVERY, SIGN_IN_LINK, SUBSCRIPTION
from remit.core.values import PLATFORM

from .notified import bring, notifying_world, only, subscribe
from .world import TENANT, TYPE, both, type_of

ANN = Principal("ann", TENANT, frozenset({"approver"}))
TYPES = ["KEY_CHANGED", "SUBSCRIPTION_CHANGED", "LINK_MADE"]
ROOT = Credential("command_line", "root")
MAIL = {
    "channel": "email",
    "recipients": [{"name": "bob", "address": "bob@example.com", "roles": ["approver"]}],
    "notices": ["NEEDS_INPUT"],
}


@pytest.fixture
def told(new_world):
    return notifying_world(new_world)


def chain(world, event_type, tenant=TENANT):
    return [entry for entry in world.inner.chain(tenant, None) if entry.event_type == event_type]


def new_key(world, name, *roles, by="mallory", credential=ROOT, tenant=TENANT):
    return world.app.create_key(tenant, {"name": name, "roles": list(roles)}, by=by, credential=credential)


def holder(world, name, *roles, **more):
    """A new key's holder, as a door sees them."""
    return world.app.authenticate(new_key(world, name, *roles, **more)[1])


def vote(world, who, name="i-1"):
    digest = world.app.intent(TENANT, name).digest
    return world.app.approve(TENANT, name, by=who.name, digest=digest, credential=who.credential)


def test_making_and_revoking_a_key_are_told_with_who_and_through_what_and_without_the_secret(world):
    key, text = new_key(world, "alice", "approver", "auditor")
    world.app.revoke_key(TENANT, key.key_id, by="ann", credential=Credential("key", "k-1", made_by=("mallory",)))
    world.app.revoke_key(TENANT, key.key_id, by="eve")

    made, revoked = chain(world, "KEY_CHANGED")

    assert (made.actor, made.data["change"], made.data["by"]) == ("mallory", "CREATED", "mallory")
    assert made.data["credential"] == ROOT.wire()
    assert (revoked.actor, revoked.data["change"], revoked.data["credential"]["id"]) == ("ann", "REVOKED", "k-1")
    (row,) = world.inner.scan(API_KEY, TENANT)
    kept = {name: value for name, value in row.wire().items() if name not in ("secret_hash", "last_used_at")}
    assert revoked.data["key"] == {**kept, "secret_fingerprint": sha256_hex(row.secret_hash.encode())}
    everything = made.line.decode() + revoked.line.decode()
    assert text.rpartition(".")[2] not in everything and row.secret_hash not in everything


def test_the_platform_s_keys_are_told_in_its_own_chain(world):
    new_key(world, "root", "platform", tenant=PLATFORM)

    (made,) = chain(world, "KEY_CHANGED", PLATFORM)

    assert (made.tenant_id, made.data["key"]["roles"]) == (PLATFORM, ["platform"])


def test_setting_and_removing_a_subscription_are_told_as_it_is_stored(told):
    world, _ = told
    subscribe(world)
    stored = world.app.set_subscription(TENANT, "ops", MAIL, by="bob", credential=ROOT)
    world.app.remove_subscription(TENANT, "ops", by="carol", credential=ROOT)
    with pytest.raises(NotFound):
        world.app.remove_subscription(TENANT, "ops", by="carol")

    entries = chain(world, "SUBSCRIPTION_CHANGED")

    assert [(entry.data["change"], entry.actor) for entry in entries] == [
        ("CREATED", "ann"),
        ("CHANGED", "bob"),
        ("REMOVED", "carol"),
    ]
    assert entries[1].data["subscription"] == stored.wire() == entries[2].data["subscription"]
    assert entries[1].data["credential"] == entries[2].data["credential"] == ROOT.wire()


def test_what_a_subscription_was_told_is_forgotten_however_much_it_is(told):
    world, _ = told
    subscribe(world, **only("NEEDS_INPUT"))
    for number in range(3):
        world.queued(f"i-{number}")
        bring(world)
    assert len(world.inner.scan(DELIVERY, TENANT)) == 3

    world.app.remove_subscription(TENANT, "ops", by="ann")

    assert world.inner.scan(DELIVERY, TENANT) == world.inner.scan(SUBSCRIPTION, TENANT) == []


def test_a_link_that_somebody_makes_is_told_without_its_token(world):
    token = world.app.make_link(ANN, leads_to="/console/queue", by="root", credential=ROOT)

    (made,) = chain(world, "LINK_MADE")

    (row,) = world.inner.scan(SIGN_IN_LINK, TENANT)
    assert (made.actor, made.data["by"], made.data["credential"]) == ("root", "root", ROOT.wire())
    link = made.data["link"]
    assert (link["link_id"], link["name"], link["roles"]) == (row.link_id, "ann", ["approver"])
    secret = token.rpartition(".")[2]
    assert secret not in made.line.decode() and row.secret_hash not in made.line.decode()


def test_a_mailed_link_is_told_with_the_subscription_and_who_set_it(told):
    world, receiver = told
    world.app.set_subscription(TENANT, "ops", MAIL, by="mallory", credential=ROOT)
    world.queued("i-1")
    bring(world)

    (made,) = chain(world, "LINK_MADE")

    assert (made.actor, made.data["by"], made.data["link"]["name"]) == ("remit", "mallory", "bob")
    assert made.data["credential"] == Credential("subscription", "ops", made_by=("mallory",)).wire()
    assert receiver.letters[0].sign_in.rpartition(".")[2] not in made.line.decode()


def test_each_is_one_sentence_of_the_timeline_and_a_mail_s_link_is_not(told):
    world, _ = told
    key, _ = new_key(world, "alice", "approver")
    world.app.revoke_key(TENANT, key.key_id, by="ann")
    world.app.set_subscription(TENANT, "ops", MAIL, by="mallory")
    world.queued("i-1")
    bring(world)
    world.app.make_link(ANN, leads_to="/console/queue", by="root")

    sentences, _ = world.app.timeline(TENANT, event_types=TYPES)

    assert [each["text"] for each in reversed(sentences)] == [
        f"mallory made the key {key.key_id} for alice with approver",
        f"ann revoked the key {key.key_id} for alice",
        "mallory made the subscription ops",
        "root made a link that signs ann in once",
    ]


def test_a_ledger_with_all_of_them_holds_and_names_only_its_own_tenant(told):
    world, _ = told
    new_key(world, "alice", "approver")
    subscribe(world)
    world.app.make_link(ANN, leads_to="/console/queue")

    world.assert_sound()


def test_each_change_and_its_entry_are_one_write(told, monkeypatch):
    world, _ = told
    store = world.app.context.store
    transact, written = store.transact, []

    def noting(units):
        written.append(len(units))
        return transact(units)

    monkeypatch.setattr(store, "transact", noting)
    key, _ = new_key(world, "alice", "approver")
    world.app.revoke_key(TENANT, key.key_id, by="ann")
    subscribe(world)
    world.app.remove_subscription(TENANT, "ops", by="ann")
    world.app.make_link(ANN, leads_to="/console/queue")

    assert written == [1] * 5 == [1] * len([entry for kind in TYPES for entry in chain(world, kind)])


def test_of_two_changes_at_once_both_are_told(world):
    both(lambda: new_key(world, "alice", "approver"), lambda: new_key(world, "bob", "approver"))

    assert sorted(entry.data["key"]["name"] for entry in chain(world, "KEY_CHANGED")) == ["alice", "bob"]
    world.assert_sound()


def test_a_name_in_use_is_not_given_a_key_in_another_spelling(world):
    new_key(world, "carol", "approver")

    with pytest.raises(InvalidInput, match="spelled otherwise"):
        new_key(world, "Carol", "approver")
    new_key(world, "carol", "approver")
    assert len(chain(world, "KEY_CHANGED")) == 2

    for key in world.app.keys(TENANT):
        world.app.revoke_key(TENANT, key.key_id, by="ann")
    new_key(world, "Carol", "approver")


def two_needed(world, **more):
    world.apply(action_types={TYPE: {**type_of(), "approvals_required": 2}}, **more)
    world.queued()


def test_a_vote_and_the_approval_say_through_which_credential(world):
    two_needed(world)
    alice, bob = holder(world, "alice", "approver"), holder(world, "bob", "approver", by="ann")

    vote(world, alice)
    vote(world, bob)

    first, last, approved = [
        entry["data"]["credential"]
        for entry in world.app.ledger(TENANT, "i-1")
        if entry["event_type"] in ("APPROVAL_VOTED", "ACTION_APPROVED")
    ]
    assert (first["kind"], first["id"], first["made_by"]) == ("key", alice.credential.id, ["mallory"])
    assert last == approved == bob.credential.wire()
    world.assert_sound()


def test_a_rejection_says_through_which_credential(world):
    world.queued()
    alice = holder(world, "alice", "approver")

    world.app.reject(TENANT, "i-1", by="alice", credential=alice.credential)

    assert world.app.why(TENANT, "i-1")["rejection"]["credential"] == alice.credential.wire()


def test_a_program_that_says_nothing_else_is_told_as_one(world):
    world.queued()

    world.approve(by="bob")

    (approved,) = [e for e in world.app.ledger(TENANT, "i-1") if e["event_type"] == "ACTION_APPROVED"]
    assert approved["data"]["credential"] == PROCESS.wire()


def test_the_session_of_a_key_of_a_link_and_of_an_issuer_carry_what_began_them(world):
    key, text = new_key(world, "alice", "approver")
    by_key = world.app.begin_session(world.app.authenticate(text), by_key=text)
    token = world.app.make_link(ANN, leads_to="/console/queue", by="mallory", credential=ROOT)
    by_link, _ = world.app.redeem_link(token, on_loopback=True)
    subject = Credential("oidc", "sub-1")
    by_issuer = world.app.begin_session(Principal("zoe", TENANT, frozenset({"approver"}), subject))

    found = [world.app.session(cookie)[0].credential for cookie in (by_key, by_link, by_issuer)]

    assert [(each.kind, each.made_by) for each in found] == [
        ("key", ("mallory",)),
        ("link", ("mallory",)),
        ("oidc", ()),
    ]
    assert (found[0].id, found[2].id) == (key.key_id, "sub-1")
    assert all(each.session_id in cookie for each, cookie in zip(found, (by_key, by_link, by_issuer), strict=True))


@pytest.mark.parametrize("first", ["mallory", "alice"])
def test_who_made_a_key_does_not_approve_beside_it(world, first):
    two_needed(world)
    people = {"alice": holder(world, "alice", "approver"), "mallory": holder(world, "mallory", "approver", by="root")}
    (second,) = set(people) - {first}
    vote(world, people[first])

    with pytest.raises(Forbidden, match="mallory had a hand in making the credential through which alice approves"):
        vote(world, people[second])

    assert world.status() == "AWAITING_APPROVAL"
    assert vote(world, holder(world, "carol", "approver", by="root")).approved_by == "carol"


def test_nor_through_a_key_that_was_made_by_a_key_of_its_own(world):
    two_needed(world)
    carol = holder(world, "carol", "admin")
    alice = holder(world, "alice", "approver", by="carol", credential=carol.credential)
    vote(world, alice)

    with pytest.raises(Forbidden):
        vote(world, holder(world, "mallory", "approver", by="root"))


def test_nor_beside_whom_it_mails_links(told):
    world, receiver = told
    two_needed(world)
    world.app.set_subscription(TENANT, "ops", MAIL, by="mallory")
    world.queued("i-2")
    bring(world)
    cookie, _ = world.app.redeem_link(receiver.letters[0].sign_in.rpartition("/")[2], on_loopback=True)
    vote(world, world.app.session(cookie)[0])

    with pytest.raises(Forbidden, match=r"mallory .*bob"):
        vote(world, holder(world, "mallory", "approver", by="root"))


def test_where_the_bounds_let_it_the_maker_counts(world):
    two_needed(world, independent_approvers=False)
    vote(world, holder(world, "alice", "approver"))

    assert vote(world, holder(world, "mallory", "approver", by="root")).approved_by == "mallory"


def test_one_person_counts_once_in_any_spelling_by_any_credential(world):
    two_needed(world)
    vote(world, holder(world, "bob", "approver"))

    again = vote(world, Principal("BOB", TENANT, frozenset({"approver"}), Credential("oidc", "sub-1")))
    program = world.approve(by=" bo\u200db")

    assert again.approved_by == program.approved_by == ["bob"]
    assert world.events().count("APPROVAL_VOTED") == 1 and world.status() == "AWAITING_APPROVAL"


def test_one_subject_of_an_issuer_counts_once_under_any_name(world):
    two_needed(world)
    subject = Credential("oidc", "sub-1")
    vote(world, Principal("bob", TENANT, frozenset({"approver"}), subject))

    again = vote(world, Principal("robert", TENANT, frozenset({"approver"}), subject))

    assert again.approved_by == ["bob"] and world.status() == "AWAITING_APPROVAL"


@pytest.mark.parametrize("by", ["crm-agent", "CRM-Agent", "crm-\u200bagent "])
def test_who_proposed_it_has_no_say_in_any_spelling_unless_the_bounds_let_them(world, by):
    world.queued(proposed_by="crm-agent")

    with pytest.raises(Forbidden, match="somebody else has to approve it"):
        world.approve(by=by)

    world.apply(proposer_may_approve=True)
    assert world.approve(by=by).approved_by == by


def test_a_key_of_another_tenant_in_the_chain_is_found(world):
    new_key(world, "alice", "approver")
    lines = json.loads(json.dumps([*world.app.export(TENANT)]))
    (made,) = [line for line in lines if line["event_type"] == "KEY_CHANGED"]
    made["data"]["key"]["tenant_id"] = "globex"
    made["hash"] = entry_hash(made)

    assert 7 in {finding.invariant for finding in verify_export(iter(lines)).findings}
