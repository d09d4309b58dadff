"""Following instants that a pure function moves on and on, many moves at a time.

Rules that leave little time together, or none, hand an instant to and fro, a move or two a day over years. Asking for
one move after the other costs as many calls; here the same function is asked from many instants at once. What it means
to be moved, and by whom, is decided by who asks.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cadence.facts import DAY, HELD, Ints, expand

Step = Callable[[Ints, Ints], Ints]
"""step(row, t): where each instant t of a row goes next, t itself where it rests. Pure, and of one row at a time: an
answer depends on nothing but its own row and t."""

PATIENCE = 32
"""So many moves are made one by one before many are looked for at once: nearly all come to rest much sooner."""
_FIRST_LOOK = 32 * DAY
_AT_ONCE = 1 << 15
"""So many instants are asked from together: no more rows than have room in a point."""
_MOST_ROUNDS = 128
_BITS = 48
"""A point is its row, and below it the microseconds since that row's start: more than eight years of them."""
_FARTHEST = (1 << _BITS) - 1


def trails(step: Step, start: Ints, until: Ints) -> tuple[Ints, Ints]:
    """Row and instant of each point that `step` leads the starts through, up to `until`: by row, ascending.

    The first point of a row is its start, and each next one is step's own answer from the one before; a trail ends
    with a point that rests, that is led past `until`, or that is led where nobody has asked from. So a trail is
    always a beginning of the way that single moves would take. Which other points were tried besides (the same time
    on each day ahead, and wherever those lead) only decides how far it goes: ways of different days run into one
    another as soon as they come to the same opening, so that after a few rounds nearly all of them are known."""
    longest = int(np.maximum(until - start, 0).max(initial=0)) // DAY + 1
    chunk = max(1, _AT_ONCE // longest)
    rows, points = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for low in range(0, len(start), chunk):
        few = np.arange(low, min(low + chunk, len(start)), dtype=np.int64)
        row, at = _trails(_of(step, few), start[few], until[few])
        rows.append(row + low)
        points.append(at)
    return np.concatenate(rows), np.concatenate(points)


def _of(step: Step, rows: Ints) -> Step:
    """The same step for some of the rows, counted from 0."""
    return lambda row, t: step(rows[row], t)


def _trails(step: Step, start: Ints, until: Ints) -> tuple[Ints, Ints]:
    """The same for few rows."""
    until = np.minimum(until, start + _FARTHEST)
    asked, leads_to = _explored(step, start, until)
    place = np.searchsorted(asked, leads_to)
    place[place == len(asked)] = 0
    following = np.where(asked[place] == leads_to, place, -1).tolist()
    rows, points = [], []
    for row, first in enumerate(np.searchsorted(asked, np.arange(len(start)) << _BITS).tolist()):
        point = first
        while point >= 0:
            rows.append(row)
            points.append(point)
            point = following[point]
    of = np.array(rows, np.int64)
    return of, start[of] + (asked[np.array(points, np.int64)] & _FARTHEST)


def _explored(step: Step, start: Ints, until: Ints) -> tuple[Ints, Ints]:
    """Points, ascending, and to which point each leads; -1 where it rests or is led past `until`."""
    days = np.maximum(until - start, 0) // DAY + 1
    row, first = expand(np.zeros(len(start), np.int64), days)
    fresh = (np.repeat(np.arange(len(start), dtype=np.int64), np.diff(first)) << _BITS) + row * DAY
    asked, leads_to = np.zeros(0, np.int64), np.zeros(0, np.int64)
    most = 64 * len(fresh)
    for _ in range(_MOST_ROUNDS):
        row = fresh >> _BITS
        at = start[row] + (fresh & _FARTHEST)
        to = step(row, at)
        leads = np.where((to > at) & (to <= until[row]), (row << _BITS) + np.minimum(to, until[row]) - start[row], -1)
        asked, leads_to = np.concatenate([asked, fresh]), np.concatenate([leads_to, leads])
        order = np.argsort(asked)
        asked, leads_to = asked[order], leads_to[order]
        ahead = np.unique(leads[leads >= 0])
        fresh = ahead[asked[np.minimum(np.searchsorted(asked, ahead), len(asked) - 1)] != ahead]
        if not len(fresh) or len(asked) > most:
            break
    return asked, leads_to


def look_ahead(start: Ints, at: Ints, horizon: Ints) -> Ints:
    """Until when to look next from `at`, having come there from `start`: ever further, so that what rests soon costs
    little, and not past the horizon."""
    return np.asarray(np.minimum(horizon, at + np.maximum(_FIRST_LOOK, 4 * (at - start))), np.int64)


def settled(step: Step, start: Ints, reach: int) -> Ints:
    """Where `step` leads each start in the end: where it rests, or the first point more than `reach` later."""
    at, horizon = start.copy(), np.minimum(start, HELD - 1 - reach) + reach
    left, turn = np.flatnonzero(start < HELD), 0
    while len(left):
        turn += 1
        if turn > PATIENCE:
            row, point = trails(_of(step, left), at[left], look_ahead(start[left], at[left], horizon[left]))
            at[left[row]] = point  # in order, so that the last point of each row stays
        later = step(left, at[left])
        left, later = left[moved := later > at[left]], later[moved]
        at[left] = later
        left = left[later <= horizon[left]]
    return at
