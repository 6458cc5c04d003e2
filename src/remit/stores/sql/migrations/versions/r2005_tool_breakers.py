"""Tools whose calls fail have records, and what waits for a call is found when it expires, begun or not."""

import sqlalchemy as sa
from alembic import op

revision = "2005"
down_revision = "2004"
branch_labels = None
depends_on = None

AHEAD = {"case_states_queued_expiring": "case_states (expires_at_us, tenant_id, id) WHERE queue IS NOT NULL"}
# By code point on both databases, as every other text.
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "tool_breakers",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("body", TEXT, nullable=False),
        sa.Column("due_at_us", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id"),
    )
    _index("tool_breakers_due", "tool_breakers", ["due_at_us", "tenant_id", "id"], "due_at_us IS NOT NULL")
    for name, described in AHEAD.items():
        op.execute(f"CREATE INDEX IF NOT EXISTS {name} ON {described}")
    op.drop_index("case_states_expiring", "case_states")


def _index(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def downgrade() -> None:
    raise NotImplementedError("restore a backup: an older version could not read what a newer one wrote")
