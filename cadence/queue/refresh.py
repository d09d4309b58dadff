"""Keeping each contact's stored segment up to date, page by page, for audiences and lists.

A decision never goes by the stored one: it works out the segment itself from what it loads.
"""

from __future__ import annotations

from cadence.policy.contact_facts import ContactFacts
from cadence.policy.segments import segment_needs, segment_of
from cadence.queue.active import Active
from cadence.store import Store
from cadence.store import round as rows_of
from cadence.store.people import history_of

PAGE: int = 5_000
"""Circles looked at in one step."""


def refresh_segments(store: Store, active: Active, now: int) -> int:
    """Work out every contact's segment as of `now` and write down those that changed; returns how many did."""
    changed = 0
    after = (-1, -1)
    wanted = segment_needs(active.policy)
    while True:
        with store.read() as conn:
            circles = rows_of.circles_after(conn, after, PAGE)
            if not circles:
                return changed
            history = history_of(conn, circles, now, wanted, active.policy.defaults).history
            stored = rows_of.stored_segments(conn, circles)
        after = circles[-1]
        segment = segment_of(active.policy, ContactFacts(now, history, active.policy))
        names = [active.policy.segments[s].name if s >= 0 else None for s in segment.tolist()]
        found = dict(zip(history.people.id.tolist(), names, strict=True))
        moved = [(shard, id_) for (shard, id_), name in stored.items() if id_ in found and found[id_] != name]
        if moved:
            with store.write() as conn:
                rows_of.store_segments(conn, moved, [found[id_] for _, id_ in moved], now)
        changed += len(moved)
