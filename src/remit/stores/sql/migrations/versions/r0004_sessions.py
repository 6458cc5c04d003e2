"""Who is signed in at the console, and links that sign in once."""

from remit.stores.sql.migrations.versions.r0001_first_schema import record_table

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    record_table("sessions")
    record_table("sign_in_links")


def downgrade() -> None:
    raise NotImplementedError("restore a backup: an older version could not read what a newer one wrote")
