"""What is new to campaigns that an event or an opt-in triggers is found by kind and by when it was recorded."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None
SERVES = "0003"  # it adds indexes alone

_DATED = sa.text("at IS NOT NULL")


def upgrade() -> None:
    """Forward."""
    op.create_index("ix_event_recorded", "event", ["kind", "recorded_at", "id"])
    columns = ["kind", "recorded_at", "id"]
    op.create_index("ix_consent_recorded", "consent", columns, sqlite_where=_DATED, postgresql_where=_DATED)


def downgrade() -> None:
    """Back."""
    op.drop_index("ix_consent_recorded", table_name="consent")
    op.drop_index("ix_event_recorded", table_name="event")
