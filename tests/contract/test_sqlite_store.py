"""The store on SQLite."""

import sqlite3
from contextlib import closing

import pytest

from remit.stores.sql import SqlStore
from remit.testing.samples import TENANT, appending, make_entry
from remit.testing.store_contract import StoreContract


class TestSqliteStore(StoreContract):
    @pytest.fixture
    def open_it(self, open_store):
        return lambda: open_store("sqlite")


def test_positions_in_the_ledger_hold_in_a_backup(tmp_path):
    with closing(SqlStore.open(f"sqlite:///{tmp_path / 'remit.db'}")) as store:
        store.transact([appending(make_entry(f"i-{number}")) for number in range(5)])
        position = store.ledger_position(TENANT)
    with closing(sqlite3.connect(tmp_path / "remit.db")) as connection:
        connection.execute(f"VACUUM INTO '{tmp_path / 'backup.db'}'")

    with closing(SqlStore.open(f"sqlite:///{tmp_path / 'backup.db'}")) as restored:
        restored.transact([appending(make_entry("after"))])
        page = restored.ledger_after(TENANT, ["INTENT_PROPOSED"], position, 10)

    assert [entry.action_intent_id for entry, _ in page.entries] == ["after"]


@pytest.mark.parametrize("name", ["a b.db", "100%41#é;:&=.db", "sub/../remit.db", "\udcff.db"])
@pytest.mark.parametrize("relative", [False, True])
def test_a_file_may_have_any_name(tmp_path, monkeypatch, name, relative):
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{name if relative else f'/{tmp_path / name}'}"

    for number in (1, 2):
        with closing(SqlStore.open(url)) as store:
            store.transact([appending(make_entry(f"i-{number}"))])
            assert len(list(store.export(TENANT))) == number

    assert (tmp_path / name).is_file()
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [name.rpartition("/")[2]]
