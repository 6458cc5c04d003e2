"""The proposer, row by row: whose intent it is, and what may be taken back."""

from typing import get_args

import pytest

from remit.core.errors import Forbidden, NotInThatState
from remit.core.execution.proposer import Proposer, check_may_withdraw
from remit.core.lifecycle import Status

from .make import case

UNSTARTED = {"PROPOSED", "AWAITING_APPROVAL", "BLOCKED", "APPROVED"}
STATUSES = get_args(Status)


@pytest.mark.parametrize("status", STATUSES)
def test_what_was_not_started_may_be_taken_back_once_and_nothing_else_may(status):
    own = case(status, proposed_by="bot")

    if status in UNSTARTED | {"WITHDRAWN"}:
        assert check_may_withdraw(own, Proposer("bot")) is (status != "WITHDRAWN")
    else:
        with pytest.raises(NotInThatState, match=f"is {status}: it cannot be withdrawn"):
            check_may_withdraw(own, Proposer("bot"))


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("other", [Proposer("Bot"), Proposer("ann"), Proposer("bot", accounts=frozenset({"south"}))])
def test_another_learns_nothing_of_where_it_stands(status, other):
    with pytest.raises(Forbidden) as refused:
        check_may_withdraw(case(status, proposed_by="bot"), other)

    assert status not in str(refused.value)


def test_a_credential_for_its_account_will_do():
    assert check_may_withdraw(case("APPROVED", proposed_by="bot"), Proposer("bot", accounts=frozenset({"north"})))
