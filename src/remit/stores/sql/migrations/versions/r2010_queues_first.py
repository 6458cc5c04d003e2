"""Queues are indexed before tenants: a worker reads what it can run, and nothing of what others alone can."""

from alembic import op

revision = "2010"
down_revision = "2009"
branch_labels = None
depends_on = None

AHEAD = {"case_states_queues": "case_states (queue, tenant_id, due_at_us) WHERE queue IS NOT NULL"}


def upgrade() -> None:
    for name, described in AHEAD.items():
        op.execute(f"CREATE INDEX IF NOT EXISTS {name} ON {described}")
    op.drop_index("case_states_queued", "case_states")


def downgrade() -> None:
    raise NotImplementedError("restore a backup: an older version could not read what a newer one wrote")
