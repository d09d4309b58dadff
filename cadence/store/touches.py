"""Writing touches that others made or told of: imports, calls, letters, other systems. Our own are written with their
decision."""

# Statements are put together from names in tables.py alone; every value is a parameter.
# ruff: noqa: S608

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from sqlalchemy.engine import Connection

from cadence.addresses import mailbox_of
from cadence.facts import EventKind, Ints, TouchOutcome
from cadence.store.ask import ask_circles
from cadence.store.bulk import fetch, insert_rows, wanted
from cadence.store.events import record_events
from cadence.store.fresh import sort_out
from cadence.store.ids import new_ids
from cadence.store.known import Known
from cadence.store.numbers import take_numbers
from cadence.store.rows import EventRow, Recorded, TouchRow
from cadence.store.tables import touch
from cadence.store.ways import ways_of


def record_touches(
    conn: Connection,
    rows: Sequence[TouchRow],
    now: int,
    source: str,
    places: Sequence[tuple[int, int]] | None = None,
) -> Recorded:
    """Writes touches, set-based; told twice (the same source and id there, or the same message of ours in the same
    channel) it is one. `places`: the contacts as (shard, id), where they are known; else by outside id. A call that
    didn't connect is no touch: it stays on the record as withdrawn. One that was answered is an answer of the contact
    as well. What waits for the circles that it changes is made due to be asked again. Facts more than a day ahead are
    refused; a touch of the near future counts at once."""
    at = np.array([r.at for r in rows], np.int64)
    # A system that tells of a call as it goes may first say that it didn't connect, and later how it went.
    what = [(int(r.outcome == TouchOutcome.NOT_CONNECTED), None) for r in rows]
    ids = [r.source_id for r in rows]
    found = sort_out(conn, touch, [r.outside_id for r in rows], places, at, now, source, ids, what)
    new = _unsent(conn, found.known, found.new, rows)
    known = found.known.take(new)
    told = [rows[i] for i in new]
    if told:
        id_of = dict(zip(found.new.tolist(), found.source_ids, strict=True))
        _write(conn, known, told, at[new], now, source, [id_of[i] for i in new.tolist()])
    answered = [i for i, r in enumerate(told) if r.outcome == TouchOutcome.ANSWERED]
    if answered:
        _record_answers(conn, known, told, answered, now, source)
    ask_circles(conn, _circles(known), now, "touch")
    return Recorded(
        new=len(new),
        repeated=found.repeated + len(found.new) - len(new),
        unknown=found.unknown,
        too_late=found.too_late,
        contacts=known.pairs(),
    )


def _circles(known: Known) -> list[tuple[int, int]]:
    return list(set(zip(known.shard.tolist(), known.circle.tolist(), strict=True)))


def _unsent(conn: Connection, known: Known, new: Ints, rows: Sequence[TouchRow]) -> Ints:
    """Leaves out rows that tell of a message of ours whose touch in that channel stands already."""
    about = [i for i in new.tolist() if rows[i].message is not None]
    if not about:
        return new
    sql, params = wanted(
        conn,
        "w",
        {
            "shard": known.shard[about],
            "contact": known.contact[about],
            "message": [rows[i].message for i in about],
            "channel": [rows[i].channel for i in about],
        },
    )
    there = fetch(
        conn,
        f"SELECT w.row FROM {sql} CROSS JOIN touch t WHERE t.shard = w.shard AND t.contact = w.contact "
        "AND t.message = w.message AND t.channel = w.channel AND t.withdrawn_at IS NULL",
        **params,
    )
    double = {about[r[0]] for r in there}
    seen: set[tuple[int | None, str]] = set()
    for i in about:
        told = (rows[i].message, rows[i].channel)
        if told in seen:
            double.add(i)
        seen.add(told)
    return np.array([i for i in new.tolist() if i not in double], np.int64)


def _write(
    conn: Connection, known: Known, told: Sequence[TouchRow], at: Ints, now: int, source: str, source_ids: Sequence[str]
) -> None:
    n = len(told)
    number = take_numbers(conn, known.shard, known.circle, recent={})
    unmade = [r.outcome == TouchOutcome.NOT_CONNECTED for r in told]
    insert_rows(
        conn,
        touch,
        {
            "shard": known.shard,
            "id": new_ids(n),
            "circle": known.circle,
            "contact": known.contact,
            "number": number,
            "at": at,
            "recorded_at": np.full(n, now, np.int64),
            "channel": [r.channel for r in told],
            "category": [r.category for r in told],
            "campaign": [r.campaign for r in told],
            "thread": [r.thread for r in told],
            "topic": [r.topic for r in told],
            "content": [r.content for r in told],
            "mailbox": _mailboxes(conn, known, told),
            "triggered": [r.triggered for r in told],
            "tags": [json.dumps(r.tags) if r.tags else None for r in told],
            "outcome": [r.outcome or TouchOutcome.SENT.value for r in told],
            "message": [r.message for r in told],
            "source": [source] * n,
            "source_id": source_ids,
            "withdrawn_at": [now if u else None for u in unmade],
            "withdrawn_number": [int(k) if u else None for u, k in zip(unmade, number, strict=True)],
            "withdrawn_because": ["not connected" if u else None for u in unmade],
        },
    )


def _mailboxes(conn: Connection, known: Known, told: Sequence[TouchRow]) -> list[str | None]:
    """The mailbox each went to: that of the address given, else of the one written to on that channel."""
    given = [mailbox_of(r.channel, r.address) if r.address else None for r in told]
    open_rows = [i for i, m in enumerate(given) if m is None]
    if not open_rows:
        return given
    there = list(zip(known.shard[open_rows].tolist(), known.contact[open_rows].tolist(), strict=True))
    written_to = ways_of(conn, there)
    for i in open_rows:
        way = written_to.get((int(known.contact[i]), told[i].channel))
        given[i] = way.mailbox if way else None
    return given


def _record_answers(
    conn: Connection, known: Known, told: Sequence[TouchRow], answered: Sequence[int], now: int, source: str
) -> None:
    """A call that was answered is an answer at its own instant."""
    rows = [
        EventRow(
            outside_id=told[i].outside_id,
            at=told[i].at,
            kind=EventKind.CALL_ANSWERED,
            source_id=f"touch:{told[i].source_id}",
            channel=told[i].channel,
        )
        for i in answered
    ]
    record_events(conn, rows, now, source, [(int(known.shard[i]), int(known.contact[i])) for i in answered])
