"""Writing what contacts say yes and no to. A stop always stands until the contact's own newer consent; nothing here
lifts one."""

# Statements are put together from names in tables.py alone; every value is a parameter.
# ruff: noqa: S608

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from itertools import compress

import numpy as np
from sqlalchemy.engine import Connection

from cadence.facts import NONE, Bools, EventKind, Ints
from cadence.store.applying import latest_of
from cadence.store.ask import ask_circles
from cadence.store.bulk import fetch, insert_rows, ints, wanted
from cadence.store.fresh import Sorted, sort_out
from cadence.store.ids import new_ids
from cadence.store.known import Known
from cadence.store.numbers import rank_within, take_numbers
from cadence.store.rows import ConsentRow, Recorded
from cadence.store.tables import LATEST, SAID_AT, consent

STOPS: tuple[EventKind, ...] = (EventKind.OPT_OUT, EventKind.COMPLAINT, EventKind.DO_NOT_CONTACT)
_EVERYTHING = (EventKind.COMPLAINT, EventKind.DO_NOT_CONTACT)


def record_consents(
    conn: Connection,
    rows: Sequence[ConsentRow],
    now: int,
    source: str,
    places: Sequence[tuple[int, int]] | None = None,
) -> Recorded:
    """Writes consents and stops, set-based; told twice (the same source and id there, the same kind and instant) it is
    one. `places`: the contacts as (shard, id), where they are known; else by outside id.

    An undated stop is one said now. An opt-in to what the contact has stopped at the same time or later is reported as
    kept stopped: a dated one is kept as a fact (it comes before the stop), an undated one isn't written. What is
    told as of the near future is said now, so that a stop counts at once and no opt-in lifts one that comes after it;
    what lies more than a day ahead is refused. What waits for the circles is made due to be asked again."""
    undated = np.array([r.at is None and r.kind is EventKind.OPT_IN for r in rows], bool)
    at = np.array([now if r.at is None else r.at for r in rows], np.int64)
    source_ids = [r.source_id or _made_id(r) for r in rows]
    what = [(int(r.kind), r.at) for r in rows]
    found = sort_out(conn, consent, [r.outside_id for r in rows], places, at, now, source, source_ids, what)
    at = np.minimum(at, now)
    stopped = _stopped(conn, found, rows, at, undated)
    written = ~(stopped & undated)[found.new]
    new, ids = found.new[written], list(compress(found.source_ids, written))
    known = found.known.take(new)
    if len(new):
        told, number = [rows[i] for i in new], take_numbers(conn, known.shard, known.circle)
        _write(conn, known, told, number, at[new], undated[new], now, source, ids)
        ask_circles(conn, list(set(zip(known.shard.tolist(), known.circle.tolist(), strict=True))), now, "consent")
    return Recorded(
        new=len(new),
        repeated=found.repeated,
        unknown=found.unknown,
        too_late=found.too_late,
        kept_stopped=tuple(np.flatnonzero(stopped).tolist()),
        contacts=known.pairs(),
    )


def record_first(
    conn: Connection,
    shards: Sequence[int],
    contacts: Sequence[int],
    circles: Sequence[int],
    rows: Sequence[ConsentRow],
    made: Collection[int],
    now: int,
    source: str,
) -> None:
    """Writes undated opt-ins of contacts that this transaction has made: nothing was said before, so nothing is there
    already and nothing stands against them. made: circles of which these are the first facts, whose numbers were taken as
    they were made."""
    known = Known(np.ones(len(rows), bool), ints(shards, None), ints(contacts, None), ints(circles, None))
    at, undated = np.full(len(rows), now, np.int64), np.ones(len(rows), bool)
    number, rest = 1 + rank_within(known.circle), ~np.isin(known.circle, np.array(list(made), np.int64))
    number[rest] = take_numbers(conn, known.shard[rest], known.circle[rest])
    _write(conn, known, rows, number, at, undated, now, source, [r.source_id for r in rows])


def _made_id(row: ConsentRow) -> str:
    """An id for a row that has none: told again in the same words it is the same."""
    told = f"{row.at}|{int(row.kind)}|{row.category or ''}|{row.channel or ''}"
    return "told:" + hashlib.blake2b(told.encode(), digest_size=12).hexdigest()


def _stopped(conn: Connection, found: Sorted, rows: Sequence[ConsentRow], at: Ints, undated: Bools) -> Bools:
    """Which rows opt in to what a stop on record names as a whole, said then or later: that stop stands."""
    out = np.zeros(len(rows), bool)
    known = found.known
    asking = [i for i, r in enumerate(rows) if r.kind is EventKind.OPT_IN and known.there[i]]
    if not asking:
        return out
    pairs = sorted(set(zip(known.shard[asking].tolist(), known.contact[asking].tolist(), strict=True)))
    sql, params = wanted(conn, "w", {"shard": [p[0] for p in pairs], "contact": [p[1] for p in pairs]})
    stops: dict[int, list[tuple[int, str | None, str | None]]] = {}
    for person, said, kind, category, channel in fetch(
        conn,
        f"SELECT s.contact, {SAID_AT}, s.kind, s.category, s.channel FROM {sql} CROSS JOIN consent s "
        f"WHERE s.shard = w.shard AND s.contact = w.contact AND s.kind <> {int(EventKind.OPT_IN)}",
        **params,
    ):
        everything = kind in _EVERYTHING
        stop = (NONE if said is None else said, None if everything else category, None if everything else channel)
        stops.setdefault(person, []).append(stop)
    for i in asking:
        row, when = rows[i], NONE if undated[i] else int(at[i])
        out[i] = any(
            said >= when and category in (None, row.category) and channel in (None, row.channel)
            for said, category, channel in stops.get(int(known.contact[i]), ())
        )
    return out


def _write(
    conn: Connection,
    known: Known,
    told: Sequence[ConsentRow],
    number: Ints,
    at: Ints,
    undated: Bools,
    now: int,
    source: str,
    source_ids: Sequence[str],
) -> None:
    n = len(told)
    kind = np.array([int(r.kind) for r in told], np.int64)
    everything = [r.kind in _EVERYTHING for r in told]
    insert_rows(
        conn,
        consent,
        {
            "shard": known.shard,
            "id": new_ids(n),
            "circle": known.circle,
            "contact": known.contact,
            "number": number,
            "at": np.where(undated, NONE, at),
            "recorded_at": np.full(n, now, np.int64),
            "kind": kind,
            "category": [None if e else r.category for e, r in zip(everything, told, strict=True)],
            "channel": [None if e else r.channel for e, r in zip(everything, told, strict=True)],
            "source": [source] * n,
            "source_id": source_ids,
            "by": [r.by for r in told],
            "message": [r.message for r in told],
        },
    )
    for one, column in LATEST.items():
        rows = np.flatnonzero(~undated & (kind == int(one)))
        latest_of(conn, known.shard[rows], known.contact[rows], at[rows], column)
