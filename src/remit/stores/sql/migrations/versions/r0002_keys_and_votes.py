"""API keys, and the approvals that wait for further approvers."""

from remit.stores.sql.migrations.versions.r0001_first_schema import record_table

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    record_table("api_keys")
    record_table("votes")


def downgrade() -> None:
    raise NotImplementedError("restore a backup: an older version could not read what a newer one wrote")
