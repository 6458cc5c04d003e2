"""Votes, row by row: who counts beside whom, and what is one person."""

import pytest

from remit.core.errors import Forbidden
from remit.core.execution.votes import Vote, counted, is_new, may_not_approve, vote_data
from remit.core.identity.credential import PROCESS, Credential, makers
from remit.core.identity.person import person_of, same_person

from .make import bounds, intent


def key(name, *made_by, id=None):
    return Vote(voted_by=name, credential=Credential("key", id or f"key-of-{name}", made_by=made_by))


def subject(name, sub):
    return Vote(voted_by=name, credential=Credential("oidc", sub))


def typed(name, login="root"):
    return Vote(voted_by=name, credential=Credential("command_line", login))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("bob", "Bob"),
        ("zo\u00eb", "zoe\u0308"),
        ("ZOE\u0308", "zo\u00eb"),
        ("bob", " bob "),
        ("ann smith", "Ann\u00a0 Smith"),
        ("bob", "bo\u200bb"),
        ("bob", "\u2066bob\u2069"),
        ("bob", "bob\ufe0f"),
        ("bob", "\uff42\uff4f\uff42"),
        ("stra\u00dfe", "STRASSE"),
        ("\u03c3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2", "\u03a3\u038a\u03a3\u03a5\u03a6\u039f\u03a3"),
        ("\u0345\u03b1", "\u0399\u03b1"),
    ],
    ids=ascii,
)
def test_spellings_of_one_name_are_one_person(one, other):
    assert same_person(one, other) and person_of(one) == person_of(person_of(other))


@pytest.mark.parametrize(
    ("one", "other"), [("bob", "rob"), ("ann smith", "annsmith"), ("bob", "b\u043eb"), ("a", None)]
)
def test_names_that_are_seen_to_differ_are_two_people(one, other):
    assert not same_person(one, other)


@pytest.mark.parametrize(
    ("setting", "edited_by", "no_say"),
    [
        (None, None, ["bot"]),
        (None, "ann", ["bot"]),
        (False, None, ["bot"]),
        (False, "ann", ["bot", "ann"]),
        (True, "ann", []),
    ],
)
def test_who_has_no_say_is_what_the_bounds_put(setting, edited_by, no_say):
    of = bounds(proposer_may_approve=setting).bounds

    assert may_not_approve(intent(proposed_by="bot"), edited_by, of) == no_say


@pytest.mark.parametrize(
    ("earlier", "vote", "new"),
    [
        ([], key("bob"), True),
        ([key("bob")], key("carol"), True),
        ([key("bob")], key("Bob", id="another"), False),
        ([key("bob")], subject("BOB", "sub-1"), False),
        ([subject("bob", "sub-1")], subject("robert", "sub-1"), False),
        ([subject("bob", "sub-1")], subject("robert", "sub-2"), True),
        ([typed("bob")], typed("carol"), True),
        ([typed("bob")], typed("zoe\u0308"), True),
        ([typed("zo\u00eb")], typed("zoe\u0308"), False),
        ([Vote(voted_by="bob")], Vote(voted_by="carol"), True),
        # One admin makes the keys of all; by that alone they are nobody's but their holders'.
        ([key("bob", "mallory")], key("carol", "mallory"), True),
        ([key("bob", "bob")], key("carol", "carol"), True),
        ([key("ann", "ann")], key("ann", "ann", id="second"), False),
    ],
)
def test_a_vote_adds_a_person_who_has_not_voted_by_any_credential(earlier, vote, new):
    assert is_new(vote, earlier, bounds().bounds) == new


@pytest.mark.parametrize(
    ("earlier", "vote"),
    [
        ([key("alice", "mallory")], key("mallory", "root")),
        ([key("mallory", "root")], key("alice", "mallory")),
        ([key("alice", "Mallory")], subject("mallory", "sub-1")),
        ([key("bob", "ann"), key("alice", "mallory")], key("mallory", "root")),
        # By a key that mallory made, carol made alice's.
        ([key("alice", "carol", "mallory")], key("mallory", "root")),
        ([Vote(voted_by="alice", credential=Credential("link", "l-1", made_by=("mallory",)))], key("mallory")),
    ],
)
def test_who_made_a_credential_does_not_count_beside_it_unless_the_bounds_let_them(earlier, vote):
    with pytest.raises(Forbidden, match=r"mallory .*alice .*somebody else has to approve it"):
        is_new(vote, earlier, bounds().bounds)

    assert is_new(vote, earlier, bounds(independent_approvers=False).bounds)


def test_votes_that_were_given_are_counted_by_the_bounds_as_they_are_now():
    given = [key("bot"), key("alice", "mallory"), key("mallory", "root"), key("Alice", id="second"), key("carol")]
    strict, lenient = bounds().bounds, bounds(independent_approvers=False, proposer_may_approve=True).bounds

    def names(of):
        return [vote.voted_by for vote in counted(given, intent(proposed_by="bot"), None, of)]

    assert names(strict) == ["alice", "carol"]
    assert names(lenient) == ["bot", "alice", "mallory", "carol"]


def test_a_vote_reads_back_from_its_entry_with_the_credential_it_came_through():
    vote = key("alice", "mallory", "root")
    data = vote_data(vote, intent(), votes=1, needed=2, config_sequence=7)

    assert Vote.from_wire(data) == vote
    assert data["credential"] == {
        "kind": "key",
        "id": "key-of-alice",
        "session_id": None,
        "made_by": ["mallory", "root"],
    }


def test_a_vote_of_before_credentials_were_told_reads_as_a_program_s():
    assert Vote.from_wire({"voted_by": "bob", "digest": "0" * 64, "votes": 1}) == Vote(
        voted_by="bob", credential=PROCESS
    )


def test_makers_are_all_who_had_a_hand_in_it_each_once():
    through = Credential("key", "k-1", made_by=("mallory", "Ann", "root"))

    assert makers("ann", through) == ("ann", "mallory", "root")
    assert makers("ann", None) == ("ann",)
