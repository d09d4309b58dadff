"""Daemons, their database server, and both, killed at random moments and at the named steps: a share of what
`python -m tests.crash.kills` does for hours."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.kills import Soak, play
from tests.crash.servers import one, spread


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "servers"), [("postgresql", one), ("distributed", spread)])
def test_daemons_and_servers_killed_keep_every_promise(kind: str, servers: object, tmp_path: Path) -> None:
    with servers() as those:  # type: ignore[operator]
        done = play(kind, those, tmp_path / "round", "a share", 0, kills=12, contacts=80)

    assert sum(done["kills"].values()) >= 8, done
    assert done["kills"]["the server"] + done["kills"]["both"] >= 2, done


def test_a_soak_goes_on_where_it_was_broken_off(tmp_path: Path) -> None:
    first = Soak.resumed(tmp_path, 1)
    first.keep({"database": "sqlite", "kills": {"a daemon": 3, "both": 1}, "messages": 7})

    again = Soak.resumed(tmp_path, 1)

    assert (again.total("kills"), again.total("messages"), len(again.rounds)) == (4, 7, 1)
    assert Soak.resumed(tmp_path, 2).rounds == []
