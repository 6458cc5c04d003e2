"""The first schema of the second format: what a ledger's entry holds stands nowhere else."""

import sqlalchemy as sa
from alembic import op

revision = "2001"
down_revision = None
branch_labels = None
depends_on = None

KINDS = (
    "chain_heads",
    "usages",
    "bounds",
    "stops",
    "action_types",
    "policy_versions",
    "internal_objects",
    "api_keys",
    "sessions",
    "sign_in_links",
    "consumers",
    "daily_counts",
    "notification_states",
    "subscriptions",
    "outboxes",
    "deliveries",
)
# By code point on both databases, whatever language the server speaks: lists come in the same order.
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
MOVING = "status IN ('APPROVED', 'PROPOSED', 'RUNNING')"
WAITING = "status IN ('AWAITING_APPROVAL', 'BLOCKED')"


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, TEXT, nullable=nullable)


def _big(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def _index(name: str, table: str, columns: list[str], where: str | None = None) -> None:
    condition = None if where is None else sa.text(where)
    op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)


def upgrade() -> None:
    for kind in KINDS:
        op.create_table(
            kind, _text("tenant_id"), _text("id"), _text("body"), sa.PrimaryKeyConstraint("tenant_id", "id")
        )
    _cases()
    _case_states()
    _segments()


def _cases() -> None:
    op.create_table(
        "cases",
        _text("tenant_id"),
        _text("id"),
        _text("account_id"),
        _text("action_type"),
        _text("status"),
        _text("reason", nullable=True),
        _big("created_at_us"),
        _text("body"),
        sa.PrimaryKeyConstraint("tenant_id", "id"),
        # Room beside a row, so that it can be changed in its place.
        postgresql_with={"fillfactor": 75},
    )
    _index("cases_listed", "cases", ["tenant_id", "created_at_us", "id"])
    _index("cases_by_account", "cases", ["tenant_id", "account_id", "created_at_us", "id"])
    _index("cases_by_type", "cases", ["tenant_id", "action_type", "created_at_us", "id"])
    _index("cases_by_reason", "cases", ["tenant_id", "reason", "created_at_us", "id"], "reason <> 'WITHIN_BOUNDS'")


def _case_states() -> None:
    op.create_table(
        "case_states",
        _text("tenant_id"),
        _text("id"),
        _text("status"),
        _big("due_at_us", nullable=True),
        _big("expires_at_us"),
        _big("created_at_us"),
        _text("account_id"),
        _text("queue", nullable=True),
        _text("proposed_by", nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id"),
        sqlite_with_rowid=False,
    )
    _index("case_states_moving", "case_states", ["tenant_id", "due_at_us"], MOVING)
    unqueued = "queue IS NULL AND due_at_us IS NOT NULL"
    _index("case_states_due", "case_states", ["due_at_us", "tenant_id", "id"], unqueued)
    _index(
        "case_states_expiring",
        "case_states",
        ["expires_at_us", "tenant_id", "id"],
        "queue IS NOT NULL AND status = 'APPROVED'",
    )
    _index("case_states_waiting", "case_states", ["tenant_id", "expires_at_us", "id"], WAITING)
    proposers = ["tenant_id", "proposed_by", "expires_at_us", "id"]
    _index("case_states_unanswered", "case_states", proposers, "proposed_by IS NOT NULL")
    _index("case_states_by_status", "case_states", ["tenant_id", "status", "created_at_us", "id"])


def _segments() -> None:
    op.create_table(
        "segments",
        _text("tenant_id"),
        _text("chain"),
        _big("first"),
        _text("entry_id"),
        _text("account_id", nullable=True),
        _big("at_us"),
        _big("kinds"),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "chain", "first"),
    )
    _index("segments_recent", "segments", ["tenant_id", "at_us", "entry_id"])
    _index("segments_by_account", "segments", ["tenant_id", "account_id", "at_us", "entry_id"])
    op.create_table(
        "rare_events",
        _text("tenant_id"),
        _text("event_type"),
        _big("at_us"),
        _text("entry_id"),
        _text("chain"),
        _big("first"),
        sa.PrimaryKeyConstraint("tenant_id", "event_type", "at_us", "entry_id"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    raise NotImplementedError("restore a backup: an older version could not read what a newer one wrote")
