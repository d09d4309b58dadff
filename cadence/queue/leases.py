"""This daemon among others: its sign of life, its fair share of the shards, and who of the others still lives.

Goes by the database's own clock, also when decisions are made on a virtual one. What keeps two writers apart is the
lock on a shard's row, not the lease; what keeps one that was asleep from handing over what others have taken over
since is that it looks at how long ago it gave its last sign of life.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from sqlalchemy.engine import Connection

from cadence.clock import passed_micros
from cadence.facts import DAY, SECOND
from cadence.log import logger
from cadence.store import Store, leases, status
from cadence.store.engine import now_of
from cadence.store.leases import Held, Process, Sign

_log = logger("daemon")

LEASE: int = 30 * SECOND
"""Within so long after its last sign of life a daemon's shards are taken over."""
REMEMBERED: int = DAY
"""So long after its last sign of life the row of a daemon that died is kept, and `cadence status` tells of it."""


def silence(lease: int) -> int:
    """After so long without a sign of life a daemon is taken for dead: early enough for others to notice it within the
    lease."""
    return lease * 2 // 3


def beat_every(lease: int) -> int:
    """How long a daemon waits between two signs of life, about."""
    return lease // 6


class Lease:
    """What one daemon holds, and whether it has held it without a break. Instants are those of `passed_micros`."""

    def __init__(self, store: Store, length: int = LEASE) -> None:
        self.me = new_name()
        self.shards: tuple[int, ...] = ()
        self.living: frozenset[str] = frozenset()
        """The other daemons that showed signs of life when it was last renewed."""
        self.alone_here = True
        """Whether none of them was of this machine."""
        self._store, self._length, self._here = store, length, this_process()
        self._renewed_at: int | None = None
        self._settled, self._term = False, 0

    def due(self) -> bool:
        """Whether it is time to renew it; sooner while shards are on their way from one daemon to another."""
        if self._renewed_at is None:
            return True
        pause = beat_every(self._length)
        return passed_micros() - self._renewed_at >= (pause if self._settled else min(pause, SECOND))

    def renew(self, clock_now: int, policy: str, last_tick: str | None) -> None:
        """Give a sign of life, and take, keep or give back what is this daemon's share. Raises StoreUnavailable."""
        started, before = passed_micros(), self.shards
        held, others = hold(self._store, self.me, self._here, clock_now, policy, last_tick, self._length)
        self.living = frozenset(others)
        self.alone_here = all(there.host != self._here.host for there in others.values())
        if self._renewed_at is None or started - self._renewed_at > silence(self._length):
            self._term += 1
        lost = len(set(before) - set(held.shards)) - held.given
        if lost > 0 and self._renewed_at is not None:
            silent = round((started - self._renewed_at) / SECOND)
            _log.info("others took shards over while this daemon gave no sign of life", shards=lost, seconds=silent)
        _tell(held)
        self.shards, self._settled, self._renewed_at = held.shards, held.settled, started

    def unbroken(self) -> Callable[[], bool]:
        """Tells, whenever it is asked, whether all that is held now has been held ever since: not where this process was
        asleep for so long that others may have taken it for dead."""
        term = self._term

        def still() -> bool:
            since = self._renewed_at
            return term == self._term and since is not None and passed_micros() - since <= silence(self._length)

        return still


def _tell(held: Held) -> None:
    """What has just changed hands, for the log."""
    if held.given:
        _log.info("shards given back to be shared out", shards=held.given)
    for dead, n in held.taken.items():
        if dead is None:
            _log.info("shards taken", shards=n)
        else:
            _log.info("shards taken over from a daemon that is gone", shards=n, gone=dead)


def new_name() -> str:
    """The id of a daemon that starts now: where it runs, and something no other has."""
    return f"{socket.gethostname()[:40]}-{os.getpid()}-{secrets.token_hex(4)}"


def this_process() -> Process:
    """Where this daemon runs. host tells machines, their boots and their namespaces of process ids apart."""
    boot, space = _read("/proc/sys/kernel/random/boot_id"), _link("/proc/self/ns/pid")
    return Process(f"{socket.gethostname()}/{boot}/{space}", os.getpid(), started_ticks(os.getpid()))


def started_ticks(pid: int) -> int | None:
    """When a process of this machine began, in clock ticks since boot; None where there is none, or it can't be
    told."""
    text = _read(f"/proc/{pid}/stat")
    fields = text.rpartition(")")[2].split()
    return int(fields[19]) if len(fields) > 19 and fields[0] != "Z" else None


def surely_gone(of: Process, here: Process) -> bool:
    """Whether a process is known to be dead: only told of one on this machine, by its number and the instant it
    began."""
    if of.host != here.host or of.started_ticks is None or here.started_ticks is None:
        return False
    return started_ticks(of.pid) != of.started_ticks


def living(signs: Sequence[Sign], here: Process, real_now: int, lease: int = LEASE) -> set[str]:
    """The daemons that show signs of life: a fresh heartbeat, and a process that isn't known to be dead."""
    fresh = silence(lease)
    return {s.id for s in signs if abs(real_now - s.heartbeat_at) <= fresh and not surely_gone(s.process, here)}


def hold(
    store: Store,
    me: str,
    here: Process,
    clock_now: int,
    policy: str,
    last_tick: str | None = None,
    lease: int = LEASE,
    clock: Callable[[Connection], int] = now_of,
) -> tuple[Held, dict[str, Process]]:
    """Give a sign of life, renew and take leases; returns what this daemon holds, and the other daemons that live and where.

    clock: the database's own. The rows of daemons that died long ago are removed."""
    with store.write() as conn:
        leases.beat(conn, me, here, clock(conn), clock_now, policy, last_tick)
    with store.write() as conn:
        # Anew: who was asleep in between would take everybody else for dead.
        signs, real_now = leases.signs(conn), clock(conn)
        live = living(signs, here, real_now, lease) | {me}
        held = leases.take(conn, me, live, real_now, lease)
        leases.forget(conn, [s.id for s in signs if s.id not in live and real_now - s.heartbeat_at > REMEMBERED])
    return held, {s.id: s.process for s in signs if s.id in live and s.id != me}


def unlike(store: Store, living: Collection[str], policy: str) -> list[str]:
    """What other daemons at work do otherwise than one with this policy, in sentences."""
    with store.read() as conn:
        others = [(d["id"], d["policy"]) for d in status.daemons(conn) if d["id"] in living]
    return [
        f"{id_} goes by policy {its[:12]}, and this daemon by {policy[:12]}; does each see the same files?"
        for id_, its in others
        if its is not None and its != policy
    ]


def leave(store: Store, me: str) -> None:
    """End in order: the shards are free at once."""
    with store.write() as conn:
        leases.leave(conn, me, now_of(conn))


def _read(path: str) -> str:
    try:
        return Path(path).read_text("ascii", errors="replace").strip()
    except OSError:
        return ""


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""
