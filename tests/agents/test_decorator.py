"""A decorated function runs within bounds, plain or asynchronous, with a client of its own or the environment's."""

import asyncio

import pytest

from remit import AsyncRemitClient, InvalidInput, RemitClient
from remit.agents import Asked, action, calling
from tests.entrypoints.http_world import ACME, OWN, bounds

from .guarded import agents_world
from .signatures import optional


@pytest.fixture
def agents(tmp_path):
    with agents_world(tmp_path, "blocking") as here:
        yield here


def client_of(agents, kind):
    return kind(agents.world.url, agents.world.keys[ACME, "agent"])


def test_a_plain_function_runs_and_answers(agents):
    @action(
        OWN,
        target=("order", "order_id"),
        account_id="acct-1",
        client=client_of(agents, RemitClient),
        confidence_score=1,
    )
    def refund(order_id, amount=5):
        """Give the money back."""
        return f"{amount} for {order_id}"

    assert refund("o-1") == "5 for o-1"
    assert (refund.function.__name__, refund.__doc__) == ("refund", "Give the money back.")
    (line,) = agents.world.remit.intents(ACME)[0]
    intent = agents.world.remit.intent(ACME, line["action_intent_id"])
    assert (intent.parameters, intent.target.entity_id) == ({"order_id": "o-1", "amount": 5}, "o-1")


def test_an_asynchronous_function_runs_and_answers(agents):
    async def run():
        async with client_of(agents, AsyncRemitClient) as client:

            @action(OWN, account_id="acct-1", client=client, confidence_score=1)
            async def refund(amount):
                return amount + 1

            return await refund(4)

    assert asyncio.run(run()) == 5


def test_within_a_named_call_it_goes_on_where_it_was(agents, monkeypatch):
    monkeypatch.setenv("REMIT_URL", agents.world.url)
    monkeypatch.setenv("REMIT_KEY", agents.world.keys[ACME, "agent"])
    monkeypatch.setenv("REMIT_ACCOUNT", "acct-1")
    ran = []

    @action(OWN, confidence_score=0.1)
    def refund(amount):
        ran.append(amount)

    with calling("thread-1", "call-1"), pytest.raises(Asked):
        refund(4)
    agents.approve("thread-1:call-1")
    with calling("thread-1", "call-1"):
        refund(4)

    assert ran == [4]


def test_without_a_client_or_an_account_it_says_what_to_set(monkeypatch):
    for name in ("REMIT_URL", "REMIT_KEY", "REMIT_ACCOUNT"):
        monkeypatch.delenv(name, raising=False)

    @action(OWN)
    def refund(amount):
        """Never called."""

    with pytest.raises(RuntimeError, match="set REMIT_ACCOUNT, or give account_id"):
        refund(4)


def test_what_it_says_of_its_type_is_what_bounds_take(agents):
    refund = action(OWN, account_id="acct-1")(optional)
    said = {"risk_tier": "LOW", **refund.action_type_bounds()}
    agents.world.remit.apply(bounds(action_types={OWN: said}, allowlist=[OWN]), by="ann")

    (answer,) = agents.world.remit.submit(
        [{"tenant_id": ACME, "account_id": "acct-1", "action_type": OWN, "parameters": {"order_id": 7, "amount": 1}}]
    )

    assert isinstance(answer, InvalidInput) and answer.field == "parameters.order_id"
