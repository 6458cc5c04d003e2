"""The store on PostgreSQL."""

import pytest

from remit.testing.store_contract import StoreContract


class TestPostgresStore(StoreContract):
    @pytest.fixture
    def open_it(self, open_store):
        return lambda enlist=None: open_store("postgres", enlist)
