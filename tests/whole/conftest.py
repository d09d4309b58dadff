"""What the tests of the whole share: an empty database with a small world in it, and the databases of the conformance suite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cadence.store import Store
from tests.conformance.conftest import *  # noqa: F403 - its fixtures
from tests.queue.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An empty database, and a maildir that nothing was delivered to."""
    store = Store.open(f"sqlite:///{tmp_path / 'cadence.db'}")
    store.migrate()
    yield World(store, tmp_path / "mail")
    store.close()
