"""The queue's world, on each database in turn."""

from __future__ import annotations

from pathlib import Path

import pytest

from cadence.store import Store
from tests.queue.world import World


@pytest.fixture
def world(store: Store, tmp_path: Path) -> World:
    """An empty database, and a maildir that nothing was delivered to."""
    return World(store, tmp_path / "mail")
