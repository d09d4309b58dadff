"""A storm: faults between the daemon and its database, its provider, its disk and its clock, drawn from one seed.

The database goes away before a transaction, in the middle of it, at its commit, or only after it, so that what was
committed looks lost; its connection is cut, its disk is full, it takes minutes. The provider refuses, wants letters again
later, takes them and hangs up, breaks off in the middle, takes minutes, or throws. The clock steps, ahead and back. The same
seed draws the same faults at the same turns."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cadence.clock import RealClock, VirtualClock
from cadence.facts import HOUR, MINUTE, SECOND
from cadence.providers.letter import Letter
from cadence.providers.provider import Awake, Outcome, Receipt, always
from cadence.store import Store, StoreBusy, StoreUnavailable
from tests.crash.victim import Ledger


class Storm:
    """Draws faults while `blowing`; counts those that struck, by their name."""

    def __init__(self, seed: int, rate: float, blowing: Callable[[], bool]) -> None:
        self.dice, self.rate, self.blowing = Random(seed), rate, blowing
        self.struck: Counter[str] = Counter()
        self.pass_time: Callable[[int], None] = lambda micros: None
        """Lets so much time go by while somebody waits for an answer."""

    def strikes(self, what: str, rate: float | None = None) -> bool:
        """Whether this fault strikes now."""
        if not self.blowing() or self.dice.random() >= (self.rate if rate is None else rate):
            return False
        self.struck[what] += 1
        return True

    def delays(self, what: str, longest: int) -> None:
        """Whether this takes long; if so, that time has passed."""
        if self.strikes(what):
            self.pass_time(self.dice.randrange(SECOND, longest))


class UnsteadyClock(VirtualClock):
    """A virtual clock that somebody sets wrong now and then, by up to eleven hours, ahead or back, as a machine's may be. Read
    as the real one is."""

    def __init__(self, start: int) -> None:
        super().__init__(start)
        self.storm: Storm | None = None
        self._off = 0
        self._read = RealClock(lambda: self.true() + self._off, passed=self.true)

    def true(self) -> int:
        """What it would say had nobody touched it."""
        return super().now()

    def now(self) -> int:
        """What decisions go by."""
        if self.storm is not None and self.storm.strikes("clock steps", self.storm.rate / 20):
            self._off = self.storm.dice.randrange(-11 * HOUR, 11 * HOUR)
        return self._read.now()

    def advance(self, to: int) -> None:
        """Until it says so."""
        super().advance(to - self._off)


class StormyStore(Store):
    """The real store, whose database fails as the storm says."""

    storm: Storm

    @contextmanager
    def write(self) -> Iterator[Connection]:
        storm = _storms[id(self)]
        if storm.strikes("away before a write"):
            raise StoreUnavailable("the storm: no connection")
        with super().write() as conn:
            storm.delays("database is slow", 2 * MINUTE)
            yield conn
            if storm.strikes("gone before a commit"):
                raise StoreUnavailable("the storm: the connection broke before the commit")
            if storm.strikes("busy at a commit"):
                raise StoreBusy("the storm: another writer was in the way")
        if storm.strikes("answer of a commit lost"):
            raise StoreUnavailable("the storm: the commit was done, and nobody heard of it")

    @contextmanager
    def read(self) -> Iterator[Connection]:
        if _storms[id(self)].strikes("away before a read"):
            raise StoreUnavailable("the storm: no connection")
        with super().read() as conn:
            yield conn


_storms: dict[int, Storm] = {}
"""By the id of the store: a Store has slots, and none for a storm."""


@contextmanager
def stormy(store: Store, storm: Storm) -> Iterator[StormyStore]:
    """The same database through the storm; statements fail too."""
    made = StormyStore(store.url, store.writer, store.reader)
    _storms[id(made)] = storm

    def before(conn: Connection, cursor: object, statement: str, *rest: object) -> None:
        # BEGIN and what else the engine itself says isn't a step of ours.
        word = statement.split(None, 1)[0]
        if word in ("SELECT", "INSERT", "UPDATE", "DELETE") and storm.strikes("broken in a statement", storm.rate / 20):
            raise sa.exc.OperationalError(statement, None, sqlite3.OperationalError("disk I/O error (the storm)"))
        if word in ("INSERT", "UPDATE") and storm.strikes("disk full", storm.rate / 20):
            full: Exception = sqlite3.OperationalError("database or disk is full")
            if store.dialect != "sqlite":
                full = psycopg.errors.DiskFull("could not extend file: No space left on device")
            raise sa.exc.OperationalError(statement, None, full)
        if store.dialect != "sqlite" and word == "UPDATE" and storm.strikes("connection cut", storm.rate / 20):
            _cut(store, conn)

    sa.event.listen(store.writer, "before_cursor_execute", before)
    try:
        yield made
    finally:
        sa.event.remove(store.writer, "before_cursor_execute", before)
        del _storms[id(made)]


def _cut(store: Store, conn: Connection) -> None:
    """As a cable: the server ends what was under way, and says so to nobody."""
    driver = conn.connection.driver_connection
    assert driver is not None
    with store.reader.connect() as other:
        other.exec_driver_sql("SELECT pg_terminate_backend(%(pid)s::int)", {"pid": driver.info.backend_pid})


class StormyProvider(Ledger):
    """A provider that does everything a provider can do, and always says truly what it knows."""

    def __init__(self, path: Path, storm: Storm, can_look: bool) -> None:
        super().__init__(path, can_look)
        self.storm = storm

    def send(self, letters: Sequence[Letter], awake: Awake = always, /) -> list[Receipt]:
        out: list[Receipt] = []
        self.storm.delays("provider is slow", 10 * MINUTE)
        if self.storm.strikes("provider unreachable"):
            return [Receipt(m.message_id, Outcome.RETRY, detail="no route", whole_provider=True) for m in letters]
        for letter in letters:
            if self.storm.strikes("provider throws", self.storm.rate / 10):
                raise RuntimeError("the storm: the provider's code fell over")
            out.append(self._answer(letter))
        return out

    def _answer(self, letter: Letter) -> Receipt:
        id_, rate = letter.message_id, self.storm.rate
        if self.storm.strikes("provider asks to come again", rate):
            return Receipt(id_, Outcome.RETRY, detail="greylisted", retry_after=60.0)
        if self.storm.strikes("provider refuses", rate / 4):
            return Receipt(id_, Outcome.REFUSED, detail="no such mailbox")
        if self.storm.strikes("provider hangs up before taking", rate):
            return Receipt(id_, Outcome.IN_DOUBT, detail="it hung up")
        (receipt,) = super().send([letter])
        if self.storm.strikes("provider hangs up after taking", rate):
            return Receipt(id_, Outcome.IN_DOUBT, detail="it hung up")
        return receipt
