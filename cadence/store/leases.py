"""Which daemon works in which shards: heartbeats, leases, and what a shard's holder may rely on.

A lease only shares out work and says who may be rescued; what keeps two writers of a circle apart is the lock on the
shard's row, taken in each transaction, with the holder looked at under it. Times here are the database's own, never a
virtual clock's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cadence.facts import SECOND
from cadence.store.engine import lock_shards
from cadence.store.tables import daemon, shard


@dataclass(frozen=True, slots=True)
class Process:
    """Where a daemon runs, so that one that is gone is known at once on its own machine."""

    host: str
    pid: int
    started_ticks: int | None


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
        conn.execute(daemon.insert(), {**first, "started_at": real_now, **values})


def signs(conn: Connection) -> list[Sign]:
    """All daemons that have a row."""
    rows = conn.execute(
        sa.select(daemon.c.id, daemon.c.host, daemon.c.pid, daemon.c.started_ticks, daemon.c.heartbeat_at)
    )
    return [Sign(r[0], Process(r[1], r[2], r[3]), r[4]) for r in rows]


def leave(conn: Connection, me: str) -> None:
    """A daemon that ends in order gives its shards back."""
    lock_shards(conn, held_by(conn, me))
    conn.execute(shard.update().where(shard.c.holder == me).values(holder=None, lease_until=None))
    conn.execute(daemon.delete().where(daemon.c.id == me))


def held_by(conn: Connection, me: str) -> list[int]:
    """The shards that this daemon holds, ascending."""
    return list(conn.scalars(sa.select(shard.c.shard).where(shard.c.holder == me).order_by(shard.c.shard)))


def take(conn: Connection, me: str, live: Collection[str], real_now: int, lease: int) -> list[int]:
    """Renews this daemon's shards and takes what is free, up to its fair share; gives back what it has beyond it.

    live: the daemons that show signs of life, this one among them. A shard is free when no one holds it, its holder
    isn't live, or its lease has run out (or lies so far ahead that the clock must have been set back). Returns the
    shards held."""
    every = sa.select(shard.c.shard, shard.c.holder, shard.c.lease_until).order_by(shard.c.shard)
    lock_shards(conn, conn.scalars(sa.select(shard.c.shard)).all())
    rows = conn.execute(every).all()
    share = -(-len(rows) // max(len(live), 1))
    mine = [r[0] for r in rows if r[1] == me]
    keep, surplus = mine[:share], mine[share:]
    free = [
        r[0]
        for r in rows
        if r[1] != me and (r[1] not in live or r[2] is None or not real_now < r[2] <= real_now + 2 * lease + SECOND)
    ]
    keep = sorted(keep + free[: share - len(keep)])
    if surplus:
        conn.execute(shard.update().where(shard.c.shard.in_(surplus)).values(holder=None, lease_until=None))
    if keep:
        conn.execute(shard.update().where(shard.c.shard.in_(keep)).values(holder=me, lease_until=real_now + lease))
    return keep


def forget(conn: Connection, ids: Iterable[str]) -> None:
    """Removes the rows of daemons that are long gone."""
    conn.execute(daemon.delete().where(daemon.c.id.in_(list(ids))))


def lock_mine(conn: Connection, me: str, shards: Collection[int]) -> set[int]:
    """Locks these shards until the transaction ends, and says which of them this daemon still holds."""
    lock_shards(conn, shards)
    mine = sa.select(shard.c.shard).where(shard.c.holder == me, shard.c.shard.in_(sorted(shards)))
    return set(conn.scalars(mine))
