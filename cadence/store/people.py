"""What is known of circles, as the decision core wants it: rows of the tables laid out as columns of
`cadence.facts.History`.

The hot load: a statement per table for all circles at once, and as little Python per row as can be. Only what is
recorded by now is there, and nothing later than now but touches. It judges nothing."""

# Statements are put together from names in tables.py alone; every value is a parameter.
# ruff: noqa: S608

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import orjson
from sqlalchemy.engine import Connection

from cadence.calendar import Window, parse_days, parse_hours, zone_index, zones_of_country
from cadence.facts import (
    HELD,
    NEVER,
    NONE,
    Addresses,
    Coded,
    Column,
    Consents,
    EventKind,
    Events,
    History,
    HoldKind,
    Holds,
    Ints,
    Lookups,
    People,
    Ragged,
    Wish,
)
from cadence.policy.policy import Defaults
from cadence.store.bulk import fetch, fetch_columns, floats, ints, laid_out, turned
from cadence.store.places import Places, keys, passing_keys
from cadence.store.tables import LATEST, SAID_AT
from cadence.store.touched import Copies, touches_and_copies
from cadence.store.ways import Ways, ways


class Needs(Protocol):
    """What a policy needs to know (`cadence.decide.needs.Needs`)."""

    @property
    def touches(self) -> int | None:
        """How far back touches matter, in microseconds; 0: not at all; None: for ever."""

    @property
    def events(self) -> Mapping[EventKind, int]:
        """Which events are wanted as rows, and how far back."""

    @property
    def attributes(self) -> frozenset[str]:
        """The attributes that conditions name."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What was last written down of each person besides facts; rows as in People."""

    segment: Sequence[str | None]
    next_change: Ints
    """When time alone may change an answer, int64; NONE where it can't."""


NOT_READ = Standing((), np.zeros(0, np.int64))
"""For those who write nothing."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The history of some circles, and what writing a decision about them takes."""

    history: History
    shard: Ints
    """The shard of each person."""
    circle: Ints
    """The id of each person's circle."""
    seen: Mapping[int, int]
    """By circle id the number of the last fact that was there."""
    copies: Copies | None
    """None: touches weren't wanted."""
    ways: Ways
    """Where a message to each person goes."""
    standing: Standing


_CONTACT = (
    "w.row, w.shard, w.circle, c.id, c.zones, c.country, c.region, c.locale, c.household, c.account, c.attributes, "
    "c.hours, c.days, c.less_often, c.snooze_until, c.orders, c.spend, c.first_purchase, c.segment, c.next_change_at, "
    + ", ".join(f"c.{column}" for column in LATEST.values())
)
_FIXED = 20


def history_of(
    conn: Connection,
    circles: Sequence[tuple[int, int]],
    now: int,
    needs: Needs,
    defaults: Defaults,
    every_attribute: bool = False,
) -> Loaded:
    """Everything that deciding for these circles, given as (shard, id), may see at `now`: all their members, and of the
    rest what the policy needs. People stand in the order of the circles given, then by id. Within a transaction that
    has locked the shards, what is loaded stays true until it ends."""
    pairs = list(dict.fromkeys(circles))
    shard, circle = np.array(pairs, np.int64).reshape(-1, 2).T
    sql, params = laid_out(conn, "w", {"shard": shard, "circle": circle})
    names = None if every_attribute else needs.attributes
    columns = _CONTACT if names is None or names else _CONTACT.replace("c.attributes", "NULL")  # it can be long
    members = f"SELECT {columns} FROM {sql} CROSS JOIN contact c WHERE c.shard = w.shard AND c.circle = w.circle"
    rows = _in_order(fetch_columns(conn, members, _FIXED + len(LATEST), **params))
    people = people_of(rows, now, defaults, names)
    place = Places(people.id)
    reach = reach_of(needs.touches, people.wishes)
    touches, copies, seen = touches_and_copies(
        conn, sql, params, place, ints(rows[2], None), None if reach == 0 else NONE if reach is None else now - reach
    )
    addresses, found = _addresses(conn, sql, params, place)
    history = History(
        people=people,
        addresses=addresses,
        consents=_consents(conn, sql, params, place, now),
        holds=_holds(conn, sql, params, place, now),
        touches=touches,
        events=_events(conn, sql, params, place, now, as_rows(needs.events)),
        lookups=lookups_of(conn, sql, params, place, now, needs.events.get(EventKind.SCREENED)),
    )
    standing = Standing(rows[18], ints(rows[19]))
    return Loaded(history, ints(rows[1], None), ints(rows[2], None), seen, copies, found, standing)


def _in_order(columns: list[Sequence[Any]]) -> list[Sequence[Any]]:
    """Columns of `_CONTACT` by place and id: mostly they come so, and a database that sorts wide rows takes its time."""
    place, id_ = ints(columns[0], None), ints(columns[3], None)
    step = np.diff(place)
    if ((step > 0) | ((step == 0) & (np.diff(id_) > 0))).all():
        return columns
    order = np.lexsort((id_, place)).tolist()
    return [[column[i] for i in order] for column in columns]


def people_of(rows: Sequence[Sequence[Any]], now: int, defaults: Defaults, attributes: frozenset[str] | None) -> People:
    """Fetched contact columns (`_CONTACT`) as People. attributes: the names wanted, None for all."""
    place, _, _, ids, zones, country, region, locale, household, account, given, hours, days, less, snooze = rows[:15]
    circle = np.unique(ints(place, None), return_inverse=True)[1]
    wishes, wish = _wishes(less, hours, days)
    latest = {}
    for kind, column in zip(LATEST, rows[_FIXED:], strict=True):
        if column.count(None) < len(column):
            latest[kind] = np.minimum(ints(column), now)
    return People(
        id=ints(ids, None),
        circle=circle.astype(np.int32),
        zones=_zones(zones, country, defaults),
        country=Coded.of([c or defaults.country for c in country]),
        region=Coded.of(region),
        locale=Coded.of([text or defaults.locale for text in locale]),
        household=keys(household),
        account=keys(account),
        wish=wish,
        wishes=wishes,
        snooze_until=ints(snooze),
        attributes=_attributes(given, attributes),
        orders=ints(rows[15], None),
        spend=floats(rows[16], 0.0),
        first_purchase=ints(rows[17]),
        latest=latest,
    )


def reach_of(needed: int | None, wishes: Sequence[Wish]) -> int | None:
    """How far back touches matter: as far as the policy needs, and as far as the caps that these contacts chose; None:
    for ever."""
    reaches = [needed, *(Window.parse(w.less_often[1]).reach_micros() for w in wishes if w.less_often is not None)]
    known = [r for r in reaches if r is not None]
    return max(known) if len(known) == len(reaches) else None


@lru_cache(maxsize=4_096)
def _zone_codes(zones: str | None, country: str | None, default: str, strict: bool) -> tuple[int, ...]:
    names = json.loads(zones) if zones else []
    if not names and strict and country:
        names = list(zones_of_country(country))
    return tuple(zone_index(n) for n in names or [default])


def _zones(zones: Sequence[str | None], country: Sequence[str | None], defaults: Defaults) -> Ragged:
    strict = defaults.unknown_zone == "strict"
    codes = [
        _zone_codes(z, (c or defaults.country) if strict else None, defaults.timezone, strict)
        for z, c in zip(zones, country, strict=True)
    ]
    return Ragged.of(codes, np.int32)


@lru_cache(maxsize=4_096)
def _wish(less: str | None, hours: str | None, days: str | None) -> Wish:
    cap = None
    if less:
        most, _, window = less.partition(" per ")
        cap = (int(most), window)
    return Wish(
        cap, parse_hours(json.loads(hours)) if hours else (), parse_days(json.loads(days)) if days else frozenset()
    )


def _wishes(
    less: Sequence[str | None], hours: Sequence[str | None], days: Sequence[str | None]
) -> tuple[tuple[Wish, ...], Any]:
    at: dict[Wish, int] = {}
    codes = [
        -1 if not (a or b or c) else at.setdefault(_wish(a, b, c), len(at))
        for a, b, c in zip(less, hours, days, strict=True)
    ]
    return tuple(at), np.array(codes, np.int32)


def _attributes(given: Sequence[str | None], names: frozenset[str] | None) -> dict[str, Column]:
    if names is not None and not names:
        return {}
    parsed: list[dict[str, Any]] = [orjson.loads(text) if text else {} for text in given]
    wanted_names = sorted(names if names is not None else {n for row in parsed for n in row})
    return {name: _column([row.get(name) for row in parsed]) for name in wanted_names}


def _column(values: list[Any]) -> Column:
    """Numbers as float64, texts coded, all else as it is."""
    kinds = {type(v) for v in values if v is not None}
    if kinds <= {int, float} and kinds:
        return np.array([np.nan if v is None else v for v in values], np.float64)
    if kinds == {str}:
        return Coded.of(values)
    out = np.empty(len(values), object)
    out[:] = values
    return out


def _addresses(conn: Connection, sql: str, params: Mapping[str, Any], place: Places) -> tuple[Addresses, Ways]:
    found = fetch(
        conn,
        f"SELECT a.contact, a.channel, a.address, a.mailbox, a.bounced_at, a.at FROM {sql} CROSS JOIN address a "
        "WHERE a.shard = w.shard AND a.circle = w.circle",
        **params,
    )
    rows = turned(found, 6)
    contact = place.of(rows[0])
    order = np.argsort(contact, kind="stable")
    columns = contact, keys(rows[1]), passing_keys(rows[2]), keys(rows[3]), ints(rows[4])
    return Addresses(*(column[order] for column in columns)), ways(found)


def _consents(conn: Connection, sql: str, params: Mapping[str, Any], place: Places, now: int) -> Consents:
    rows = fetch_columns(
        conn,
        f"SELECT s.contact, {SAID_AT}, s.number, s.kind, s.category, s.channel FROM {sql} CROSS JOIN consent s "
        f"WHERE s.shard = w.shard AND s.circle = w.circle AND (s.at IS NULL OR {SAID_AT} <= :now)",
        6,
        now=now,
        **params,
    )
    return consents_of(place, *rows)


def consents_of(place: Places, *rows: Sequence[Any]) -> Consents:
    """Fetched contact, at, number, kind, category and channel as columns, in order; stops come last at one instant."""
    contact, at, number, kind = place.of(rows[0]), ints(rows[1]), ints(rows[2], None), ints(rows[3], None)
    given = kind == EventKind.OPT_IN
    everything = (kind == EventKind.COMPLAINT) | (kind == EventKind.DO_NOT_CONTACT)
    category, channel = np.where(everything, 0, keys(rows[4])), np.where(everything, 0, keys(rows[5]))
    order = np.lexsort((number, ~given, at, contact))
    return Consents(contact[order], at[order], given[order], category[order], channel[order])


def _holds(conn: Connection, sql: str, params: Mapping[str, Any], place: Places, now: int) -> Holds:
    rows = fetch_columns(
        conn,
        f"SELECT h.contact, h.kind, h.about, h.until FROM {sql} CROSS JOIN hold h "
        "WHERE h.shard = w.shard AND h.circle = w.circle AND h.ended_at IS NULL AND (h.until IS NULL OR "
        "h.until > :now) "
        f"AND (h.from_at < :now OR (h.from_at = :now AND h.kind <> '{HoldKind.PROMISE.value}'))",
        4,
        now=now,
        **params,
    )
    contact = place.of(rows[0])
    order = np.argsort(contact, kind="stable")
    return Holds(contact[order], keys(rows[1])[order], keys(rows[2])[order], ints(rows[3], HELD)[order])


def _events(
    conn: Connection, sql: str, params: Mapping[str, Any], place: Places, now: int, kinds: Mapping[EventKind, int]
) -> Events:
    if not kinds:
        return events_of(place, *[()] * 6)
    listed = ", ".join(str(int(k)) for k in kinds)
    rows = fetch_columns(
        conn,
        f"SELECT e.contact, e.at, e.number, e.kind, e.channel, e.amount FROM {sql} CROSS JOIN event e "
        "WHERE e.shard = w.shard AND e.circle = w.circle AND e.at > :since AND e.at <= :now "
        f"AND e.kind IN ({listed})",
        6,
        since=now - max(kinds.values()),
        now=now,
        **params,
    )
    return within_reach(events_of(place, *rows), now, kinds)


def as_rows(kinds: Mapping[EventKind, int]) -> Mapping[EventKind, int]:
    """Those that are wanted as rows of `Events`: look-ups have columns of their own."""
    return {kind: reach for kind, reach in kinds.items() if kind is not EventKind.SCREENED}


def within_reach(events: Events, now: int, kinds: Mapping[EventKind, int]) -> Events:
    """Those that happened as lately as is wanted of their kind."""
    back = np.zeros(max(kinds, default=0) + 1, np.int64)
    back[[int(k) for k in kinds]] = list(kinds.values())
    kept = events.at > now - back[events.kind]
    return Events(events.contact[kept], events.at[kept], events.kind[kept], events.channel[kept], events.amount[kept])


def events_of(place: Places, *rows: Sequence[Any]) -> Events:
    """Fetched contact, at, number, kind, channel and amount as columns, sorted by contact, then at, then number."""
    contact, at = place.of(rows[0]), ints(rows[1], None)
    order = np.lexsort((ints(rows[2], None), at, contact))
    return Events(
        contact=contact[order],
        at=at[order],
        kind=np.array(rows[3], np.int16)[order],
        channel=keys(rows[4])[order],
        amount=floats(rows[5], 0.0)[order],
    )


def lookups_of(
    conn: Connection,
    sql: str,
    params: Mapping[str, Any],
    place: Places,
    at: int,
    reach: int | None,
    recorded_by: int | None = None,
) -> Lookups:
    """Look-ups in registers up to an instant (and recorded by one), no older than `reach`, None for none at all; of
    those at one instant the ones that found the contact come last."""
    if reach is None:
        return Lookups.none()
    rows = fetch_columns(
        conn,
        f"SELECT e.contact, e.at, e.subject, e.detail FROM {sql} CROSS JOIN event e "
        f"WHERE e.shard = w.shard AND e.circle = w.circle AND e.kind = {int(EventKind.SCREENED)} "
        "AND e.at > :since AND e.at <= :at AND e.recorded_at <= :recorded",
        4,
        since=at - reach,
        at=at,
        recorded=NEVER if recorded_by is None else recorded_by,
        **params,
    )
    contact, when = place.of(rows[0]), ints(rows[1], None)
    listed = np.array([bool(json.loads(detail or "{}").get("listed")) for detail in rows[3]], bool)
    order = np.lexsort((listed, when, contact))
    return Lookups(contact[order], when[order], keys(rows[2])[order], listed[order])
