"""Results of tools have a table of their own, and are found when their time is over."""

import sqlalchemy as sa
from alembic import op

revision = "2008"
down_revision = "2007"
branch_labels = None
depends_on = None

# By code point on both databases, as every other text.
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "results",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("body", TEXT, nullable=False),
        sa.Column("due_at_us", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id"),
    )
    timed = sa.text("due_at_us IS NOT NULL")
    op.create_index(
        "results_due", "results", ["due_at_us", "tenant_id", "id"], sqlite_where=timed, postgresql_where=timed
    )


def downgrade() -> None:
    raise NotImplementedError("restore a backup: an older version could not read what a newer one wrote")
