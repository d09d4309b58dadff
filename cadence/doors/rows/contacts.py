"""A row of contacts: who somebody is, how they are reached, where they live. It says nothing of what happened to
them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import orjson

from cadence.addresses import address_of
from cadence.calendar import parse_days, parse_hours, zone_index, zones_of_country
from cadence.doors.rows.cells import LIST_SEPARATOR, Row
from cadence.facts import CHANNELS
from cadence.policy.condition_reader import RESERVED_CONSENTS
from cadence.policy.finding import listed, nearest
from cadence.store.rows import ContactRow

COLUMNS: tuple[str, ...] = (
    "id",
    "first_name",
    "last_name",
    *CHANNELS,
    "timezone",
    "timezones",
    "country",
    "region",
    "locale",
    "household",
    "account",
    "hours",
    "days",
)
"""Besides `addresses.CHANNEL`, `attributes.NAME` and `consents.CHANNEL`."""
REQUIRED: tuple[str, ...] = ("id",)
PREFIXES: tuple[str, ...] = ("addresses", "attributes", "consents")

LARGEST: int = 2**63 - 1
"""The largest whole number that every database counts with."""

_COUNTRY = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?", re.ASCII)
_LOCALE = re.compile(r"[a-zA-Z]{2,3}([-_][a-zA-Z0-9]{2,8})*", re.ASCII)
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Columns:
    """Which of a file's columns are what; each with the channel or name that it is of."""

    addresses: tuple[tuple[str, str], ...]
    consents: tuple[tuple[str, str], ...]
    attributes: tuple[tuple[str, str], ...]
    no_channels: tuple[tuple[str, str], ...]
    """Addresses and consents of what is no channel, each with what is wrong with it."""
    plain: tuple[tuple[str, Callable[[Row], Any]], ...]
    """Fields of ContactRow that are a column of the file, or two of them, with what reads them."""


@lru_cache(maxsize=256)
def _columns(names: tuple[str, ...]) -> _Columns:
    """The same for all rows of a CSV file."""
    split = [(name, *name.partition(".")[::2]) for name in names]
    of = {prefix: tuple((f"{prefix}.{c}", c) for c in CHANNELS if f"{prefix}.{c}" in names) for prefix in PREFIXES}
    plain = tuple((c, c) for c in CHANNELS if c in names)
    attributes = [(n, n) for n in names if n in ("first_name", "last_name")]
    attributes += [(n, rest) for n, prefix, rest in split if prefix == "attributes" and rest]
    wrong = [
        (n, rest) for n, prefix, rest in split if prefix in ("addresses", "consents") and rest and rest not in CHANNELS
    ]
    return _Columns(
        tuple(sorted(plain + of["addresses"], key=lambda column: CHANNELS.index(column[1]))),
        of["consents"],
        tuple(attributes),
        tuple((name, _no_channel(channel)) for name, channel in wrong),
        tuple((field, reader) for field, (of, reader) in _FIELDS.items() if not of.isdisjoint(names)),
    )


def _no_channel(name: str) -> str:
    near = nearest(name, CHANNELS)
    return f"is no channel; allowed are {listed(CHANNELS)}" + (f"; did you mean {near}?" if near else "")


def read(row: Row) -> ContactRow | None:
    """The contact that a row tells of, or None where the row has problems (which are then noted in it)."""
    columns = _columns(tuple(row.cells))
    made = ContactRow(
        outside_id=row.key("id", required=True) or "",
        addresses=_addresses(row, columns),
        attributes=_attributes(row, columns),
        consents=_consents(row, columns),
        **{name: reader(row) for name, reader in columns.plain},
    )
    return None if row.problems else made


def _addresses(row: Row, columns: _Columns) -> dict[str, str]:
    found: dict[str, str] = {}
    for column, channel in columns.addresses:
        address = row.parsed(column, _READERS[channel])
        if address is not None:
            if found.get(channel, address) != address:
                row.wrong(column, f"is another address than column {channel} gives")
            found[channel] = address
    for column, why in columns.no_channels:
        row.wrong(column, why)
    return found


_READERS = {channel: partial(address_of, channel) for channel in CHANNELS}


def _zones(row: Row) -> tuple[str, ...]:
    several = row.items("timezones") or ()
    for name in several:
        _try(row, "timezones", name, zone_index)
    one = row.text("timezone")
    if one is None:
        return several
    _try(row, "timezone", one, zone_index)
    if several and one not in several:
        row.wrong("timezone", "isn't among the contact's timezones; give one column or the other")
    return (one, *(z for z in several if z != one))


def _try(row: Row, column: str, value: str, parse: Any) -> None:
    try:
        parse(value)
    except ValueError as error:
        row.wrong(column, str(error))


def _checked(row: Row, column: str, parse: Any) -> tuple[str, ...]:
    items = row.items(column) or ()
    if items:
        try:
            parse(items)
        except ValueError as error:
            row.wrong(column, str(error))
    return items


@lru_cache(maxsize=4_096)
def _country(value: str) -> str:
    value = value.upper()
    if not _COUNTRY.fullmatch(value) or not zones_of_country(value):
        raise ValueError(
            "is no country; write its ISO 3166 code like SE, with a subdivision where it matters like DE-BY"
        )
    return value


@lru_cache(maxsize=4_096)
def _locale(value: str) -> str:
    if not _LOCALE.fullmatch(value):
        raise ValueError("is no locale; write one like sv, or pt-BR")
    return value.replace("_", "-")


_FIELDS: dict[str, tuple[frozenset[str], Callable[[Row], Any]]] = {
    "zones": (frozenset({"timezone", "timezones"}), _zones),
    "country": (frozenset({"country"}), lambda row: row.parsed("country", _country)),
    "region": (frozenset({"region"}), lambda row: row.text("region")),
    "locale": (frozenset({"locale"}), lambda row: row.parsed("locale", _locale)),
    "household": (frozenset({"household"}), lambda row: row.key("household")),
    "account": (frozenset({"account"}), lambda row: row.key("account")),
    "hours": (frozenset({"hours"}), lambda row: _checked(row, "hours", parse_hours)),
    "days": (frozenset({"days"}), lambda row: _checked(row, "days", parse_days)),
}
"""By field of ContactRow: the columns that tell of it, and what reads them."""


def _attributes(row: Row, columns: _Columns) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for column, name in columns.attributes:
        value = row.cells[column]
        if name == column:
            found[name] = row.text(column)
        elif isinstance(value, str):
            found[name] = typed(row.text(column))
        elif isinstance(value, int) and abs(value) > LARGEST:
            row.wrong(column, f"is a number of more than {len(str(LARGEST))} digits; write it as a text")
        elif value is not None:
            found[name] = _as_json(row, column)
    return {name: value for name, value in found.items() if value is not None}


def _as_json(row: Row, column: str) -> Any:
    """A value as it will be read again once it is written down; dates, for one, are texts then."""
    try:
        return orjson.loads(orjson.dumps(row.cells[column], option=orjson.OPT_NON_STR_KEYS))
    except TypeError as error:
        row.wrong(
            column,
            f"can't be kept as JSON ({error}); give texts, numbers of up to {len(str(LARGEST))} digits, true or false, or "
            "lists and mappings of these, not hundreds of them inside one another",
        )
        return None


def typed(text: str | None) -> Any:
    """A CSV cell as a number or a truth where it is written like one; numbers with leading zeros stay texts."""
    if text is None:
        return None
    if text in ("true", "false"):
        return text == "true"
    if _NUMBER.fullmatch(text):
        return float(text) if "." in text else int(text)
    return text


def _consents(row: Row, columns: _Columns) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    for column, channel in columns.consents:
        for category in row.items(column) or ():
            if known_category(row, column, category):
                found.append((channel, category))
    return tuple(found)


def known_category(row: Row, column: str, category: str) -> bool:
    """Whether the policy has it, or it is a consent of its own; notes a problem where neither."""
    known = row.context.categories
    if known is None or category in known or category in RESERVED_CONSENTS:
        return True
    near = nearest(category, known)
    hint = f"; did you mean {near}?" if near else ""
    if len(several := re.split(r"[,;]\s*|\s+", category)) > 1 and known.issuperset(several):
        hint = f"; write several as {LIST_SEPARATOR.join(several)}"
    row.wrong(column, f"names {category!r}, which is no category of the policy{hint}")
    return False
