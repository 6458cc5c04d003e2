"""The store on SQLite."""

import pytest

from remit.testing.store_contract import StoreContract


class TestSqliteStore(StoreContract):
    @pytest.fixture
    def open_it(self, open_store):
        return lambda enlist=None: open_store("sqlite", enlist)
