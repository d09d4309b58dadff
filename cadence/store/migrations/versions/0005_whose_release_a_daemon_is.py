"""A daemon writes down of which release it is: so one sees when an upgrade of one after another is done."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None
SERVES = "0003"  # 0004 changed an index alone


def upgrade() -> None:
    """Forward."""
    op.add_column("daemon", sa.Column("release", sa.Text))


def downgrade() -> None:
    """Back."""
    with op.batch_alter_table("daemon") as daemon:
        daemon.drop_column("release")
