"""Taking a decision back: to be decided anew, or refused, with the touch withdrawn on the record.

A touch stays where an earlier hand-over of the message may have reached the contact. The shards are locked by the
caller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from sqlalchemy.engine import Connection

from cadence.facts import NEVER
from cadence.queue.states import State
from cadence.queue.work import Work
from cadence.store import outbox
from cadence.store import round as rows_of
from cadence.store.ask import ask_held
from cadence.store.bulk import Values, plain
from cadence.store.round import Messages


def back(
    conn: Connection,
    work: Work,
    messages: Messages,
    why: Mapping[int, str],
    later: Mapping[int, int] | None = None,
    rule: str | None = None,
) -> int:
    """Let these rows wait again, due now or at the instant in `later`, at their expiry at the latest and never before now,
    whatever state they are in; returns how many. rule: what holds them, where it is known."""
    rows = list(why)
    if not rows:
        return 0
    withdraw(conn, work, messages, why)
    expires = [messages["expires_at"][r] or NEVER for r in rows]
    due = [max(min((later or {}).get(r, work.now), e), work.now) for r, e in zip(rows, expires, strict=True)]
    n = len(rows)
    columns: dict[str, Values] = {
        "state": [State.WAITING.value] * n,
        "due_at": due,
        "until": [None] * n,
        "rule": [rule] * n,
        "ask_because": [why[r] for r in rows],
        "touch": [messages["touch"][r] if may_have_reached(messages, r) else None for r in rows],
        "doubt_at": [messages["doubt_at"][r] if may_have_reached(messages, r) else None for r in rows],
        "hand_over_at": [None] * n,
        "sender": [None] * n,
    }
    move(conn, messages, rows, columns)
    return n


def refuse(conn: Connection, work: Work, messages: Messages, why: Mapping[int, str]) -> int:
    """End these rows as refused: nobody took them and nobody will; returns how many."""
    rows = list(why)
    if not rows:
        return 0
    withdraw(conn, work, messages, why)
    n = len(rows)
    columns: dict[str, Values] = {
        "state": [State.REFUSED.value] * n,
        "outcome_at": np.full(n, work.now, np.int64),
        "because": [why[r] for r in rows],
        "due_at": [None] * n,
    }
    move(conn, messages, rows, columns)
    return n


def withdraw(conn: Connection, work: Work, messages: Messages, why: Mapping[int, str]) -> None:
    """Withdraw these rows' touches, but for those that may have reached the contact. What rules hold in their circles
    is asked again: the slots are free."""
    gone = [r for r in why if messages["touch"][r] is not None and not may_have_reached(messages, r)]
    touches = [(messages["shard"][r], messages["circle"][r], messages["touch"][r]) for r in gone]
    outbox.withdraw_touches(conn, touches, work.now, [why[r] for r in gone])
    ask_held(conn, [(shard, circle) for shard, circle, _ in touches], work.now, "touch withdrawn")


def may_have_reached(messages: Messages, row: int) -> bool:
    """Whether an earlier hand-over than the one at hand may have reached the contact. A message in doubt had only
    that one."""
    return messages["doubt_at"][row] is not None and messages["state"][row] != State.IN_DOUBT


def move(conn: Connection, messages: Messages, rows: Sequence[int], columns: Mapping[str, Values]) -> None:
    """Update these rows of messages, each only while it is still in the state it was loaded in."""
    listed = {name: plain(values) for name, values in columns.items()}
    for state in sorted({messages["state"][r] for r in rows}):
        mine = [i for i, r in enumerate(rows) if messages["state"][r] == state]
        part = {name: [values[i] for i in mine] for name, values in listed.items()}
        rows_of.move(conn, messages.keys([rows[i] for i in mine]), state, part)
