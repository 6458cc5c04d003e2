"""The store on PostgreSQL."""

import pytest

from remit.testing.store_contract import OpenIt, StoreContract


class TestPostgresStore(StoreContract):
    @pytest.fixture
    def open_it(self, open_store) -> OpenIt:
        return lambda: open_store("postgres")
