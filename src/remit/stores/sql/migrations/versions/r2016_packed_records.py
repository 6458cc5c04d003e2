"""
Packed records: from here on SQLite holds the bodies of what each intent has of its own packed, which an earlier release
cannot read; what is there stays as it is until it is written again. Results, and the objects of the connector
`internal`, are found by their key alone, so there they stand in it.
"""

from alembic import op

revision = "2016"
down_revision = "2015"
branch_labels = None
depends_on = None

_OWN = "tenant_id TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL"
_TABLES = {"internal_objects": _OWN, "results": f"{_OWN}, due_at_us BIGINT"}


def upgrade() -> None:
    if op.get_context().dialect.name != "sqlite":
        return
    for table, columns in _TABLES.items():
        op.execute(f"ALTER TABLE {table} RENAME TO {table}_before")
        op.execute(f"CREATE TABLE {table} ({columns}, PRIMARY KEY (tenant_id, id)) WITHOUT ROWID")
        op.execute(f"INSERT INTO {table} SELECT * FROM {table}_before ORDER BY tenant_id, id")
        op.execute(f"DROP TABLE {table}_before")
    op.execute("CREATE INDEX results_due ON results (due_at_us, tenant_id, id) WHERE due_at_us IS NOT NULL")


def downgrade() -> None:
    raise NotImplementedError("restore a backup: an older version could not read what a newer one wrote")
