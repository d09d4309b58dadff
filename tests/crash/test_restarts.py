"""A server that is killed and comes back in the middle of an import: said in words, and nothing is in twice or by half."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from cadence.clock import system_micros
from cadence.doors import files
from cadence.doors.files import import_file
from cadence.store import Store, StoreUnavailable
from cadence.store.bulk import fetch
from tests.crash.servers import Servers, database, one

ROWS = 3_000


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """One server, to be killed."""
    with one() as made:
        yield made


def test_a_server_that_restarts_in_the_middle_of_an_import_is_named_and_the_import_goes_on_when_run_again(
    servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "BATCH", 200)
    file = tmp_path / "contacts.csv"
    rows = [f"c{i},c{i}@example.com,h{i // 3}" for i in range(ROWS)]
    file.write_text("\n".join(["id,email,household", *rows]), "utf-8")
    now = system_micros()
    with database(servers, "restarted") as url:
        store = Store.open(url)
        store.migrate()
        batches = iter(range(ROWS))
        killer = threading.Thread(target=lambda: (time.sleep(0.05), servers.kill(Random(1))))
        kill_soon = lambda *_: killer.start() if next(batches) == 5 else None  # noqa: E731

        with pytest.raises(
            StoreUnavailable, match=r"is away.*all before line \d+ is in, and nothing after it; import it again"
        ):
            import_file(store, "contacts", file, now=now, progress=kill_soon)
        killer.join()
        servers.start()
        again = import_file(store, "contacts", file, now=now)

        assert (again.rows, again.bad) == (ROWS, 0)
        assert ROWS // 4 < again.unchanged < ROWS
        with store.read() as conn:
            assert fetch(conn, "SELECT count(*), count(DISTINCT circle) FROM contact") == [(ROWS, ROWS // 3)]
            assert fetch(conn, "SELECT count(*) FROM address") == [(ROWS,)]
        store.close()
