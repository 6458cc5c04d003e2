"""The store on SQLite."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from remit.core.errors import InvalidInput, TryLater
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


def test_a_relative_path_is_from_the_directory_in_which_it_was_opened(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    with closing(SqlStore.open("sqlite:///remit.db")) as store:
        store.transact([appending(make_entry("i-1"))])

        monkeypatch.chdir("elsewhere")

        store.transact([appending(make_entry("i-2"))])
        assert len(list(store.export(TENANT))) == 2
    assert not any((tmp_path / "elsewhere").iterdir())


def test_a_directory_that_is_gone_is_told(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    with pytest.raises(InvalidInput, match="does not exist"):
        SqlStore.open("sqlite:///remit.db")


def test_a_copy_that_is_still_empty_is_left_alone_and_served_once_it_is_there(tmp_path):
    path, backup = tmp_path / "remit.db", tmp_path / "backup.db"
    with closing(SqlStore.open(f"sqlite:///{path}")) as store:
        store.transact([appending(make_entry("before"))])
        with closing(sqlite3.connect(path)) as driver:
            driver.execute(f"VACUUM INTO '{backup}'")
        for end in ("", "-wal", "-shm"):
            Path(f"{path}{end}").unlink()

        path.touch()
        with pytest.raises(TryLater):
            store.tenants()
        assert [path.stat().st_size, *tmp_path.glob("remit.db-*")] == [0]
        path.write_bytes(backup.read_bytes())

        assert [entry.action_intent_id for entry in store.export(TENANT)] == ["before"]
        store.transact([appending(make_entry("after"))])
