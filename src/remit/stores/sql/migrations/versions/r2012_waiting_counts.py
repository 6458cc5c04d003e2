"""
Waiting counts: what waits is counted as it begins and ends, and cards that are somebody's are found by whose they are.
"""

import sqlalchemy as sa
from alembic import op

revision = "2012"
down_revision = "2011"
branch_labels = None
depends_on = None

# By code point on both databases, as every other text.
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
KEY = ("tenant_id", "assigned_to", "voted_by", "kind", "name")
ROOM = 50
"""Percent of a page that is filled on PostgreSQL: rows change again and again, each in its place."""


def upgrade() -> None:
    op.create_table(
        "waiting_counts",
        *(sa.Column(name, TEXT, nullable=False) for name in KEY),
        sa.Column("slot", sa.BigInteger, nullable=False),
        sa.Column("n", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint(*KEY, "slot"),
        sqlite_with_rowid=False,
    )
    op.add_column("case_states", sa.Column("assigned_to", TEXT, nullable=True))
    assigned = sa.text("assigned_to IS NOT NULL")
    op.create_index(
        "case_states_assigned",
        "case_states",
        ["tenant_id", "assigned_to", "expires_at_us", "id"],
        sqlite_where=assigned,
        postgresql_where=assigned,
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE waiting_counts SET (fillfactor = {ROOM})")


def downgrade() -> None:
    raise NotImplementedError("restore a backup: an older version could not read what a newer one wrote")
