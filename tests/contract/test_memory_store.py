"""The store in memory."""

import pytest

from remit.testing.store_contract import StoreContract


class TestMemoryStore(StoreContract):
    durable = False

    @pytest.fixture
    def open_it(self, open_store):
        return lambda: open_store("memory")
