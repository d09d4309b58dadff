"""Whom the rows of an import mean, and what comes of what is told and what is known: before anything is written.

By outside id, else by the first address where just one contact has that. Who shares a circle is worked out in `contacts.py`."""

# Statements are put together from names in tables.py alone; every value is a parameter.
# ruff: noqa: S608

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from operator import attrgetter
from typing import Any

import orjson
from sqlalchemy.engine import Connection

from cadence.addresses import mailbox_of
from cadence.store.bulk import fetch, wanted
from cadence.store.ids import new_ids
from cadence.store.known import look_up
from cadence.store.rows import ContactRow

_PLAIN = ("country", "region", "locale", "household", "account")
_LISTS = ("zones", "hours", "days")
_plain, _lists = attrgetter(*_PLAIN), attrgetter(*_LISTS)
COLUMNS = ("outside_id", *_LISTS, *_PLAIN, "attributes")
_JOINING = {name: COLUMNS.index(name) for name in ("household", "account")}
"""What contacts share beside their mailboxes, and its place among the columns."""


@dataclass(slots=True)
class Person:
    """A contact of the batch: what is told of it, what is known, and what comes of both."""

    told: ContactRow
    rows: list[int]
    id: int = 0
    shard: int = -1
    circle: int = 0
    new: bool = True
    columns: tuple[str | None, ...] = ()
    """In the order of COLUMNS."""
    changed: bool = False
    earlier: list[tuple[str, str]] = field(default_factory=list)
    """(channel, address): those that earlier rows of the batch told of, before others of their channel."""
    addresses: list[tuple[str, str, str, int]] = field(default_factory=list)
    """(channel, address, mailbox, at): those to be written, new ones and old ones that are current again."""
    entries: list[tuple[str, str]] = field(default_factory=list)
    """(kind, value): what the directory is to know of it."""
    left: list[tuple[str, str]] = field(default_factory=list)
    """(kind, value): the household or account that it belonged to until now."""


def told_of(conn: Connection, rows: Sequence[ContactRow]) -> tuple[list[Person], list[int]]:
    """The contacts that the rows tell of, each once, new ones with their ids; and rows without an outside id that have no
    address, or one that several contacts have. It comes to the same in one batch and in several."""
    directory = _Directory.of(conn, rows)
    found: dict[_Who, Person] = {}
    ambiguous: list[int] = []
    for i, row in enumerate(rows):
        who = directory.whose(row)
        if who is None:
            ambiguous.append(i)
            continue
        directory.learn(row, who)
        if who in found:
            _take_in(found[who], row, i)
        elif isinstance(who, str):
            found[who] = Person(row, [i])
        else:
            found[who] = Person(row, [i], shard=who[0], id=who[1], new=False)
    new = [p for p in found.values() if p.new]
    for person, made in zip(new, new_ids(len(new)).tolist(), strict=True):
        person.id = person.circle = made
    return list(found.values()), ambiguous


_Who = tuple[int, int] | str
"""A contact by its place, as (shard, id); a new one by what the batch first knew it by."""


@dataclass(frozen=True, slots=True)
class _Directory:
    """What the directory knows of a batch's outside ids and of the mailboxes that rows without one go by, and what each row
    says to those after it."""

    outside: Mapping[str, tuple[int, int]]
    owners: Mapping[str, dict[_Who, None]]

    @classmethod
    def of(cls, conn: Connection, rows: Sequence[ContactRow]) -> _Directory:
        there = look_up(conn, "outside", [r.outside_id for r in rows if r.outside_id])
        mailboxes = [m for r in rows if not r.outside_id and (m := _mailbox(r))]
        owned = look_up(conn, "mailbox", mailboxes)
        owners: dict[str, dict[_Who, None]] = {m: {} for m in mailboxes}
        for mailbox, places in owned.items():
            owners[mailbox].update(dict.fromkeys((shard, who) for shard, who, _ in places))
        return cls({outside_id: found[0][:2] for outside_id, found in there.items()}, owners)

    def whose(self, row: ContactRow) -> _Who | None:
        """Whom a row tells of; None where nobody can say."""
        if row.outside_id:
            return self.outside.get(row.outside_id, f"outside:{row.outside_id}")
        mailbox = _mailbox(row)
        if mailbox is None or len(self.owners[mailbox]) > 1:
            return None
        return next(iter(self.owners[mailbox]), f"mailbox:{mailbox}")

    def learn(self, row: ContactRow, who: _Who) -> None:
        """These addresses are theirs."""
        for channel, text in row.addresses.items() if self.owners else ():
            if (owners := self.owners.get(mailbox_of(channel, text))) is not None:
                owners[who] = None


def _mailbox(row: ContactRow) -> str | None:
    return next((mailbox_of(channel, text) for channel, text in row.addresses.items()), None)


def _take_in(person: Person, row: ContactRow, place: int) -> None:
    """One more row of somebody: an address that gives way to another stays theirs, too."""
    said = row.addresses
    person.earlier += [(c, text) for c, text in person.told.addresses.items() if said.get(c, text) != text]
    person.told = _over(person.told, row)
    person.rows.append(place)


def _over(older: ContactRow, newer: ContactRow) -> ContactRow:
    """What two rows say of one contact: the later one's word counts, where it says something."""
    said = {name: getattr(newer, name) or getattr(older, name) for name in ("outside_id", *_LISTS, *_PLAIN)}
    return replace(
        newer,
        **said,
        addresses={**older.addresses, **newer.addresses},
        attributes={**older.attributes, **newer.attributes},
        consents=tuple(dict.fromkeys((*older.consents, *newer.consents))),
    )


def read(conn: Connection, known: Sequence[Person]) -> dict[int, dict[str, Any]]:
    """The rows of the contacts that are there, by id, with their addresses: {channel: {address: at}}, oldest first."""
    if not known:
        return {}
    columns = ", ".join(f"c.{name}" for name in ("circle", *COLUMNS))
    sql, params = wanted(conn, "w", {"shard": [p.shard for p in known], "id": [p.id for p in known]})
    rows = fetch(
        conn,
        f"SELECT c.id, {columns} FROM {sql} CROSS JOIN contact c WHERE c.shard = w.shard AND c.id = w.id",
        **params,
    )
    found: dict[int, dict[str, Any]] = {
        r[0]: {**dict(zip(("circle", *COLUMNS), r[1:], strict=True)), "addresses": {}} for r in rows
    }
    for person, channel, text, at in fetch(
        conn,
        f"SELECT a.contact, a.channel, a.address, a.at FROM {sql} CROSS JOIN address a "
        "WHERE a.shard = w.shard AND a.contact = w.id ORDER BY a.at, a.address",
        **params,
    ):
        found[person]["addresses"].setdefault(channel, {})[text] = at
    return found


def lay_over(person: Person, current: Mapping[str, Any] | None, now: int) -> None:
    """Works out the contact's columns, which addresses to write, and what the directory is to know."""
    told, given = person.told, person.told.attributes
    said = (told.outside_id, *map(_list, _lists(told)), *_plain(told))
    if current is not None:
        said = tuple(new or current[name] for new, name in zip(said, COLUMNS, strict=False))
        given = {**(json.loads(current["attributes"]) if current["attributes"] else {}), **given}
    person.columns = (*said, _written(given) if given else None)
    known: Mapping[str, dict[str, int]] = {} if current is None else current["addresses"]
    for channel, text in told.addresses.items():
        if person.earlier or channel in known:
            _readdress(person, channel, text, known.get(channel, {}), now)
        else:  # the usual case of an import
            person.addresses.append((channel, text, mailbox_of(channel, text), now))
    if person.new and told.outside_id:
        person.entries.append(("outside", told.outside_id))
    person.entries += dict.fromkeys(("mailbox", mailbox) for _, _, mailbox, _ in person.addresses)
    for name, place in _JOINING.items():
        value, old = person.columns[place], None if current is None else current[name]
        if value and value != old:
            person.entries.append((name, value))
            if old:
                person.left.append((name, old))
    if current is not None:
        person.circle = current["circle"]
        person.changed = bool(person.addresses) or person.columns != tuple(current[name] for name in COLUMNS)


def _readdress(person: Person, channel: str, text: str, known: dict[str, int], now: int) -> None:
    """Which addresses of a channel to write: those that nobody knew, and last the one that is to be the current one. Each is
    later than all before it, whatever the clock did since."""
    before = [t for c, t in person.earlier if c == channel and t != text and t not in known]
    if not before and next(reversed(known), None) == text:
        return
    at = max([now, *(since + 1 for since in known.values())])
    for i, one in enumerate((*dict.fromkeys(before), text)):
        person.addresses.append((channel, one, mailbox_of(channel, one), at + i))


def _written(attributes: Mapping[str, Any]) -> str:
    """The same text for the same attributes, in whatever order they were told."""
    try:
        return orjson.dumps(attributes, option=orjson.OPT_SORT_KEYS).decode()
    except orjson.JSONEncodeError:  # numbers of more than 64 bits somewhere within
        return json.dumps(attributes, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


@lru_cache(maxsize=4_096)
def _list(values: tuple[str, ...]) -> str | None:
    return json.dumps(values) if values else None
