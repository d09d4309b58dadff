"""Writing contacts: who somebody is, by what addresses they are reached, with whom they share them. Set-based, and
idempotent.

Who shares a mailbox or a household is in one circle from then on; who shares an account is once a policy wanted it. A row never
takes away: what it doesn't say stays, and no stop is lifted by it."""

# Statements are put together from names in tables.py alone; every value is a parameter.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cadence.facts import EventKind
from cadence.store.accounts import are_joined
from cadence.store.ask import ask_circles
from cadence.store.bulk import Values, fetch, insert_rows, turned, update_rows, wanted
from cadence.store.circles import Circle, Together, circles_at, merge
from cadence.store.consents import record_consents, record_first
from cadence.store.engine import lock_identity, lock_shards
from cadence.store.identity import COLUMNS, Person, lay_over, read, told_of
from cadence.store.ids import shard_of
from cadence.store.known import look_up
from cadence.store.rows import ConsentRow, ContactRow, Recorded
from cadence.store.tables import address, circle, contact, directory


def upsert_contacts(conn: Connection, rows: Sequence[ContactRow], now: int, source: str) -> Recorded:
    """Writes contacts. One is known by its outside id, else by its first address where just one contact has that; two
    outside ids with one mailbox stay two contacts, in one circle. Rows of one contact are laid over each other, later
    over earlier. What waits for a contact that changed, or whose circle grew, is made due to be asked again. In the
    report `contacts` are those new or changed; `kept_stopped` the rows that opt in to what stands stopped."""
    lock_identity(conn)
    join_accounts = are_joined(conn)
    people, ambiguous = told_of(conn, rows)
    known = [p for p in people if not p.new]
    current = read(conn, known)
    for person in people:
        lay_over(person, current.get(person.id), now)
    shared = _shared(conn, people, join_accounts)
    there = _circles(conn, people, shared)
    lock_shards(
        conn, {c.shard for c in there.values()} | {p.shard for p in people} | {shard_of(p.id) for p in people if p.new}
    )
    joined = _join(conn, people, there, shared, now, source)
    people.sort(key=lambda p: (p.shard, p.id))  # as `_join` writes circles
    _write(conn, people, now)
    stopped, consents = _consents(conn, people, joined.made, now, source)
    new = [p for p in people if p.new]
    changed = [p for p in known if p.changed]
    altered = {p.id for p in changed} | consents
    asked = {(p.shard, p.circle) for p in changed} | joined.grown
    ask_circles(conn, sorted(asked), now, "contact")
    return Recorded(
        new=len(new),
        changed=len(altered),
        repeated=len(rows) - len(new) - len(altered) - len(ambiguous),
        ambiguous=tuple(ambiguous),
        kept_stopped=stopped,
        merged=joined.merged,
        largest_circle=joined.largest,
        contacts=tuple(sorted((p.shard, p.id) for p in people if p.new or p.changed or p.id in consents)),
    )


_Shared = Mapping[str, Mapping[str, Sequence[tuple[int, int, int | None]]]]
"""By what joins circles, and by its value, the (shard, contact) that have it already."""


def _shared(conn: Connection, people: Sequence[Person], join_accounts: bool) -> _Shared:
    """Who has what these people bring with them. Identity is locked, so that it stays so."""
    kinds = ("mailbox", "household", "account") if join_accounts else ("mailbox", "household")
    brought: dict[str, list[str]] = {kind: [] for kind in kinds}
    for person in people:
        for kind, value in person.entries:
            if kind in brought:
                brought[kind].append(value)
    return {kind: look_up(conn, kind, values) for kind, values in brought.items()}


def _circles(conn: Connection, people: Sequence[Person], shared: _Shared) -> dict[int, Circle]:
    """The circles that the batch touches, by id: those of its contacts, and of all who share something with them."""
    places = {(p.shard, p.id) for p in people if not p.new}
    places |= {(shard, who) for by_value in shared.values() for found in by_value.values() for shard, who, _ in found}
    if not places:
        return {}
    listed = sorted(places)
    sql, params = wanted(conn, "w", {"shard": [p[0] for p in listed], "id": [p[1] for p in listed]})
    rows = fetch(
        conn,
        f"SELECT DISTINCT c.shard, c.circle FROM {sql} CROSS JOIN contact c WHERE c.shard = w.shard AND c.id = w.id",
        **params,
    )
    return circles_at(conn, rows)


@dataclass(frozen=True, slots=True)
class _Joined:
    merged: int
    largest: int
    grown: set[tuple[int, int]]
    """Circles, as (shard, id), that others or new contacts joined."""
    made: frozenset[int]
    """Circles that are new, and have taken the numbers of what their contacts opt in to."""


def _join(
    conn: Connection,
    people: Sequence[Person],
    there: Mapping[int, Circle],
    shared: _Shared,
    now: int,
    source: str,
) -> _Joined:
    """Decides which circle each contact is in; merges circles that belong together, makes those of new contacts."""
    together = _together(conn, people, shared)
    groups = together.groups()
    # Sizes and numbers may have changed until the shards were locked.
    fresh = circles_at(conn, [(c.shard, c.id) for c in there.values()])
    old = [[fresh[c] for c in group if c in fresh] for group in groups]
    merged = merge(conn, [g for g in old if len(g) > 1], now, f"import from {source}")
    new = {p.id: len(p.told.consents) for p in people if p.new}
    home: dict[int, Circle] = {}
    made: list[Circle] = []
    grown: list[tuple[Circle, int]] = []
    for group, existing in zip(groups, old, strict=True):
        coming = sum(one in new for one in group)
        if existing:
            stays = merged.get(existing[0].id, existing[0])
            size = sum(c.size for c in existing) + coming
            if coming:
                grown.append((stays, coming))
            circle_now = replace(stays, size=size)
        else:
            circle_now = Circle(shard_of(group[0]), group[0], 1 + sum(new[one] for one in group), coming)
            made.append(circle_now)
        home.update(dict.fromkeys(group, circle_now))
    for person in people:
        person.circle, person.shard = home[person.circle].id, home[person.circle].shard
    made.sort(key=lambda c: (c.shard, c.id))  # so that a shard's rows share pages: ticks read a few shards at a time
    insert_rows(
        conn,
        circle,
        {
            "shard": [c.shard for c in made],
            "id": [c.id for c in made],
            "size": [c.size for c in made],
            "next_number": [c.next_number for c in made],
        },
    )
    update_rows(
        conn,
        circle,
        {"shard": [c.shard for c, _ in grown], "id": [c.id for c, _ in grown]},
        {"size": [n for _, n in grown]},
        {"size": "add"},
    )
    touched = {(c.shard, c.id) for c in merged.values()} | {(c.shard, c.id) for c, _ in grown}
    largest = max((c.size for c in home.values()), default=0)
    return _Joined(len(merged), largest, touched, frozenset(c.id for c in made))


def _together(conn: Connection, people: Sequence[Person], shared: _Shared) -> Together:
    """Who belongs together by what they share: circles that are there, and new contacts under the circle they would
    have."""
    together = Together()
    for person in people:
        together.find(person.circle)
    for kind, by_value in shared.items():
        having = [(value, person.circle) for person in people for k, value in person.entries if k == kind]
        circle_of = _circle_of(conn, {(shard, who) for found in by_value.values() for shard, who, _ in found})
        theirs = {value: {circle_of[who] for _, who, _ in found} for value, found in by_value.items()}
        first: dict[str, int] = {}
        for value, mine in having:
            together.join(mine, first.setdefault(value, mine))
            for one in theirs.pop(value, ()):  # once, however many come to share it with however many
                together.join(mine, one)
    return together


def _circle_of(conn: Connection, places: set[tuple[int, int]]) -> dict[int, int]:
    if not places:
        return {}
    listed = sorted(places)
    sql, params = wanted(conn, "w", {"shard": [p[0] for p in listed], "id": [p[1] for p in listed]})
    rows = fetch(
        conn, f"SELECT c.id, c.circle FROM {sql} CROSS JOIN contact c WHERE c.shard = w.shard AND c.id = w.id", **params
    )
    return dict(rows)


def _write(conn: Connection, people: Sequence[Person], now: int) -> None:
    new = [p for p in people if p.new]
    made = {**_keys(new), "circle": [p.circle for p in new], **_columns(new)}
    insert_rows(conn, contact, {**made, "created_at": [now] * len(new), "recorded_at": [now] * len(new)})
    changed = [p for p in people if not p.new and p.changed]
    update_rows(conn, contact, _keys(changed), {**_columns(changed), "recorded_at": [now] * len(changed)})
    entries = [(*e, 0 if e[0] == "outside" else p.id, p.id, p.shard) for p in people for e in p.entries]
    kinds, values, slots, contacts, shards = turned(entries, 5)
    keys: dict[str, Values] = {"value": values, "kind": kinds, "slot": slots}
    insert_rows(conn, directory, {**keys, "contact": contacts, "shard": shards}, on_conflict="nothing")
    _forget(conn, people)
    _write_addresses(conn, people, now)


def _forget(conn: Connection, people: Sequence[Person]) -> None:
    """Who moved to another household or account is no longer looked for in the old one; circles stay as they are."""
    gone = [(value, kind, p.id) for p in people for kind, value in p.left]
    if gone:
        sql, params = wanted(
            conn, "w", {"value": [g[0] for g in gone], "kind": [g[1] for g in gone], "slot": [g[2] for g in gone]}
        )
        conn.execute(
            sa.text(f"DELETE FROM directory WHERE (value, kind, slot) IN (SELECT value, kind, slot FROM {sql})"), params
        )


def _keys(people: Sequence[Person]) -> dict[str, list[int]]:
    return {"shard": [p.shard for p in people], "id": [p.id for p in people]}


def _columns(people: Sequence[Person]) -> dict[str, Values]:
    return dict(zip(COLUMNS, turned([p.columns for p in people], len(COLUMNS)), strict=True))


def _write_addresses(conn: Connection, people: Sequence[Person], now: int) -> None:
    """New addresses; one that was known and is given again, after another, becomes the current one."""
    rows = [(p.shard, p.id, p.circle, *a) for p in people for a in p.addresses]
    shards, contacts, circles, channels, texts, mailboxes, at = turned(rows, 7)
    keys: dict[str, Values] = {"shard": shards, "contact": contacts, "channel": channels, "address": texts}
    row = {**keys, "circle": circles, "mailbox": mailboxes, "at": at, "recorded_at": np.full(len(rows), now, np.int64)}
    if insert_rows(conn, address, row, on_conflict="nothing") < len(rows):
        update_rows(conn, address, keys, {"at": at})


def _consents(
    conn: Connection, people: Sequence[Person], made: Collection[int], now: int, source: str
) -> tuple[tuple[int, ...], set[int]]:
    """Writes the undated opt-ins; returns the rows kept stopped, and the known contacts that something new was written of."""
    first = [(p.shard, p.id, p.circle, _opt_in(*said)) for p in people if p.new for said in p.told.consents]
    if first:
        shards, contacts, circles, rows = turned(first, 4)
        record_first(conn, shards, contacts, circles, rows, made, now, source)
    told = [(p, _opt_in(*said)) for p in people if not p.new for said in p.told.consents]
    if not told:
        return (), set()
    written = record_consents(conn, [row for _, row in told], now, source, [(p.shard, p.id) for p, _ in told])
    stopped = {row for i in written.kept_stopped for row in told[i][0].rows}
    return tuple(sorted(stopped)), {who for _, who in written.contacts}


@lru_cache(maxsize=4_096)
def _opt_in(channel: str, category: str) -> ConsentRow:
    """Of whom, its place says."""
    return ConsentRow(
        "",
        None,
        EventKind.OPT_IN,
        None if category == "all" else category,
        None if channel == "all" else channel,
        source_id=f"undated:{channel}:{category}",
    )
