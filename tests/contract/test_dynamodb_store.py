"""The store on DynamoDB."""

import pytest

from remit.testing.store_contract import StoreContract


class TestDynamoStore(StoreContract):
    @pytest.fixture
    def open_it(self, open_store):
        return lambda: open_store("dynamodb")
