"""What a provider's receipts do to messages, touches and the provider's own health: written down in one transaction.

What comes back later (bounces, complaints, reports) is not here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from functools import reduce

import numpy as np
from sqlalchemy.engine import Connection

from cadence.facts import HOUR, MINUTE, SECOND
from cadence.log import logger
from cadence.providers.provider import Outcome, Receipt, Shut
from cadence.queue import breaker, outlets
from cadence.queue.back import back, move, refuse
from cadence.queue.breaker import Breaker, Health
from cadence.queue.outlets import Outlet
from cadence.queue.states import State
from cadence.queue.work import Work
from cadence.store import outbox
from cadence.store import round as rows_of
from cadence.store.bulk import Values
from cadence.store.engine import lock_shards
from cadence.store.ids import SHARDS
from cadence.store.round import Messages

_log = logger("queue")

MOST_ATTEMPTS: int = 25
"""After so many tries that were the message's own trouble it is refused."""
FIRST_WAIT: int = MINUTE
LONGEST_WAIT: int = HOUR


def record(work: Work, outlet: Outlet, shards: Mapping[int, int], receipts: Sequence[Receipt]) -> Counter[str]:
    """Write down what became of messages that this daemon was handing over; counts by what they became.

    shards: where each message was, by its id; each has a receipt. One whose turn did not come was never handed over. A
    receipt for one that somebody else has settled meanwhile changes nothing."""
    done = _record(work, outlet, shards, receipts, set(shards.values()))
    if done is None:  # all locks anew, for they are taken in one order
        done = _record(work, outlet, shards, receipts, range(SHARDS)) or Counter()
    _tell_trouble(outlet, receipts)
    return done


def _record(
    work: Work, outlet: Outlet, shards: Mapping[int, int], receipts: Sequence[Receipt], among: Collection[int]
) -> Counter[str] | None:
    """The same with just these shards locked; None, and nothing written, where a message isn't where it was and there are
    more shards to look into."""
    done: Counter[str] = Counter()
    with work.store.write() as conn:
        lock_shards(conn, among)
        work = work.by_now()
        messages = rows_of.messages_by_id(conn, [(shard, id_) for id_, shard in shards.items()])
        if len(messages) < len(shards):
            if len(among) < SHARDS:
                return None
            messages = rows_of.messages_by_id(conn, [(shard, id_) for id_ in shards for shard in among])
        messages = _still_open(work, messages)
        ids, by_id = messages["id"], {r.message_id: r for r in receipts}
        said = {row: by_id[id_] for row, id_ in enumerate(ids) if not _put_off(by_id[id_])}
        never = {row: by_id[id_].detail for row, id_ in enumerate(ids) if row not in said}
        known = {id_ for id_, tries in zip(ids, messages["attempts"], strict=True) if tries}
        health = outlets.learn(conn, outlet, work.now, lambda before: fared(before, receipts, work.now, known))
        retry_at = {row: _retry_at(work, messages, row, r, health) for row, r in said.items()}
        for outcome, follow in _FOLLOW.items():
            rows = {row: r for row, r in said.items() if r.outcome is outcome}
            if rows:
                done += follow(conn, work, outlet, messages, rows, retry_at)
        done += _never_asked(conn, work, messages, never)
    return done


def _tell_trouble(outlet: Outlet, receipts: Sequence[Receipt]) -> None:
    """One line in the log for a batch that fared badly for the provider's fault; a letter's own fault is on its record."""
    bad = [r for r in receipts if r.whole_provider or r.outcome is Outcome.IN_DOUBT]
    if bad:
        _log.warning(
            "the provider has trouble", provider=outlet.provider.name, messages=len(bad), why=_sentence(bad[0])
        )


def fared(health: Health, receipts: Sequence[Receipt], now: int, known: Collection[int] = ()) -> Health:
    """A provider's health after these receipts, in their order. A letter's own trouble is no failure of the
    provider, and one that it was never asked to take says nothing.

    known: messages that had trouble of their own before. What befalls them, and those behind them, says nothing of the
    provider: they are handed over after all others."""

    def after(before: Health, receipt: Receipt) -> Health:
        if not receipt.asked:
            return breaker.untried(before, now)
        bad = receipt.whole_provider or receipt.outcome is Outcome.IN_DOUBT
        if not bad:
            return breaker.succeeded(before)
        if receipt.message_id in known:
            return breaker.untried(before, now)
        if before.breaker is Breaker.OPEN and before.opened_at == now:
            return before
        wait = None if receipt.retry_after is None else int(receipt.retry_after * SECOND)
        doubt = receipt.outcome is Outcome.IN_DOUBT
        wait = wait if receipt.whole_provider else None
        return breaker.failed(before, now, receipt.detail, retry_after=wait, in_doubt=doubt)

    return reduce(after, receipts, health)


def probed(health: Health, shut: Shut | None, now: int) -> Health:
    """A provider's health after it was asked whether it works. Where somebody else has asked it meanwhile, as it was."""
    if not breaker.to_be_probed(health, now):
        return health
    if shut is None:
        return breaker.found_well(health, now)
    wait = None if shut.retry_after is None else int(shut.retry_after * SECOND)
    return breaker.failed(health, now, shut.detail, retry_after=wait)


def _still_open(work: Work, messages: Messages) -> Messages:
    """Those of the messages that nobody has settled since."""
    states, senders = messages["state"], messages["sender"]
    mine = [
        row
        for row, state in enumerate(states)
        if state == State.IN_DOUBT or (state == State.SENDING and senders[row] == work.me)
    ]
    return messages.take(mine)


def _retry_at(work: Work, messages: Messages, row: int, receipt: Receipt, health: Health) -> int:
    """When a message that may be tried again is: as the provider asks, else after a wait that doubles; one that may be
    to blame for the provider's trouble not before both."""
    tries: int = messages["attempts"][row]
    own = work.now + min(LONGEST_WAIT, FIRST_WAIT << min(tries, 6))
    asked = None if receipt.retry_after is None else work.now + max(SECOND, int(receipt.retry_after * SECOND))
    if health.breaker is Breaker.OPEN and receipt.whole_provider:
        asked = health.reopen_at or own
    if asked is None:
        return own
    return max(asked, own) if _suspect(receipt) else asked


def _accepted(
    conn: Connection, work: Work, outlet: Outlet, m: Messages, said: Mapping[int, Receipt], _: Mapping[int, int]
) -> Counter[str]:
    rows = list(said)
    n, name = len(rows), outlet.provider.name
    columns: dict[str, Values] = {
        "state": [State.SENT.value] * n,
        "outcome_at": np.full(n, work.now, np.int64),
        "provider": [name] * n,
        "provider_id": [said[r].provider_id for r in rows],
        "because": [None] * n,
    }
    move(conn, m, rows, columns)
    known = [(name, p, m["contact"][r], m["shard"][r], m["id"][r]) for r in rows if (p := said[r].provider_id)]
    outbox.remember_provider_ids(conn, known)
    return Counter(sent=n)


def _refused(
    conn: Connection, work: Work, _: Outlet, m: Messages, said: Mapping[int, Receipt], __: Mapping[int, int]
) -> Counter[str]:
    return Counter(refused=refuse(conn, work, m, {row: _sentence(r) for row, r in said.items()}))


def _retried(
    conn: Connection, work: Work, _: Outlet, m: Messages, said: Mapping[int, Receipt], retry_at: Mapping[int, int]
) -> Counter[str]:
    """Never taken: tried again within the decision's five minutes, else decided anew then; given up after many
    tries."""
    tries = {row: m["attempts"][row] + (r.suspect or not r.whole_provider) for row, r in said.items()}
    spent = {
        row: f"gave up after {tries[row]} tries: {_sentence(said[row])}" for row in said if tries[row] >= MOST_ATTEMPTS
    }
    refuse(conn, work, m, spent)
    left = {row: _sentence(r) for row, r in said.items() if row not in spent}
    _once_more(conn, work, m, left, tries, retry_at)
    return Counter({"retried": len(left), "refused": len(spent)})


def _never_asked(conn: Connection, work: Work, m: Messages, why: Mapping[int, str]) -> Counter[str]:
    """Nobody was asked to take these: it is no try of theirs, and says nothing of the provider."""
    tries = {row: m["attempts"][row] for row in why}
    _once_more(conn, work, m, why, tries, dict.fromkeys(why, work.now + SECOND))
    return Counter(retried=len(why)) if why else Counter()


def _once_more(
    conn: Connection, work: Work, m: Messages, why: Mapping[int, str], tries: Mapping[int, int], at: Mapping[int, int]
) -> None:
    """Rows that nobody took: handed over once more where that still belongs to their decision, else decided anew."""
    sending = [row for row in why if m["state"][row] == State.SENDING]  # what was thought in doubt may be long decided
    soon = [row for row in sending if _in_time(work, m, row, at[row])]
    move(conn, m, soon, _again_columns(m, soon, tries, at, why))
    late = [row for row in why if row not in set(soon)]
    move(conn, m, late, {"attempts": [tries[row] for row in late]})
    back(conn, work, m, {row: f"try again: {why[row]}" for row in late}, at)


def _in_doubt(
    conn: Connection, work: Work, outlet: Outlet, m: Messages, said: Mapping[int, Receipt], retry_at: Mapping[int, int]
) -> Counter[str]:
    """Nobody knows: marketing is left so, and counts as a touch; a transactional message is handed over again."""
    return doubt(conn, work, m, {row: _sentence(r) for row, r in said.items()}, retry_at)


def doubt(
    conn: Connection, work: Work, m: Messages, why: Mapping[int, str], retry_at: Mapping[int, int]
) -> Counter[str]:
    """The fate of these rows is unknown; rows of messages in doubt already stay so."""
    fresh = [row for row in why if m["state"][row] == State.SENDING]
    again = [
        row
        for row in fresh
        if not work.active.is_marketing(m["category"][row]) and m["attempts"][row] + 1 < MOST_ATTEMPTS
    ]
    left = [row for row in fresh if row not in set(again)]
    n = len(left)
    columns: dict[str, Values] = {
        "state": [State.IN_DOUBT.value] * n,
        "doubt_at": np.full(n, work.now, np.int64),
        "outcome_at": np.full(n, work.now, np.int64),
        "because": [why[row] for row in left],
    }
    move(conn, m, left, columns)
    since = [m["doubt_at"][row] or work.now for row in again]
    tries = {row: m["attempts"][row] + 1 for row in again}
    move(conn, m, again, {**_again_columns(m, again, tries, retry_at, why), "doubt_at": since})
    return Counter({"in_doubt": len(left), "retried": len(again)})


def _again_columns(
    m: Messages, rows: Sequence[int], tries: Mapping[int, int], retry_at: Mapping[int, int], why: Mapping[int, str]
) -> dict[str, Values]:
    return {
        "state": [State.DECIDED.value] * len(rows),
        "attempts": [tries[row] for row in rows],
        "hand_over_at": [retry_at[row] for row in rows],
        "because": [why[row] for row in rows],
        "sender": [None] * len(rows),
    }


def _in_time(work: Work, m: Messages, row: int, at: int) -> bool:
    """Whether trying at `at` still belongs to the decision; what is in doubt already began in time."""
    return m["doubt_at"][row] is not None or at <= m["decided_at"][row] + work.hand_over_within


def _put_off(receipt: Receipt) -> bool:
    return receipt.outcome is Outcome.RETRY and not receipt.asked


def _suspect(receipt: Receipt) -> bool:
    return receipt.suspect or receipt.outcome is Outcome.IN_DOUBT


def _sentence(receipt: Receipt) -> str:
    """What the provider said: a reply's number stands before its words as in the reply, any other code as a heading."""
    between = " " if (receipt.code or "")[:1].isdigit() else ": "
    return between.join(part for part in (receipt.code, receipt.detail) if part) or receipt.outcome.value


_FOLLOW = {
    Outcome.ACCEPTED: _accepted,
    Outcome.REFUSED: _refused,
    Outcome.RETRY: _retried,
    Outcome.IN_DOUBT: _in_doubt,
}
