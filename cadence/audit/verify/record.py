"""The record as the verifier reads it: one circle after another, with all that was ever written of it, as plain rows.

Only the tables' names are shared with the store, none of its questions. Nothing is judged here."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cadence.audit.verify.rows import Address, Circle, Decision, Event, Message, Person, Said, Touch
from cadence.store import tables

AT_ONCE: int = 300
"""So many circles are read together."""
LARGEST_TOGETHER: int = 5_000
"""And no more contacts than these, unless one circle alone has more."""


def circles(conn: Connection) -> Iterator[Circle]:
    """Every circle there is, shard by shard; only a page of them is held at a time."""
    merged = _merges(conn)
    for shard in [row[0] for row in conn.execute(sa.select(tables.shard.c.shard).order_by(tables.shard.c.shard))]:
        for ids in _pages(conn, shard):
            yield from _page(conn, shard, ids, merged)


_Merges = dict[int, list[tuple[int, int, int]]]
"""By circle: what went into it, as (shard, circle, what its numbers grew by)."""


def _merges(conn: Connection) -> _Merges:
    c = tables.circle.c
    found: _Merges = defaultdict(list)
    rows = conn.execute(
        sa.select(c.merged_into, c.shard, c.id, c.merged_offset).where(c.merged_into.is_not(None)).order_by(c.id)
    )
    for into, shard, id_, offset in rows:
        found[into].append((shard, id_, offset or 0))
    return found


def _before(circle: int, merged: _Merges, shift: int = 0) -> Iterator[tuple[int, int, int]]:
    """All that went into a circle, directly or through others, as (shard, circle, shift)."""
    for shard, id_, offset in merged.get(circle, ()):
        yield shard, id_, offset + shift
        yield from _before(id_, merged, offset + shift)


def _pages(conn: Connection, shard: int) -> Iterator[list[int]]:
    """Ids of a shard's circles, in pages that aren't too large."""
    c = tables.circle.c
    last = -1
    while True:
        asked = sa.select(c.id, c.size).where(c.shard == shard, c.id > last, c.merged_into.is_(None))
        rows = conn.execute(asked.order_by(c.id).limit(AT_ONCE)).all()
        if not rows:
            return
        page: list[int] = []
        size = 0
        for id_, n in rows:
            if page and size + n > LARGEST_TOGETHER:
                yield page
                page, size = [], 0
            page.append(id_)
            size += n
        yield page
        last = rows[-1][0]


def _page(conn: Connection, shard: int, ids: Sequence[int], merged: _Merges) -> Iterator[Circle]:
    made = {i: Circle(shard, i, {old: shift for _, old, shift in _before(i, merged)}) for i in ids}
    home = _people(conn, shard, ids, made)
    for circle, row in _rows(conn, tables.address, shard, ids, "contact channel address mailbox at recorded_at"):
        made[circle].addresses.append(Address(*row))
    for circle, row in _rows(conn, tables.touch, shard, ids, _TOUCH):
        made[circle].touches.append(_touch(row))
    for circle, row in _rows(conn, tables.event, shard, ids, _EVENT):
        made[circle].events[row[0]].append(_event(row))
    for circle, row in _rows(conn, tables.consent, shard, ids, "contact number at recorded_at kind category channel"):
        made[circle].said[row[0]].append(_said(Said(*row)))
    _messages(conn, shard, ids, made, home, merged)
    for circle_ in made.values():
        circle_.touches.sort(key=lambda t: t.number)
        for events in circle_.events.values():
            events.sort(key=lambda e: e.number)
        for statements in circle_.said.values():
            statements.sort(key=lambda s: s.number)
        yield circle_


_TOUCH = (
    "id contact number at recorded_at channel category campaign thread topic content mailbox triggered tags outcome "
    "message source source_id withdrawn_at withdrawn_number"
)
_EVENT = "contact number at recorded_at kind channel subject until amount detail"
_PERSON = "id zones country region locale household account attributes hours days recorded_at"


def _rows(
    conn: Connection, table: sa.Table, shard: int, ids: Sequence[int], names: str
) -> Iterator[tuple[int, Sequence[Any]]]:
    """Rows of these circles, which are neighbours in their shard: the circle, and the columns named."""
    c = table.c
    asked = sa.select(c.circle, *(c[name] for name in names.split()))
    wanted = set(ids)
    for row in conn.execute(asked.where(c.shard == shard, c.circle >= ids[0], c.circle <= ids[-1])):
        if row[0] in wanted:
            yield row[0], tuple(row[1:])


def _touch(row: Sequence[Any]) -> Touch:
    fields: dict[str, Any] = dict(zip(_TOUCH.split(), row, strict=True))
    return Touch(**{**fields, "tags": _texts(fields["tags"])})


def _event(row: Sequence[Any]) -> Event:
    fields: dict[str, Any] = dict(zip(_EVENT.split(), row, strict=True))
    return Event(**{**fields, "amount": fields["amount"] or 0.0, "detail": _mapping(fields["detail"])})


def _said(said: Said) -> Said:
    """What was written down as of the future was said when it was recorded."""
    return said if said.at is None or said.at <= said.recorded_at else replace(said, at=said.recorded_at)


def _people(conn: Connection, shard: int, ids: Sequence[int], made: dict[int, Circle]) -> dict[int, int]:
    """Fills in the contacts; returns the circle of each."""
    home: dict[int, int] = {}
    for circle, row in _rows(conn, tables.contact, shard, ids, _PERSON):
        id_, zones, country, region, locale, household, account, attributes, hours, days, recorded_at = row
        texts = _texts(zones), country, region, locale, household, account
        made[circle].people[id_] = Person(id_, *texts, _mapping(attributes), _texts(hours), _texts(days), recorded_at)
        home[id_] = circle
    return home


def _messages(
    conn: Connection, shard: int, ids: Sequence[int], made: dict[int, Circle], home: dict[int, int], merged: _Merges
) -> None:
    """Fills in messages and decisions: those of this shard, and what stayed in others when circles moved here."""
    c = tables.contact.c
    here = sa.select(c.id).where(c.shard == shard, c.circle >= ids[0], c.circle <= ids[-1])
    for row in _of_contacts(conn, shard, here):
        _file(row, made, home)
    for circle_ in made.values():
        elsewhere = {place for place, _, _ in _before(circle_.id, merged)} - {shard}
        people = list(circle_.people)
        for place in sorted(elsewhere):
            for start in range(0, len(people), 500):
                for row in _of_contacts(conn, place, people[start : start + 500]):
                    _file(row, made, home)


_MESSAGE = (
    "id contact state due_at until rule asked_at ask_because created_at recorded_at expires_at campaign channel category "
    "content thread topic tags trigger_at priority about decision decided_at touch hand_over_at attempts provider "
    "doubt_at outcome_at because released_at revives"
)
_DECISION = "id circle contact message at verdict until rule policy segment seen_number"


def _of_contacts(conn: Connection, shard: int, contacts: Any) -> Iterator[Message | Decision]:
    for table, names in ((tables.message, _MESSAGE.split()), (tables.decision, _DECISION.split())):
        c = table.c
        asked = sa.select(*(c[name] for name in names)).where(c.shard == shard, c.contact.in_(contacts))
        for row in conn.execute(asked):
            fields: dict[str, Any] = dict(zip(names, row, strict=True))
            if table is tables.decision:
                yield Decision(**fields)
            else:
                yield Message(**{**fields, "tags": _texts(fields["tags"])})


def _file(row: Message | Decision, made: dict[int, Circle], home: dict[int, int]) -> None:
    if row.contact not in home:
        return
    circle = made.get(home[row.contact])
    if circle is not None and isinstance(row, Message):
        circle.messages[row.id] = row
    elif circle is not None and isinstance(row, Decision):
        circle.decisions[row.id] = row


def policies(conn: Connection) -> Iterable[tuple[str, str]]:
    """Every version of the policy there was: its hash and its content."""
    v = tables.policy_version.c
    return [(row[0], row[1]) for row in conn.execute(sa.select(v.hash, v.content))]


def active_policy(conn: Connection, at: int | None) -> str | None:
    """The hash of the policy that became active last, by an instant or (None) by now."""
    u = tables.policy_use.c
    by_then = sa.true() if at is None else u.at <= at
    return conn.scalar(sa.select(u.hash).where(by_then).order_by(u.at.desc(), u.id.desc()).limit(1))


def campaign_states(conn: Connection, at: int | None) -> dict[str, str]:
    """The campaigns there are, with their states; the state of one that has changed since an instant isn't known."""
    c = tables.campaign.c
    rows = conn.execute(sa.select(c.name, c.state, c.state_at))
    return {name: "unknown" if at is not None and (since or 0) > at else state for name, state, since in rows}


def campaign_names(conn: Connection) -> dict[str, str]:
    """By each name of a campaign that was renamed the name that stands for all of them, over any number of renames."""
    c = tables.campaign.c
    beside: dict[str, set[str]] = defaultdict(set)
    for name, content in conn.execute(sa.select(c.name, c.content)):
        for old in _mapping(content).get("was") or ():
            beside[name].add(old)
            beside[old].add(name)
    found: dict[str, str] = {}
    for name in sorted(beside):
        reached = [name]
        while reached:
            one = reached.pop()
            if one not in found:
                found[one] = name
                reached += beside[one]
    return found


def circle_count(conn: Connection) -> int:
    """How many circles there are."""
    c = tables.circle.c
    return conn.scalar(sa.select(sa.func.count()).select_from(tables.circle).where(c.merged_into.is_(None))) or 0


def counts(conn: Connection, at: int | None) -> dict[str, int]:
    """How many rows there are, or (`at`) were by an instant, of what must be reached through contacts."""
    written = {"messages": tables.message.c.recorded_at, "decisions": tables.decision.c.at}
    asked = {
        name: sa.select(sa.func.count(by)).where(sa.true() if at is None else by <= at) for name, by in written.items()
    }
    return {name: conn.scalar(found) or 0 for name, found in asked.items()}


def taken_twice(conn: Connection) -> list[tuple[int, int]]:
    """Messages that providers know by more than one id, and by how many."""
    d = tables.directory.c
    asked = sa.select(d.message, sa.func.count()).where(d.kind == "provider_id", d.message.is_not(None))
    return [(r[0], r[1]) for r in conn.execute(asked.group_by(d.message).having(sa.func.count() > 1))]


def category_of(conn: Connection, message: int) -> tuple[str | None, int]:
    """The category of one message, wherever it is, and when its last hand-over began (0: never)."""
    m = tables.message.c
    found = conn.execute(sa.select(m.category, m.hand_over_at).where(m.id == message)).first()
    return (None, 0) if found is None else (found[0], found[1] or 0)


def _texts(listed: str | None) -> tuple[str, ...]:
    return tuple(str(one) for one in json.loads(listed)) if listed else ()


def _mapping(text: str | None) -> dict[str, Any]:
    found = json.loads(text) if text else {}
    return found if isinstance(found, dict) else {}
