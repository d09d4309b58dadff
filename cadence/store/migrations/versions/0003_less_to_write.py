"""Less to write at each decision: what no question goes by is let go, and the few large circles have an index of their own.

Takes a column away in the same step in which nothing reads it any more, against docs/many-daemons.md: no release wrote
it. So releases before it can't work with these tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None
SERVES = "0003"

_LARGE = sa.text("size > 1000")
_FOREIGN = sa.text("source <> 'cadence'")
_WAITING = sa.text("state = 'waiting'")
_SOURCE = ["shard", "contact", "source", "source_id"]


def upgrade() -> None:
    """Forward."""
    op.drop_index("ix_decision_shard_message", table_name="decision")
    op.drop_column("contact", "last_touch")
    op.create_index("ix_circle_large", "circle", ["shard", "id"], sqlite_where=_LARGE, postgresql_where=_LARGE)
    op.drop_index("uq_touch_source", table_name="touch")
    op.create_index("uq_touch_source", "touch", _SOURCE, unique=True, sqlite_where=_FOREIGN, postgresql_where=_FOREIGN)
    op.drop_index("ix_message_due", table_name="message")
    _make_due(["shard", "due_at", "circle", "state"])


def downgrade() -> None:
    """Back: the column stays empty until the next touch of each contact."""
    op.drop_index("ix_message_due", table_name="message")
    _make_due(["shard", "due_at"])
    op.drop_index("uq_touch_source", table_name="touch")
    op.create_index("uq_touch_source", "touch", _SOURCE, unique=True)
    op.drop_index("ix_circle_large", table_name="circle")
    op.add_column("contact", sa.Column("last_touch", sa.BigInteger))
    op.create_index("ix_decision_shard_message", "decision", ["shard", "message"])


def _make_due(columns: list[str]) -> None:
    op.create_index("ix_message_due", "message", columns, sqlite_where=_WAITING, postgresql_where=_WAITING)
