"""
How many requests a decision takes on DynamoDB: each of them is paid for, and each is a round trip.

Counted on the client; a bus that sends counts as the one request that it is, however many events it takes.
"""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from remit.flow.gate import GateRequest
from remit.stores.dynamodb import DynamoStore

from ..contract.dynamodb_wire import Wire
from .world import ACCOUNT, OTHER, TENANT, TYPE, Bus, World, proposal, type_of

PLAIN = {}
ALL_LEVELS = {
    "accounts": {
        ACCOUNT: {
            "allowlist": [TYPE],
            "modes": {"default": "PROPOSE_ONLY", TYPE: "AUTO_EXECUTE"},
            "budget": {"max_per_action_type": {TYPE: 9}, "timezone": "Pacific/Auckland"},
        }
    },
    "tenant_budget": {"max_autonomous_per_day": 90, "timezone": "America/Los_Angeles"},
    "policies": [
        {
            "name": "night.cedar",
            "text": '@id("never") forbid (principal, action, resource) when { context.action_type == "NEVER" };',
        }
    ],
}


WITH_LIMITS = {
    "limits": [
        {"name": f"{per}-{number}", "most": 90, "per": per, "of": "account"}
        for number in range(6)
        for per in ("minute", "hour", "day", "week", "month")
    ]
}
"""Thirty windows of the account beside its budget."""
FOR_EACH = {"name": "each", "most": 9, "per": "day", "of": "principal"}


class CountedBus(Bus):
    def __init__(self):
        super().__init__()
        self.calls = 0

    def send(self, messages):
        self.calls += bool(messages)
        return super().send(messages)


class Counted:
    """A world over a counted client, and how many requests something took, the bus's among them."""

    def __init__(self, client, table):
        self.wire, self.table = Wire(client), table
        self.stores = [DynamoStore(self.wire, table, settle_s=0)]
        self.world = World(lambda: self.stores[0], sending=True)
        self.world.bus = CountedBus()
        self.world.restart()

    def requests(self, act):
        before = self.wire.total + self.world.bus.calls
        answer = act()
        return answer, self.wire.total + self.world.bus.calls - before


@pytest.fixture(autouse=True)
def _few_parts():
    """As many as a table has: requests are counted as they are paid for."""


@pytest.fixture
def counted(dynamodb_client, dynamodb_table):
    counted = Counted(dynamodb_client, dynamodb_table)
    yield counted
    counted.stores[0].close()


@pytest.fixture(
    params=[PLAIN, ALL_LEVELS, WITH_LIMITS], ids=["the tenant's bounds", "bounds at every level", "thirty limits"]
)
def bounded(counted, request):
    """Bounds in force, and one decision made under them: a process learns a tenant's days from its first."""
    counted.world.apply(**request.param)
    counted.world.submit("first")
    return counted


def test_an_automatic_decision_takes_one_read_one_transaction_one_event_and_one_mark(bounded):
    bounded.world.propose()

    answer, requests = bounded.requests(bounded.world.gate)

    assert (answer.result, bounded.world.state().status) == ("AUTO_EXECUTED", "PUBLISHED")
    assert requests == 4


def test_proposing_and_deciding_in_one_call_takes_no_more(bounded):
    answer, requests = bounded.requests(bounded.world.submit)

    assert (answer.result, bounded.world.state().status) == ("AUTO_EXECUTED", "PUBLISHED")
    assert requests == 4


REASONS = {
    "RISK_LEVEL_HIGH": {"risk_level": "HIGH"},
    "CONFIDENCE_BELOW_THRESHOLD": {"confidence_score": 0.1},
    "ACTION_TYPE_NOT_ALLOWLISTED": {"action_type": "UNHEARD_OF"},
}


@pytest.mark.parametrize("reason", REASONS)
@pytest.mark.parametrize("way", ["gate", "submit"])
def test_asking_a_person_takes_one_read_and_one_transaction(bounded, reason, way):
    if way == "gate":
        bounded.world.propose(**REASONS[reason])
        answer, requests = bounded.requests(bounded.world.gate)
    else:
        answer, requests = bounded.requests(lambda: bounded.world.submit(**REASONS[reason]))

    assert (answer.result, answer.reason) == ("REQUIRE_APPROVAL", reason)
    assert requests == 2


@pytest.mark.parametrize(("way", "taken"), [("gate", 5), ("submit", 4)])
def test_private_values_are_looked_up_once_more_where_nobody_knew_that_there_are_any(counted, way, taken):
    counted.world.apply(action_types={TYPE: {**type_of(), "private": ["parameters.text"]}})
    counted.world.submit("first")
    if way == "gate":
        counted.world.propose()
        answer, requests = counted.requests(counted.world.gate)
    else:
        answer, requests = counted.requests(counted.world.submit)

    assert (answer.result, requests) == ("AUTO_EXECUTED", taken)
    counted.world.assert_sound()


@pytest.mark.parametrize(("way", "taken"), [("gate", 5), ("submit", 4)])
def test_a_principal_s_windows_are_looked_up_once_more_where_nobody_knew_whose_they_are(counted, way, taken):
    counted.world.apply(limits=[FOR_EACH, {**FOR_EACH, "name": "together", "of": "tenant"}])
    counted.world.submit("first", on_behalf_of="alice")
    if way == "gate":
        counted.world.propose(on_behalf_of="alice")
        answer, requests = counted.requests(counted.world.gate)
    else:
        answer, requests = counted.requests(lambda: counted.world.submit(on_behalf_of="alice"))

    assert (answer.result, requests) == ("AUTO_EXECUTED", taken)
    counted.world.assert_sound()


def test_a_decision_writes_and_checks_no_window_of_a_limit_that_is_over_other_types(counted):
    own = {"name": "own", "most": 9, "per": "day", "of": "tenant", "action_types": [TYPE]}
    counted.world.apply(limits=[own, {**own, "name": "other", "action_types": [OTHER]}])
    counted.world.submit("first")
    counted.world.propose()
    before = len(counted.wire.asked)

    counted.world.gate()

    written = [str(asked) for asked in counted.wire.asked[before:] if "transact_write" in str(asked)]
    assert any("tenant|own" in asked for asked in written)
    assert not any("tenant|other" in asked for asked in written)


def test_a_budget_that_is_used_up_takes_one_read_and_one_transaction(counted):
    counted.world.apply(budget={"max_autonomous_per_day": 1})
    counted.world.submit("first")
    counted.world.propose()

    answer, requests = counted.requests(counted.world.gate)

    assert (answer.reason, requests) == ("BUDGET_EXCEEDED", 2)


def test_what_is_published_already_is_answered_with_one_read(bounded):
    bounded.world.submit()
    bounded.stores[:] = [DynamoStore(bounded.wire, bounded.table, settle_s=0)]
    again = World(lambda: bounded.stores[0], sending=True)

    answer, requests = bounded.requests(again.gate)

    assert (answer.already_published, requests) == (True, 1)


def test_what_was_reserved_by_a_process_that_died_takes_one_read_one_event_and_one_mark(bounded):
    bounded.world.reserve()
    reborn = Counted(bounded.wire.client, bounded.table)

    answer, requests = reborn.requests(reborn.world.gate)

    assert answer.reserved and bounded.world.state().status == "PUBLISHED"
    assert requests == 3
    # Put together from the decision and the state, it is the approval that was stored.
    assert answer.approval == bounded.world.history(answer.action_intent_id).approval(answer.approval_id)
    assert reborn.world.bus.arrived[0].data["approval_id"] == answer.approval_id
    reborn.stores[0].close()


@pytest.mark.parametrize("way", ["gate", "submit"])
def test_ten_intents_of_one_account_share_their_requests(counted, way):
    counted.world.apply(budget={"max_autonomous_per_day": 100})
    counted.world.submit("first")
    names = [f"i-{number}" for number in range(10)]
    proposals = [proposal(name, action_type=TYPE if number % 2 else OTHER) for number, name in enumerate(names)]
    if way == "gate":
        counted.world.app.propose(proposals)
        requests = [GateRequest(name, TENANT, ACCOUNT) for name in names]
        answers, taken = counted.requests(lambda: counted.world.app.gate(requests))
    else:
        answers, taken = counted.requests(lambda: counted.world.app.submit(proposals))

    assert {answer.result for answer in answers} == {"AUTO_EXECUTED"}
    assert {counted.world.state(name).status for name in names} == {"PUBLISHED"}
    assert taken == 4
    counted.world.assert_sound()


def test_a_mark_that_somebody_came_before_looks_again(counted):
    counted.world.apply()
    counted.world.bus.script += [lambda message: (_marked_by_another(counted), "delivered")[1]]

    counted.world.submit()

    assert counted.world.state().status == "PUBLISHED"
    assert counted.world.state().deliveries == 1
    assert counted.world.events().count("ACTION_PUBLISHED") == 1
    counted.world.assert_sound()


def _marked_by_another(counted):
    """Another process finds the approval reserved, sends and marks it."""
    elsewhere = DynamoStore(counted.wire.client, counted.table, settle_s=0)
    World(lambda: elsewhere, sending=True).gate()
    elsewhere.close()


# --- one account, many callers ---


def test_sixteen_callers_in_one_process_share_writes_and_none_is_told_to_try_later(counted):
    counted.world.apply(budget={"max_autonomous_per_day": 1000})
    counted.world.submit("first")
    ready, before = threading.Barrier(16), counted.wire.requests["transact_write_items"]

    def submit(caller):
        ready.wait()
        return [counted.world.submit(f"i-{caller}-{number}").result for number in range(5)]

    with ThreadPoolExecutor(16) as pool:
        results = [result for of_caller in pool.map(submit, range(16)) for result in of_caller]

    assert results == ["AUTO_EXECUTED"] * 80
    assert counted.world.used() == 81
    assert counted.wire.requests["transact_write_items"] - before < 2 * 80
    counted.world.assert_sound()


# --- an execution ---


def executed(counted, message):
    """An execution as the function on AWS carries it out, in a process that has seen nothing yet; and what it took."""
    function = Counted(counted.wire.client, counted.table)
    function.world.far = counted.world.far
    function.world.restart()
    answer, requests = function.requests(lambda: function.world.executor().at_once(message.data))
    function.stores[0].close()
    return answer, requests


def test_an_executed_intent_takes_at_most_twelve_requests_from_its_proposal_to_its_outcome(bounded):
    _, decided = bounded.requests(bounded.world.submit)
    answer, taken = executed(bounded, bounded.world.bus.arrived[-1])

    assert (answer, bounded.world.status()) == ({"status": "SUCCEEDED"}, "SUCCEEDED")
    assert (decided, taken) == (4, 6)
    bounded.world.assert_sound()


def due_places(counted, name="i-1"):
    """The places in the index of what is due that the case has had, one after the other."""
    puts = [action["Put"]["Item"] for written in counted.wire.written for action in written if "Put" in action]
    cases = [item for item in puts if "#cases#" in item["pk"]["S"] and item["sk"]["S"] == name]
    places = [tuple(item.get(key, {}).get("S") for key in ("due_pk", "due_sk")) for item in cases]
    assert len(places) > 1
    return [place for number, place in enumerate(places) if number == 0 or places[number - 1] != place]


def test_an_executed_intent_is_put_into_the_index_of_what_is_due_once_and_taken_out_once(counted):
    """From its reservation to its outcome: each change of its place would be two writes of the index."""
    counted.world.apply()
    counted.world.submit()
    function = Counted(counted.wire.client, counted.table)
    function.wire.written = counted.wire.written
    function.world.far = counted.world.far
    function.world.restart()
    assert function.world.executor().at_once(counted.world.bus.arrived[-1].data) == {"status": "SUCCEEDED"}
    function.stores[0].close()

    put, gone = due_places(counted)
    assert put[0].startswith("reserved#") and gone == (None, None)
    counted.world.assert_sound()


def test_what_a_person_approved_takes_as_many(bounded):
    bounded.world.queued()
    bounded.world.approve()

    answer, taken = executed(bounded, bounded.world.bus.arrived[-1])

    assert answer == {"status": "SUCCEEDED"}
    assert taken <= 8


def test_a_repeated_event_takes_one_request_or_two(bounded):
    bounded.world.submit()
    message = bounded.world.bus.arrived[-1]
    executed(bounded, message)

    answer, taken = executed(bounded, message)

    assert answer == {"status": None}
    assert taken <= 2


def test_an_execution_does_not_look_at_the_counter_that_decisions_write(bounded):
    bounded.world.submit()
    before = len(bounded.wire.asked)

    bounded.world.executor().at_once(bounded.world.bus.arrived[-1].data)

    assert "#usages#" not in str(bounded.wire.asked[before:])
