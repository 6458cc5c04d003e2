"""
The contract of a store. Subclass `StoreContract` in your tests and give it the fixture `open_it`:

    class TestMyStore(StoreContract):
        @pytest.fixture
        def open_it(self, tmp_path):
            with contextlib.ExitStack() as stack:
                def open_it():
                    store = MyStore(tmp_path)
                    stack.callback(store.close)
                    return store
                yield open_it

Needs pytest; put `pytest.register_assert_rewrite("remit.testing")` into `conftest.py` to see both sides of an
assertion that fails. Races are forced with `remit.testing.faults`, never hoped for.
"""

from __future__ import annotations

from remit.testing.store_following import FollowingContract
from remit.testing.store_ledger import LedgerContract
from remit.testing.store_listing import ListingContract
from remit.testing.store_races import RaceContract
from remit.testing.store_reading import ReadingContract
from remit.testing.store_writing import OpenIt, WritingContract

__all__ = ["OpenIt", "StoreContract"]


class StoreContract(WritingContract, RaceContract, ReadingContract, LedgerContract, ListingContract, FollowingContract):
    """Every promise of `remit.ports.Store`."""
