"""Accounts: whose contacts become one circle once a policy looks at whole accounts, and how many circles that merges.

Once begun it stays so: circles never part again, so imports go on joining accounts, whatever policy comes later. Which
contacts a batch of an import brings together is worked out in `contacts.py`."""

# Statements are put together from names in tables.py alone; every value is a parameter.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from cadence.store.ask import ask_circles
from cadence.store.bulk import fetch, wanted
from cadence.store.circles import Circle, Together, circles_at, merge
from cadence.store.engine import Store, lock_identity, lock_shards
from cadence.store.known import look_up
from cadence.store.status import note, save_note
from cadence.store.tables import LARGE_CIRCLE

PAGE: int = 500
"""Accounts looked at in one step."""
AT_ONCE: int = 1_000
"""So many circles are merged in one transaction."""
_NOTE = "accounts"
_JOINING, _JOINED = "being joined", "joined"


def are_joined(conn: Connection) -> bool:
    """Whether who shares an account goes into one circle. Read under the identity lock it stays true till the end of it."""
    return note(conn, _NOTE) is not None


def join_accounts(store: Store, now: Callable[[], int], by: str) -> int:
    """Makes one circle of each account's contacts, now and whenever contacts come; returns how many circles went into
    others. Done once; after a crash it goes on where it was. What waits in circles that grew is asked again.

    now: asked for each of its transactions, since all together may take long: a campaign's run goes after those that merged
    since it began. by: who or what wanted it, for the record. Raises StoreUnavailable or StoreBusy; what was merged till
    then stays."""
    with store.write() as conn:
        lock_identity(conn)
        if note(conn, _NOTE) == _JOINED:
            return 0
        save_note(conn, _NOTE, _JOINING)
    merged, after = 0, ""
    while True:
        with store.write() as conn:
            lock_identity(conn)
            values = _shared_accounts(conn, after)
            if not values:
                save_note(conn, _NOTE, _JOINED)
                return merged
            groups = [g for g in _groups(conn, values) if len(g) > 1]
            parts, whole = _part(groups)
            merged += _merge(conn, parts, now(), by)
            after = values[-1] if whole else after


def _shared_accounts(conn: Connection, after: str) -> list[str]:
    """The next accounts, by name, that several contacts are of."""
    sql = (
        "SELECT d.value FROM directory d WHERE d.kind = 'account' AND d.value > :after "
        "GROUP BY d.value HAVING count(*) > 1 ORDER BY d.value LIMIT :most"
    )
    return [row[0] for row in fetch(conn, sql, after=after, most=PAGE)]


def _groups(conn: Connection, values: Sequence[str]) -> list[list[tuple[int, int]]]:
    """The circles, as (shard, id), of these accounts' contacts, by what belongs together."""
    shared = look_up(conn, "account", values)
    circle_of = _circle_of(conn, sorted({(shard, who) for found in shared.values() for shard, who, _ in found}))
    together, shard_of = Together(), {circle: shard for shard, circle in circle_of.values()}
    for found in shared.values():
        circles = [circle_of[who][1] for _, who, _ in found if who in circle_of]
        for circle in circles:
            together.join(circles[0], circle)
    return [[(shard_of[c], c) for c in group] for group in together.groups()]


def _circle_of(conn: Connection, places: Sequence[tuple[int, int]]) -> dict[int, tuple[int, int]]:
    """By contact the (shard, id) of the circle, for contacts given as (shard, id)."""
    if not places:
        return {}
    sql, params = wanted(conn, "w", {"shard": [p[0] for p in places], "id": [p[1] for p in places]})
    asked = f"SELECT c.id, c.shard, c.circle FROM {sql} CROSS JOIN contact c WHERE c.shard = w.shard AND c.id = w.id"
    return {row[0]: (row[1], row[2]) for row in fetch(conn, asked, **params)}


def _part(groups: Sequence[Sequence[tuple[int, int]]]) -> tuple[list[list[tuple[int, int]]], bool]:
    """As much of these groups as is merged at once, and whether that is all of them."""
    parts: list[list[tuple[int, int]]] = []
    room = AT_ONCE
    for group in groups:
        if room < 2:
            return parts, False
        parts.append(list(group[:room]))
        if len(group) > room:
            return parts, False
        room -= len(group)
    return parts, True


def _merge(conn: Connection, groups: Sequence[Sequence[tuple[int, int]]], now: int, by: str) -> int:
    if not groups:
        return 0
    lock_shards(conn, {shard for group in groups for shard, _ in group})
    there = circles_at(conn, [place for group in groups for place in group])
    merged = merge(conn, [[there[circle] for _, circle in group] for group in groups], now, by)
    ask_circles(conn, sorted({(c.shard, c.id) for c in merged.values()}), now, "contact")
    return len(merged)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a policy makes of the circles there are."""

    merging: int
    """So many circles would go into others, since it looks at whole accounts."""
    large: tuple[tuple[int, str], ...]
    """Circles above 1,000 contacts that there then are, the largest first: how many contacts, and the outside id of
    one."""


def outlook(conn: Connection, over_accounts: bool, most: int = 20) -> Outlook:
    """What would become of the circles under a policy that looks at whole accounts, or one that doesn't. Nothing is
    changed."""
    groups = to_be_joined(conn) if over_accounts else []
    joined = {c.id for group in groups for c in group}
    found = [(sum(c.size for c in group), max(group, key=lambda c: c.size)) for group in groups]
    found += [(c.size, c) for c in _large(conn, most + len(joined)) if c.id not in joined]
    large = sorted((f for f in found if f[0] > LARGE_CIRCLE), key=lambda f: (-f[0], f[1].id))
    named = tuple((size, one_of(conn, circle.shard, circle.id)) for size, circle in large[:most])
    return Outlook(sum(len(group) - 1 for group in groups), named)


def to_be_joined(conn: Connection) -> list[list[Circle]]:
    """The circles that would become one if accounts were joined now, each group of them at least two."""
    together, known = Together(), dict[int, Circle]()
    for groups in _pages(conn):
        known |= circles_at(conn, [place for group in groups for place in group])
        for group in groups:
            for _, circle in group:
                together.join(group[0][1], circle)
    return [[known[c] for c in group] for group in together.groups()]


def _pages(conn: Connection) -> Iterator[list[list[tuple[int, int]]]]:
    after = ""
    while values := _shared_accounts(conn, after):
        after = values[-1]
        yield [g for g in _groups(conn, values) if len(g) > 1]


def _large(conn: Connection, most: int) -> list[Circle]:
    sql = "SELECT c.shard, c.id, c.next_number, c.size FROM circle c WHERE c.size > :least ORDER BY c.size DESC LIMIT :most"
    return [Circle(*row) for row in fetch(conn, sql, least=LARGE_CIRCLE, most=most)]


def one_of(conn: Connection, shard: int, circle: int) -> str:
    """Who is in a circle: the outside id of one of its contacts, so that people can tell which it is."""
    sql = "SELECT min(c.outside_id) FROM contact c WHERE c.shard = :shard AND c.circle = :circle"
    found = fetch(conn, sql, shard=shard, circle=circle)
    return found[0][0] or f"circle {circle}"
