"""Which daemon works in which shards: heartbeats, leases, and what a shard's holder may rely on.

A lease only shares out work and says who may be rescued; what keeps two writers of a circle apart is the lock on the
shard's row, taken in each transaction, with the holder looked at under it. A lease lasts as long as its holder's
heartbeat is fresh. Times here are the database's own, never a virtual clock's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cadence.store.engine import lock_idle, lock_shards
from cadence.store.release import release
from cadence.store.tables import daemon, shard


@dataclass(frozen=True, slots=True)
class Process:
    """Where a daemon runs, so that one that is gone is known at once on its own machine."""

    host: str
    pid: int
    started_ticks: int | None


@dataclass(frozen=True, slots=True)
class Held:
    """What a daemon holds; settled: it is its fair share, neither less nor more."""

    shards: tuple[int, ...]
    settled: bool
    given: int = 0
    """How many it has just given back."""
    taken: Mapping[str | None, int] = field(default_factory=dict)
    """How many it has just taken, by the dead daemon that held them; None stands for nobody."""


@dataclass(frozen=True, slots=True)
class Sign:
    """A daemon's last sign of life, real-clock microseconds."""

    id: str
    process: Process
    heartbeat_at: int


def beat(
    conn: Connection,
    me: str,
    process: Process,
    real_now: int,
    clock_now: int,
    policy: str,
    last_tick: str | None = None,
) -> None:
    """Writes down that this daemon lives. last_tick: JSON of what it did last, None keeps what is there."""
    values: dict[str, object] = {"heartbeat_at": real_now, "clock_now": clock_now, "policy": policy}
    if last_tick is not None:
        values["last_tick"] = last_tick
    if conn.execute(daemon.update().where(daemon.c.id == me), values).rowcount == 0:
        first = {"id": me, "host": process.host, "pid": process.pid, "started_ticks": process.started_ticks}
        conn.execute(daemon.insert(), {**first, "started_at": real_now, "release": release(), **values})


def signs(conn: Connection) -> list[Sign]:
    """All daemons that have a row."""
    rows = conn.execute(
        sa.select(daemon.c.id, daemon.c.host, daemon.c.pid, daemon.c.started_ticks, daemon.c.heartbeat_at)
    )
    return [Sign(r[0], Process(r[1], r[2], r[3]), r[4]) for r in rows]


def leave(conn: Connection, me: str, real_now: int) -> None:
    """A daemon that ends in order gives its shards back; since when nobody holds them is kept."""
    lock_shards(conn, held_by(conn, me))
    conn.execute(shard.update().where(shard.c.holder == me).values(holder=None, lease_until=real_now))
    conn.execute(daemon.delete().where(daemon.c.id == me))


def held_by(conn: Connection, me: str) -> list[int]:
    """The shards that this daemon holds, ascending."""
    return list(conn.scalars(sa.select(shard.c.shard).where(shard.c.holder == me).order_by(shard.c.shard)))


def take(conn: Connection, me: str, live: Collection[str], real_now: int, lease: int) -> Held:
    """Renews this daemon's leases and takes what is free, up to its fair share; gives back what it has beyond it.

    live: the daemons that show signs of life, this one among them. A shard is free when nobody of them holds it. Waits for
    nobody: where somebody is writing just now, a shard is taken or given back the next time."""
    rows = conn.execute(sa.select(shard.c.shard, shard.c.holder).order_by(shard.c.shard)).all()
    share = share_of(me, live, len(rows))
    mine = [number for number, holder in rows if holder == me]
    keep, surplus = mine[:share], mine[share:]
    free = [number for number, holder in rows if holder not in live][: share - len(keep)]
    idle = lock_idle(conn, [*mine, *free])
    given = [number for number in surplus if number in idle]
    held = [number for number in keep if idle.get(number, me) == me]
    taken = [number for number in free if number in idle and idle[number] not in live]
    _let(conn, given, None, real_now)
    _let(conn, [number for number in (*held, *taken) if number in idle], me, real_now + lease)
    shards = tuple(sorted(held + taken))
    settled = len(shards) == share and len(given) == len(surplus)
    return Held(shards, settled, len(given), Counter(idle[number] for number in taken))


def share_of(me: str, live: Collection[str], shards: int) -> int:
    """How many shards are this daemon's due: all daemons' shares together are all shards, and no two differ by more than
    one."""
    everyone = sorted({*live, me})
    return shards // len(everyone) + (everyone.index(me) < shards % len(everyone))


def _let(conn: Connection, shards: list[int], holder: str | None, until: int) -> None:
    if shards:
        conn.execute(shard.update().where(shard.c.shard.in_(shards)).values(holder=holder, lease_until=until))


def unheld(conn: Connection, live: Collection[str]) -> list[tuple[str | None, int | None]]:
    """The shards that none of these daemons holds: by whom each was held last (None: it was given back, or nobody's ever), and
    when that lease ended or ends."""
    rows = conn.execute(sa.select(shard.c.holder, shard.c.lease_until).order_by(shard.c.shard))
    return [(holder, until) for holder, until in rows if holder not in live]


def forget(conn: Connection, ids: Iterable[str]) -> None:
    """Removes the rows of daemons that are long gone."""
    conn.execute(daemon.delete().where(daemon.c.id.in_(list(ids))))


def lock_mine(conn: Connection, me: str, shards: Collection[int]) -> set[int]:
    """Locks these shards until the transaction ends, and says which of them this daemon still holds."""
    lock_shards(conn, shards)
    mine = sa.select(shard.c.shard).where(shard.c.holder == me, shard.c.shard.in_(sorted(shards)))
    return set(conn.scalars(mine))
