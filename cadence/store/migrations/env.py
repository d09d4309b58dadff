"""Where Alembic starts: runs the migrations on the connection that `cadence.store.migrate` gives. Not run by hand."""

from __future__ import annotations

from alembic import context

from cadence.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
    transaction_per_migration=False,
)
context.run_migrations()
