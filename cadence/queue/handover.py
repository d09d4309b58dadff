"""The hand-over: what is decided goes to its provider, once.

It reads as the list of its steps. A message is recorded as `sending`, in a commit of its own, before the provider is
called; whatever a crash leaves in that state is in doubt, and marketing is then never handed over again. Rendering is
given from above.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from sqlalchemy.engine import Connection

from cadence.decide.round import decide
from cadence.facts import MINUTE, NONE, Ints, Verdict
from cadence.log import logger
from cadence.providers.letter import Letter
from cadence.providers.provider import shown
from cadence.queue import outlets
from cadence.queue.back import back, move, refuse
from cadence.queue.calling import ask, deliver
from cadence.queue.endings import UNWRITTEN, cannot_be_written, endings
from cadence.queue.load import Loaded, candidates, load
from cadence.queue.receipts import probed, record
from cadence.queue.states import State
from cadence.queue.steps import reached
from cadence.queue.work import Work
from cadence.queue.written import ASK_ERRORS_EVERY
from cadence.store import StoreUnavailable, leases, outbox
from cadence.store import round as rows_of
from cadence.store.bulk import Values

_log = logger("queue")

AT_ONCE: int = 200
"""The most messages marked `sending` together: what a crash can leave in doubt."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message about to be written out and handed over."""

    id: int
    shard: int
    circle: int
    contact: int
    address: str
    channel: str
    category: str
    campaign: str | None
    run: int | None
    content: str | None
    thread: str | None
    topic: str | None
    variables: Mapping[str, Any]
    marketing: bool
    decided_at: int


@dataclass(frozen=True, slots=True)
class Rendered:
    """Letters by message id, and why some could not be written."""

    letters: Mapping[int, Letter]
    failed: Mapping[int, str] = field(default_factory=dict)
    missing: Mapping[int, str] = field(default_factory=dict)
    """Of those whose template isn't there, or is broken: nobody's letter can be written by it as it is, and that may be
    mended."""


LettersFor = Callable[[Connection, Sequence[Outgoing]], Rendered]
"""Writes letters, late. Called with the shards locked: it reads, and does nothing else."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Letters for one channel, recorded as `sending`."""

    channel: str
    letters: tuple[Letter, ...]
    shards: Mapping[int, int]
    """Where each message is, by its id."""


def hand_over(
    work: Work, letters_for: LettersFor, again: Callable[[StoreUnavailable], bool] = lambda error: False
) -> Counter[str]:
    """Hand over what is decided, a batch of it; counts of what became of it, empty when there was nothing.

    again: asked when the database is away while receipts have to be written down; waits and says whether to try again.
    Without it those messages stay `sending` and are in doubt once somebody finds them."""
    if work.shadow or not work.outlets or not work.awake():
        return Counter()
    asked = probe(work)
    batches, done = prepare(work, letters_for)
    done += asked
    for batch in batches:
        receipts = deliver(work.outlets[batch.channel].provider, batch.letters, work.awake)
        reached("handed over")
        while True:
            try:
                done += record(work, work.outlets[batch.channel], batch.shards, receipts)
                break
            except StoreUnavailable as error:
                if not again(error):
                    raise
        reached("recorded")
    return done


def probe(work: Work) -> Counter[str]:
    """Ask the providers that were left alone, where their pause is over and they can be asked, whether they work: so that none
    is handed a letter, whose fate it might leave in doubt, as long as even that shows that they don't."""
    with work.store.read() as conn:
        asked = [outlet for outlet in work.outlets.values() if outlets.to_be_probed(conn, outlet, work.now)]
    for outlet in asked:
        shut, now = ask(outlet.provider), work.by_now().now
        with work.store.write() as conn:
            outlets.learn(conn, outlet, now, partial(probed, shut=shut, now=now))
        if shut is not None:
            _log.warning("the provider has trouble still", provider=outlet.provider.name, why=shut.detail)
    return Counter(probed=len(asked)) if asked else Counter()


def prepare(work: Work, letters_for: LettersFor) -> tuple[list[Batch], Counter[str]]:
    """Take what is decided, look twice, write it out, and record it as `sending`: all in one commit."""
    with work.store.read() as conn:
        closed = [c for c, outlet in work.outlets.items() if outlets.opens_at(conn, outlet, work.now) > work.now]
        begun_by = work.now - work.hand_over_within
        found = outbox.decided_of(conn, work.shards, work.now, AT_ONCE, closed, begun_by)
    if not found:
        return [], Counter()
    with work.store.write() as conn:
        mine = leases.lock_mine(conn, work.me, {shard for shard, _, _ in found})
        keys, work = [(shard, id_) for shard, _, id_ in found if shard in mine], work.by_now()
        loaded, done = take(conn, work, keys)
        rows = lapse(conn, work, loaded, leave_in_doubt(conn, work, loaded, done), done)
        going = look_twice(conn, work, loaded, rows, done)
        reached("looked")
        batches = [
            batch
            for channel, rows in by_channel(conn, work, loaded, going, done).items()
            if (batch := write_out(conn, work, loaded, channel, rows, letters_for, done)) is not None
        ]
    reached("marked")
    return batches, done


def take(conn: Connection, work: Work, keys: Sequence[tuple[int, int]]) -> tuple[Loaded, Counter[str]]:
    """These messages, as far as they are still decided, with what the second look needs."""
    messages = rows_of.messages_by_id(conn, keys)
    still = [r for r, state in enumerate(messages["state"]) if state == State.DECIDED]
    messages = messages.take(still)
    circles = sorted(set(zip(messages["shard"], messages["circle"], strict=True)))
    return load(conn, work.active, work.active.second_needs, messages, circles, work.now), Counter()


def leave_in_doubt(conn: Connection, work: Work, loaded: Loaded, done: Counter[str]) -> list[int]:
    """What was transactional when its fate became unknown, and is marketing by the policy of now, is handed over no more; the
    other rows go on."""
    m = loaded.messages
    doubted = [r for r in range(len(m)) if m["doubt_at"][r] is not None]
    left = [r for r in doubted if work.active.is_marketing(m["category"][r])]
    n = len(left)
    columns: dict[str, Values] = {
        "state": [State.IN_DOUBT.value] * n,
        "outcome_at": np.full(n, work.now, np.int64),
        "because": ["an earlier hand-over may have reached the contact, and by now it is marketing"] * n,
    }
    move(conn, m, left, columns)
    done["in_doubt"] += n
    return [r for r in range(len(m)) if r not in set(left)]


def lapse(conn: Connection, work: Work, loaded: Loaded, rows: Sequence[int], done: Counter[str]) -> list[int]:
    """Those decided too long ago go back to be decided anew; the other rows go on. One that was begun before, and
    whose fate is in doubt, began in time."""
    m = loaded.messages
    begun_by = work.now - work.hand_over_within
    late = [r for r in rows if m["decided_at"][r] < begun_by and m["doubt_at"][r] is None]
    done["lapsed"] += back(conn, work, m, dict.fromkeys(late, "lapsed: not handed over in time"))
    return [r for r in rows if r not in set(late)]


def look_twice(conn: Connection, work: Work, loaded: Loaded, rows: list[int], done: Counter[str]) -> list[int]:
    """Consent, stops, holds, the campaign's state and what else may have ended a message, once more; the rows that still
    go. Where looking throws the message is held as error, and decided anew when those are."""
    ending = endings(loaded, work.now)
    otherwise = {r: f"last look: {e.because}" for r, e in ending.ended.items()}
    otherwise |= {r: f"last look: campaign {state}" for r, state in ending.resting.items()}
    stay = np.array([r for r in rows if r not in otherwise], np.int64)
    away, threw = second_look(work, loaded, stay)
    otherwise = {r: w for r, w in {**otherwise, **away}.items() if r in set(rows)}
    # Decided at this very instant, and seen otherwise now: not at once again, or the two would go on for ever.
    later = {r: work.now + MINUTE for r in otherwise if loaded.messages["decided_at"][r] == work.now}
    done["looked away"] += back(conn, work, loaded.messages, otherwise, later)
    done["error"] += back(conn, work, loaded.messages, threw, dict.fromkeys(threw, work.now + ASK_ERRORS_EVERY))
    return [r for r in rows if r not in otherwise and r not in threw]


def second_look(work: Work, loaded: Loaded, rows: Ints) -> tuple[dict[int, str], dict[int, str]]:
    """What the rules that are always on say now, the messages' own touches left out: which rows may not go, and for which
    it threw, each with why. Rows that throw together are asked circle by circle."""
    if not len(rows):
        return {}, {}
    try:
        return _looked(work, loaded, rows), {}
    except Exception as problem:  # noqa: BLE001 - whatever it is, it must hold messages, never let them pass
        _log.error("the last look threw; asking circle by circle", error=f"{type(problem).__name__}: {problem}")
    away: dict[int, str] = {}
    threw: dict[int, str] = {}
    circles = np.array(loaded.messages["circle"], np.int64)[rows]
    for circle in dict.fromkeys(circles.tolist()):
        mine = rows[circles == circle]
        try:
            away |= _looked(work, loaded, mine)
        except Exception as problem:  # noqa: BLE001
            threw |= dict.fromkeys(mine.tolist(), f"last look threw {type(problem).__name__}: {problem}")
    return away, threw


def _looked(work: Work, loaded: Loaded, rows: Ints) -> dict[int, str]:
    asked = candidates(work.active, loaded, rows, np.ones(len(rows), bool))
    own = np.array([t or NONE for t in loaded.messages.take(rows.tolist())["touch"]], np.int64)
    touches = loaded.history.touches
    history = replace(loaded.history, touches=touches.take(np.flatnonzero(~np.isin(touches.id, own))))
    row_of = {int(i): int(r) for i, r in zip(asked.id, rows, strict=True)}
    decided = decide(work.active.second_look, history, asked, work.now)
    return {row_of[o.message]: f"last look: {o.rule}" for o in decided.outcomes if o.verdict is not Verdict.SEND}


def by_channel(
    conn: Connection, work: Work, loaded: Loaded, rows: Sequence[int], done: Counter[str]
) -> dict[str, list[int]]:
    """The rows by channel, channels in order, since their providers' rows are locked one after another; those of a channel
    without a provider are refused."""
    found: dict[str, list[int]] = {}
    for r in rows:
        found.setdefault(loaded.messages["channel"][r], []).append(r)
    for channel in [c for c in found if c not in work.outlets]:
        why = f"no provider hands over {channel}; set one up, or send it another way"
        done["refused"] += refuse(conn, work, loaded.messages, dict.fromkeys(found.pop(channel), why))
    return dict(sorted(found.items()))


def write_out(
    conn: Connection,
    work: Work,
    loaded: Loaded,
    channel: str,
    rows: Sequence[int],
    letters_for: LettersFor,
    done: Counter[str],
) -> Batch | None:
    """Write the letters the provider takes now and record them as `sending`; the others stay decided."""
    outlet = work.outlets[channel]
    room = outlets.reserve(conn, outlet, work.now, len(rows))
    rows = last_to_last(loaded, rows[:room])
    if not rows:
        return None
    rendered = letters_for(conn, [outgoing(work, loaded, r) for r in rows])
    ids = loaded.messages["id"]
    going = [r for r in rows if ids[r] in rendered.letters]
    outlets.give_back(conn, outlet, work.now, len(rows) - len(going))
    put_by(conn, work, loaded, [r for r in rows if ids[r] not in rendered.letters], rendered, done)
    mark(conn, work, loaded, going, outlet.provider.name)
    if not going:
        return None
    where = {ids[r]: loaded.messages["shard"][r] for r in going}
    return Batch(channel, tuple(rendered.letters[ids[r]] for r in going), where)


def put_by(
    conn: Connection, work: Work, loaded: Loaded, rows: Sequence[int], rendered: Rendered, done: Counter[str]
) -> None:
    """Those that no letter was written for: refused, but where only a campaign's files are missing or broken. Then they wait
    until these are there, for a slip in a file, or a machine that lacks it, must lose nobody's mail."""
    m = loaded.messages
    named = [r for r in rows if m["id"][r] in rendered.missing and m["campaign"][r] in loaded.campaigns]
    wait = {r: cannot_be_written(rendered.missing[m["id"][r]]) for r in named}
    why = {**rendered.missing, **rendered.failed}
    never = {r: shown(why.get(m["id"][r], "no letter was written for it")) for r in rows if r not in wait}
    for words, n in sorted(Counter(wait.values()).items()):
        _log.error("letters wait for their template", messages=n, why=words)
    later = dict.fromkeys(wait, work.now + ASK_ERRORS_EVERY)
    done["unwritten"] += back(conn, work, m, wait, later, UNWRITTEN)
    done["refused"] += refuse(conn, work, m, never)


def last_to_last(loaded: Loaded, rows: Sequence[int]) -> list[int]:
    """Rows with those behind the others that had trouble of their own before: where the provider chokes on one of them,
    the others have gone."""
    m = loaded.messages
    return sorted(rows, key=lambda r: (m["doubt_at"][r] is not None, m["attempts"][r], m["decided_at"][r], m["id"][r]))


def outgoing(work: Work, loaded: Loaded, row: int) -> Outgoing:
    """One message as its writer sees it."""
    m = loaded.messages
    way = loaded.ways[row]
    same = ("id", "shard", "circle", "contact", "channel", "category", "campaign", "run", "content", "thread", "topic")
    return Outgoing(
        **{name: m[name][row] for name in same},
        address="" if way is None else way.address,
        variables=json.loads(m["variables"][row] or "{}"),
        marketing=work.active.is_marketing(m["category"][row]),
        decided_at=m["decided_at"][row],
    )


def mark(conn: Connection, work: Work, loaded: Loaded, rows: Sequence[int], provider: str) -> None:
    """Record these as being handed over by this daemon, from this instant."""
    n, m = len(rows), loaded.messages
    columns: dict[str, Values] = {
        "state": [State.SENDING.value] * n,
        "sender": [work.me] * n,
        "provider": [provider] * n,
        "hand_over_at": np.full(n, work.now, np.int64),
    }
    rows_of.move(conn, m.keys(rows), State.DECIDED, columns)
