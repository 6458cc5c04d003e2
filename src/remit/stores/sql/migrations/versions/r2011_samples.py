"""Automatic actions that people are shown afterwards, and the answers about each type, have tables of their own."""

import sqlalchemy as sa
from alembic import op

revision = "2011"
down_revision = "2010"
branch_labels = None
depends_on = None

# By code point on both databases, as every other text.
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    timed = sa.Column("due_at_us", sa.BigInteger, nullable=True)
    op.create_table("samples", *_columns(), timed, sa.PrimaryKeyConstraint("tenant_id", "id"))
    when = sa.text("due_at_us IS NOT NULL")
    op.create_index(
        "samples_due", "samples", ["due_at_us", "tenant_id", "id"], sqlite_where=when, postgresql_where=when
    )
    op.create_table("sample_tallies", *_columns(), sa.PrimaryKeyConstraint("tenant_id", "id"))


def _columns() -> list[sa.Column[str]]:
    return [sa.Column(name, TEXT, nullable=False) for name in ("tenant_id", "id", "body")]


def downgrade() -> None:
    raise NotImplementedError("restore a backup: an older version could not read what a newer one wrote")
