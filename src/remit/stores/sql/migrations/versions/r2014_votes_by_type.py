"""Votes are counted by type of action and by how many there are; cards of before are found by whose they are."""

from alembic import op

revision = "2014"
down_revision = "2013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Counted anew in the same transaction, as are the rows that lack whose card it is.
    op.execute("DELETE FROM waiting_counts")


def downgrade() -> None:
    raise NotImplementedError("restore a backup: an older version could not read what a newer one wrote")
