"""What is under way of campaigns is found without reading all that ever was."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None
SERVES = "0003"  # it adds an index alone

_UNDER_WAY = sa.text("state = 'running'")


def upgrade() -> None:
    """Forward."""
    op.create_index(
        "ix_campaign_run_under_way", "campaign_run", ["due_at"], sqlite_where=_UNDER_WAY, postgresql_where=_UNDER_WAY
    )


def downgrade() -> None:
    """Back."""
    op.drop_index("ix_campaign_run_under_way", table_name="campaign_run")
