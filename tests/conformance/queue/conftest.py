"""The queue's world, on each database in turn."""

from __future__ import annotations

from pathlib import Path

import pytest

from cadence.queue import tick
from cadence.store import Store
from tests.queue.world import World


@pytest.fixture
def world(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """An empty database, and a maildir that nothing was delivered to. Two circles are many, so that PostgreSQL gets them side
    by side."""
    monkeypatch.setattr(tick, "MANY", 2)
    return World(store, tmp_path / "mail")
