"""What a round's answers leave in the record: decisions, touches, and where each message stands now, in one
transaction.

The shards are locked by the tick that calls; nothing here decides, and nothing is handed over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from sqlalchemy.engine import Connection

from cadence.decide.round import ERROR, with_touches
from cadence.facts import HELD, HOUR, MINUTE, NEVER, NONE, SECOND, Ints, Outcome, Push, Verdict
from cadence.queue.deciding import Answers
from cadence.queue.endings import Ending
from cadence.queue.load import Loaded
from cadence.queue.states import State
from cadence.queue.work import Work
from cadence.store import outbox
from cadence.store import round as rows_of
from cadence.store.bulk import Values
from cadence.store.ids import new_ids, spread_of
from cadence.store.numbers import take_numbers
from cadence.store.places import Places

ASK_ERRORS_EVERY: int = HOUR
"""A message held because deciding it threw is asked again so often."""
SPREAD_STEPS: int = 30
"""What falls due together is spread over so many steps: fewer, fuller ticks than one for each message."""
SHADOW = "shadow: decided to send, nothing was handed over"


@dataclass(frozen=True, slots=True)
class _Line:
    """One answer on its way into the record."""

    row: int
    outcome: Outcome
    seen_number: int
    new: bool
    """It writes a decision: its verdict, until or rule isn't what it was."""
    decision: int
    touch: int | None
    """The id of the touch it makes, or of the one it made when its fate was left in doubt."""
    touches: bool
    """It makes a new touch."""


def write(conn: Connection, work: Work, answers: Answers) -> Counter[str]:
    """Write down all of a round's answers; returns how many messages were sent, deferred, suppressed, unchanged,
    stopped."""
    loaded = answers.loaded
    lines = _lines(loaded, answers.outcomes)
    _write_decisions(conn, work, answers, [line for line in lines if line.new])
    _write_touches(conn, work, answers, [line for line in lines if line.touches])
    done: Counter[str] = Counter()
    for verdict, move in ((Verdict.SEND, _sent), (Verdict.SUPPRESS, _suppressed), (Verdict.DEFER, _deferred)):
        mine = [line for line in lines if line.outcome.verdict is verdict]
        done[verdict.word] += len(mine)
        if mine:
            move(conn, work, loaded, mine)
    done["unchanged"] += sum(not line.new for line in lines)
    no_longer = {row: Ending(State.STOPPED, "still_if no longer holds") for row in answers.no_longer}
    done += end(conn, work, loaded, no_longer)
    _remember_contacts(conn, work, answers)
    return done


def end(conn: Connection, work: Work, loaded: Loaded, ended: dict[int, Ending]) -> Counter[str]:
    """End waiting messages (rows of loaded.messages), each with its reason; a touch that an earlier decision left is
    kept."""
    if ended:
        n = len(ended)
        columns: dict[str, Values] = {
            "state": [e.state.value for e in ended.values()],
            "because": [e.because for e in ended.values()],
            "outcome_at": np.full(n, work.now, np.int64),
            "due_at": [None] * n,
        }
        rows_of.move(conn, _keys(loaded, list(ended)), State.WAITING, columns)
    return Counter(e.state.value for e in ended.values())


def rest(conn: Connection, work: Work, loaded: Loaded, resting: dict[int, str]) -> None:
    """Let messages of a campaign that rests wait until it is asked for, or they expire."""
    if resting:
        rows = list(resting)
        columns: dict[str, Values] = {
            "due_at": loaded.messages.ints("expires_at", NONE)[rows],
            "until": [None] * len(rows),
            "rule": [None] * len(rows),
            "asked_at": np.full(len(rows), work.now, np.int64),
            "ask_because": [f"campaign {state}" for state in resting.values()],
        }
        rows_of.move(conn, _keys(loaded, rows), State.WAITING, columns)


def due_after(welcome: Ints, expires: Ints, ids: Ints, spread: int, now: int, errors: Sequence[bool]) -> Ints:
    """When deferred messages are asked again: int64[n], NONE for those that only an event brings back.

    At their until plus a stable offset within `spread`, before they expire, and never at once again; not yet known: at
    their expiry; held because deciding threw: in an hour."""
    room = np.maximum(expires - np.minimum(welcome, expires), 0)
    width = np.minimum(spread, room - np.minimum(room // 2, MINUTE))
    offset = spread_of(ids, SPREAD_STEPS + 1) * (width // SPREAD_STEPS)
    known = welcome < HELD
    due = np.where(known, np.minimum(np.where(known, welcome, 0) + offset, expires), expires)
    due = np.minimum(np.maximum(due, now + SECOND), expires)
    due = np.where(np.asarray(errors, bool), np.minimum(now + ASK_ERRORS_EVERY, expires), due)
    return np.where(due == NEVER, NONE, due).astype(np.int64)


def _lines(loaded: Loaded, outcomes: Sequence[tuple[int, Outcome]]) -> list[_Line]:
    """Each answer with its ids, and the last number of its circle that it saw: touches made before it in this round
    too."""
    m = loaded.messages
    seen = dict(loaded.seen)
    ids = new_ids(2 * len(outcomes)).tolist()
    lines = []
    for place, (row, outcome) in enumerate(outcomes):
        circle = m["circle"][row]
        sends = outcome.verdict is Verdict.SEND
        again = sends and m["doubt_at"][row] is not None
        touch = m["touch"][row] if again else ids[2 * place + 1] if sends else None
        new = outcome.verdict is not Verdict.DEFER or not _same(loaded, row, outcome)
        lines.append(_Line(row, outcome, seen[circle], new, ids[2 * place], touch, sends and not again))
        seen[circle] += sends and not again
    return lines


def _same(loaded: Loaded, row: int, outcome: Outcome) -> bool:
    """Whether a deferral is what the message's latest one said."""
    m = loaded.messages
    until = None if outcome.welcome_at >= HELD else outcome.welcome_at
    return m["decision"][row] is not None and m["rule"][row] == outcome.rule and m["until"][row] == until


def _write_decisions(conn: Connection, work: Work, answers: Answers, lines: Sequence[_Line]) -> None:
    loaded, m = answers.loaded, answers.loaded.messages
    touch_of = {m["id"][line.row]: line.touch for line in lines if line.touch is not None}
    until = [line.outcome.welcome_at for line in lines]
    columns: dict[str, Any] = {
        **_place_columns(loaded, lines),
        "id": [line.decision for line in lines],
        "message": [m["id"][line.row] for line in lines],
        "at": np.full(len(lines), work.now, np.int64),
        "verdict": [int(line.outcome.verdict) for line in lines],
        "until": [None if u >= HELD else u for u in until],
        "held": np.array([u == HELD for u in until], bool),
        "rule": [line.outcome.rule for line in lines],
        "evidence": [_told(line.outcome.pushes, touch_of) for line in lines],
        "watched": [_told(line.outcome.watched, touch_of) if line.outcome.watched else None for line in lines],
        "policy": [work.active.policy.hash] * len(lines),
        "segment": [answers.segment[int(loaded.person[line.row])] for line in lines],
        "seen_number": [line.seen_number for line in lines],
        "daemon": [work.me] * len(lines),
    }
    if lines:
        rows_of.write_decisions(conn, columns)


def _told(pushes: Sequence[Push], touch_of: dict[int, int]) -> str:
    """Evidence as JSON. A touch made in this round was named by its message, negated."""
    lines = [
        {
            "rule": push.rule,
            "kind": push.kind,
            "welcome_at": push.welcome_at,
            "touches": [touch_of.get(-t, t) if t < 0 else t for t in push.touches],
            "detail": push.detail,
        }
        for push in pushes
    ]
    return orjson.dumps(lines, default=str, option=orjson.OPT_SERIALIZE_NUMPY).decode()


def _write_touches(conn: Connection, work: Work, answers: Answers, lines: Sequence[_Line]) -> None:
    """The touches, and copies of the recent ones of their circles and of those that have none."""
    loaded, m = answers.loaded, answers.loaded.messages
    copies = _copies(work, answers, lines)
    if loaded.copies is not None:
        touched = {m["circle"][line.row] for line in lines}
        bare = loaded.copies.bare(touched)
        rows_of.write_copies(conn, loaded.copies.shard[bare], loaded.copies.id[bare], copies, loaded.copies.since)
    if not lines:
        return
    at = np.full(len(lines), work.now, np.int64)
    places = _place_columns(loaded, lines)
    ways = [loaded.ways[line.row] for line in lines]
    same = {name: [m[name][line.row] for line in lines] for name in _TOUCH_COLUMNS}
    columns: dict[str, Any] = {
        **places,
        **same,
        "id": [line.touch for line in lines],
        "number": take_numbers(
            conn,
            np.array(places["shard"], np.int64),
            np.array(places["circle"], np.int64),
            copies,
            NONE if loaded.copies is None else loaded.copies.since,
        ),
        "at": at,
        "recorded_at": at,
        "mailbox": [None if way is None else way.mailbox for way in ways],
        "triggered": np.array([m["trigger_at"][line.row] is not None for line in lines], bool),
        "outcome": ["sent"] * len(lines),
        "message": [m["id"][line.row] for line in lines],
        "source": ["cadence"] * len(lines),
        "source_id": [str(line.decision) for line in lines],
    }
    rows_of.write_touches(conn, columns)


def _copies(work: Work, answers: Answers, lines: Sequence[_Line]) -> dict[int, bytes | None]:
    """By circle its recent touches, those of these lines too, of the circles that want a new copy."""
    loaded, m = answers.loaded, answers.loaded.messages
    known = loaded.copies
    if known is None:
        return {}
    touches = loaded.history.touches
    if lines:
        sent = np.array([m["id"][line.row] for line in lines], np.int64)
        rows = Places(answers.asked.id).of(sent)  # in the order of their numbers
        touches = with_touches(loaded.history, answers.asked, rows, work.now)
        mine = np.flatnonzero(touches.id < 0)  # so far they bear the ids of their messages, negated
        made = np.array([line.touch for line in lines], np.int64)
        touches.id[mine] = made[Places(sent).of(-touches.id[mine])]
    wanting = {m["circle"][line.row] for line in lines} | set(known.id[~known.good].tolist())
    return known.anew(touches, loaded.history.people.id, wanting) if wanting else {}


_TOUCH_COLUMNS = ("channel", "category", "campaign", "thread", "topic", "content", "tags")


def _sent(conn: Connection, work: Work, loaded: Loaded, lines: Sequence[_Line]) -> None:
    state = State.WITHDRAWN if work.shadow else State.DECIDED
    columns = {
        **_decided_columns(work, lines, state),
        "touch": [line.touch for line in lines],
        "until": [None] * len(lines),
        "hand_over_at": [None] * len(lines),
    }
    if work.shadow:
        columns |= {"outcome_at": np.full(len(lines), work.now, np.int64), "because": [SHADOW] * len(lines)}
    rows_of.move(conn, _keys(loaded, [line.row for line in lines]), State.WAITING, columns)
    if work.shadow:
        m = loaded.messages
        gone = [(m["shard"][line.row], m["circle"][line.row], line.touch or 0) for line in lines if line.touches]
        outbox.withdraw_touches(conn, gone, work.now, [SHADOW] * len(gone))


def _suppressed(conn: Connection, work: Work, loaded: Loaded, lines: Sequence[_Line]) -> None:
    columns = {
        **_decided_columns(work, lines, State.SUPPRESSED),
        "outcome_at": np.full(len(lines), work.now, np.int64),
        "because": [line.outcome.rule for line in lines],
    }
    rows_of.move(conn, _keys(loaded, [line.row for line in lines]), State.WAITING, columns)


def _decided_columns(work: Work, lines: Sequence[_Line], state: State) -> dict[str, Any]:
    """What every answer that ends the waiting writes."""
    n = len(lines)
    return {
        "state": [state.value] * n,
        "decision": [line.decision for line in lines],
        "rule": [line.outcome.rule for line in lines],
        "decided_at": np.full(n, work.now, np.int64),
        "asked_at": np.full(n, work.now, np.int64),
        "due_at": [None] * n,
    }


def _deferred(conn: Connection, work: Work, loaded: Loaded, lines: Sequence[_Line]) -> None:
    m = loaded.messages
    rows = [line.row for line in lines]
    welcome = np.array([line.outcome.welcome_at for line in lines], np.int64)
    errors = [line.outcome.rule == ERROR for line in lines]
    spread = work.active.policy.defaults.spread
    columns: dict[str, Values] = {
        "decision": [line.decision if line.new else m["decision"][line.row] for line in lines],
        "rule": [line.outcome.rule for line in lines],
        "until": [None if u >= HELD else u for u in welcome.tolist()],
        "asked_at": np.full(len(lines), work.now, np.int64),
        "due_at": due_after(
            welcome, m.ints("expires_at", NEVER)[rows], m.ints("id", NONE)[rows], spread, work.now, errors
        ),
    }
    rows_of.move(conn, _keys(loaded, rows), State.WAITING, columns)


def _remember_contacts(conn: Connection, work: Work, answers: Answers) -> None:
    """Segments, and for contacts with something still waiting when time alone may change an answer. An instant that
    isn't later than now would ask for ever: it is taken as an hour from now."""
    loaded = answers.loaded
    waits = {loaded.messages["contact"][r] for r, o in answers.outcomes if o.verdict is Verdict.DEFER}
    seen = {int(loaded.person[r]): loaded.messages["shard"][r] for r, _ in answers.outcomes}
    people = sorted(p for p in seen if answers.segment[p] is not None)  # none: it threw, what is stored stays
    ids = loaded.history.people.id[people]
    change = answers.next_change[people]
    change = np.where(change <= work.now, work.now + HOUR, change)
    change = np.where((change == NEVER) | ~np.isin(ids, list(waits)), NONE, change).astype(np.int64)
    pairs = [(seen[p], int(i)) for p, i in zip(people, ids, strict=True)]
    rows_of.remember_contacts(conn, pairs, [answers.segment[p] for p in people], change, work.now)


def _place_columns(loaded: Loaded, lines: Sequence[_Line]) -> dict[str, list[Any]]:
    return {name: [loaded.messages[name][line.row] for line in lines] for name in ("shard", "circle", "contact")}


def _keys(loaded: Loaded, rows: Sequence[int]) -> list[tuple[int, int]]:
    m = loaded.messages
    return [(m["shard"][r], m["id"][r]) for r in rows]
