"""The first schema: a table for every kind of record, and the ledger."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KINDS = (
    "chain_heads",
    "usages",
    "intents",
    "decisions",
    "approvals",
    "auto_exec_states",
    "attempts",
    "outcomes",
    "resolutions",
    "bounds",
    "stops",
    "action_types",
    "policy_versions",
    "internal_objects",
)
# By code point on both databases, whatever language the server speaks: lists come in the same order.
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, TEXT, nullable=nullable)


def _big(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def record_table(name: str, *more: sa.Column[str] | sa.Column[int]) -> None:
    op.create_table(
        name, _text("tenant_id"), _text("id"), _text("body"), *more, sa.PrimaryKeyConstraint("tenant_id", "id")
    )


def _index(name: str, table: str, columns: list[str], where: str | None = None) -> None:
    condition = None if where is None else sa.text(where)
    op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)


def upgrade() -> None:
    for kind in KINDS:
        record_table(kind)
    record_table(
        "cases",
        _text("account_id"),
        _text("action_type"),
        _text("status"),
        _text("reason", nullable=True),
        _big("created_at_us"),
        _big("expires_at_us"),
        _big("due_at_us", nullable=True),
    )
    _index("cases_listed", "cases", ["tenant_id", "created_at_us", "id"])
    _index("cases_by_status", "cases", ["tenant_id", "status", "created_at_us", "id"])
    waiting = "status IN ('AWAITING_APPROVAL', 'BLOCKED')"
    _index("cases_waiting", "cases", ["tenant_id", "expires_at_us", "id"], waiting)
    _index("cases_due", "cases", ["due_at_us", "tenant_id", "id"], "due_at_us IS NOT NULL")
    _index("cases_moving", "cases", ["tenant_id"], "status IN ('APPROVED', 'PROPOSED', 'RUNNING')")

    op.create_table(
        "ledger_entries",
        _text("tenant_id"),
        _text("chain"),
        _big("sequence"),
        _text("entry_id"),
        _text("account_id", nullable=True),
        _text("event_type"),
        _text("actor"),
        _text("at"),
        _big("at_us"),
        _text("data"),
        _text("previous_hash", nullable=True),
        _text("hash"),
        sa.PrimaryKeyConstraint("tenant_id", "chain", "sequence"),
    )
    _index("ledger_entries_recent", "ledger_entries", ["tenant_id", "at_us", "entry_id"])


def downgrade() -> None:
    raise NotImplementedError("restore a backup: an older version could not read what a newer one wrote")
