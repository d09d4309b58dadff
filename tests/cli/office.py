"""An office to try commands in: a small world, a policy file, and a clock that stands still; commands run as on a terminal
that isn't one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine

from cadence.addresses import address_of, mailbox_of
from cadence.cli import main
from cadence.policy.load import from_mapping
from cadence.store import Store, policies, tables
from tests.queue.world import POLICY, World, at


@dataclass
class Office:
    """A world, the files beside it, and what a command answered."""

    world: World
    folder: Path
    capsys: pytest.CaptureFixture[str]

    def policy(self, **changes: Any) -> Path:
        """Write a policy file: the small policy with some sections replaced."""
        path = self.folder / "policy.yaml"
        path.write_text(json.dumps({**POLICY, **changes}), "utf-8")
        return path

    def use(self, when: str, **changes: Any) -> None:
        """Make a policy, written to the file too, the active one from an instant on."""
        self.policy(**changes)
        self.world.policy = from_mapping({**POLICY, **changes}).required()
        with self.world.store.write() as conn:
            policies.use(conn, self.world.policy, at(when), "test")

    def list_address(self, name: str, email: str) -> None:
        """Put an address of a contact into the directory, as an import does."""
        shard, id_, _ = self.world.contacts[name]
        value = mailbox_of("email", address_of("email", email))
        row = {"value": value, "kind": "mailbox", "slot": id_, "contact": id_, "shard": shard}
        with self.world.store.write() as conn:
            conn.execute(tables.directory.insert().values(**row))

    def run(self, *words: str) -> Answer:
        """Run `cadence WORDS`."""
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(w) for w in words])
        said = self.capsys.readouterr()
        return Answer(int(ended.value.code or 0), said.out, said.err)

    def json(self, *words: str) -> Any:
        """Run a command that must be fine, with --json; what it printed, read."""
        answer = self.run(*words, "--json")
        assert answer.code == 0, answer.err
        return json.loads(answer.out)


@dataclass(frozen=True)
class Answer:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def words(self) -> str:
        """What it printed, without its lay-out."""
        return " ".join(self.out.split())


@contextmanager
def opened(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], now: str
) -> Iterator[Office]:
    """An office at an instant, with nothing of this machine's settings."""
    monkeypatch.chdir(folder)
    url = f"sqlite:///{folder / 'cadence.db'}"
    for name, value in {"DATABASE_URL": url, "POLICY": folder / "policy.yaml", "VAR": folder / "var"}.items():
        monkeypatch.setenv(f"CADENCE_{name}", str(value))
    monkeypatch.setenv("TZ", "Europe/Stockholm")
    store = Store.open(url)
    store.migrate()
    office = Office(World(store, folder / "mail"), folder, capsys)
    office.policy()
    moment = datetime.fromisoformat(f"{now}+01:00")
    with time_machine.travel(moment, tick=False):
        yield office
    store.close()
