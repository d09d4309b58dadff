"""What the tests of the whole share: an empty database with a small world in it, and the databases of the conformance suite."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cadence.store import Store
from tests.conformance.conftest import *  # noqa: F403 - its fixtures
from tests.conformance.copies import stale_copies
from tests.queue.world import World
from tests.whole.tale import empty_database


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An empty database, and a maildir that nothing was delivered to."""
    shutil.copy(empty_database(), tmp_path / "cadence.db")
    store = Store.open(f"sqlite:///{tmp_path / 'cadence.db'}")
    yield World(store, tmp_path / "mail")
    assert stale_copies(store) == []
    store.close()
