"""Reading: what stands, why, what happened, what waits, what is left, and whether it can be proven."""

import json
from dataclasses import replace
from datetime import datetime

import pytest

from remit.app import App
from remit.app.offline import verify_export
from remit.core.errors import CallerMistake, InvalidInput, NotFound
from remit.core.gate.autonomy import StopScope
from remit.core.lifecycle import FOLLOWS
from remit.core.records import CASE, USAGE, Key
from remit.flow.reconcile import expire
from remit.ports import REFUSED, CaseFilter, UnitOfWork, Writes
from remit.testing.faults import StoreWrapper

from .world import NOON, OTHER, TENANT, TYPE, bounds

SOON = NOON.replace(hour=13).isoformat()


def lived(world):
    """One intent in every status that lasts, and some of them in another tenant."""
    world.app.apply(bounds("globex"), by="zoe")
    world.submit("secret", tenant="globex", parameters={"text": "of globex"})
    world.work()
    world.submit("done")
    world.work()
    for name, answer in (("unknown", "lost"), ("failed", "no AUTH")):
        world.far.script += [answer]
        world.submit(name)
        world.work()
    world.submit("cancelled")
    world.stop()
    world.work()
    world.resume()
    for name in ("waiting", "rejected", "edited", "expired", "withdrawn"):
        world.queued(name, expires_at=SOON if name == "expired" else None)
    world.app.reject(TENANT, "rejected", by="bob", reason="no")
    world.app.withdraw(TENANT, "withdrawn", by="agent")
    world.app.edit(TENANT, "edited", by="bob", changes={"parameters.text": "better"})
    world.apply(modes={"default": "AUTO_EXECUTE", OTHER: "DISABLED"})
    world.submit("blocked", action_type=OTHER)
    world.submit("running")
    world.executor().start(world.bus.take().data)
    world.clock.pass_(hours=2)
    expire(world.app.context, [world.case("expired")], world.clock.at)
    world.submit("approved")
    world.propose("proposed")


# --- status ---


def test_every_status_is_one_of_the_table_s_and_says_what_belongs_to_it(world):
    lived(world)

    seen = {name: world.app.status(TENANT, name) for name in world.statuses()}
    assert {status["status"] for status in seen.values()} == set(FOLLOWS)
    for status in seen.values():
        assert (status["outcome"] is not None) == (status["status"] in ("SUCCEEDED", "FAILED", "UNKNOWN", "CANCELLED"))
        assert status["auto_executed"] == (
            None if status["approval_source"] is None else status["approval_source"] == "POLICY"
        )
        assert status["intent"]["action_intent_id"] == status["action_intent_id"]
    assert world.app.counts(TENANT)["SUPERSEDED"] == 1 and sum(world.app.counts(TENANT).values()) == len(seen)
    world.assert_sound()
    world.assert_sound("globex")


def test_what_is_not_there_is_not_found(world):
    reads = (world.app.status, world.app.why, world.app.ledger, world.app.intent, world.app.auto_exec_state)
    for read in reads:
        with pytest.raises(NotFound):
            read(TENANT, "nobody")


def test_the_publication_state_is_a_record_of_what_was_approved_and_charged(world):
    world.submit()
    world.queued("asked")

    state, status, why = (
        world.app.auto_exec_state(TENANT, "i-1"),
        world.app.status(TENANT, "i-1"),
        world.app.why(TENANT, "i-1"),
    )

    assert (state.state_key, state.tenant_id, state.status) == ("AUTO_EXEC_STATE#i-1", TENANT, "PUBLISHED")
    assert (state.approval_id, state.approval_source) == (status["approval_id"], status["approval_source"])
    assert state.wire()["charges"] == why["approval"]["charges"] != []
    with pytest.raises(NotFound):
        world.app.auto_exec_state(TENANT, "asked")


def test_nothing_of_one_tenant_is_read_through_another(world):
    lived(world)

    for read in (world.app.status, world.app.why, world.app.ledger, world.app.intent, world.app.auto_exec_state):
        with pytest.raises(NotFound):
            read(TENANT, "secret")
        with pytest.raises(NotFound):
            read("globex", "done")
    everything = json.dumps(
        [
            world.app.intents(TENANT, limit=500),
            world.app.timeline(TENANT, limit=500),
            world.app.queue(TENANT),
            world.app.usage(TENANT),
            world.app.counts(TENANT),
            list(world.app.export(TENANT)),
        ]
    )
    assert "globex" not in everything and "secret" not in everything
    assert world.app.counts("globex") == {"SUCCEEDED": 1}
    assert world.app.usage("nobody")["accounts"] == [] and world.app.timeline("nobody") == ([], None)


# --- why ---


def test_why_shows_the_checks_in_order_with_what_they_saw_and_the_clause(world):
    world.submit(why=["the contact moved"], proposed_by="agent-7")

    why = world.app.why(TENANT, "i-1")

    checks = why["decision"]["checks"]
    assert [check["check"] for check in checks] == [
        *("expiry", "stop_switch", "not_edited", "allowlist", "mode", "policy", "budget")
    ]
    seen = {check["check"]: check["saw"] for check in checks}
    assert seen["allowlist"] == {"level": "tenant", "entries": 2}
    assert seen["mode"] == {"mode": "AUTO_EXECUTE", "source": "tenant default"}
    assert (seen["policy"]["confidence"], seen["policy"]["effective_risk"]) == (9000, "LOW")
    daily = seen["budget"]["limits"][0]
    assert (daily["limit"], daily["used_before"], daily["used_after"]) == (10, 0, 1)
    assert why["decision"]["policy_version"].startswith("AutoApprovalPolicyV1@")
    assert why["clause"]["clause_id"] == why["decision"]["policy_clause"] and "permit" in why["clause"]["text"]
    assert (why["why_proposed"], why["proposed_by"]) == (["the contact moved"], "agent-7")
    assert why["approval"]["approved_by"] == "remit"


def test_why_shows_what_was_known_then_and_not_what_is_true_now(world):
    world.submit()
    before = world.app.why(TENANT, "i-1")["decision"]
    world.apply(allowlist=[], modes={"default": "DISABLED"}, budget=None)

    assert world.app.why(TENANT, "i-1")["decision"] == before


def test_why_shows_who_approved_edited_or_rejected(world):
    world.queued("a"), world.queued("b"), world.queued("c")
    world.approve("a")
    world.app.reject(TENANT, "b", by="eve", reason="too early")
    edited = world.app.edit(TENANT, "c", by="bob", changes={"parameters.text": "x"}).action_intent_id

    assert world.app.why(TENANT, "a")["approval"]["approved_by"] == "bob"
    rejection = world.app.why(TENANT, "b")["rejection"]
    assert (rejection["rejected_by"], rejection["reason"]) == ("eve", "too early")
    assert world.app.why(TENANT, edited)["edited_by"] == "bob"
    assert world.app.why(TENANT, edited)["decision"]["checks"][-1]["saw"] == {"edited_by": "bob"}


# --- timeline ---


def test_the_timeline_tells_what_happened_newest_first(world):
    world.submit("auto")
    world.work()
    world.clock.pass_(minutes=1)
    world.queued("asked")
    world.clock.pass_(minutes=1)
    world.approve("asked")
    world.work()

    told = [item["text"] for item in world.app.timeline(TENANT)[0]]

    assert told[0] == "On a person's approval, Remit did UPDATE_CONTACT on contact c-1 for north (far thing acme/asked)"
    assert told[1] == "bob approved UPDATE_CONTACT on contact c-1 for north"
    assert told[2].startswith("A person is asked about UPDATE_CONTACT")
    assert told[3] == "Autopilot did UPDATE_CONTACT on contact c-1 for north (far thing acme/auto)"
    assert told[4] == "ann changed the bounds (now number 1)"


def test_policy_s_actions_read_autopilot_and_carry_their_source(world):
    lived(world)

    by_intent = {
        (item["action_intent_id"], item["event_type"]): item for item in world.app.timeline(TENANT, limit=500)[0]
    }
    for name, event in (("done", "ACTION_EXECUTED"), ("failed", "ACTION_FAILED"), ("unknown", "ACTION_UNKNOWN")):
        item = by_intent[name, event]
        assert item["text"].startswith("Autopilot") and item["auto_executed"] and item["approval_source"] == "POLICY"


def test_every_page_together_is_everything_once(world):
    lived(world)
    for read in (world.app.timeline, world.app.intents):
        whole, end = read(TENANT, limit=500)
        assert end is None
        paged, after = [], None
        while True:
            page, after = read(TENANT, after=after, limit=3)
            paged += page
            if after is None:
                break
        assert paged == whole


def test_an_account_s_timeline_is_that_account_s(world):
    world.submit("n"), world.submit("s", account_id="south")
    world.work()

    assert {item["account_id"] for item in world.app.timeline(TENANT, account_id="south")[0]} == {"south"}


@pytest.mark.parametrize("limit", [0, -1, 501])
def test_a_page_has_a_size_that_is_allowed(world, limit):
    for read in (world.app.timeline, world.app.intents, world.app.queue):
        with pytest.raises(InvalidInput):
            read(TENANT, limit=limit)


def test_a_cursor_that_is_none_is_refused(world):
    for read in (world.app.timeline, world.app.intents, world.app.queue):
        with pytest.raises(InvalidInput):
            read(TENANT, after="nonsense")


def test_a_cursor_of_another_time_leads_to_nothing_that_was_not_asked_for(world):
    lived(world)
    whole, _ = world.app.timeline(TENANT, limit=500)
    newest, oldest = (datetime.fromisoformat(whole[place]["at"]) for place in (0, -1))
    assert oldest < newest
    _, from_the_newest = world.app.timeline(TENANT, limit=1)

    found, _ = world.app.timeline(TENANT, before=newest, after=from_the_newest, limit=500)

    assert found == [item for item in whole if datetime.fromisoformat(item["at"]) < newest]


NAIVE = datetime(2026, 3, 10, 12)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("field", "read"),
    [
        ("created_from", lambda app: app.intents(TENANT, CaseFilter(created_from=NAIVE))),
        ("created_before", lambda app: app.intents(TENANT, CaseFilter(created_before="2026-03-10T12:00:00Z"))),
        ("statuses", lambda app: app.intents(TENANT, CaseFilter(statuses=["DONE"]))),
        ("statuses", lambda app: app.intents(TENANT, CaseFilter(statuses="FAILED"))),
        ("since", lambda app: app.timeline(TENANT, since=NAIVE)),
        ("before", lambda app: app.timeline(TENANT, before=NAIVE)),
        ("event_types", lambda app: app.timeline(TENANT, event_types=["ACTION_DONE"])),
        ("approval_source", lambda app: app.timeline(TENANT, approval_source="AUTO")),
        ("since", lambda app: app.stream_cursor(TENANT, since=NAIVE)),
        ("first", lambda app: app.report(TENANT, NAIVE, NOON)),
        ("before", lambda app: next(app.extract_lines(TENANT, None, NAIVE))),
        ("until", lambda app: app.hand_over(TENANT, by="bob", to="carol", until=NAIVE)),
        ("account_id", lambda app: app.usage(TENANT, account_id="")),
        ("limit", lambda app: app.intents(TENANT, limit="5")),
        ("limit", lambda app: app.timeline(TENANT, limit=5.0)),
        ("limit", lambda app: app.queue(TENANT, limit=True)),
        ("tenant", lambda app: app.queue(None)),
        ("by", lambda app: app.approve(TENANT, "done", by=1, digest="0" * 64)),
        ("digest", lambda app: app.approve(TENANT, "done", by="bob", digest=None)),
        ("undo_for_s", lambda app: app.approve(TENANT, "done", by="bob", digest="0" * 64, undo_for_s="5")),
    ],
)
def test_what_python_may_hand_over_and_no_other_door_would_is_refused_by_its_name(world, field, read):
    world.submit("done")

    with pytest.raises(InvalidInput) as refused:
        read(world.app)

    assert refused.value.field == field


# --- queue ---


@pytest.mark.parametrize("order", ["amount", "expiry"])
def test_an_order_of_one_page_refuses_a_cursor(world, order):
    for number in range(3):
        world.queued(f"i-{number}")
    _, following = world.app.queue(TENANT, limit=2)

    with pytest.raises(InvalidInput, match=f"by {order}; leave it out") as refused:
        world.app.queue(TENANT, order=order, after=following, limit=2)

    assert refused.value.field == "after"
    assert len(world.app.queue(TENANT, order=order, limit=2)[0]) == 2


def test_an_order_that_there_is_not_is_refused(world):
    with pytest.raises(InvalidInput, match="ask for turns, expiry, amount") as refused:
        world.app.queue(TENANT, order="newest")

    assert refused.value.field == "order"


def test_the_queue_says_what_why_until_when_and_what_is_left(world):
    world.submit("auto")
    world.queued("b", why=["because"], parameters={"text": "x"})
    world.queued("a", expires_at=SOON)

    queue, after = world.app.queue(TENANT)

    assert [item["action_intent_id"] for item in queue] == ["a", "b"] and after is None
    item = queue[1]
    assert (item["reason"], item["status"]) == ("CONFIDENCE_BELOW_THRESHOLD", "AWAITING_APPROVAL")
    assert "0.7" in item["explanation"] and item["digest"] == world.app.intent(TENANT, "b").digest
    assert (item["parameters"], item["why"], item["confidence_score"]) == ({"text": "x"}, ["because"], 0.1)
    assert (item["budget"]["left"], item["budget"]["resets_at"]) == (9, "2026-03-11T00:00:00Z")
    assert queue[0]["expires_at"] == "2026-03-10T13:00:00Z"


def test_the_queue_holds_what_was_refused_by_the_bus_and_what_is_blocked(sending):
    sending.bus.script += [REFUSED]
    sending.submit("refused")
    sending.apply(modes={"default": "DISABLED"})
    sending.submit("blocked")

    assert {item["action_intent_id"]: (item["status"], item["reason"]) for item in sending.app.queue(TENANT)[0]} == {
        "refused": ("AWAITING_APPROVAL", "PUBLISH_REJECTED"),
        "blocked": ("BLOCKED", "ACTION_TYPE_DISABLED"),
    }


def test_an_account_s_queue_is_that_account_s_and_pages_add_up(world):
    for number in range(5):
        world.queued(f"n-{number}")
    world.queued("s", account_id="south")

    assert [item["action_intent_id"] for item in world.app.queue(TENANT, account_id="south")[0]] == ["s"]
    seen, after = [], None
    while True:
        page, after = world.app.queue(TENANT, after=after, limit=2)
        seen += [item["action_intent_id"] for item in page]
        if after is None:
            break
    assert sorted(seen) == ["n-0", "n-1", "n-2", "n-3", "n-4", "s"]


# --- usage ---


def test_usage_shows_every_limit_its_use_what_is_left_and_when_it_resets(world):
    world.apply(
        budget={"max_autonomous_per_day": 5, "max_per_action_type": {OTHER: 2}},
        tenant_budget={"max_autonomous_per_day": 3},
    )
    world.submit("a"), world.submit("b", action_type=OTHER), world.submit("c", account_id="south")

    usage = world.app.usage(TENANT)

    north, south = usage["accounts"]
    assert (north["account_id"], north["used"], north["left"]) == ("north", 2, 3)
    assert north["per_action_type"] == {
        TYPE: {"limit": None, "used": 1, "left": None},
        OTHER: {"limit": 2, "used": 1, "left": 1},
    }
    assert south["used"] == 1
    assert (usage["ceiling"]["used"], usage["ceiling"]["left"]) == (3, 0)
    assert north["resets_at"] == usage["ceiling"]["resets_at"] == "2026-03-11T00:00:00Z"


def test_a_limit_below_what_is_used_leaves_nothing_and_never_less(world):
    world.submit("a"), world.submit("b")
    world.apply(budget={"max_autonomous_per_day": 1})

    (north,) = world.app.usage(TENANT)["accounts"]
    assert (north["used"], north["left"]) == (2, 0)


# --- lists ---


def test_intents_are_found_by_status_account_type_reason_and_time(world):
    lived(world)

    def names(**which):
        return {item["action_intent_id"] for item in world.app.intents(TENANT, CaseFilter(**which), limit=500)[0]}

    assert names(statuses=["REJECTED", "BLOCKED"]) == {"rejected", "blocked"}
    assert names(action_type=OTHER) == {"blocked"}
    assert names(account_id="south") == set()
    assert "waiting" in names(reason="CONFIDENCE_BELOW_THRESHOLD")
    assert names(created_from=NOON.replace(hour=14)) == {"approved", "proposed"}
    assert "approved" not in names(created_before=NOON.replace(hour=14))


# --- verify and export ---


def test_verify_and_an_export_agree_and_a_copy_of_a_seal_is_in_the_ledger(world):
    lived(world)

    live, lines = world.app.verify(TENANT), list(world.app.export(TENANT, by="auditor"))
    exported = verify_export(iter(lines))

    assert live.ok and exported.ok and exported.sealed and not live.sealed
    assert exported.entries == live.entries + 1
    assert (live.intents, live.autonomous, live.approved_by_people, live.running) == (
        *(exported.intents, exported.autonomous, exported.approved_by_people, 1),
    )
    assert lines[-1]["event_type"] == "LEDGER_SEALED" and lines[-1]["actor"] == "auditor"
    assert [entry.wire() for entry in world.inner.chain(TENANT, None)][-1] == lines[-1]


def test_a_tenant_without_an_intent_is_sound_and_exports_a_seal_over_none(world):
    assert world.app.verify(TENANT).ok

    assert verify_export(world.app.export(TENANT)).ok


def test_a_seal_names_one_root_whatever_the_size(world):
    lived(world)

    lines = list(world.app.export(TENANT))

    report = verify_export(iter(lines))
    (seal,) = [line["data"] for line in lines if line["event_type"] == "LEDGER_SEALED"]
    assert report.ok and report.sealed
    assert set(seal) == {"entries", "intents", "root", "tenant_head"} and len(seal["root"]) == 64
    assert not verify_export(iter(lines[:-1])).ok
    for left_out in range(len(lines) - 1):
        assert not verify_export(iter([line for line in lines if line is not lines[left_out]])).ok


def test_chains_in_another_order_than_that_of_their_names_are_found(world):
    world.submit("i-1"), world.submit("i-2")
    lines = list(world.app.export(TENANT))
    chains = {name: [line for line in lines if line["action_intent_id"] == name] for name in ("i-1", "i-2", None)}

    report = verify_export(iter([*chains["i-2"], *chains["i-1"], *chains[None]]))

    assert [finding.invariant for finding in report.findings] == [6]


def test_an_export_may_be_made_while_others_write(world):
    world.submit("before")
    exporting = world.app.export(TENANT)
    first = next(exporting)
    world.submit("during")

    lines = [first, *exporting]

    assert verify_export(iter(lines)).ok
    assert "during" not in {line["action_intent_id"] for line in lines}


def altered(world, key, change):
    record = world.record(key)
    world.inner.transact([UnitOfWork([key], lambda _: Writes(answer=None, puts=[(key, change(record))]))])


def test_verify_finds_a_counter_that_somebody_turned_back(world):
    world.submit("a"), world.submit("b")
    (usage,) = world.inner.scan(USAGE, TENANT)

    def back(record):
        counter = record.counters["all"].changed(used=1, position=1)
        return record.changed(counters={**record.counters, "all": counter})

    altered(world, Key(USAGE, TENANT, usage.usage_id), back)

    assert {finding.invariant for finding in world.app.verify(TENANT).findings} == {1}


def test_a_case_that_contradicts_its_chain_is_seen_by_these_tests(world):
    """`assert_sound` looks at what is stored, too."""
    world.submit()
    altered(world, Key(CASE, TENANT, "i-1"), lambda case: case.changed(status="FAILED"))

    with pytest.raises(AssertionError):
        world.assert_sound()


class SealedInBetween(StoreWrapper):
    """Lets another export seal the ledger just before the tenant's chain is read."""

    def __init__(self, inner, other):
        super().__init__(inner)
        self.other = other

    def chain(self, tenant_id, action_intent_id):
        if self.other:
            other, self.other = self.other, None
            list(other.export(tenant_id))
        return self.inner.chain(tenant_id, action_intent_id)


def test_an_export_ends_with_its_own_seal_whoever_seals_at_the_same_time(world):
    world.submit()
    world.work()
    context = world.app.context
    raced = App(replace(context, store=SealedInBetween(context.store, world.app)), world.clock)

    lines = list(raced.export(TENANT))

    assert verify_export(iter(lines)).ok
    assert world.app.context.store.chain(TENANT, None)[-1].sequence == lines[-1]["sequence"] + 1


@pytest.mark.parametrize("tenant", ["*", "a b", ""])
def test_a_name_that_is_no_id_is_refused_and_not_taken_for_all(world, tenant):
    with pytest.raises(InvalidInput, match="tenant"):
        world.app.stop(StopScope(tenant_id=tenant), by="ann", reason="everything")
    with pytest.raises(InvalidInput, match="tenant"):
        world.app.usage(tenant)


def test_a_misspelt_tenant_is_not_a_ledger_without_a_flaw(world):
    with pytest.raises(NotFound):
        world.app.verify("acmee")
    with pytest.raises(NotFound):
        list(world.app.export("acmee"))


def test_what_waits_is_grouped_and_every_page_of_a_group_together_is_the_group_once(world):
    for number in range(5):
        world.queued(f"a-{number}", proposed_by="crm")
        world.queued(f"b-{number}", proposed_by="flood")
    groups = world.app.queue_groups(TENANT)

    first, after = world.app.queue(TENANT, proposed_by="crm", limit=3)
    rest, _ = world.app.queue(TENANT, proposed_by="crm", after=after, limit=3)

    assert groups.total == 10
    assert sorted(groups.by_proposer) == [("crm", 5), ("flood", 5)]
    assert list(groups.by_reason) == [("CONFIDENCE_BELOW_THRESHOLD", 10)]
    assert sorted(item["action_intent_id"] for item in [*first, *rest]) == [f"a-{number}" for number in range(5)]
    assert world.app.queue(TENANT, reason="BUDGET_EXCEEDED") == ([], None)


def test_however_many_groups_there_are_all_that_waits_is_counted_and_the_largest_are_told(world, monkeypatch):
    monkeypatch.setattr("remit.flow.reading.waiting.MOST_GROUPED", 1)
    for number in range(5):
        world.queued(f"i-{number}", proposed_by="crm" if number else "flood")

    groups = world.app.queue_groups(TENANT)

    assert (groups.total, groups.by_proposer) == (5, [("crm", 4)])


def test_a_name_that_no_store_can_hold_is_a_caller_s_mistake(world):
    for ask in (world.app.status, world.app.why, world.app.ledger, world.app.auto_exec_state):
        with pytest.raises(CallerMistake):
            ask(TENANT, "\udcff")
