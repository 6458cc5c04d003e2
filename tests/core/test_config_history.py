"""The states of a tenant's bounds, put together again from its own chain."""

import random
from datetime import UTC, datetime

import pytest

from remit.core.gate.bounds import AccountBounds, Bounds, BoundsInForce, nothing_set, replace_bounds
from remit.core.gate.budget import Budget
from remit.core.ledger.config_change import account_changes, before_first, config_data, joined, parts_of, with_changes
from remit.core.ledger.config_history import ConfigHistory

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def account(most):
    return AccountBounds(budget=Budget(max_autonomous_per_day=most))


def some_changes(count=60):
    """One after the other: mostly of a few accounts, now and then of the tenant's own."""
    dice, state = random.Random(7), nothing_set("acme")
    for _ in range(count):
        own = dict(state.bounds.accounts)
        for name in dice.sample(range(40), dice.choice([0, 1, 2, 9])):
            own.pop(f"a-{name}", None)
            if dice.random() < 0.7:
                own[f"a-{name}"] = account(dice.randrange(9))
        modes = {"default": dice.choice(["AUTO_EXECUTE", "DISABLED"])} if dice.random() < 0.2 else state.bounds.modes
        after = replace_bounds(state, Bounds(tenant="acme", accounts=own, modes=modes), NOON)
        yield config_data(state, after), after
        state = after


def test_each_state_is_that_of_its_number_however_it_was_changed():
    history, states = ConfigHistory("acme"), []
    for data, after in some_changes():
        assert history.add(data, NOON).wire() == after.wire()
        states.append(after)

    assert any(account_changes(data) for data, _ in some_changes())
    for number, state in enumerate(states, 1):
        assert history.get(number).wire() == state.wire()


def test_a_change_of_accounts_comes_to_what_its_parts_come_to():
    whole = before_first("acme")
    for data, _ in some_changes():
        parts = parts_of(whole)
        for path in data["removed"]:
            del parts[path]
        whole = with_changes(whole, data)

        assert whole == joined(parts | data["set"])


def test_a_state_is_not_changed_by_the_next_one():
    history = ConfigHistory("acme")
    (first, then), (second, _) = list(some_changes(2))
    kept = history.add(first, NOON)

    history.add(second, NOON)

    assert kept.wire() == then.wire() and history.get(1).wire() == then.wire()


@pytest.mark.parametrize(
    "altered",
    [
        {"set": {"/config_sequence": 2, "/bounds/accounts/a-1": {"budget": {"max_autonomous_per_day": 6}}}},
        {"removed": ["/bounds/accounts/nobody"]},
        {"removed": [1]},
        {"set": {"/config_sequence": 2, "/bounds/accounts/not an id": {}}},
    ],
)
def test_an_altered_change_is_refused(altered):
    history, before = ConfigHistory("acme"), nothing_set("acme")
    first = replace_bounds(before, Bounds(tenant="acme", accounts={"a-1": account(4)}), NOON)
    history.add(config_data(before, first), NOON)
    second = replace_bounds(first, Bounds(tenant="acme", accounts={"a-1": account(5)}), NOON)
    data = {**config_data(first, second), **altered}

    with pytest.raises((KeyError, TypeError, ValueError)):
        history.add(data, NOON)


def test_a_change_of_one_account_among_thousands_reads_that_account_alone(monkeypatch):
    history, before = ConfigHistory("acme"), nothing_set("acme")
    first = replace_bounds(before, Bounds(tenant="acme", accounts={f"a-{n}": account(4) for n in range(2000)}), NOON)
    history.add(config_data(before, first), NOON)
    accounts = {**first.bounds.accounts, "a-7": account(5)}
    second = replace_bounds(first, Bounds(tenant="acme", accounts=accounts), NOON)
    data = config_data(first, second)
    monkeypatch.setattr(BoundsInForce, "from_wire", lambda _: pytest.fail("all of it was read"))

    assert history.add(data, NOON).wire() == second.wire()
