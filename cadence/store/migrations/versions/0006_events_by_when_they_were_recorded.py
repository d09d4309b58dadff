"""What is new to campaigns that an event triggers is found by kind and by when it was recorded."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None
SERVES = "0003"  # it adds an index alone


def upgrade() -> None:
    """Forward."""
    op.create_index("ix_event_recorded", "event", ["kind", "recorded_at", "id"])


def downgrade() -> None:
    """Back."""
    op.drop_index("ix_event_recorded", table_name="event")
