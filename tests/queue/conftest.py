"""One world per test, on SQLite: the same promises on each database are tried in tests/conformance and tests/crash."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cadence.store import Store
from tests.conformance.copies import stale_copies
from tests.queue.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An empty database, and a maildir that nothing was delivered to."""
    store = Store.open(f"sqlite:///{tmp_path / 'cadence.db'}")
    store.migrate()
    yield World(store, tmp_path / "mail")
    assert stale_copies(store) == []
    store.close()
