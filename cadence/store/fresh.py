"""Which rows of a batch are news: not of somebody unknown, not of the far future, not told before. The same for all
facts."""

# Statements are put together from names in tables.py alone; every value is a parameter.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cadence.facts import DAY, Bools, Ints, TouchOutcome
from cadence.store.bulk import fetch, wanted
from cadence.store.known import Known, locked
from cadence.store.tables import OURS

AHEAD: int = DAY
"""How far ahead of now a fact may lie; further ones are refused: a clock or a column is wrong."""


What = tuple[int, int | None]
"""What tells apart facts of one id: the kind, and when it was said; None where the instant tells nothing apart."""


@dataclass(frozen=True, slots=True)
class Sorted:
    """A batch sorted out. known: for every row; new: places of the rows to be written, in order; source_ids: the ids to
    write them under."""

    known: Known
    new: Ints
    source_ids: tuple[str, ...]
    repeated: int
    unknown: tuple[int, ...]
    too_late: tuple[int, ...]


def not_our_own(source: str) -> None:
    """Raises ValueError for the source that is our own: what others tell must have another."""
    if source == OURS:
        raise ValueError(
            f"the source {source!r} is what the engine itself does; name the system that these rows come from"
        )


def sort_out(
    conn: Connection,
    table: sa.Table,
    outside_ids: Sequence[str],
    places: Sequence[tuple[int, int]] | None,
    at: Ints,
    now: int,
    source: str,
    source_ids: Sequence[str],
    what: Sequence[What],
) -> Sorted:
    """Finds and locks the contacts meant, and leaves out what is unknown, too far ahead or already there (the same
    source and id there, or twice in the batch: the first counts). A system may use one id for several facts, the record
    of a consent say, whose state changes: those that differ in `what` are facts of their own. Raises ValueError for the
    source that is our own."""
    not_our_own(source)
    known = locked(conn, outside_ids) if places is None else locked(conn, places=places)
    late = at > now + AHEAD
    candidates = np.flatnonzero(known.there & ~late)
    rows = candidates.tolist()
    given, told = [source_ids[i] for i in rows], [what[i] for i in rows]
    fresh, ids = _unwritten(conn, table, known.take(candidates), source, given, told)
    return Sorted(
        known=known,
        new=candidates[fresh],
        source_ids=tuple(compress(ids, fresh)),
        repeated=int(len(candidates) - fresh.sum()),
        unknown=tuple(np.flatnonzero(~known.there & ~late).tolist()),
        too_late=tuple(np.flatnonzero(late).tolist()),
    )


def _unwritten(
    conn: Connection, table: sa.Table, known: Known, source: str, given: Sequence[str], told: Sequence[What]
) -> tuple[Bools, list[str]]:
    """Which of these rows the table hasn't and the batch hasn't had before, bool[n], and the ids that they go by: those
    given, with what they are behind it where an id stands for something else already."""
    there, ids = _on_record(conn, table, known, source, given), list(given)
    first: dict[tuple[int, str], What] = {}
    others = []
    who = known.contact.tolist()
    for i, (key, one) in enumerate(zip(zip(who, given, strict=True), told, strict=True)):
        if not _same(one, *there[i]) if i in there else not _same(one, *first.setdefault(key, one)):
            others.append(i)
            ids[i] = "|".join([given[i], *(str(part) for part in one if part is not None)])
    repeated = set(there).difference(others)
    again = _on_record(conn, table, known.take(np.array(others, np.int64)), source, [ids[i] for i in others])
    repeated.update(others[i] for i in again)
    fresh = np.ones(len(ids), bool)
    seen: set[tuple[int, str]] = set()
    for i, key in enumerate(zip(who, ids, strict=True)):
        fresh[i] = i not in repeated and key not in seen
        seen.add(key)
    return fresh, ids


def _on_record(
    conn: Connection, table: sa.Table, known: Known, source: str, ids: Sequence[str]
) -> dict[int, tuple[int, int | None, int | None]]:
    """By place the kind, `at` and `recorded_at` of what is on record under these ids; of touches whether they were none, as
    `record_touches` tells them apart."""
    if not len(ids):
        return {}
    unmade = f"CASE WHEN t.outcome = '{TouchOutcome.NOT_CONNECTED.value}' THEN 1 ELSE 0 END, NULL, NULL"
    columns = "t.kind, t.at, t.recorded_at" if "kind" in table.c else unmade
    sql, params = wanted(conn, "w", {"shard": known.shard, "contact": known.contact, "source_id": ids})
    rows = fetch(
        conn,
        f"SELECT w.row, {columns} FROM {sql} CROSS JOIN {table.name} t WHERE t.shard = w.shard AND t.contact = w.contact "
        f"AND t.source = :source AND t.source <> '{OURS}' AND t.source_id = w.source_id",
        source=source,
        **params,
    )
    return {row: (kind, at, recorded_at) for row, kind, at, recorded_at in rows}


def _same(told: What, kind: int, at: int | None, recorded_at: int | None = None) -> bool:
    """Whether what is told is what an id stands for: of the same kind, and said then. What was said ahead of the instant
    at which it was recorded lies at that."""
    when = told[1]
    if told[0] != kind or when is None or when == at:
        return told[0] == kind
    return at is not None and at == recorded_at and at < when
