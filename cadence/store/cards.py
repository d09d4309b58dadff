"""What a letter may say of its reader: names, place, attributes and totals of contacts, read when it is written."""

# Statements are put together from names in tables.py alone; every value is a parameter.
# ruff: noqa: S608

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Connection

from cadence.store.bulk import fetch, wanted


@dataclass(frozen=True, slots=True)
class Card:
    """One contact, as letters know it. Texts are empty and instants None where nothing is known."""

    id: int
    outside_id: str
    zones: tuple[str, ...]
    country: str
    region: str
    locale: str
    household: str
    account: str
    attributes: Mapping[str, Any]
    orders: int
    spend: float
    first_purchase: int | None
    last_purchase: int | None


_COLUMNS = (
    "id, outside_id, zones, country, region, locale, household, account, attributes, orders, spend, first_purchase, "
    "last_purchase"
)


def cards_of(conn: Connection, contacts: Sequence[tuple[int, int]]) -> dict[int, Card]:
    """By id the contacts given as (shard, id); those that aren't there are left out. One statement."""
    pairs = sorted(set(contacts))
    if not pairs:
        return {}
    source, params = wanted(conn, "w", {"shard": [p[0] for p in pairs], "id": [p[1] for p in pairs]})
    columns = ", ".join(f"c.{name.strip()}" for name in _COLUMNS.split(","))
    sql = f"SELECT {columns} FROM {source} CROSS JOIN contact c WHERE c.shard = w.shard AND c.id = w.id"
    return {int(row[0]): _card(row) for row in fetch(conn, sql, **params)}


def attribute_names(conn: Connection, most: int = 2_000) -> frozenset[str]:
    """The names of attributes that contacts have, from at most so many of them."""
    rows = fetch(conn, "SELECT attributes FROM contact WHERE attributes IS NOT NULL LIMIT :most", most=most)
    return frozenset(name for (text,) in rows for name in json.loads(text))


def every_attribute_name(conn: Connection) -> frozenset[str]:
    """The same from all contacts: it reads all of them."""
    if conn.dialect.name == "sqlite":
        each = "SELECT DISTINCT e.key FROM contact c, json_each(c.attributes) e WHERE c.attributes IS NOT NULL"
    else:
        each = (
            "SELECT DISTINCT e.key FROM contact c, LATERAL json_object_keys(CAST(c.attributes AS json)) AS e(key) "
            "WHERE c.attributes IS NOT NULL"
        )
    return frozenset(str(r[0]) for r in fetch(conn, each))


def _card(row: Sequence[Any]) -> Card:
    id_, outside_id, zones, country, region, locale, household, account, attributes, orders, spend, first, last = row
    return Card(
        id=int(id_),
        outside_id=outside_id or "",
        zones=tuple(json.loads(zones)) if zones else (),
        country=country or "",
        region=region or "",
        locale=locale or "",
        household=household or "",
        account=account or "",
        attributes=json.loads(attributes) if attributes else {},
        orders=int(orders or 0),
        spend=float(spend or 0.0),
        first_purchase=None if first is None else int(first),
        last_purchase=None if last is None else int(last),
    )
