"""A claim that passes over what waits for a closed channel reads an index alone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_WAITING = sa.text("state = 'waiting'")


def upgrade() -> None:
    """Forward."""
    _make_due(["shard", "due_at", "circle", "channel", "expires_at", "state"])


def downgrade() -> None:
    """Back."""
    _make_due(["shard", "due_at", "circle", "state"])


def _make_due(columns: list[str]) -> None:
    op.drop_index("ix_message_due", table_name="message")
    op.create_index("ix_message_due", "message", columns, sqlite_where=_WAITING, postgresql_where=_WAITING)
