"""The values of intents that stand in the ledger as commitments have a table of their own."""

import sqlalchemy as sa
from alembic import op

revision = "2009"
down_revision = "2008"
branch_labels = None
depends_on = None

# By code point on both databases, as every other text.
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    columns = [sa.Column(name, TEXT, nullable=False) for name in ("tenant_id", "id", "body")]
    op.create_table("private_values", *columns, sa.PrimaryKeyConstraint("tenant_id", "id"))


def downgrade() -> None:
    raise NotImplementedError("restore a backup: an older version could not read what a newer one wrote")
