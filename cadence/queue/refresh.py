"""Keeping each contact's stored segment up to date, page by page, for audiences and lists.

A decision never goes by the stored one: it works out the segment itself from what it loads.
"""

from __future__ import annotations

from collections.abc import Iterator

from cadence.policy.contact_facts import ContactFacts
from cadence.policy.policy import Policy
from cadence.policy.segments import segment_needs, segment_of
from cadence.queue.active import Active
from cadence.store import Store
from cadence.store import round as rows_of
from cadence.store.people import history_of

Segments = dict[int, str | None]
"""By contact."""
Stored = dict[tuple[int, int], str | None]
"""By (shard, contact)."""
PAGE: int = 5_000
"""Circles looked at in one step."""


def refresh_segments(store: Store, active: Active, now: int) -> int:
    """Work out every contact's segment as of `now` and write down those that changed; returns how many did."""
    changed = 0
    for found, stored in segments_of_all(store, active.policy, now):
        moved = [(shard, id_) for (shard, id_), name in stored.items() if id_ in found and found[id_] != name]
        if moved:
            with store.write() as conn:
                rows_of.store_segments(conn, moved, [found[id_] for _, id_ in moved], now)
        changed += len(moved)
    return changed


def segments_of_all(store: Store, policy: Policy, now: int) -> Iterator[tuple[Segments, Stored]]:
    """Page by page, the segment of each contact as of `now` under this policy, and the one stored for it."""
    after = (-1, -1)
    wanted = segment_needs(policy)
    while True:
        with store.read() as conn:
            circles = rows_of.circles_after(conn, after, PAGE)
            if not circles:
                return
            history = history_of(conn, circles, now, wanted, policy.defaults).history
            stored = rows_of.stored_segments(conn, circles)
        after = circles[-1]
        segment = segment_of(policy, ContactFacts(now, history, policy))
        names = [policy.segments[s].name if s >= 0 else None for s in segment.tolist()]
        yield dict(zip(history.people.id.tolist(), names, strict=True)), stored
