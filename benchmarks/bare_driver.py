"""The statements of a tick, or of an import, through the bare driver: the same texts and values, fetched, in the same
transactions, and nothing made of them.

All of a tick is in one transaction, also where two would go side by side. It is written three times: twice by us and taken
back before the commit (once to note its statements, and so that all it reads lies in memory, once by the clock), then by the
bare driver, which commits. What an import said to one database the bare driver says to another that is in the same state."""

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


COMMIT = Said("COMMIT", None, many=False, binary=False)


class TakenBack(Exception):
    """A tick that stops before its commit."""


def times_the_bare_driver(store: Store, work: Work) -> float:
    """How many times as long a tick takes as its statements alone; both with the bare driver's commit."""
    with noted(store) as said:
        _taken_back(work)
    began = time.perf_counter()
    _taken_back(work)
    ours = time.perf_counter() - began
    bare, commit = replayed(store, [*said, COMMIT])
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
def noted(store: Store) -> Iterator[list[Said]]:
    """What is said to the database meanwhile, and when it is committed."""
    said: list[Said] = []

    def note(_c: Any, _cursor: Any, sql: str, values: Any, context: Any, many: bool) -> None:
        binary = context is not None and bool(context.execution_options.get("binary"))
        said.append(Said(sql, values, many, binary))

    def commit(_: Any) -> None:
        said.append(COMMIT)

    # On PostgreSQL the reader is the writer's engine with other options, and what hears the one hears both.
    engines = (store.writer, store.reader) if store.dialect == "sqlite" else (store.writer,)
    for engine in engines:
        sa.event.listen(engine, "before_cursor_execute", note)
    sa.event.listen(store.writer, "commit", commit)
    try:
        yield said
    finally:
        for engine in engines:
            sa.event.remove(engine, "before_cursor_execute", note)
        sa.event.remove(store.writer, "commit", commit)


def replayed(store: Store, said: list[Said]) -> tuple[float, float]:
    """Seconds for the statements, and for the commits."""
    statements = commits = 0.0
    with store.writer.connect() as conn:
        transaction = conn.begin()
        cursor = conn.connection.cursor()
        for one in said:
            began = time.perf_counter()
            if one is COMMIT:
                transaction.commit()
                commits += time.perf_counter() - began
                transaction = conn.begin()
                cursor = conn.connection.cursor()
            elif not one.sql.startswith("BEGIN"):
                _say(cursor, one, store.dialect)
                statements += time.perf_counter() - began
        transaction.rollback()
    return statements, commits


def _say(cursor: Any, one: Said, dialect: str) -> None:
    if one.binary and dialect == "postgresql":
        cursor.format = 1
    if one.many:
        cursor.executemany(one.sql, one.values)
    else:
        cursor.execute(one.sql, one.values)
    if cursor.description is not None:
        cursor.fetchall()
