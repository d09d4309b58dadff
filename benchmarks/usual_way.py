"""The usual way to the same decisions: for each message a query per rule, counting touches, and its answer written.

The same rules as `world.POLICY`, without evidence and without looking for the instant from which a message would be
welcome: it only says send, defer or never, so it does less. On the same tables and indexes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from world import NOW

from cadence.facts import DAY, HOUR, EventKind, instant
from cadence.store import Store
from cadence.store.ids import new_ids

_DUE = (
    "SELECT m.shard, m.id, m.circle, m.category, m.expires_at, m.thread, m.content, c.zones, c.orders, c.last_click "
    "FROM message m JOIN contact c ON c.shard = m.shard AND c.id = m.contact "
    "WHERE m.shard = ? AND m.state = 'waiting' AND m.due_at <= ? ORDER BY m.due_at LIMIT ?"
)
_CONSENT = "SELECT kind FROM consent WHERE shard = ? AND circle = ? AND category = ? ORDER BY at DESC LIMIT 1"
_HOLDS = "SELECT count(*) FROM hold WHERE shard = ? AND circle = ? AND ended_at IS NULL"
_COUNT = "SELECT count(*) FROM touch WHERE shard = ? AND circle = ? AND at > ? AND withdrawn_at IS NULL"
_SINCE = "SELECT count(*), max(at) FROM touch WHERE shard = ? AND circle = ? AND at > ? AND withdrawn_at IS NULL"
_WEIGHTS = "SELECT at, category FROM touch WHERE shard = ? AND circle = ? AND at > ? AND withdrawn_at IS NULL"
_DECISION = (
    "INSERT INTO decision (shard, id, circle, contact, message, at, verdict, rule, policy, seen_number) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'usual', 0)"
)
_TOUCH = (
    "INSERT INTO touch (shard, id, circle, contact, number, at, recorded_at, channel, category, thread, content, outcome, "
    "message, source, source_id) VALUES (?, ?, ?, ?, 64, ?, ?, 'email', ?, ?, ?, 'sent', ?, 'usual', ?)"
)
_MESSAGE = "UPDATE message SET state = ?, due_at = ?, decision = ?, rule = ?, decided_at = ? WHERE shard = ? AND id = ?"


def usual_tick(store: Store, shards: Iterable[int], n: int) -> int:
    """Decide up to n due messages of each of these shards one by one, in one transaction; returns how many."""
    done = 0
    with store.write() as conn:
        cursor = conn.connection.cursor()
        mark = "?" if store.dialect == "sqlite" else "%s"

        def ask(sql: str, *values: Any) -> Any:
            return cursor.execute(sql.replace("?", mark), values)

        for shard in shards:
            for row in ask(_DUE, shard, NOW, n).fetchall():
                _decide(ask, row)
                done += 1
    return done


def _decide(ask: Any, row: tuple[Any, ...]) -> None:
    shard, message, circle, category, expires, thread, content = row[:7]
    rule = _refusing(ask, row)
    verdict = "send" if rule is None else "suppress" if rule == "consent" or (expires or NOW + 1) <= NOW else "defer"
    decision, touch = new_ids(2).tolist()
    ask(_DECISION, shard, decision, circle, circle, message, NOW, 0, rule)
    if verdict == "send":
        ask(_TOUCH, shard, touch, circle, circle, NOW, NOW, category, thread, content, message, str(decision))
    state, due = {"send": ("decided", None), "suppress": ("suppressed", None), "defer": ("waiting", NOW + DAY)}[verdict]
    ask(_MESSAGE, state, due, decision, rule, NOW, shard, message)


def _refusing(ask: Any, row: tuple[Any, ...]) -> str | None:
    """The first rule that refuses, one query for each."""
    shard, _, circle, category, _, _, _, zones, orders, answered = row
    consent = ask(_CONSENT, shard, circle, category).fetchone()
    if consent is None or consent[0] != EventKind.OPT_IN:
        return "consent"
    if ask(_HOLDS, shard, circle).fetchone()[0]:
        return "holds"
    for name, most, window in (("one a day", 1, DAY), ("four a week", 4, 7 * DAY), ("buyers", 3, 7 * DAY)):
        if (name != "buyers" or orders >= 3) and ask(_COUNT, shard, circle, NOW - window).fetchone()[0] >= most:
            return name
    if ask(_COUNT, shard, circle, NOW - 12 * HOUR).fetchone()[0]:
        return "gap"
    local: datetime = instant(NOW).astimezone(ZoneInfo(zones[2:-2]))
    if not timedelta(hours=8) <= timedelta(hours=local.hour, minutes=local.minute) < timedelta(hours=20):
        return "night"
    count, latest = ask(_SINCE, shard, circle, answered or 0).fetchone()
    if count and latest + min(6 * HOUR * 1.1 ** (count - 1), 2 * DAY) > NOW:
        return "silence"
    pressure = 0.0
    for at, of in ask(_WEIGHTS, shard, circle, NOW - 40 * DAY).fetchall():
        pressure += (1.5 if of == "promotion" else 1.0) * math.exp((at - NOW) * math.log(2) / (3 * DAY))
    return "fatigue" if pressure + (1.5 if category == "promotion" else 1.0) > 8 else None
