"""What a round's answers leave in the record: decisions, touches, and where each message stands now, in one
transaction.

The shards are locked by the tick that calls; nothing here decides, and nothing is handed over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import orjson
from sqlalchemy.engine import Connection

from cadence.decide.round import LOOKAHEAD, with_touches
from cadence.facts import HELD, HOUR, MINUTE, NEVER, NONE, SECOND, Bools, Ints, Outcome, Push, Verdict
from cadence.queue.deciding import Answers
from cadence.queue.endings import Ending
from cadence.queue.load import Loaded
from cadence.queue.states import State
from cadence.queue.work import Work
from cadence.rules.sentence import ERROR
from cadence.store import outbox
from cadence.store import round as rows_of
from cadence.store.bulk import Values
from cadence.store.ids import new_ids, spread_of
from cadence.store.numbers import advance, rank_within
from cadence.store.places import Places
from cadence.store.tables import OURS

ASK_ERRORS_EVERY: int = HOUR
"""A message held because deciding it threw, or whose template is missing, is asked again so often."""
SPREAD_STEPS: int = 30
"""What falls due together is spread over so many steps: fewer, fuller ticks than one for each message."""
SHADOW = "shadow: decided to send, nothing was handed over"


@dataclass(frozen=True, slots=True)
class _Lines:
    """Answers on their way into the record, as columns: one line each, in the order in which they were decided."""

    outcomes: Sequence[Outcome]
    row: Ints
    """Rows of loaded.messages, int64[n]."""
    verdict: npt.NDArray[np.int8]
    welcome_at: Ints
    seen: Ints
    """The last number of its circle that it saw: touches made before it in this round too."""
    new: Bools
    """It writes a decision: its verdict, until or rule isn't what it was."""
    decision: Ints
    """Ids, new ones for all."""
    touch: Ints
    """The id of the touch it makes, or of the one it made when its fate was left in doubt; NONE where it doesn't go."""
    touches: Bools
    """It makes a new touch."""

    def __len__(self) -> int:
        return len(self.row)

    def where(self, which: Bools) -> _Lines:
        """Those lines."""
        kept = [o for o, k in zip(self.outcomes, which.tolist(), strict=True) if k]
        return _Lines(kept, *(getattr(self, name)[which] for name in self.__slots__[1:]))

    @property
    def rules(self) -> list[str | None]:
        """Which rule bound each."""
        return [o.rule for o in self.outcomes]

    @property
    def until(self) -> Ints:
        """When each is welcome; NONE where that isn't known, or never."""
        return np.where(self.welcome_at >= HELD, NONE, self.welcome_at).astype(np.int64)


def write(conn: Connection, work: Work, answers: Answers) -> Counter[str]:
    """Write down all of a round's answers; returns how many messages were sent, deferred, suppressed, unchanged,
    stopped."""
    loaded = answers.loaded
    lines = _lines(loaded, answers.outcomes)
    done: Counter[str] = Counter()
    _write_decisions(conn, work, answers, lines.where(lines.new))
    _write_touches(conn, work, answers, lines.where(lines.touches))
    for verdict, move in ((Verdict.SEND, _sent), (Verdict.SUPPRESS, _suppressed), (Verdict.DEFER, _deferred)):
        mine = lines.where(lines.verdict == verdict)
        done[verdict.word] += len(mine)
        if len(mine):
            move(conn, work, loaded, mine)
    no_longer = {row: Ending(State.STOPPED, "still_if no longer holds") for row in answers.no_longer}
    done += end(conn, work, loaded, no_longer)
    _remember_contacts(conn, work, answers, lines)
    if work.shadow:
        _withdraw(conn, work, loaded, lines.where(lines.touches))
    done["unchanged"] += int((~lines.new).sum())
    return done


def end(conn: Connection, work: Work, loaded: Loaded, ended: dict[int, Ending]) -> Counter[str]:
    """End waiting messages (rows of loaded.messages), each with its reason; a touch that an earlier decision left is
    kept."""
    if ended:
        n, rows = len(ended), list(ended)
        columns: dict[str, Values] = {
            "state": [e.state.value for e in ended.values()],
            "because": [e.because for e in ended.values()],
            "outcome_at": np.full(n, work.now, np.int64),
            "due_at": [None] * n,
        }
        rows_of.move(conn, loaded.messages.keys(rows), State.WAITING, columns)
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
        rows_of.move(conn, loaded.messages.keys(rows), State.WAITING, columns)


def wait(conn: Connection, work: Work, loaded: Loaded, lacking: dict[int, str]) -> None:
    """Let messages that can't be written as their campaign's files are wait for these: rows of loaded.messages, each with why.
    Asked again every hour, since another machine may have them."""
    if lacking:
        rows, n = list(lacking), len(lacking)
        expires = loaded.messages.ints("expires_at", NEVER)[rows]
        columns: dict[str, Values] = {
            "due_at": np.minimum(work.now + ASK_ERRORS_EVERY, expires),
            "asked_at": np.full(n, work.now, np.int64),
            "ask_because": list(lacking.values()),
        }
        rows_of.move(conn, loaded.messages.keys(rows), State.WAITING, columns)


def wake(conn: Connection, work: Work, loaded: Loaded, gone: Collection[int], answers: Sequence[Answers]) -> None:
    """Have those asked again that wait for a more important message of their circle, where one there ends or rests (gone:
    rows of loaded.messages) or won't go. What was asked just now knows of it."""
    m = loaded.messages
    waiting = [row for row, rule in enumerate(m["rule"]) if rule == LOOKAHEAD and row not in gone]
    if not waiting:
        return
    circles, asked = {m["circle"][row] for row in gone}, set[int]()
    for answered in answers:
        told = answered.loaded.messages
        never = [row for row, o in answered.outcomes if o.verdict is Verdict.SUPPRESS]
        circles |= {told["circle"][row] for row in (*never, *answered.no_longer)}
        asked |= {told["id"][row] for row, _ in answered.outcomes}
    rows = [row for row in waiting if m["circle"][row] in circles and m["id"][row] not in asked]
    n = len(rows)
    columns: dict[str, Values] = {
        "due_at": np.full(n, work.now, np.int64),
        "ask_because": ["what it waited for is gone"] * n,
    }
    rows_of.move(conn, m.keys(rows), State.WAITING, columns)


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


def _lines(loaded: Loaded, outcomes: Sequence[tuple[int, Outcome]]) -> _Lines:
    m, n = loaded.messages, len(outcomes)
    row = np.array([row for row, _ in outcomes], np.int64)
    told = [outcome for _, outcome in outcomes]
    verdict = np.array([o.verdict for o in told], np.int8)
    welcome = np.array([o.welcome_at for o in told], np.int64)
    circle = m.ints("circle", NONE)[row]
    ids = new_ids(2 * n)
    sends = verdict == Verdict.SEND
    again = sends & (m.ints("doubt_at", NONE)[row] != NONE)
    touches = sends & ~again
    seen = np.array([loaded.seen[c] for c in circle.tolist()], np.int64) + rank_within(circle, touches)
    touch = np.where(again, m.ints("touch", NONE)[row], np.where(sends, ids[1::2], NONE))
    lines = _Lines(told, row, verdict, welcome, seen, np.ones(n, bool), ids[::2], touch, touches)
    return replace(lines, new=(verdict != Verdict.DEFER) | ~_same(loaded, lines))


def _same(loaded: Loaded, lines: _Lines) -> Bools:
    """Whether each deferral is what the message's latest one said."""
    m = loaded.messages
    before = m["rule"]
    rule = [before[r] == rule for r, rule in zip(lines.row.tolist(), lines.rules, strict=True)]
    same: Bools = (
        (m.ints("decision", NONE)[lines.row] != NONE)
        & (m.ints("until", NONE)[lines.row] == lines.until)
        & np.array(rule, bool)
    )
    return same


def _write_decisions(conn: Connection, work: Work, answers: Answers, lines: _Lines) -> None:
    loaded, n = answers.loaded, len(lines)
    id_ = loaded.messages.ints("id", NONE)[lines.row]
    goes = lines.touch != NONE
    touch_of = dict(zip(id_[goes].tolist(), lines.touch[goes].tolist(), strict=True))
    places = _places(loaded, lines)
    _, which, count = np.unique(places["circle"], return_inverse=True, return_counts=True)
    known = [touch_of if several else None for several in (count[which] > 1).tolist()]
    columns: dict[str, Values] = {
        **places,
        "id": lines.decision,
        "message": id_,
        "at": np.full(n, work.now, np.int64),
        "verdict": lines.verdict.astype(np.int64),
        "until": lines.until,
        "held": lines.welcome_at == HELD,
        "rule": lines.rules,
        "evidence": [_told(o.pushes, made) for o, made in zip(lines.outcomes, known, strict=True)],
        "watched": [
            _told(o.watched, made) if o.watched else None for o, made in zip(lines.outcomes, known, strict=True)
        ],
        "policy": [work.active.policy.hash] * n,
        "segment": [answers.segment[p] for p in loaded.person[lines.row].tolist()],
        "seen_number": lines.seen,
        "daemon": [work.me] * n,
    }
    if n:
        rows_of.write_decisions(conn, columns)


def _told(pushes: Sequence[Push], touch_of: dict[int, int] | None) -> str:
    """Evidence as JSON: the fields of `Push`. A touch made in this round was named by its message, negated. touch_of: by
    message; None where no other message of the circle is in the round."""
    if touch_of is not None and any(min(push.touches, default=0) < 0 for push in pushes):
        pushes = [replace(p, touches=tuple(touch_of.get(-t, t) if t < 0 else t for t in p.touches)) for p in pushes]
    return orjson.dumps(pushes, default=str, option=orjson.OPT_SERIALIZE_NUMPY).decode()


def _write_touches(conn: Connection, work: Work, answers: Answers, lines: _Lines) -> None:
    """The touches, and copies of the recent ones of their circles and of those that have none."""
    loaded, m, n = answers.loaded, answers.loaded.messages, len(lines)
    _advance(conn, work, answers, lines)
    if not n:
        return
    at = np.full(n, work.now, np.int64)
    rows = lines.row.tolist()
    ways = [loaded.ways[r] for r in rows]
    same = {name: list(map(m[name].__getitem__, rows)) for name in _TOUCH_COLUMNS}
    columns: dict[str, Values] = {
        **_places(loaded, lines),
        **same,
        "id": lines.touch,
        "number": lines.seen + 1,
        "at": at,
        "recorded_at": at,
        "mailbox": [None if way is None else way.mailbox for way in ways],
        "triggered": m.ints("trigger_at", NONE)[lines.row] != NONE,
        "outcome": ["sent"] * n,
        "message": m.ints("id", NONE)[lines.row],
        "source": [OURS] * n,
        "source_id": [str(d) for d in lines.decision.tolist()],
    }
    rows_of.write_touches(conn, columns)


def _advance(conn: Connection, work: Work, answers: Answers, lines: _Lines) -> None:
    """The numbers of these touches taken, and the copies of their circles written anew, and of those that have none."""
    places = _places(answers.loaded, lines)
    circle, first, count = np.unique(places["circle"], return_index=True, return_counts=True)
    shard, known = places["shard"][first], answers.loaded.copies
    if known is None:
        advance(conn, shard, circle, count.astype(np.int64), {}, NONE)
        return
    bare = known.bare(circle)
    advance(
        conn,
        np.concatenate([shard, known.shard[bare]]),
        np.concatenate([circle, known.id[bare]]),
        np.concatenate([count, np.zeros(len(bare))]).astype(np.int64),
        _copies(work, answers, lines, np.concatenate([circle, known.id[bare]])),
        known.since,
    )


def _copies(work: Work, answers: Answers, lines: _Lines, wanting: Ints) -> dict[int, bytes | None]:
    """By circle its recent touches, those of these lines too, of the circles that want a new copy."""
    known = answers.loaded.copies
    if known is None or not len(wanting):
        return {}
    touches = answers.loaded.history.touches
    if len(lines):
        sent = answers.loaded.messages.ints("id", NONE)[lines.row]
        rows = Places(answers.asked.id).of(sent)  # in the order of their numbers
        touches = with_touches(answers.loaded.history, answers.asked, rows, work.now)
        mine = np.flatnonzero(touches.id < 0)  # so far they bear the ids of their messages, negated
        touches.id[mine] = lines.touch[Places(sent).of(-touches.id[mine])]
    return known.anew(touches, answers.loaded.history.people.id, wanting)


_TOUCH_COLUMNS = ("channel", "category", "campaign", "thread", "topic", "content", "tags")


def _sent(conn: Connection, work: Work, loaded: Loaded, lines: _Lines) -> None:
    n, state = len(lines), State.WITHDRAWN if work.shadow else State.DECIDED
    columns = {
        **_decided_columns(work, lines, state),
        "touch": lines.touch,
        "until": np.full(n, NONE, np.int64),
        "hand_over_at": np.full(n, NONE, np.int64),
    }
    if work.shadow:
        columns |= {"outcome_at": np.full(n, work.now, np.int64), "because": [SHADOW] * n}
    rows_of.move(conn, loaded.messages.keys(lines.row), State.WAITING, columns)


def _withdraw(conn: Connection, work: Work, loaded: Loaded, lines: _Lines) -> None:
    """What only would have been sent has touched nobody."""
    places = _places(loaded, lines)
    gone = list(zip(places["shard"].tolist(), places["circle"].tolist(), lines.touch.tolist(), strict=True))
    outbox.withdraw_touches(conn, gone, work.now, [SHADOW] * len(gone))


def _suppressed(conn: Connection, work: Work, loaded: Loaded, lines: _Lines) -> None:
    columns = {
        **_decided_columns(work, lines, State.SUPPRESSED),
        "outcome_at": np.full(len(lines), work.now, np.int64),
        "because": lines.rules,
    }
    rows_of.move(conn, loaded.messages.keys(lines.row), State.WAITING, columns)


def _decided_columns(work: Work, lines: _Lines, state: State) -> dict[str, Values]:
    """What every answer that ends the waiting writes."""
    n = len(lines)
    return {
        "state": [state.value] * n,
        "decision": lines.decision,
        "rule": lines.rules,
        "decided_at": np.full(n, work.now, np.int64),
        "asked_at": np.full(n, work.now, np.int64),
        "due_at": np.full(n, NONE, np.int64),
    }


def _deferred(conn: Connection, work: Work, loaded: Loaded, lines: _Lines) -> None:
    m = loaded.messages
    expires, ids = m.ints("expires_at", NEVER)[lines.row], m.ints("id", NONE)[lines.row]
    rules = lines.rules
    errors = [rule == ERROR for rule in rules]
    columns: dict[str, Values] = {
        "decision": np.where(lines.new, lines.decision, m.ints("decision", NONE)[lines.row]),
        "rule": rules,
        "until": lines.until,
        "asked_at": np.full(len(lines), work.now, np.int64),
        "due_at": due_after(lines.welcome_at, expires, ids, work.active.policy.defaults.spread, work.now, errors),
    }
    rows_of.move(conn, m.keys(lines.row), State.WAITING, columns)


def _remember_contacts(conn: Connection, work: Work, answers: Answers, lines: _Lines) -> None:
    """Segments, and for contacts with something still waiting, asked now or not, when time alone may change an answer: of
    those in whom one of them changed. An instant that isn't later than now would ask for ever: it is taken as an hour from
    now."""
    loaded, asked = answers.loaded, answers.asked
    people, first = np.unique(loaded.person[lines.row], return_index=True)
    decided = loaded.messages.ints("id", NONE)[lines.row[lines.verdict != Verdict.DEFER]]
    waits = np.isin(people, asked.contact[~np.isin(asked.id, decided)])
    change = answers.next_change[people]
    change = np.where(change <= work.now, work.now + HOUR, change)
    change = np.where((change == NEVER) | ~waits, NONE, change).astype(np.int64)
    stored, segment = loaded.standing, answers.segment
    known = np.array([segment[p] is not None for p in people.tolist()], bool)  # None: it threw, what is stored stays
    moved = np.array([segment[p] != stored.segment[p] for p in people.tolist()], bool)
    which = np.flatnonzero(known & (moved | (change != stored.next_change[people])))
    rows_of.remember_contacts(
        conn,
        loaded.messages.ints("shard", NONE)[lines.row[first[which]]],
        loaded.history.people.id[people[which]],
        [segment[p] for p in people[which].tolist()],
        np.where(moved[which], work.now, NONE).astype(np.int64),
        change[which],
    )


def _places(loaded: Loaded, lines: _Lines) -> dict[str, Ints]:
    return {name: loaded.messages.ints(name, NONE)[lines.row] for name in ("shard", "circle", "contact")}
