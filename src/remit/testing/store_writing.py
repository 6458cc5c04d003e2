"""The part of the contract about writing, one caller at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import pytest

from remit.core.errors import Conflict, TryLater
from remit.core.records import INTERNAL_OBJECT, Key
from remit.ports import Snapshot, Store, UnitOfWork, Writes
from remit.testing.samples import (
    COUNTER,
    OTHER,
    TENANT,
    appending,
    breaking,
    counted,
    counting,
    deleting,
    following,
    make_entry,
    make_object,
    make_uncontended,
    putting,
    reading,
    refusing,
    writing,
)

OpenIt = Callable[..., Store]


class StoreBase:
    """`durable`: what was written is there when the store is opened again."""

    durable: ClassVar[bool] = True

    @pytest.fixture
    def open_it(self) -> OpenIt:
        """
        `open_it()` opens this test's own, empty place; called again, the same place once more.
        """
        raise NotImplementedError("give the fixture `open_it`")

    @pytest.fixture
    def store(self, open_it: OpenIt) -> Store:
        return open_it()


class WritingContract(StoreBase):
    """`transact`, one caller at a time."""

    def test_what_a_unit_wrote_is_there_with_its_answer(self, store: Store) -> None:
        key, record = make_object()

        assert store.transact([putting((key, record), answer="done")]) == ["done"]

        assert store.read([key]).get(key) == record

    def test_answers_come_in_the_order_of_the_units(self, store: Store) -> None:
        units = [putting(make_object(f"o-{n}"), answer=n) for n in range(50)]

        assert store.transact(units) == list(range(50))

    def test_no_units_have_no_answers(self, store: Store) -> None:
        assert store.transact([]) == []

    def test_a_unit_may_write_nothing(self, store: Store) -> None:
        key, _ = make_object()

        assert store.transact([reading(key)]) == [None]

    def test_a_refused_unit_writes_nothing_and_the_others_stand(self, store: Store) -> None:
        (first, a), (second, _), (third, c) = (make_object(f"o-{n}") for n in range(3))

        answers = store.transact([putting((first, a), answer=1), refusing(second), putting((third, c), answer=3)])

        assert (answers[0], answers[2]) == (1, 3)
        assert isinstance(answers[1], Conflict)
        shown = store.read([first, second, third])
        assert [shown.get(key) for key in (first, second, third)] == [a, None, c]

    def test_an_error_that_is_answered_holds_nothing_that_it_came_through(self, store: Store) -> None:
        key, _ = make_object()

        (error,) = store.transact([refusing(key)])

        # Frames hold units and what they were shown: of thousands of refusals the collector would have to undo rings.
        assert isinstance(error, Conflict)
        assert error.__traceback__ is None

    def test_an_error_that_is_not_ours_reaches_the_caller_and_nothing_of_the_unit_is_written(
        self, store: Store
    ) -> None:
        key, _ = make_object()

        with pytest.raises(ZeroDivisionError):
            store.transact([breaking(key)])

        assert store.read([key]).get(key) is None
        assert store.transact([counting()]) == [1]

    def test_a_later_unit_sees_what_an_earlier_one_wrote(self, store: Store) -> None:
        assert store.transact([counting(limit=3) for _ in range(4)])[:3] == [1, 2, 3]
        assert isinstance(store.transact([counting(limit=3)])[0], Conflict)

        assert counted(store) == 3

    def test_a_later_unit_does_not_see_what_a_refused_one_would_have_written(self, store: Store) -> None:
        assert isinstance(store.transact([counting(limit=0), counting()])[0], Conflict)

        assert counted(store) == 1

    def test_a_later_unit_sees_that_an_earlier_one_deleted(self, store: Store) -> None:
        key, record = make_object()
        store.transact([putting((key, record))])

        assert store.transact([reading(key), deleting(key), reading(key)]) == [record, None, None]

    def test_a_deleted_record_is_gone(self, store: Store) -> None:
        key, record = make_object()
        store.transact([putting((key, record))])

        store.transact([deleting(key)])

        assert store.read([key]).get(key) is None
        assert store.scan(INTERNAL_OBJECT, TENANT) == []

    def test_deleting_what_is_not_there_is_no_error(self, store: Store) -> None:
        key, record = make_object()

        store.transact([deleting(key)])
        store.transact([putting((key, record)), deleting(key)])

        assert store.read([key]).get(key) is None

    def test_a_record_deleted_and_written_again_in_one_call_is_there(self, store: Store) -> None:
        key, record = make_object()
        store.transact([putting((key, record))])
        _, again = make_object(text="again")

        store.transact([deleting(key), putting((key, again))])

        assert store.read([key]).get(key) == again

    def test_more_keys_may_follow_from_the_first(self, store: Store) -> None:
        pointer, target = make_object("pointer", text="o-7"), make_object("o-7", text="found")
        store.transact([putting(pointer, target)])

        assert store.transact([following(pointer[0])]) == ["found"]

    def test_more_keys_follow_from_what_an_earlier_unit_wrote(self, store: Store) -> None:
        old, new = make_object("pointer", text="o-7"), make_object("pointer", text="o-8")
        store.transact([putting(old, make_object("o-7", text="old"), make_object("o-8", text="new"))])

        assert store.transact([following(old[0]), putting(new), following(old[0])])[::2] == ["old", "new"]

    def test_a_refusal_while_naming_more_is_the_units_answer(self, store: Store) -> None:
        def more(_snapshot: Snapshot) -> Sequence[Key[Any]]:
            raise Conflict("no")

        answer, stands = store.transact([UnitOfWork([COUNTER], lambda _: Writes("never"), more), counting()])

        assert isinstance(answer, Conflict)
        assert stands == 1

    def test_looking_at_a_key_that_was_not_named_is_a_programming_error(self, store: Store) -> None:
        key, record = make_object()
        store.transact([putting((key, record))])

        with pytest.raises(KeyError):
            # Another unit of the call named it; this one did not.
            store.transact([reading(key), UnitOfWork([], lambda snapshot: Writes(snapshot.get(key)))])
        with pytest.raises(KeyError):
            store.read([]).get(key)

    def test_a_contended_record_is_not_written_without_having_been_read(self, store: Store) -> None:
        key, record = make_object()

        with pytest.raises(KeyError):
            store.transact([UnitOfWork([], writing(puts=[(key, record)]))])

        assert store.read([key]).get(key) is None

    def test_other_records_may_be_written_without_having_been_read(self, store: Store) -> None:
        for key, record in (make_uncontended("first"), make_uncontended("second")):
            store.transact([UnitOfWork([], writing(puts=[(key, record)]))])
            assert store.read([key]).get(key) == record

        store.transact([UnitOfWork([], writing(deletes=[key]))])
        assert store.read([key]).get(key) is None

    def test_hundreds_of_units_fit_into_one_call(self, store: Store) -> None:
        answers = store.transact([counting() for _ in range(300)] + [putting(make_object(f"{n}")) for n in range(700)])

        assert answers[:300] == list(range(1, 301))
        assert len(store.scan(INTERNAL_OBJECT, TENANT)) == 700

    def test_entries_are_written_with_the_records(self, store: Store) -> None:
        first = make_entry()
        second = make_entry(after=first.head, event="GATE_DECIDED")

        store.transact([putting(make_object(), entries=[first, second])])

        assert store.chain(TENANT, "i-1") == [first, second]

    def test_a_place_in_a_chain_is_taken_once(self, store: Store) -> None:
        key, record = make_object()
        first, rival = make_entry(), make_entry(data={"rival": True})
        store.transact([appending(first)])

        with pytest.raises(TryLater):
            store.transact([putting((key, record), entries=[rival])])

        assert store.chain(TENANT, "i-1") == [first]
        assert store.read([key]).get(key) is None

    def test_nothing_of_one_tenant_is_another_tenants(self, store: Store) -> None:
        mine, theirs = make_object(text="mine"), make_object(tenant=OTHER, text="theirs")

        store.transact([putting(mine), putting(theirs, entries=[make_entry(tenant=OTHER)])])

        shown = store.read([mine[0], theirs[0]])
        assert (shown.get(mine[0]), shown.get(theirs[0])) == (mine[1], theirs[1])
        assert store.scan(INTERNAL_OBJECT, TENANT) == [mine[1]]
        assert store.chain(TENANT, "i-1") == []

    def test_what_was_written_is_there_after_opening_again(self, open_it: OpenIt) -> None:
        if not self.durable:
            pytest.skip("nothing outlives this store")
        key, record = make_object(text="Grüße 🚀")
        entry = make_entry(data={"text": "Grüße 🚀"})
        store = open_it()
        store.transact([putting((key, record), entries=[entry]), counting()])

        store.close()
        again = open_it()

        assert again.read([key]).get(key) == record
        assert again.chain(TENANT, "i-1") == [entry]
        assert again.transact([counting()]) == [2]
