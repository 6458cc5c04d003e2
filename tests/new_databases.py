"""New databases in SQLite, with the schema in them: copying a file is quicker by far than migrating anew."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from remit.stores.sql import migrate


def new_sqlite(path: Path) -> str:
    """The URL of a database at `path`: what was there before, else a new one that holds nothing but the schema."""
    if not path.exists():
        path.write_bytes(_with_schema())
    return f"sqlite:///{path}"


@cache
def _with_schema() -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "remit.db"
        migrate(f"sqlite:///{path}")
        return path.read_bytes()
