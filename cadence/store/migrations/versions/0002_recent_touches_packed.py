"""Recent touches, packed beside their circle: until one is written, the rows are read as before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.add_column("circle", sa.Column("recent", sa.LargeBinary))
    op.add_column("circle", sa.Column("recent_since", sa.BigInteger))


def downgrade() -> None:
    """Back: the rows of touch hold all that is forgotten."""
    with op.batch_alter_table("circle") as circle:
        circle.drop_column("recent_since")
        circle.drop_column("recent")
