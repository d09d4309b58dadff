"""The statements of a tick through the bare driver: the same texts and values, fetched, in one transaction, and nothing made of
them.

All of a tick in one transaction, also where two would go side by side. It is written three times: twice by us and taken back
before the commit (once to note its statements, and so that all it reads lies in memory, once by the clock), then by the bare
driver, which commits."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from cadence.queue import steps
from cadence.queue.tick import claim, transact
from cadence.queue.work import Work
from cadence.store import Store


@dataclass(frozen=True, slots=True)
class Said:
    """A statement as the driver got it."""

    sql: str
    values: Any
    many: bool
    binary: bool


class TakenBack(Exception):
    """A tick that stops before its commit."""


def times_the_bare_driver(store: Store, work: Work) -> float:
    """How many times as long a tick takes as its statements alone; both with the bare driver's commit."""
    with _noted(store) as said:
        _taken_back(work)
    began = time.perf_counter()
    _taken_back(work)
    ours = time.perf_counter() - began
    bare, commit = _replayed(store, said)
    return (ours + commit) / (bare + commit)


def _taken_back(work: Work) -> None:
    def stop() -> None:
        raise TakenBack

    steps.arm("written", stop)
    try:
        transact(work, claim(work))
    except TakenBack:
        return
    finally:
        steps.arm("")
    raise RuntimeError("nothing was due any more")


@contextmanager
def _noted(store: Store) -> Iterator[list[Said]]:
    said: list[Said] = []

    def note(_c: Any, _cursor: Any, sql: str, values: Any, context: Any, many: bool) -> None:
        binary = context is not None and bool(context.execution_options.get("binary"))
        said.append(Said(sql, values, many, binary))

    # On PostgreSQL the reader is the writer's engine with other options, and what hears the one hears both.
    engines = (store.writer, store.reader) if store.dialect == "sqlite" else (store.writer,)
    for engine in engines:
        sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        for engine in engines:
            sa.event.remove(engine, "before_cursor_execute", note)


def _replayed(store: Store, said: list[Said]) -> tuple[float, float]:
    """Seconds for the statements, and for the commit."""
    with store.writer.connect() as conn:
        transaction = conn.begin()
        cursor = conn.connection.cursor()
        began = time.perf_counter()
        for one in said:
            if one.sql.startswith("BEGIN"):
                continue
            if one.binary and store.dialect == "postgresql":
                cursor.format = 1
            if one.many:
                cursor.executemany(one.sql, one.values)
            else:
                cursor.execute(one.sql, one.values)
            if cursor.description is not None:
                cursor.fetchall()
        written = time.perf_counter()
        transaction.commit()
        return written - began, time.perf_counter() - written
