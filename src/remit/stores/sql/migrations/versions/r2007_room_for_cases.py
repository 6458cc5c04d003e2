"""PostgreSQL leaves room beside each case, so that it can be changed in its place: when it is begun, and ended."""

from alembic import op

revision = "2007"
down_revision = "2006"
branch_labels = None
depends_on = None

FILLED = 35
"""Percent of a page. Two cases then stand on one, and their next versions beside them until the old ones go."""


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        # Takes effect on pages that are filled from now on, and locks nobody out.
        op.execute(f"ALTER TABLE cases SET (fillfactor = {FILLED})")


def downgrade() -> None:
    raise NotImplementedError("restore a backup: an older version could not read what a newer one wrote")
