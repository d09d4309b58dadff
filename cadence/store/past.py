"""What was known of circles at an earlier instant, worked out from rows that say when they were recorded.

For explaining, not for deciding: it reads a lifetime of events where the present has running totals. Zones, attributes
and who belongs to whom aren't kept by date: they are those of now."""

# Statements are put together from names in tables.py alone; every value is a parameter.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sqlalchemy.engine import Connection

from cadence.facts import HELD, NONE, Addresses, EventKind, History, Holds, Ints, People, Wish, key
from cadence.policy.policy import Defaults
from cadence.store.applying import hold_events
from cadence.store.bulk import fetch, fetch_columns, ints, wanted
from cadence.store.holding import fold_holds
from cadence.store.people import (
    Loaded,
    Needs,
    as_rows,
    consents_of,
    events_of,
    history_of,
    lookups_of,
    reach_of,
    within_reach,
)
from cadence.store.places import Places, keys, passing_keys
from cadence.store.tables import LATEST, SAID_AT
from cadence.store.touched import TOUCH, touches_of


def history_at(
    conn: Connection,
    circles: Sequence[tuple[int, int]],
    at: int,
    needs: Needs,
    defaults: Defaults,
    recorded_by: int | None = None,
    every_attribute: bool = False,
) -> Loaded:
    """What a decision about these circles, given as (shard, id), would have seen at `at`, by what had been recorded by
    `recorded_by` (None: by `at`). What was withdrawn later still stood then. Events that housekeeping has removed are
    missing."""
    by = at if recorded_by is None else recorded_by
    loaded = history_of(conn, circles, at, needs, defaults, every_attribute)
    people = loaded.history.people
    place = Places(people.id)
    pairs = list(dict.fromkeys(circles))
    sql, params = wanted(conn, "w", {"shard": [p[0] for p in pairs], "circle": [p[1] for p in pairs]})
    told, rows = {**params, "at": at, "recorded": by}, as_rows(needs.events)
    people = _people(conn, sql, told, people, place)
    history = History(
        people=people,
        addresses=_addresses(conn, sql, told, place),
        consents=consents_of(place, *_consents(conn, sql, told)),
        holds=_holds(conn, loaded, at, by),
        touches=touches_of(place, *_touches(conn, sql, told, reach_of(needs.touches, people.wishes))),
        events=within_reach(events_of(place, *_events(conn, sql, told, rows)), at, rows),
        lookups=lookups_of(conn, sql, params, place, at, needs.events.get(EventKind.SCREENED), by),
    )
    return replace(loaded, history=history)


def _consents(conn: Connection, sql: str, told: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
    return fetch_columns(
        conn,
        f"SELECT s.contact, {SAID_AT}, s.number, s.kind, s.category, s.channel FROM {sql} CROSS JOIN consent s "
        f"WHERE s.shard = w.shard AND s.circle = w.circle AND (s.at IS NULL OR {SAID_AT} <= :at) AND "
        "s.recorded_at <= :recorded",
        6,
        **told,
    )


def _touches(conn: Connection, sql: str, told: Mapping[str, Any], reach: int | None) -> Sequence[Sequence[Any]]:
    since = NONE if reach is None else told["at"] - reach
    return fetch_columns(
        conn,
        f"SELECT {TOUCH} FROM {sql} CROSS JOIN touch t WHERE t.shard = w.shard AND t.circle = w.circle AND "
        "t.at > :since "
        "AND t.recorded_at <= :recorded AND (t.withdrawn_at IS NULL OR t.withdrawn_at > :recorded)",
        13,
        since=since,
        **{k: v for k, v in told.items() if k != "at"},
    )


def _events(
    conn: Connection, sql: str, told: Mapping[str, Any], kinds: Mapping[EventKind, int]
) -> Sequence[Sequence[Any]]:
    if not kinds:
        return [()] * 6
    return fetch_columns(
        conn,
        f"SELECT e.contact, e.at, e.number, e.kind, e.channel, e.amount FROM {sql} CROSS JOIN event e "
        "WHERE e.shard = w.shard AND e.circle = w.circle AND e.at > :since AND e.at <= :at AND "
        "e.recorded_at <= :recorded "
        f"AND e.kind IN ({', '.join(str(int(k)) for k in kinds)})",
        6,
        since=told["at"] - max(kinds.values()),
        **told,
    )


def _addresses(conn: Connection, sql: str, told: Mapping[str, Any], place: Places) -> Addresses:
    rows = fetch_columns(
        conn,
        f"SELECT a.contact, a.channel, a.address, a.mailbox, a.bounced_at FROM {sql} CROSS JOIN address a "
        "WHERE a.shard = w.shard AND a.circle = w.circle AND a.recorded_at <= :recorded",
        5,
        **{k: v for k, v in told.items() if k != "at"},
    )
    contact, bounced = place.of(rows[0]), ints(rows[4])
    order = np.argsort(contact, kind="stable")
    bounced = np.where(bounced > told["at"], NONE, bounced)
    columns = contact, keys(rows[1]), passing_keys(rows[2]), keys(rows[3]), bounced
    return Addresses(*(column[order] for column in columns))


def _holds(conn: Connection, loaded: Loaded, at: int, by: int) -> Holds:
    events = hold_events(conn, loaded.shard, loaded.history.people.id, at, by)
    rows = [
        (row, key(one.kind), key(one.about), HELD if one.until is None else one.until)
        for row, person in enumerate(loaded.history.people.id.tolist())
        for one in fold_holds(events.get(person, ()))
        if one.open_at(at)
    ]
    columns = np.array(rows, np.int64).reshape(-1, 4)
    return Holds(*(columns[:, i].copy() for i in range(4)))


def _people(conn: Connection, sql: str, told: Mapping[str, Any], people: People, place: Places) -> People:
    """The running totals as they were."""
    where = (
        f"FROM {sql} CROSS JOIN event e WHERE e.shard = w.shard AND e.circle = w.circle AND e.at <= :at "
        "AND e.recorded_at <= :recorded"
    )
    latest: dict[EventKind, Ints] = {}
    for contact, kind, last in fetch(
        conn, f"SELECT e.contact, e.kind, max(e.at) {where} GROUP BY e.contact, e.kind", **told
    ):
        if kind in LATEST:
            latest.setdefault(EventKind(kind), np.full(len(people), NONE, np.int64))[place.of([contact])[0]] = last
    for kind, column in _said(conn, sql, told, people, place).items():
        latest[kind] = np.maximum(latest.get(kind, np.full(len(people), NONE, np.int64)), column)
    orders, spend = np.zeros(len(people), np.int64), np.zeros(len(people), np.float64)
    first = np.full(len(people), NONE, np.int64)
    only = f"AND e.kind = {int(EventKind.PURCHASE)} GROUP BY e.contact"
    bought = f"SELECT e.contact, count(*), sum(e.amount), min(e.at) {where} {only}"
    for contact, count, amount, earliest in fetch(conn, bought, **told):
        row = place.of([contact])[0]
        orders[row], spend[row], first[row] = count, amount or 0.0, earliest
    snooze, wish, wishes = _wishes(conn, where, told, people, place)
    return replace(
        people,
        orders=orders,
        spend=spend,
        first_purchase=first,
        latest=latest,
        snooze_until=snooze,
        wish=wish,
        wishes=wishes,
    )


def _said(conn: Connection, sql: str, told: Mapping[str, Any], people: People, place: Places) -> dict[EventKind, Ints]:
    """The latest consent or stop of each kind."""
    found: dict[EventKind, Ints] = {}
    for contact, kind, last in fetch(
        conn,
        f"SELECT s.contact, s.kind, max({SAID_AT}) FROM {sql} CROSS JOIN consent s WHERE s.shard = w.shard AND "
        "s.circle = w.circle "
        f"AND {SAID_AT} <= :at AND s.recorded_at <= :recorded GROUP BY s.contact, s.kind",
        **told,
    ):
        if kind in LATEST:
            found.setdefault(EventKind(kind), np.full(len(people), NONE, np.int64))[place.of([contact])[0]] = last
    return found


def _wishes(
    conn: Connection, where: str, told: Mapping[str, Any], people: People, place: Places
) -> tuple[Ints, Any, tuple[Wish, ...]]:
    """Snoozes and chosen caps as they stood; hours and days are those of now."""
    snooze = np.full(len(people), NONE, np.int64)
    now = [people.wishes[w] if w >= 0 else Wish() for w in people.wish.tolist()]
    wished = [replace(w, less_often=None) for w in now]
    asked = f"{int(EventKind.SNOOZE)}, {int(EventKind.LESS_OFTEN)}"
    query = f"SELECT e.contact, e.kind, e.until, e.subject {where} AND e.kind IN ({asked}) ORDER BY e.at, e.number"
    for contact, kind, until, subject in fetch(conn, query, **told):
        row = int(place.of([contact])[0])
        if kind == EventKind.SNOOZE:
            snooze[row] = NONE if until is None else until
        else:
            most, _, window = (subject or "").partition(" per ")
            wished[row] = replace(wished[row], less_often=(int(most), window) if window else None)
    wishes = tuple(dict.fromkeys(w for w in wished if w != Wish()))
    return snooze, np.array([wishes.index(w) if w in wishes else -1 for w in wished], np.int32), wishes
