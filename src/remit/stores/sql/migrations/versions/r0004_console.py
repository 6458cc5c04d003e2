"""Who is signed in at the console, links that sign in once, and who changed the bounds found without a search."""

import sqlalchemy as sa
from alembic import op

from remit.stores.sql.migrations.versions.r0001_first_schema import record_table

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    record_table("sessions")
    record_table("sign_in_links")
    of_tenants = sa.text("chain = ''")
    op.create_index(
        "ledger_entries_of_tenants",
        "ledger_entries",
        ["tenant_id", "event_type", "at_us", "entry_id"],
        sqlite_where=of_tenants,
        postgresql_where=of_tenants,
    )


def downgrade() -> None:
    raise NotImplementedError("restore a backup: an older version could not read what a newer one wrote")
