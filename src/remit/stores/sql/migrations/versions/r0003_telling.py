"""What follows the ledger, counts each day, and tells people."""

from remit.stores.sql.migrations.versions.r0001_first_schema import record_table

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KINDS = ("followers", "tallies", "subscriptions", "outboxes", "deliveries", "tellers")


def upgrade() -> None:
    for kind in KINDS:
        record_table(kind)


def downgrade() -> None:
    raise NotImplementedError("restore a backup: an older version could not read what a newer one wrote")
