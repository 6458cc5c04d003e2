"""The proposer, row by row: whose intent it is, and what may be taken back."""

from typing import get_args

import pytest

from remit.core.errors import Forbidden, NotInThatState
from remit.core.execution.proposer import Proposer, check_may_withdraw
from remit.core.identity.principal import NOBODY
from remit.core.lifecycle import Status

from .make import case, intent

UNSTARTED = {"PROPOSED", "AWAITING_APPROVAL", "BLOCKED", "APPROVED"}
STATUSES = get_args(Status)
OTHERS = [
    Proposer("Bot"),
    Proposer("ann"),
    Proposer("bot", accounts=frozenset({"south"})),
    Proposer("bot", on_behalf_of="eve"),
]


@pytest.mark.parametrize("status", STATUSES)
def test_what_was_not_started_may_be_taken_back_once_and_nothing_else_may(status):
    own = case(status, proposed_by="bot")

    if status in UNSTARTED | {"WITHDRAWN", "SUPERSEDED"}:
        assert check_may_withdraw(own, intent(), Proposer("bot")) is (status in UNSTARTED)
    else:
        with pytest.raises(NotInThatState, match=f"is {status}: it cannot be withdrawn"):
            check_may_withdraw(own, intent(), Proposer("bot"))


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("other", OTHERS)
def test_another_learns_nothing_of_where_it_stands(status, other):
    with pytest.raises(Forbidden) as refused:
        check_may_withdraw(case(status, proposed_by="bot"), intent(), other)

    assert status not in str(refused.value)


def test_a_credential_for_its_account_and_principal_will_do():
    own, on_behalf = case("APPROVED", proposed_by="bot"), intent(on_behalf_of="eve")

    assert check_may_withdraw(own, intent(), Proposer("bot", accounts=frozenset({"north"})))
    assert check_may_withdraw(own, on_behalf, Proposer("bot", on_behalf_of="eve"))
    assert check_may_withdraw(own, on_behalf, Proposer("bot"))
    assert check_may_withdraw(own, intent(), Proposer("bot", on_behalf_of=NOBODY))
    for bound in ("bob", NOBODY):
        with pytest.raises(Forbidden, match="on another's behalf"):
            check_may_withdraw(own, on_behalf, Proposer("bot", on_behalf_of=bound))
