"""Daemons, their database server, and both, killed at random moments and at the named steps: a share of what
`python -m tests.crash.kills` does for hours."""

from __future__ import annotations

from collections import Counter
from itertools import count
from pathlib import Path

import pytest

from tests.crash.kills import Soak, play
from tests.crash.servers import one, spread


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "servers"), [("postgresql", one), ("distributed", spread)])
def test_daemons_and_servers_killed_keep_every_promise(kind: str, servers: object, tmp_path: Path) -> None:
    killed: Counter[str] = Counter()
    with servers() as those:  # type: ignore[operator]
        for number in count():
            killed += play(kind, those, tmp_path / "round", f"a share {number}", number, kills=12, contacts=80)["kills"]
            # A fast machine may be through with a round after a kill or two.
            if killed.total() >= 8 and killed["the server"] + killed["both"] >= 2:
                return


def test_a_soak_goes_on_where_it_was_broken_off(tmp_path: Path) -> None:
    first = Soak.resumed(tmp_path, 1)
    first.keep({"database": "sqlite", "kills": {"a daemon": 3, "both": 1}, "messages": 7})

    again = Soak.resumed(tmp_path, 1)

    assert (again.total("kills"), again.total("messages"), len(again.rounds)) == (4, 7, 1)
    assert Soak.resumed(tmp_path, 2).rounds == []
