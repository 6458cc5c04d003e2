"""The store behind PgBouncer, whose every transaction may be another session's: the whole contract, and what is set."""

import os
import shutil
import socket
import subprocess
import tempfile
import threading
from contextlib import closing, suppress
from pathlib import Path

import psycopg
import pytest
import sqlalchemy

from remit.core.errors import InvalidInput
from remit.stores.sql import SqlStore, migrate
from remit.testing.samples import counted, counting
from remit.testing.store_contract import StoreContract
from tests.waiting import until

SESSIONS = {"transaction": 3, "session": 50}
"""How many the pooler keeps to the server. By transaction they are fewer than its clients, so that they take turns."""
CONFIG = """
[databases]
* = {target}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = {sessions}
"""


@pytest.fixture(scope="module", params=sorted(SESSIONS))
def pooler(request, postgres_server):
    """The URL of a PgBouncer before the server, in one of its modes."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        if os.environ.get("CI"):
            raise RuntimeError("no pgbouncer: install Debian's package")
        pytest.skip("no pgbouncer: install Debian's package of that name")
    with tempfile.TemporaryDirectory(prefix="remit-pooler-") as folder:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        Path(folder).chmod(0o755)
        config = Path(folder) / "pgbouncer.ini"
        config.write_text(
            CONFIG.format(
                target=_target(postgres_server), port=port, mode=request.param, sessions=SESSIONS[request.param]
            )
        )
        command = [program, *_user(postgres_server), config]
        with (Path(folder) / "log").open("wb") as log, subprocess.Popen(command, stderr=log) as process:
            url = sqlalchemy.make_url(postgres_server)
            at_pooler = url.set(host="127.0.0.1", port=port, query={}).render_as_string(hide_password=False)
            try:
                _wait(at_pooler, process, Path(folder) / "log")
                yield at_pooler
            finally:
                process.terminate()


def _user(server):
    """It does not run as root; the server's socket is open to its owner."""
    if os.geteuid() != 0:
        return []
    host = Path(psycopg.conninfo.conninfo_to_dict(server).get("host") or "/nowhere")
    return ["-u", host.owner() if host.is_dir() else "nobody"]


def _target(server):
    info = psycopg.conninfo.conninfo_to_dict(server)
    wanted = {name: info[name] for name in ("host", "port", "user", "password") if info.get(name)}
    return " ".join(f"{name}={value}" for name, value in wanted.items())


def _wait(url, process, log):
    def answers():
        assert process.poll() is None, f"pgbouncer has ended: {log.read_text()}"
        with suppress(psycopg.OperationalError), psycopg.connect(url, connect_timeout=2):
            return True
        return False

    until(answers, what="pgbouncer answers")


def through(pooler, url):
    """The database of `url`, by way of the pooler."""
    database = sqlalchemy.make_url(url).database
    return sqlalchemy.make_url(pooler).set(database=database).render_as_string(hide_password=False)


@pytest.mark.parametrize("pooler", ["transaction"], indirect=True)
class TestPooledStore(StoreContract):
    @pytest.fixture
    def open_it(self, pooler, postgres_url):
        opened: list[SqlStore] = []

        def open_():
            opened.append(SqlStore.open(through(pooler, postgres_url)))
            return opened[-1]

        yield open_
        for each in opened:
            each.close()


def test_the_schema_is_made_through_it(pooler, empty_postgres_url):
    migrate(through(pooler, empty_postgres_url))

    with closing(SqlStore.open(through(pooler, empty_postgres_url))) as store:
        assert store.transact([counting()]) == [1]


def test_many_stores_share_its_few_sessions_and_lose_nothing(pooler, postgres_url):
    stores = [SqlStore.open(through(pooler, postgres_url)) for _ in range(3)]

    def count(store):
        for _ in range(20):
            store.transact([counting()])
            counted(store)

    callers = [threading.Thread(target=count, args=(store,)) for store in stores]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()

    assert counted(stores[0]) == 60
    for store in stores:
        store.close()


def test_nothing_that_it_sets_or_prepares_is_left_to_the_next_in_its_session(pooler, postgres_url):
    with closing(SqlStore.open(through(pooler, postgres_url))) as store:
        for _ in range(10):
            store.transact([counting()])
            counted(store)

        with psycopg.connect(through(pooler, postgres_url), autocommit=True, prepare_threshold=None) as other:
            changed = other.execute(
                "SELECT name FROM pg_settings WHERE source = 'session' AND name ~ 'enable|plan|jit'"
            )
            assert changed.fetchall() == []
            assert other.execute("SELECT name FROM pg_prepared_statements").fetchall() == []


def test_the_writers_settings_hold_within_its_transactions(pooler, postgres_url):
    with closing(SqlStore.open(through(pooler, postgres_url))) as store:
        driver = store._writer._connected().driver_connection
        store._dialect.begin(driver)
        asked = "SELECT current_setting('enable_seqscan'), current_setting('lock_timeout')"
        (row,) = store._dialect.fetch(driver, asked, {})
        driver.rollback()

        assert row == ("off", "30s")


def test_a_session_of_its_own_is_told_from_a_poolers(pooler, postgres_url):
    with (
        closing(SqlStore.open(postgres_url)) as direct,
        closing(SqlStore.open(through(pooler, postgres_url))) as pooled,
    ):
        thresholds = [each._writer._connected().driver_connection.prepare_threshold for each in (direct, pooled)]

    assert thresholds == [0, None]


def test_a_database_that_is_not_there_is_named_through_it(pooler):
    url = sqlalchemy.make_url(pooler).set(database="nowhere").render_as_string(hide_password=False)

    with pytest.raises(InvalidInput, match='database "nowhere" does not exist'):
        SqlStore.open(url)
