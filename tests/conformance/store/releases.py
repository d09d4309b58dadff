"""A release after this one: the same program, whose scripts go on by some migrations more. This release is then the one
before, as it is, on tables that it doesn't know."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cadence.store import Store, migrate

_SCRIPT = '''"""A column more."""
import sqlalchemy as sa
from alembic import op
revision = "{revision}"
down_revision = "{before}"
{serves}

def upgrade():
    op.add_column("contact", sa.Column("in_{revision}", sa.Text))


def downgrade():
    op.drop_column("contact", "in_{revision}")
'''


class NewerRelease:
    """It knows all that this release knows, and what is added to it here."""

    def __init__(self, folder: Path) -> None:
        self._scripts = folder / "newer"
        self.added: list[str] = []
        shutil.copytree(migrate._MIGRATIONS, self._scripts, ignore=shutil.ignore_patterns("__pycache__"))

    def adds(self, revision: str, serves: str | None = None) -> None:
        """A migration more, after all others; serves None: it doesn't say."""
        text = _SCRIPT.format(
            revision=revision,
            before=self.added[-1] if self.added else migrate.newest(),
            serves="" if serves is None else f'SERVES = "{serves}"',
        )
        (self._scripts / "versions" / f"{revision}_more.py").write_text(text, "utf-8")
        self.added.append(revision)
        migrate._read.cache_clear()

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """What is done inside is done by that release."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(migrate, "_MIGRATIONS", self._scripts)
            yield

    def migrates(self, store: Store) -> None:
        """It is started on a database."""
        with self.in_use():
            store.migrate()

    def is_taken_back(self, store: Store) -> None:
        """The tables are as before it."""
        with store.write() as conn:
            for revision in self.added:
                conn.exec_driver_sql(f"ALTER TABLE contact DROP COLUMN IF EXISTS in_{revision}")
            conn.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{migrate.newest()}'")
