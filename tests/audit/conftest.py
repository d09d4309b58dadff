"""One empty database per test, on SQLite: how rows are read on each database is tried in tests/conformance."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cadence.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty database."""
    opened = Store.open(f"sqlite:///{tmp_path / 'cadence.db'}")
    opened.migrate()
    yield opened
    opened.close()
