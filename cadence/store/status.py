"""How the queue and its daemons stand: counts by state and rule, what is due next, the latest instant seen,
agreements of admins.

For the daemon's own bookkeeping and for those who look at it; nothing here moves a message.
"""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cadence.store.tables import OUT, daemon, installation, message, provider, shard


def every_shard(conn: Connection) -> list[int]:
    """The numbers of all shards."""
    return list(conn.scalars(sa.select(shard.c.shard).order_by(shard.c.shard)))


def counts_by_state(conn: Connection) -> dict[str, int]:
    """How many messages are in each state."""
    return {r[0]: r[1] for r in conn.execute(sa.select(message.c.state, sa.func.count()).group_by(message.c.state))}


def counts_by_rule(conn: Connection, state: str) -> dict[str, int]:
    """How many messages in a state were bound by each rule; those that none bound are left out."""
    asked = sa.select(message.c.rule, sa.func.count()).where(message.c.state == state, message.c.rule.is_not(None))
    return {r[0]: r[1] for r in conn.execute(asked.group_by(message.c.rule))}


def next_due(conn: Connection) -> int | None:
    """When the next waiting message is asked; None when none waits for an instant."""
    found: int | None = conn.scalar(sa.select(sa.func.min(message.c.due_at)).where(message.c.state == "waiting"))
    return found


def overdue_by_holder(conn: Connection, now: int) -> dict[str | None, tuple[int, int]]:
    """How many waiting messages should have been asked by now, and since when the longest of them, by the daemon that
    holds their shard; None stands for nobody."""
    asked = sa.select(shard.c.holder, sa.func.count(), sa.func.min(message.c.due_at))
    asked = asked.join_from(message, shard, message.c.shard == shard.c.shard)
    due = asked.where(message.c.state == "waiting", message.c.due_at <= now).group_by(shard.c.holder)
    return {r[0]: (r[1], r[2]) for r in conn.execute(due)}


def in_doubt_since(conn: Connection) -> int | None:
    """When the hand-over of the first of the messages in doubt began; None when there are none."""
    mine = sa.select(sa.func.min(message.c.hand_over_at)).where(message.c.state == "in_doubt", sa.text(OUT))
    found: int | None = conn.scalar(mine)
    return found


def lingering(conn: Connection, before: int) -> int:
    """How many messages were decided, or began to be handed over, before an instant, and neither have gone nor come back."""
    since = sa.func.coalesce(message.c.hand_over_at, message.c.decided_at)
    mine = message.c.state.in_(("decided", "sending"))
    return int(conn.scalar(sa.select(sa.func.count()).where(sa.text(OUT), mine, since < before)) or 0)


def tried_in_vain(conn: Connection, tries: int, until: int) -> tuple[int, str | None]:
    """How many messages that are to be handed over, or asked anew by `until`, were tried so often and taken by nobody, and what
    was said of one of them."""
    often = message.c.attempts >= tries
    going = sa.and_(sa.text(OUT), message.c.state == "decided")
    coming = sa.and_(message.c.state == "waiting", message.c.due_at <= until)
    found = [
        conn.execute(sa.select(sa.func.count(), sa.func.max(said)).where(which, often)).one()
        for which, said in ((going, message.c.because), (coming, message.c.ask_because))
    ]
    return sum(n for n, _ in found), next((said for _, said in found if said), None)


def why_held(conn: Connection, rule: str) -> str | None:
    """Why one of the messages waits that are held by this rule; None where there are none."""
    held = message.c.state == "waiting", message.c.rule == rule
    found: str | None = conn.scalar(sa.select(sa.func.max(message.c.ask_because)).where(*held))
    return found


def daemons(conn: Connection) -> list[dict[str, Any]]:
    """All daemons that have a row, with the shards that each holds, and how many."""
    held: dict[str | None, list[int]] = {}
    for number, holder in conn.execute(sa.select(shard.c.shard, shard.c.holder).order_by(shard.c.shard)):
        held.setdefault(holder, []).append(number)
    rows = conn.execute(sa.select(daemon).order_by(daemon.c.started_at)).mappings()
    return [
        {
            **r,
            "holds": held.get(r["id"], []),
            "shards": len(held.get(r["id"], [])),
            "last_tick": json.loads(r["last_tick"] or "null"),
        }
        for r in rows
    ]


def providers(conn: Connection) -> list[dict[str, Any]]:
    """Speed and health of every provider that was ever used."""
    return [dict(r) for r in conn.execute(sa.select(provider).order_by(provider.c.name)).mappings()]


def latest_now(conn: Connection) -> int | None:
    """The latest instant that any daemon decided at."""
    return conn.scalar(sa.select(installation.c.last_now).where(installation.c.id == 1))


def saw_now(conn: Connection, now: int) -> None:
    """A daemon decided at this instant."""
    later = sa.or_(installation.c.last_now.is_(None), installation.c.last_now < now)
    conn.execute(installation.update().where(installation.c.id == 1, later).values(last_now=now))


def agreed_jump(conn: Connection) -> int | None:
    """The instant by the clock at which an admin last agreed that it is right."""
    return conn.scalar(sa.select(installation.c.agreed_jump_at).where(installation.c.id == 1))


def agree_jump(conn: Connection, clock_now: int) -> None:
    """An admin agrees that the clock is right as it is; decisions go on from there, what was unsettled of it is
    forgotten."""
    mine = installation.update().where(installation.c.id == 1)
    conn.execute(mine.values(agreed_jump_at=clock_now, last_now=clock_now))
    save_note(conn, "jump", None)
    save_note(conn, "gap", None)


def note(conn: Connection, name: str) -> Any:
    """A note of the installation, None where there is none."""
    text = conn.scalar(sa.select(installation.c.notes).where(installation.c.id == 1))
    return json.loads(text or "{}").get(name)


def keep_note(conn: Connection, name: str, value: Any) -> Any:
    """The note there is by this name; where there is none this one is kept."""
    if conn.dialect.name != "sqlite":
        conn.execute(sa.select(installation.c.id).where(installation.c.id == 1).with_for_update())
    found = note(conn, name)
    if found is None:
        save_note(conn, name, value)
    return value if found is None else found


def save_note(conn: Connection, name: str, value: Any) -> None:
    """Keeps a note of the installation (any JSON value; None removes it)."""
    row = sa.select(installation.c.notes).where(installation.c.id == 1)
    found = json.loads(conn.scalar(row if conn.dialect.name == "sqlite" else row.with_for_update()) or "{}")
    found = {**found, name: value} if value is not None else {k: v for k, v in found.items() if k != name}
    conn.execute(installation.update().where(installation.c.id == 1).values(notes=json.dumps(found) if found else None))
