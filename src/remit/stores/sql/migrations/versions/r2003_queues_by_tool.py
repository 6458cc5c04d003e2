"""Queues by tool: a worker takes what is queued of each in turn, and passes over one whose calls last long."""

import sqlalchemy as sa
from alembic import op

revision = "2003"
down_revision = "2002"
branch_labels = None
depends_on = None

UNQUEUED = "queue IS NULL AND status IN ('APPROVED', 'PROPOSED', 'RUNNING')"


def upgrade() -> None:
    op.execute(
        "UPDATE case_states SET queue = queue || ' ' || (SELECT action_type FROM cases "
        "WHERE cases.tenant_id = case_states.tenant_id AND cases.id = case_states.id) WHERE queue IS NOT NULL"
    )
    op.drop_index("case_states_moving", "case_states")
    _index("case_states_queued", ["tenant_id", "queue", "due_at_us"], "queue IS NOT NULL")
    _index("case_states_moving", ["tenant_id"], UNQUEUED)


def _index(name: str, columns: list[str], where: str) -> None:
    op.create_index(name, "case_states", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def downgrade() -> None:
    raise NotImplementedError("restore a backup: an older version could not read what a newer one wrote")
