"""The queue's world, lived in from the import to the mail; on the distributed database, where that takes minutes, among
the slow ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cadence.store import Store
from tests.conformance.conftest import PATIENT, made
from tests.queue.world import World


@pytest.fixture(params=PATIENT)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of its own for one test."""
    yield from made(request, tmp_path)


@pytest.fixture
def world(store: Store, tmp_path: Path) -> World:
    """An empty database, and a maildir that nothing was delivered to."""
    return World(store, tmp_path / "mail")
