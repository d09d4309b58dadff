"""Kills without end: `python -m tests.crash.kills` (`make soak` runs it) kills daemons, the database server, and both, at
random moments and at every named step, over the three databases, until there were enough kills and messages.

It goes round by round: a fresh database, some thousand messages, some kills, then the judge. What each round did is kept in
a file, so that it can be broken off and goes on where it was. A round's dice are its seed's: the same seed draws the same
kills, though what the processes are at by then is the machine's doing. What broke a promise is kept, with its folder."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from cadence.queue import patience
from cadence.queue.steps import STEPS
from cadence.store import Store, tables
from tests.conformance.conftest import OURS, Cluster
from tests.crash.scenes import judge, scene
from tests.crash.servers import Servers, database, one, spread
from tests.crash.victim import Scene, fork, kill, wait

CONTACTS, EACH, KILLS = 150, 14, 22
HOURS = 197
"""In which what is to be sent comes in: so that there is something to do at many instants."""
DATABASES = ("sqlite", "postgresql", "distributed")
PATIENCE = 600.0
"""Seconds after which a daemon that isn't through is taken to hang."""


@dataclass
class Round:
    """One scene, and those who live and die in it."""

    scene: Scene
    dice: Random
    servers: Servers | None = None
    pids: list[int] = field(default_factory=list)
    killed: Counter[str] = field(default_factory=Counter)
    through: bool = False
    """Whether a daemon that was alone had nothing left to do."""

    def live(self, kills: int) -> Counter[str]:
        """Kill so often, or until there is nothing left to do; then let one daemon finish. How often what was killed."""
        patience.LONGEST_PAUSE = 0.5
        kinds = {"a daemon": 5, "a daemon at a step": 3, **({"the server": 2, "both": 2} if self.servers else {})}
        try:
            while not self.through and self.killed.total() < kills:
                if not self.pids or (len(self.pids) < 2 and self.dice.random() < 0.3):
                    self.pids.append(fork(self.scene))
                (kind,) = self.dice.choices([*kinds], [*kinds.values()])
                self.strike(kind)
                self.through = self.through or self.ended()
            while self.pids:
                assert self.wait(self.pids[0]) == 0, self.log()
            last = fork(self.scene)
            self.pids.append(last)
            assert self.wait(last) == 0, self.log()
        finally:
            for pid in self.pids:
                kill(pid)
                wait(pid)
        return self.killed

    def strike(self, kind: str) -> None:
        """One kill, at a random moment."""
        if kind == "a daemon at a step":
            self.at_a_step()
            return
        # Soon, while it starts and takes over, or later, further on in the weeks that it lives through.
        time.sleep(self.dice.uniform(0.0, 0.12) if self.dice.random() < 0.6 else self.dice.uniform(0.12, 0.4))
        victims: list[Callable[[], None]] = []
        if kind != "a daemon" and self.servers:
            victims.append(lambda: self.servers.kill(self.dice) if self.servers else None)
        if kind != "the server":
            victims.append(lambda: self.kill(self.dice.choice(self.pids)))
        self.dice.shuffle(victims)
        for victim in victims:
            victim()
        if kind != "a daemon" and self.servers:
            time.sleep(self.dice.uniform(0.0, 0.3))
            self.servers.start()
        self.killed[kind] += 1

    def at_a_step(self) -> None:
        """A daemon alone that dies by itself at one of the steps; where it never comes by there, it lives on."""
        for other in list(self.pids):
            self.kill(other)
            self.killed["a daemon"] += 1
        step = self.dice.choice(STEPS)
        pid = fork(self.scene, f"{step}:{self.dice.randint(1, 6)}")
        self.pids.append(pid)
        code = self.wait(pid, 20.0)
        assert code in (None, 0, -9), self.log()
        if code == -9:
            self.killed[f"at {step}"] += 1
        self.through = code == 0

    def ended(self) -> bool:
        """Whether a daemon that was alone is through."""
        alone = len(self.pids) == 1
        for pid in list(self.pids):
            code = self.wait(pid, 0.0)
            assert code in (None, 0), self.log()
            if code == 0 and alone:
                return True
        return False

    def wait(self, pid: int, seconds: float = PATIENCE) -> int | None:
        """How it ended; None where it lives on."""
        end = time.monotonic() + seconds
        while True:
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                self.pids.remove(pid)
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() >= end:
                assert seconds < PATIENCE, f"daemon {pid} hangs"
                return None
            time.sleep(0.01)

    def kill(self, pid: int) -> None:
        """Dead, whatever it was at."""
        kill(pid)
        self.pids.remove(pid)
        wait(pid)

    def log(self) -> str:
        """What the last that failed said."""
        log = self.scene.policy.parent / "victim.log"
        return log.read_text() if log.exists() else "no last words"


@dataclass
class Soak:
    """All rounds so far, kept in a file."""

    folder: Path
    seed: int
    rounds: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def resumed(cls, folder: Path, seed: int) -> Soak:
        """Where it was broken off, or from the beginning: another seed begins anew."""
        folder.mkdir(parents=True, exist_ok=True)
        kept = folder / "kills.json"
        if kept.exists():
            state = json.loads(kept.read_text("utf-8"))
            if state["seed"] == seed:
                return cls(folder, seed, state["rounds"])
        return cls(folder, seed)

    def keep(self, done: dict[str, Any]) -> None:
        """One more round."""
        self.rounds.append(done)
        new = self.folder / "kills.json.new"
        new.write_text(json.dumps({"seed": self.seed, "rounds": self.rounds}, indent=1), "utf-8")
        new.replace(self.folder / "kills.json")

    def total(self, name: str) -> int:
        """So many kills, or messages, in all rounds."""
        return sum(sum(r[name].values()) if isinstance(r[name], dict) else r[name] for r in self.rounds)


@contextmanager
def home(kind: str, servers: Servers | None, folder: Path, number: int) -> Iterator[str]:
    """The URL of an empty database of this kind."""
    if servers is None:
        yield f"sqlite:///{folder / 'cadence.db'}"
    elif kind == "postgresql":
        with database(servers, f"round_{number}") as url:
            yield url
    else:
        store = Store.open(f"{servers.url}?application_name={OURS}")  # it ends all other connections
        Cluster(servers.url, store).empty()
        store.close()
        yield servers.url


def play(
    kind: str,
    servers: Servers | None,
    folder: Path,
    seed: str,
    number: int,
    kills: int = KILLS,
    contacts: int = CONTACTS,
) -> dict[str, Any]:
    """One round, judged; what it did. Its folder is gone afterwards, unless a promise broke."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    began, dice = time.monotonic(), Random(seed)
    with home(kind, servers, folder, number) as url:
        played, world = scene(url, folder, can_look=dice.random() < 0.3, contacts=contacts, each=EACH, hours=HOURS)
        killed = Round(played, dice, servers).live(kills)
        judge(played, world, exactly_once=False, accepted=contacts * EACH)
        states = Counter(m["state"] for m in world.rows(tables.message))
        world.store.close()
    shutil.rmtree(folder)
    seconds = round(time.monotonic() - began, 1)
    done = {"database": kind, "seed": seed, "kills": killed, "messages": contacts * EACH}
    return {**done, "states": states, "seconds": seconds}


def tell(soak: Soak, out: Console) -> None:
    """All rounds so far, by database."""
    table = Table(title=f"kills, seed {soak.seed}: every promise kept")
    for column in ("database", "rounds", "kills", "messages", "in doubt", "minutes", "killed"):
        table.add_column(column)
    for kind in DATABASES:
        mine = [r for r in soak.rounds if r["database"] == kind]
        killed: Counter[str] = sum((Counter(r["kills"]) for r in mine), Counter())
        shown = ", ".join(f"{what} {n}" for what, n in killed.most_common())
        doubt = sum(r["states"].get("in_doubt", 0) for r in mine)
        minutes = sum(r["seconds"] for r in mine) / 60
        table.add_row(
            kind,
            str(len(mine)),
            str(killed.total()),
            f"{sum(r['messages'] for r in mine):,}",
            str(doubt),
            f"{minutes:.0f}",
            shown,
        )
    out.print(table)


def main(
    kills: Annotated[int, typer.Option(help="At least so many kills in all.")] = 1_000,
    messages: Annotated[int, typer.Option(help="At least so many messages in all.")] = 100_000,
    databases: Annotated[str, typer.Option(help="Which, with commas between.")] = ",".join(DATABASES),
    seed: Annotated[int, typer.Option(help="Of all dice.")] = 1,
    folder: Annotated[Path, typer.Option(help="Where it keeps what it did.")] = Path("var/kills"),
    rounds: Annotated[int | None, typer.Option(help="At most so many more rounds.")] = None,
) -> None:
    """Kill until there were enough kills and messages; go on where it was broken off."""
    soak, out, kinds = Soak.resumed(folder, seed), Console(), databases.split(",")
    bars = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(), console=out
    )  # fmt: skip
    with ExitStack() as stack:
        servers: dict[str, Servers | None] = {"sqlite": None}
        servers |= {
            k: stack.enter_context(made()) for k, made in (("postgresql", one), ("distributed", spread)) if k in kinds
        }
        stack.enter_context(bars)
        killed = bars.add_task("kills", total=kills, completed=soak.total("kills"))
        sent = bars.add_task("messages", total=messages, completed=soak.total("messages"))
        left = rounds if rounds is not None else sys.maxsize
        while left and (soak.total("kills") < kills or soak.total("messages") < messages):
            number = len(soak.rounds)
            kind = kinds[number % len(kinds)]
            name = f"{seed}-{number}"
            try:
                soak.keep(play(kind, servers[kind], folder.resolve() / f"round-{number}", name, number))
            except BaseException:
                out.print(f"round {number} on {kind}, seed {name}: see {folder}/round-{number}")
                raise
            bars.update(killed, completed=soak.total("kills"))
            bars.update(sent, completed=soak.total("messages"))
            left -= 1
    tell(soak, out)


if __name__ == "__main__":
    typer.run(main)
