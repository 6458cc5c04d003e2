"""One look at a tenant: today's numbers, what waits, and what is nearly used up, made of counters."""

from __future__ import annotations

from .world import ACCOUNT, OTHER, TENANT, TYPE, type_of

REFUND = {"amounts": {"refund": {"value": "parameters.amount", "unit": "EUR"}}, "title": "Refund {amounts.refund}"}
EACH_DAY = {"per": "day", "of": "account"}
SPENT = {**EACH_DAY, "name": "spent", "sum": "refund", "unit": "EUR", "most": "50.00", "action_types": [TYPE]}
IDLE = {**EACH_DAY, "name": "idle", "most": 5, "action_types": [OTHER]}


def test_today_says_what_ran_alone_by_type_with_its_sums_and_what_failed(world):
    world.apply(action_types={TYPE: {**type_of(), **REFUND}, OTHER: type_of()})
    for number, amount in enumerate((12.5, 7)):
        world.submit(f"alone-{number}", parameters={"amount": amount})
    world.settle()
    world.far.script.append("no VALIDATION")
    world.submit("failed", parameters={"amount": 3})
    world.settle()
    world.queued("asked")
    world.approve("asked", by="bob")
    world.settle()
    world.app.follow()

    seen = world.app.overview(TENANT)

    today = seen["today"]
    assert (today["date"], today["ran_alone"], today["asked"], today["answered"]) == ("2026-03-10", 3, 1, 1)
    assert (today["failed"], today["unknown"], seen["unknown"]) == (1, 0, 0)
    (line,) = today["alone"]
    assert (line["action_type"], line["count"], line["failed"]) == (TYPE, 3, 1)
    assert [(each["unit"], each["value"]) for each in line["sums"]] == [("EUR", "19.5")]


def test_it_says_how_many_wait_the_oldest_and_what_is_not_known(world):
    world.queued("first")
    world.clock.pass_(minutes=5)
    world.queued("second")
    world.far.script.append("nothing")
    world.submit("lost")
    world.settle()

    seen = world.app.overview(TENANT)

    assert seen["waiting"]["count"] == 2
    assert seen["waiting"]["oldest_at"].startswith("2026-03-10T12:00:00")
    assert seen["unknown"] == 1
    assert world.app.overview("nobody")["waiting"] == {"count": 0, "oldest_at": None, "expires_at": None}


def test_the_fullest_budget_or_limit_comes_first_and_an_unused_one_not_at_all(world):
    amounts = {TYPE: {**type_of(), **REFUND}, OTHER: type_of()}
    world.apply(action_types=amounts, limits=[SPENT, IDLE], accounts={"south": {}})
    for number, amount in enumerate((40, 5)):
        world.submit(f"i-{number}", parameters={"amount": amount})

    first, *others = world.app.overview(TENANT)["most_used"]

    assert (first["of"], first["name"], first["unit"]) == (f"account:{ACCOUNT}", "spent", "EUR")
    assert (first["used"], first["limit"], first["left"], first["share"]) == ("45", "50", "5", 0.9)
    assert {each["of"] for each in others} <= {f"account:{ACCOUNT}", "tenant"}
    assert "idle" not in {each["name"] for each in others}
    assert [each["share"] for each in others] == sorted((each["share"] for each in others), reverse=True)
