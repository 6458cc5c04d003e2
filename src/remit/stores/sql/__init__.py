"""
The store on SQLite and PostgreSQL: one schema, two dialects, Alembic migrations.

`store` is the way in. `combine` and `writer` make many callers' units one commit, `batch` says what
they come to, `rows` and `queries` what it looks like in tables, `sqlite` and `postgres` how it is said to
each database. No rule belongs here; the two databases differ in their dialect only.
"""

from remit.stores.sql.migrations import migrate
from remit.stores.sql.store import SqlStore

__all__ = ["SqlStore", "migrate"]
