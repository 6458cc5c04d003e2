"""The parts that the app holds, and the helpers that keep a list in order."""

from __future__ import annotations

import inspect

import pytest

from remit.app.notifications import Notifications
from remit.app.reading import Reading
from remit.app.settings import Settings
from remit.core.errors import InvalidInput, NotFound, RemitError, TryLater
from remit.ports import attempt, in_order
from remit.wiring import Remit


@pytest.mark.parametrize("part", [Reading, Settings, Notifications])
def test_the_app_shows_every_verb_of_its_parts_as_its_own(part):
    with Remit.open("memory://") as remit:
        for name in (name for name in vars(part) if not name.startswith("_")):
            shown = getattr(remit, name)

            assert callable(shown)
            assert shown.__doc__ == inspect.getattr_static(part, name).__doc__


def test_a_verb_that_is_the_flows_own_still_says_what_it_takes():
    with Remit.open("memory://") as remit:
        assert list(inspect.signature(remit.status).parameters) == ["tenant_id", "action_intent_id"]
        with pytest.raises(NotFound):
            remit.status("acme", "i-1")


WRONG, LATER = InvalidInput("risk_level", "is wrong", "mend it"), TryLater("not now")


def test_errors_keep_their_places_and_the_rest_is_carried_out_in_one_go():
    calls: list[list[int]] = []

    def double(numbers):
        calls.append(numbers)
        return [LATER if number == 3 else 2 * number for number in numbers]

    items: list[int | RemitError] = [1, WRONG, 3, 4]

    assert in_order(items, RemitError, double) == [2, WRONG, LATER, 8]
    assert calls == [[1, 3, 4]]


def test_an_error_of_one_item_is_its_answer_and_a_fault_of_ours_is_raised():
    def refuse():
        raise WRONG

    def break_down():
        raise ZeroDivisionError

    assert attempt(refuse) is WRONG
    assert attempt(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        attempt(break_down)
