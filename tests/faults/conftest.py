"""The databases that storms rage over: the same as in the conformance suite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.conftest import *  # noqa: F403 - its fixtures
from tests.conformance.conftest import made


@pytest.fixture(params=["sqlite", "postgresql", pytest.param("distributed", marks=pytest.mark.soak)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of its own for one test."""
    yield from made(request, tmp_path)
