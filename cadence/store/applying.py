"""What an event does to the contact's row: running totals, the latest of each kind, holds, wishes, addresses that
bounced.

Each event is applied once, under its shard's lock, when its time has come. Everything but sums is worked out so that
the order in which events arrive makes no difference: the larger, the smaller, or a fold over all events of that
kind."""

# Statements are put together from names in tables.py alone; every value is a parameter.
# ruff: noqa: S608

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy.engine import Connection

from cadence.facts import EventKind, Floats, Ints
from cadence.store.bulk import fetch, insert_rows, update_rows, wanted
from cadence.store.holding import CHANGING, HoldEvent, fold_holds
from cadence.store.ids import new_ids
from cadence.store.tables import LATEST, address, contact, hold


@dataclass(frozen=True, slots=True)
class Happened:
    """Events as columns; what they do is the same whether they are new or their time has come."""

    shard: Ints
    contact: Ints
    circle: Ints
    number: Ints
    at: Ints
    kind: Ints
    amount: Floats
    until: Sequence[int | None]
    channel: Sequence[str | None]
    subject: Sequence[str | None]

    def take(self, rows: Ints) -> Happened:
        """The same for these rows."""
        return Happened(
            *(getattr(self, c)[rows] for c in ("shard", "contact", "circle", "number", "at", "kind", "amount")),
            *([getattr(self, c)[i] for i in rows] for c in ("until", "channel", "subject")),
        )

    def of(self, *kinds: EventKind) -> Ints:
        """Rows of these kinds."""
        return np.flatnonzero(np.isin(self.kind, [int(k) for k in kinds]))


def apply(conn: Connection, happened: Happened, now: int) -> None:
    """Takes these events into their contacts. Their shards must be locked."""
    for kind, column in LATEST.items():
        rows = happened.of(kind)
        latest_of(conn, happened.shard[rows], happened.contact[rows], happened.at[rows], column)
    _purchases(conn, happened, happened.of(EventKind.PURCHASE))
    _holds(conn, happened, happened.of(*CHANGING), now)
    _snoozes(conn, happened, happened.of(EventKind.SNOOZE))
    _less_often(conn, happened, happened.of(EventKind.LESS_OFTEN))
    _bounces(conn, happened, happened.of(EventKind.BOUNCE_HARD))


def _grouped(happened: Happened, rows: Ints) -> tuple[Ints, Ints, Ints]:
    """Distinct contacts of these rows: their shards, their ids, and for each row which it is."""
    who, first, which = np.unique(happened.contact[rows], return_index=True, return_inverse=True)
    return happened.shard[rows][first], who, which


def latest_of(conn: Connection, shards: Ints, contacts: Ints, at: Ints, column: str) -> None:
    """Raises an instant column of these contacts to the latest of these; each contact may be given many times."""
    if not len(contacts):
        return
    who, first, which = np.unique(contacts, return_index=True, return_inverse=True)
    latest = np.full(len(who), np.iinfo(np.int64).min, np.int64)
    np.maximum.at(latest, which, at)
    update_rows(conn, contact, {"shard": shards[first], "id": who}, {column: latest}, {column: "max"})


def _purchases(conn: Connection, happened: Happened, rows: Ints) -> None:
    if not len(rows):
        return
    shard, who, which = _grouped(happened, rows)
    first = np.full(len(who), np.iinfo(np.int64).max, np.int64)
    np.minimum.at(first, which, happened.at[rows])
    values = {
        "orders": np.bincount(which, minlength=len(who)).astype(np.int64),
        "spend": np.bincount(which, weights=happened.amount[rows], minlength=len(who)),
        "first_purchase": first,
    }
    update_rows(
        conn, contact, {"shard": shard, "id": who}, values, {"orders": "add", "spend": "add", "first_purchase": "min"}
    )


def _holds(conn: Connection, happened: Happened, rows: Ints, now: int) -> None:
    """Folds all hold events of the contacts concerned anew, and writes how their holds stand."""
    if not len(rows):
        return
    shard, who, _ = _grouped(happened, rows)
    events = hold_events(conn, shard, who, now)
    sql, params = wanted(conn, "w", {"shard": shard, "contact": who})
    there = {
        (c, kind, about): (s, i)
        for s, i, c, kind, about in fetch(
            conn,
            f"SELECT h.shard, h.id, h.contact, h.kind, h.about FROM {sql} CROSS JOIN hold h "
            "WHERE h.shard = w.shard AND h.contact = w.contact",
            **params,
        )
    }
    circle = dict(zip(happened.contact[rows].tolist(), happened.circle[rows].tolist(), strict=True))
    at_shard = dict(zip(who.tolist(), shard.tolist(), strict=True))
    old: list[tuple[int, int]] = []
    columns: dict[bool, dict[str, list[object]]] = {True: {}, False: {}}
    for person, told in events.items():
        for one in fold_holds(told):
            key = (person, one.kind, one.about)
            known = key in there
            if known:
                old.append(there[key])
            row = {
                "from_at": one.from_at,
                "until": one.until,
                "ended_at": one.ended_at,
                "reason": one.reason,
                "by": one.by,
            }
            if not known:
                row |= {"shard": at_shard[person], "circle": circle[person], "contact": person, "kind": one.kind}
                row |= {"about": one.about}
            for name, value in row.items():
                columns[known].setdefault(name, []).append(value)
    if old:
        update_rows(conn, hold, {"shard": [o[0] for o in old], "id": [o[1] for o in old]}, columns[True])
    if columns[False]:
        n = len(columns[False]["kind"])
        insert_rows(conn, hold, {"id": new_ids(n), **columns[False]})


def hold_events(
    conn: Connection, shard: Ints, who: Ints, at: int, recorded_by: int | None = None
) -> dict[int, list[HoldEvent]]:
    """The events of these contacts that open or end holds, up to an instant (and recorded by one), in order, by
    contact."""
    sql, params = wanted(conn, "w", {"shard": shard, "contact": who})
    kinds = ", ".join(str(int(k)) for k in CHANGING)
    rows = fetch(
        conn,
        f"SELECT e.contact, e.kind, e.at, e.subject, e.until, e.detail FROM {sql} CROSS JOIN event e "
        f"WHERE e.shard = w.shard AND e.contact = w.contact AND e.kind IN ({kinds}) AND e.at <= :at "
        "AND e.recorded_at <= :recorded ORDER BY e.contact, e.at, e.number",
        at=at,
        recorded=np.iinfo(np.int64).max if recorded_by is None else recorded_by,
        **params,
    )
    found: dict[int, list[HoldEvent]] = {}
    for person, kind, when, subject, until, detail in rows:
        told = json.loads(detail) if detail else {}
        found.setdefault(person, []).append(HoldEvent(EventKind(kind), when, subject or "", until, told))
    return found


def _snoozes(conn: Connection, happened: Happened, rows: Ints) -> None:
    """The latest replaces those before."""
    latest = _last_per_contact(happened, rows)
    _wish(
        conn,
        happened,
        latest,
        "snooze_at",
        {"snooze_until": [happened.until[i] for i in latest]},
    )


def _less_often(conn: Connection, happened: Happened, rows: Ints) -> None:
    latest = _last_per_contact(happened, rows)
    chosen = [happened.subject[i] for i in latest]
    _wish(conn, happened, latest, "wish_at", {"less_often": [None if c == "none" else c for c in chosen]})


def _last_per_contact(happened: Happened, rows: Ints) -> Ints:
    """Of each contact's rows the latest: by instant, then by number."""
    if not len(rows):
        return rows
    order = rows[np.lexsort((happened.number[rows], happened.at[rows], happened.contact[rows]))]
    who = happened.contact[order]
    last = np.ones(len(order), bool)
    last[:-1] = who[1:] != who[:-1]
    kept: Ints = order[last]
    return kept


def _wish(conn: Connection, happened: Happened, rows: Ints, since: str, values: dict[str, list[object]]) -> None:
    """Writes wishes that are not older than the one that stands."""
    if not len(rows):
        return
    sql, params = wanted(
        conn, "w", {"shard": happened.shard[rows], "id": happened.contact[rows], "at": happened.at[rows]}
    )
    later = fetch(
        conn,
        f"SELECT w.row FROM {sql} CROSS JOIN contact c WHERE c.shard = w.shard AND c.id = w.id "
        f"AND (c.{since} IS NULL OR c.{since} <= w.at) ORDER BY w.row",
        **params,
    )
    kept = [r[0] for r in later]
    if kept:
        chosen = rows[kept]
        new = {name: [column[i] for i in kept] for name, column in values.items()}
        keys = {"shard": happened.shard[chosen], "id": happened.contact[chosen]}
        update_rows(conn, contact, keys, {**new, since: happened.at[chosen]})


def _bounces(conn: Connection, happened: Happened, rows: Ints) -> None:
    """Marks the address that bounced: the one named, else those known on that channel by then, else (an older bounce
    told of later) the first one known."""
    if not len(rows):
        return
    shard, who, _ = _grouped(happened, rows)
    sql, params = wanted(conn, "w", {"shard": shard, "contact": who})
    found: dict[tuple[int, str], list[tuple[int, str]]] = {}
    for person, channel, text, at in fetch(
        conn,
        f"SELECT a.contact, a.channel, a.address, a.at FROM {sql} CROSS JOIN address a "
        "WHERE a.shard = w.shard AND a.contact = w.contact ORDER BY a.at, a.address",
        **params,
    ):
        found.setdefault((person, channel), []).append((at, text))
    hit: dict[tuple[int, int, str, str], int] = {}
    for i in rows.tolist():
        person, channel, named = int(happened.contact[i]), happened.channel[i] or "email", happened.subject[i]
        known = found.get((person, channel), [])
        by_then = [text for at, text in known if at <= happened.at[i]] or [text for _, text in known[:1]]
        for text in [named] if named else by_then:
            key = (int(happened.shard[i]), person, channel, text)
            hit[key] = min(hit.get(key, int(happened.at[i])), int(happened.at[i]))
    if hit:
        keys = {name: [k[i] for k in hit] for i, name in enumerate(("shard", "contact", "channel", "address"))}
        update_rows(conn, address, keys, {"bounced_at": list(hit.values())}, {"bounced_at": "min"})
