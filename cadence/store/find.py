"""Finding the contact that somebody means: by outside id, by our own id, by an address in any spelling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy.engine import Connection

from cadence.addresses import address_of, mailbox_of
from cadence.facts import CHANNELS
from cadence.store.bulk import fetch, wanted
from cadence.store.ids import SHARDS
from cadence.store.known import by_id, look_up

_IDS = 1 << 63
"""Ids of ours lie below."""
_DIGITS = len(str(_IDS))


@dataclass(frozen=True, slots=True)
class Found:
    """A contact and where its rows are."""

    shard: int
    id: int
    circle: int
    outside_id: str | None


def find_contacts(conn: Connection, told: str) -> list[Found]:
    """The contacts that `told` may mean: those with this outside id, else the one with this id of ours, else all who
    have it as an address. Empty where nobody is meant."""
    places = _called(conn, told)
    if not places and told.isascii() and told.isdigit() and len(told) <= _DIGITS and int(told) < _IDS:
        places = list(by_id(conn, np.array([int(told)], np.int64)).pairs())
    return _found(conn, places or _having(conn, told, CHANNELS))


def contacts_of_address(conn: Connection, channel: str, address: str) -> list[Found]:
    """All contacts that an address may stand for: those who have it on this channel, in any spelling, and those whose
    outside id it is."""
    return _found(conn, [*_called(conn, address), *_having(conn, address, (channel,))])


def _called(conn: Connection, told: str) -> list[tuple[int, int]]:
    return [(s, c) for s, c, _ in look_up(conn, "outside", [told]).get(told, ())]


def _having(conn: Connection, told: str, channels: Sequence[str]) -> list[tuple[int, int]]:
    mailboxes = [m for m in dict.fromkeys(_mailbox(channel, told) for channel in channels) if m]
    shared = look_up(conn, "mailbox", mailboxes)
    return [(s, c) for m in mailboxes for s, c, _ in shared.get(m, ())]


def _mailbox(channel: str, told: str) -> str | None:
    try:
        return mailbox_of(channel, address_of(channel, told))
    except ValueError:
        return None


def _found(conn: Connection, places: list[tuple[int, int]]) -> list[Found]:
    if not places:
        return []
    places = list(dict.fromkeys(places))
    sql, params = wanted(conn, "w", {"shard": [p[0] for p in places], "id": [p[1] for p in places]})
    rows = fetch(
        conn,
        f"SELECT c.shard, c.id, c.circle, c.outside_id FROM {sql} CROSS JOIN contact c "  # noqa: S608
        "WHERE c.shard = w.shard AND c.id = w.id ORDER BY w.row",
        **params,
    )
    return [Found(*row) for row in rows]


def contact_by_id(conn: Connection, contact: int) -> Found | None:
    """The contact with this id of ours, whichever shard it is in; None where there is none."""
    places = list(by_id(conn, np.array([contact], np.int64)).pairs())
    return next(iter(_found(conn, places)), None)


def find_message(conn: Connection, message: int) -> tuple[int, int, str] | None:
    """The (shard, contact, state) of a message, by its id alone: looks into each shard. None where there is none."""
    found = _messages(conn, "m.id = :message", message=message)
    return None if not found else (found[0][0], found[0][2], found[0][3])


def queued_again_for(conn: Connection, message: int, contact: int) -> list[tuple[int, str]]:
    """The (id, state) of each message of this contact that was queued again for a suppressed one, oldest first."""
    found = _messages(conn, "m.contact = :contact AND m.revives = :message", message=message, contact=contact)
    return [(id_, state) for _, id_, _, state in found]


def _messages(conn: Connection, where: str, **told: int) -> list[tuple[int, int, int, str]]:
    """The (shard, id, contact, state) of messages, whichever shard they are in, by id."""
    sql, params = wanted(conn, "w", {"shard": list(range(SHARDS))})
    asked = (
        f"SELECT m.shard, m.id, m.contact, m.state FROM {sql} CROSS JOIN message m "  # noqa: S608
        f"WHERE m.shard = w.shard AND {where} ORDER BY m.id"
    )
    rows = fetch(conn, asked, **told, **params)
    return [(int(shard), int(id_), int(contact), str(state)) for shard, id_, contact, state in rows]


def members_of(conn: Connection, circle: tuple[int, int]) -> list[Found]:
    """All contacts of a circle given as (shard, id)."""
    rows = fetch(
        conn,
        "SELECT shard, id, circle, outside_id FROM contact WHERE shard = :shard AND circle = :circle ORDER BY id",
        shard=circle[0],
        circle=circle[1],
    )
    return [Found(*row) for row in rows]
