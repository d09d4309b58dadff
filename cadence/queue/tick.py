"""One tick: what is due is claimed, then each circle is loaded, decided late and written down in one transaction.

It reads as the list of its steps. Its cost grows with what is due, not with how many contacts there are. What it
decided is handed over elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from sqlalchemy.engine import Connection

from cadence.facts import NEVER
from cadence.log import logger
from cadence.queue import outlets
from cadence.queue.deciding import answer_or_hold
from cadence.queue.endings import endings, unwritten
from cadence.queue.load import Loaded, load
from cadence.queue.steps import reached
from cadence.queue.work import Work
from cadence.queue.written import end, rest, wait, wake, write
from cadence.store import leases
from cadence.store import round as rows_of

_log = logger("queue")

Circle = tuple[int, int]
"""(shard, id)"""


MANY: int = 1_000
"""From so many circles on, PostgreSQL is given two transactions side by side: it works on one while the other's circles are
decided here. Not where several daemons share this machine, whose cores have enough to do with one of each."""


def tick(work: Work) -> Counter[str]:
    """Decide what is due now, at most a batch of it; counts of what came of it, empty when nothing was due.

    Raises StoreUnavailable when the database goes away in the middle, StoreBusy likewise: of each transaction all is written
    or nothing."""
    circles = claim(work)
    if not circles:
        return Counter()
    reached("claimed")
    if work.store.dialect == "sqlite" or len(circles) < MANY or not work.alone_here:
        return transact(work, circles)
    parts = side_by_side(circles)
    with ThreadPoolExecutor(len(parts)) as pool:
        return sum(pool.map(partial(transact, work), parts), Counter())


def side_by_side(circles: list[Circle]) -> list[list[Circle]]:
    """The circles, in order, in two parts of different shards, cut as near the middle as may be; in one where they are all of
    one shard."""
    cuts = [i for i in range(1, len(circles)) if circles[i][0] != circles[i - 1][0]]
    if not cuts:
        return [circles]
    cut = min(cuts, key=lambda i: abs(2 * i - len(circles)))
    return [circles[:cut], circles[cut:]]


def transact(work: Work, circles: list[Circle]) -> Counter[str]:
    """Decide what waits in these circles, those of shards that are still this daemon's."""
    with work.store.write() as conn:
        circles = lock(conn, work, circles)
        if not circles:
            return Counter()
        work = work.by_now()
        loaded = load_waiting(conn, work, circles)
        done = decide_and_write(conn, work, loaded)
        reached("written")
    reached("committed")
    return done


def claim(work: Work) -> list[Circle]:
    """The circles with something due, no more than the providers can take now, in the order in which they lie in indexes. A
    very large circle comes alone."""
    with work.store.read() as conn:
        rooms = outlets.rooms(conn, work.outlets, work.shards, work.now, work.batch)
        most = max(rooms.values(), default=0) or work.batch
        circles = rows_of.due_circles(conn, work.shards, work.now, most, rooms)
        large = rows_of.large_circles(conn, {shard for shard, _ in circles})
    if circles and circles[0] in large:
        return circles[:1]
    return sorted(circle for circle in circles if circle not in large)


def lock(conn: Connection, work: Work, circles: Sequence[Circle]) -> list[Circle]:
    """Lock the circles' shards, and go on with those that this daemon still holds."""
    mine = leases.lock_mine(conn, work.me, {shard for shard, _ in circles})
    return [circle for circle in circles if circle[0] in mine]


def load_waiting(conn: Connection, work: Work, circles: Sequence[Circle]) -> Loaded:
    """All that waits in these circles, due or not, and their history."""
    messages = rows_of.waiting_in(conn, circles)
    return load(conn, work.active, work.active.needs, messages, circles, work.now)


def decide_and_write(conn: Connection, work: Work, loaded: Loaded) -> Counter[str]:
    """End what is no longer true, decide the rest, and write it all down."""
    ending = endings(loaded, work.now)
    gone = {*ending.ended, *ending.resting}
    lacking = {row: why for row, why in unwritten(loaded, work.lacks).items() if row not in gone}
    gone |= lacking.keys()
    is_due = loaded.messages.ints("due_at", NEVER) <= work.now
    done = end(conn, work, loaded, ending.ended)
    rest(conn, work, loaded, ending.resting)
    wait(conn, work, loaded, {row: why for row, why in lacking.items() if is_due[row]})
    done["claimed"] += len(loaded.messages)
    stays = np.ones(len(loaded.messages), bool)
    stays[list(gone)] = False
    rows = np.flatnonzero(stays)
    due = is_due[rows]

    def reload(circle: Circle) -> Loaded:
        return load_waiting(conn, work, [circle])

    answers = answer_or_hold(work.active, loaded, rows, due, work.now, reload, _log.error) if due.any() else []
    reached("decided")
    for answered in answers:
        done += write(conn, work, answered)
    wake(conn, work, loaded, gone, answers)
    return done


def drain(work: Work, most: int = 1_000) -> Counter[str]:
    """Tick until nothing more is due that can be taken now, at most `most` times; the counts of all of them."""
    done: Counter[str] = Counter()
    for _ in range(most):
        counts = tick(work)
        if not counts:
            break
        done += counts
    return done
