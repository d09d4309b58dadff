"""Asking again because time has passed or the policy has changed: what makes waiting messages due without anyone
telling.

Each in bounded steps under the shards' locks; what facts change is asked again by whoever records them.
"""

from __future__ import annotations

from cadence.queue.work import Work
from cadence.store import ask, events, leases
from cadence.store import round as rows_of

AT_ONCE: int = 5_000
"""The most contacts made due in one step because time has passed."""


def because_of_time(work: Work) -> int:
    """Take in facts whose time has come, and make due what waits for contacts whose answers time alone may have
    changed by now; returns how many contacts there were."""
    with work.store.read() as conn:
        changed = rows_of.changed_by_time(conn, work.shards, work.now, AT_ONCE)
        recorded_ahead = rows_of.facts_due(conn, work.shards, work.now)
    if not changed and not recorded_ahead:
        return 0
    with work.store.write() as conn:
        mine = leases.lock_mine(conn, work.me, set(work.shards))
        came = events.apply_due(conn, sorted(mine), work.now)
        changed = [pair for pair in changed if pair[0] in mine]
        ask.ask_again(conn, changed, work.now, "time")
        rows_of.forget_change(conn, changed)
    return len(changed) + len(came)


def because_of_policy(work: Work, per_second: int) -> int:
    """Make everything that waits in this daemon's shards due under the active policy, oldest first, `per_second` of
    them a second over all shards; returns how many. Does nothing in shards where that was done: after a crash it goes
    on."""
    policy = work.active.policy.hash
    with work.store.read() as conn:
        behind = ask.shards_behind(conn, work.shards, policy)
    done = 0
    for one in behind:
        with work.store.write() as conn:
            if leases.lock_mine(conn, work.me, {one}):
                done += ask.ask_shard(conn, one, policy, work.now, max(1, per_second // max(len(work.shards), 1)))
    return done
