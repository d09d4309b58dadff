"""Messages that a dead daemon was handing over, or one that lost track of them: in doubt, handed over again, or settled by
looking where the provider can.

Only a daemon that shows no sign of life is taken for dead; what a living one is handing over is left alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from sqlalchemy.engine import Connection

from cadence.providers.provider import Ability
from cadence.queue.back import back, move
from cadence.queue.outlets import Outlet
from cadence.queue.receipts import doubt
from cadence.queue.states import State
from cadence.queue.work import Work
from cadence.store import leases, outbox
from cadence.store import round as rows_of
from cadence.store.engine import lock_shards
from cadence.store.ids import SHARDS
from cadence.store.round import Messages

WHY = "the daemon that was handing it over is gone, or lost track of it"


def rescue(work: Work, living: Collection[str]) -> Counter[str]:
    """Settle what dead daemons left `sending` in this daemon's shards; what this daemon itself left there too, since
    nothing is under way when this is called. living: other daemons that show signs of life."""
    with work.store.read() as conn:
        left = _of_the_dead(work, outbox.under_way(conn, work.shards, "sending"), living)
    if not left:
        return Counter()
    with work.store.write() as conn:
        mine = leases.lock_mine(conn, work.me, {shard for shard, _ in left})
        return _doubt_all(conn, work, [key for key in left if key[0] in mine])


def recover(work: Work) -> Counter[str]:
    """Settle what this daemon itself left `sending`, where an error kept it from hearing that it was recorded, or from
    writing down what became of it: whoever holds the shard by now leaves it alone, since this daemon lives. Called when
    nothing is under way; looks into all shards."""
    with work.store.read() as conn:
        left = [
            (shard, id_) for shard, id_, who, _ in outbox.under_way(conn, range(SHARDS), "sending") if who == work.me
        ]
    if not left:
        return Counter()
    with work.store.write() as conn:
        lock_shards(conn, {shard for shard, _ in left})
        return _doubt_all(conn, work, left)


def _doubt_all(conn: Connection, work: Work, keys: Sequence[tuple[int, int]]) -> Counter[str]:
    """Of these messages, given as (shard, id), those that are `sending` still are in doubt, or handed over again."""
    messages = rows_of.messages_by_id(conn, keys)
    messages = messages.take([r for r, s in enumerate(messages["state"]) if s == State.SENDING])
    rows = range(len(messages))
    late = [r for r in rows if _again(work, messages, r) and not _in_time(work, messages, r)]
    done = doubt(conn, work, messages, dict.fromkeys(set(rows) - set(late), WHY), dict.fromkeys(rows, work.now))
    done["again"] += _decide_anew(conn, work, messages, late)
    return done


def settle(work: Work, living: Collection[str]) -> Counter[str]:
    """Ask providers that can look for themselves what became of messages in doubt. One that is there was sent. One
    that isn't never left, and is decided anew, unless whoever was handing it over may still be at it."""
    done: Counter[str] = Counter()
    for outlet in work.outlets.values():
        if Ability.SETTLE not in outlet.provider.capabilities.cannot:
            done += _settle_with(work, outlet, living)
    return done


def _settle_with(work: Work, outlet: Outlet, living: Collection[str]) -> Counter[str]:
    with work.store.read() as conn:
        found = [f for f in outbox.under_way(conn, work.shards, "in_doubt") if f[3] == outlet.provider.name]
    if not found:
        return Counter()
    there = outlet.provider.settle([id_ for _, id_, _, _ in found])
    over = {id_ for _, id_ in _of_the_dead(work, found, living)}
    with work.store.write() as conn:
        mine = leases.lock_mine(conn, work.me, {shard for shard, _, _, _ in found})
        messages = rows_of.messages_by_id(conn, [(shard, id_) for shard, id_, _, _ in found if shard in mine])
        open_ = [r for r, s in enumerate(messages["state"]) if s == State.IN_DOUBT]
        sent = [r for r in open_ if there.get(messages["id"][r])]
        gone = [r for r in open_ if there.get(messages["id"][r]) is False and messages["id"][r] in over]
        n = len(sent)
        move(
            conn, messages, sent, {"state": [State.SENT.value] * n, "outcome_at": [work.now] * n, "because": [None] * n}
        )
        back(conn, work, messages, dict.fromkeys(gone, f"{outlet.provider.name} never had it"))
    return Counter({"sent": len(sent), "again": len(gone)})


def _of_the_dead(
    work: Work, found: list[tuple[int, int, str | None, str | None]], living: Collection[str]
) -> list[tuple[int, int]]:
    """Those that nobody alive, but this daemon, was handing over."""
    return [(shard, id_) for shard, id_, sender, _ in found if sender == work.me or sender not in living]


def _again(work: Work, messages: Messages, row: int) -> bool:
    """A transactional message is handed over at least once."""
    return not work.active.is_marketing(messages["category"][row])


def _in_time(work: Work, messages: Messages, row: int) -> bool:
    at: int = messages["decided_at"][row]
    return at + work.hand_over_within >= work.now


def _decide_anew(conn: Connection, work: Work, messages: Messages, rows: list[int]) -> int:
    """Their decision is too old to be gone by; the touch stays, because it may have reached them."""
    if not rows:
        return 0
    move(conn, messages, rows, {"doubt_at": [messages["doubt_at"][r] or work.now for r in rows]})
    fresh = rows_of.messages_by_id(conn, [(messages["shard"][r], messages["id"][r]) for r in rows])
    return back(conn, work, fresh, dict.fromkeys(range(len(fresh)), WHY))
