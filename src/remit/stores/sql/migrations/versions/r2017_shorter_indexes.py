"""
Shorter indexes: on SQLite segments are found by their moment alone, for few share one and their ids stand in the rows.
From here on the content of a result is packed as it is, which an earlier release cannot read; what is there stays.
"""

from alembic import op

revision = "2017"
down_revision = "2016"
branch_labels = None
depends_on = None

_INDEXES = {"segments_recent": "tenant_id, at_us", "segments_by_account": "tenant_id, account_id, at_us"}


def upgrade() -> None:
    if op.get_context().dialect.name != "sqlite":
        return
    for name, columns in _INDEXES.items():
        op.execute(f"DROP INDEX {name}")
        op.execute(f"CREATE INDEX {name} ON segments ({columns})")


def downgrade() -> None:
    raise NotImplementedError("restore a backup: an older version could not read what a newer one wrote")
