"""Parts of the bounds of many accounts have a table of their own; what is stored whole stays so until it is changed."""

import sqlalchemy as sa
from alembic import op

revision = "2015"
down_revision = "2014"
branch_labels = None
depends_on = None

# By code point on both databases, as every other text.
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "bounds_parts",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("body", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id"),
    )


def downgrade() -> None:
    raise NotImplementedError("restore a backup: an older version could not read what a newer one wrote")
