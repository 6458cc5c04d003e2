"""The ledger is followed in the order in which it was taken in, and what is due is found by tenant and by record."""

import sqlalchemy as sa
from alembic import op

revision = "2002"
down_revision = "2001"
branch_labels = None
depends_on = None

MOVING = "status IN ('APPROVED', 'PROPOSED', 'RUNNING')"
WAITING = "status IN ('AWAITING_APPROVAL', 'BLOCKED')"
TIMED = ("notification_states", "outboxes")


def _index(name: str, table: str, columns: list[str], where: str | None = None) -> None:
    condition = None if where is None else sa.text(where)
    op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        _number_transactions()
        _index("segments_by_position", "segments", ["position"])
        _index("segments_by_tenant", "segments", ["tenant_id", "position", "at_us"])
    else:
        # In which rows of one tenant stand by their numbers.
        _index("segments_by_tenant", "segments", ["tenant_id"])
    op.drop_index("case_states_due", "case_states")
    _index("case_states_moving_due", "case_states", ["due_at_us", "tenant_id", "id"], f"queue IS NULL AND {MOVING}")
    _index("case_states_resting_due", "case_states", ["due_at_us", "tenant_id", "id"], WAITING)
    # Who follows such a database first writes its outboxes again, and times what is to be told.
    for table in TIMED:
        op.add_column(table, sa.Column("due_at_us", sa.BigInteger, nullable=True))
        _index(f"{table}_due", table, ["due_at_us", "tenant_id", "id"], "due_at_us IS NOT NULL")


def _number_transactions() -> None:
    # What is there has no number of its own, and comes before all that has.
    op.execute("ALTER TABLE segments ADD COLUMN position bigint NOT NULL DEFAULT 0")
    op.execute("ALTER TABLE segments ALTER COLUMN position SET DEFAULT pg_current_xact_id()::text::bigint")
    op.execute("CREATE TABLE ledger_base (base bigint NOT NULL)")


def downgrade() -> None:
    raise NotImplementedError("restore a backup: an older version could not read what a newer one wrote")
