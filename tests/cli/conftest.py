"""An office on a Tuesday at noon, for the tests of commands that need no other day."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.office import Office, opened

NOON = "2026-03-03T12:00"


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Office]:
    """Nobody has been written to, and the small policy has been in use since Sunday."""
    with opened(tmp_path, monkeypatch, capsys, NOON) as found:
        found.use("2026-03-01T00:00")
        yield found


@pytest.fixture
def busy(office: Office) -> Office:
    """Ann got two messages in the morning, a third is held by the cap; Bob has said stop, and his one was stopped."""
    world = office.world
    world.contact("ann", segment="everyone")
    world.contact("bob", segment="everyone", consents=False)
    for _ in range(2):
        world.message("2026-03-03T09:00", "ann", campaign="spring")
    world.tick("2026-03-03T09:00")
    world.send("2026-03-03T09:00")
    world.message("2026-03-03T10:00", "ann", campaign="spring")
    world.message("2026-03-03T10:00", "bob", campaign="hats")
    world.tick("2026-03-03T10:00")
    return office
