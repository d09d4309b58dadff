"""Which rows of a batch are news: not of somebody unknown, not of the far future, not told before. The same for all
facts."""

# Statements are put together from names in tables.py alone; every value is a parameter.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cadence.facts import DAY, Bools, Ints
from cadence.store.bulk import fetch, wanted
from cadence.store.known import Known, locked
from cadence.store.tables import OURS

AHEAD: int = DAY
"""How far ahead of now a fact may lie; further ones are refused: a clock or a column is wrong."""


@dataclass(frozen=True, slots=True)
class Sorted:
    """A batch sorted out. known: for every row; new: places of the rows to be written, in order."""

    known: Known
    new: Ints
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
) -> Sorted:
    """Finds and locks the contacts meant, and leaves out what is unknown, too far ahead or already there (the same
    source and id there, or twice in the batch: the first counts). Raises ValueError for the source that is our own."""
    not_our_own(source)
    known = locked(conn, outside_ids) if places is None else locked(conn, places=places)
    late = at > now + AHEAD
    candidates = np.flatnonzero(known.there & ~late)
    fresh = _unwritten(conn, table, known, candidates, source, source_ids)
    return Sorted(
        known=known,
        new=candidates[fresh],
        repeated=int(len(candidates) - fresh.sum()),
        unknown=tuple(np.flatnonzero(~known.there & ~late).tolist()),
        too_late=tuple(np.flatnonzero(late).tolist()),
    )


def _unwritten(
    conn: Connection, table: sa.Table, known: Known, rows: Ints, source: str, source_ids: Sequence[str]
) -> Bools:
    """Which of these rows the table hasn't and the batch hasn't had before, bool[len(rows)]."""
    if not len(rows):
        return np.zeros(0, bool)
    shard, contact = known.shard[rows], known.contact[rows]
    ids = [source_ids[i] for i in rows]
    sql, params = wanted(conn, "w", {"shard": shard, "contact": contact, "source_id": ids})
    there = {
        row
        for (row,) in fetch(
            conn,
            f"SELECT w.row FROM {sql} CROSS JOIN {table.name} t WHERE t.shard = w.shard AND t.contact = w.contact "
            f"AND t.source = :source AND t.source <> '{OURS}' AND t.source_id = w.source_id",
            source=source,
            **params,
        )
    }
    fresh = np.ones(len(rows), bool)
    seen: set[tuple[int, str]] = set()
    for i, told in enumerate(zip(contact.tolist(), ids, strict=True)):
        if i in there or told in seen:
            fresh[i] = False
        seen.add(told)
    return fresh
