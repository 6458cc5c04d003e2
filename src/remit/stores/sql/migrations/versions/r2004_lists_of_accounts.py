"""An account's queue and its rare events are found by indexes that have them in order."""

import sqlalchemy as sa
from alembic import op

revision = "2004"
down_revision = "2003"
branch_labels = None
depends_on = None

# By code point on both databases, as every other text.
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
WAITING = "status IN ('AWAITING_APPROVAL', 'BLOCKED')"


def upgrade() -> None:
    op.add_column("rare_events", sa.Column("account_id", TEXT, nullable=True))
    op.execute(
        "UPDATE rare_events SET account_id = (SELECT segments.account_id FROM segments WHERE "
        "segments.tenant_id = rare_events.tenant_id AND segments.chain = rare_events.chain "
        "AND segments.first = rare_events.first)"
    )
    # With all that is asked of a row, or SQLite would rather read every row of the type.
    by_account = ["tenant_id", "account_id", "event_type", "at_us", "entry_id", "chain", "first"]
    op.create_index("rare_events_by_account", "rare_events", by_account)
    waiting = ["tenant_id", "account_id", "expires_at_us", "id"]
    op.create_index(
        "case_states_waiting_by_account",
        "case_states",
        waiting,
        sqlite_where=sa.text(WAITING),
        postgresql_where=sa.text(WAITING),
    )


def downgrade() -> None:
    raise NotImplementedError("restore a backup: an older version could not read what a newer one wrote")
