"""A large round in parts: whole circles, a few ten thousand contacts at a time, so that the columns at work stay in the
processor's cache and what is worked out on the way takes little memory.

Circles don't see one another, so the parts decide the same as the whole. Nothing here decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np

from cadence.facts import Candidates, Coded, Column, History, Ints, People, Ragged, starts

SIZE = 1 << 21
"""About so many touches a part; a contact weighs as much as eight."""
_CONTACT = 8

T = TypeVar("T")


def blocks(history: History, candidates: Candidates) -> Iterator[tuple[History, Candidates, Ints]]:
    """Histories and candidates of some circles each, and which rows of `candidates` those are."""
    bounds = _bounds(history)
    every = np.arange(len(candidates), dtype=np.int64)
    if len(bounds) <= 2:
        yield history, candidates, every
        return
    if np.any(np.diff(candidates.contact) < 0):
        every = np.argsort(candidates.contact, kind="stable")
        candidates = candidates.take(every)
    tables = [name for name in (f.name for f in fields(history)) if name not in ("people", "campaigns")]
    for low, high in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        parts: dict[str, Any] = {name: _of_contacts(getattr(history, name), low, high)[0] for name in tables}
        mine, rows = _of_contacts(candidates, low, high)
        people = _people(history.people, slice(low, high))
        yield History(people=people, campaigns=history.campaigns, **parts), mine, every[rows]


def _bounds(history: History) -> Ints:
    """Where a part may end, as a contact: the first after a circle with which it is full, and the last."""
    circle = history.people.circle
    n = len(circle)
    ends = np.append(np.flatnonzero(np.diff(circle)) + 1, n)
    weight = starts(history.touches.contact, n)[ends] + _CONTACT * ends
    full = np.searchsorted(weight, np.arange(SIZE, int(weight[-1]), SIZE))
    return np.unique(np.concatenate([[0], ends[full], [n]]))


def _of_contacts(table: T, low: int, high: int) -> tuple[T, slice]:
    """The rows of a table (sorted by contact) that are of contacts low to high - 1, which count from 0 there."""
    contact: Ints = table.contact  # type: ignore[attr-defined]
    first, last = np.searchsorted(contact, [low, high]).tolist()
    rows = slice(first, last)
    columns = {f.name: _rows(getattr(table, f.name), rows) for f in fields(table)}  # type: ignore[arg-type]
    return replace(table, **{**columns, "contact": contact[rows] - low}), rows  # type: ignore[type-var]


def _people(people: People, rows: slice) -> People:
    """These contacts; their circles count from 0, and of wishes there are theirs."""
    own = {f.name: getattr(people, f.name) for f in fields(people) if f.name not in ("wishes", "attributes", "latest")}
    columns = {name: _rows(column, rows) for name, column in own.items()}
    wishing = columns["wish"] >= 0
    kept, place = np.unique(columns["wish"][wishing], return_inverse=True)
    wish = np.full(len(wishing), -1, np.int32)
    wish[wishing] = place
    return replace(
        people,
        **{**columns, "circle": columns["circle"] - columns["circle"][0], "wish": wish},
        wishes=tuple(people.wishes[i] for i in kept.tolist()),
        attributes={name: _rows(column, rows) for name, column in people.attributes.items()},
        latest={kind: column[rows] for kind, column in people.latest.items()},
    )


def _rows(column: Column | Ragged, rows: slice) -> Any:
    """These rows of a column of any kind; numbers are not copied."""
    if isinstance(column, Coded):
        return Coded(column.codes[rows], column.names)
    if isinstance(column, Ragged):
        start = column.start[rows.start : rows.stop + 1]
        return Ragged(start - start[0], column.values[start[0] : start[-1]])
    return column[rows]
