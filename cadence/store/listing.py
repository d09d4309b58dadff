"""What admins list: messages as they stand, and what was decided against sending, one by one or counted.

For people who look; nothing here moves a message, and no tick asks it."""

# Statements are put together from names in tables.py and our own conditions; every value is a parameter.
# ruff: noqa: S608

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta
from typing import Any, Literal

from sqlalchemy.engine import Connection

from cadence.calendar import next_change, to_local, zone_index
from cadence.facts import DAY, Push, Verdict
from cadence.store.bulk import fetch
from cadence.store.bulk import wanted as wanted_rows
from cadence.store.ids import SHARDS
from cadence.store.shown import pushes_of
from cadence.store.tables import LIVE_STATES

By = Literal["rule", "segment", "campaign", "day"]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which messages or decisions are wanted; what is left empty asks for all. since, until: half-open, microseconds."""

    contacts: Sequence[tuple[int, int]] | None = None
    """As (shard, id)."""
    campaign: str | None = None
    rule: str | None = None
    segment: str | None = None
    states: Sequence[str] = LIVE_STATES
    """Of messages."""
    verdicts: Sequence[Verdict] = (Verdict.SUPPRESS, Verdict.DEFER)
    """Of decisions."""
    since: int | None = None
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Queued:
    """One message as it stands. until: when it is welcome, None where that isn't known; segment: the contact's latest."""

    id: int
    contact: int
    outside_id: str | None
    segment: str | None
    campaign: str | None
    category: str
    channel: str
    state: str
    rule: str | None
    until: int | None
    due_at: int | None
    asked_at: int | None
    ask_because: str | None
    expires_at: int | None
    created_at: int
    outcome_at: int | None
    because: str | None
    released_by: str | None


@dataclass(frozen=True, slots=True)
class Stopped:
    """One decision not to send, or not yet. segment and policy: those it was made by."""

    id: int
    at: int
    message: int
    contact: int
    outside_id: str | None
    campaign: str | None
    category: str | None
    """None where the message itself is no longer kept."""
    segment: str | None
    verdict: Verdict
    until: int | None
    held: bool
    rule: str | None
    policy: str
    pushes: tuple[Push, ...]
    """The evidence."""


@dataclass(frozen=True, slots=True)
class Count:
    """How much was stopped and held under one word. of: None where none was named; by day the local date."""

    of: str | date | None
    stopped: int
    """Messages that were suppressed."""
    held: int
    """Messages that were deferred at least once."""
    times: int
    """Deferrals: one message may be deferred by one rule after another."""


_QUEUED = (
    "m.id, m.contact, {outside_id}, {segment}, m.campaign, m.category, m.channel, m.state, m.rule, m.until, m.due_at, "
    "m.asked_at, m.ask_because, m.expires_at, m.created_at, m.outcome_at, m.because, m.released_by"
)
_STOPPED = (
    "d.id, d.at, d.message, d.contact, {outside_id}, {campaign}, {category}, d.segment, d.verdict, d.until, d.held, "
    "d.rule, d.policy, d.evidence"
)


def messages(conn: Connection, wanted: Filter, most: int) -> list[Queued]:
    """Messages in these states, at most so many: what is due first comes first, what waits for no instant last."""
    asked = _of_messages(conn, wanted)
    order = "ORDER BY m.due_at IS NULL, m.due_at, m.id LIMIT :most"
    return [Queued(*row) for row in asked.rows(conn, _QUEUED, order, most=most)]


def how_many(conn: Connection, wanted: Filter) -> int:
    """How many messages there are in these states."""
    return int(_of_messages(conn, wanted).rows(conn, "count(*)")[0][0])


def stopped(conn: Connection, wanted: Filter, most: int) -> list[Stopped]:
    """Decisions to suppress or to defer, the latest first, at most so many."""
    rows = _of_decisions(conn, wanted).rows(conn, _STOPPED, "ORDER BY d.at DESC, d.id DESC LIMIT :most", most=most)
    names = [f.name for f in fields(Stopped)]
    return [_stopped(dict(zip(names, row, strict=True))) for row in rows]


def _stopped(row: dict[str, Any]) -> Stopped:
    pushes = pushes_of(json.loads(row["pushes"] or "[]"))
    return Stopped(**{**row, "verdict": Verdict(row["verdict"]), "held": bool(row["held"]), "pushes": pushes})


def counted(conn: Connection, wanted: Filter, by: By, zone: str = "UTC") -> list[Count]:
    """How much was stopped and held, by one word: the largest first; days are those of a zone, and come in order."""
    asked = _of_decisions(conn, wanted)
    columns = {"rule": "d.rule", "segment": "d.segment", "campaign": "{campaign}"}
    word = columns[by] if by != "day" else _day(zone, *asked.rows(conn, "min(d.at), max(d.at)")[0])
    counts = (
        f"{word}, {_distinct(Verdict.SUPPRESS)}, {_distinct(Verdict.DEFER)}, "
        f"coalesce(sum(CASE WHEN d.verdict = {int(Verdict.DEFER)} THEN 1 ELSE 0 END), 0)"
    )
    rows = asked.rows(conn, counts, "GROUP BY 1")
    if by == "day":
        days = [(date(1970, 1, 1) + timedelta(days=int(r[0])), *r[1:]) for r in sorted(rows)]
        return [Count(day, *map(int, found)) for day, *found in days]
    return sorted((Count(row[0], *map(int, row[1:])) for row in rows), key=lambda c: (-c.stopped - c.times, str(c.of)))


def _day(zone: str, first: int | None, last: int | None) -> str:
    """The number of the local date of `d.at`, as SQL: a branch for each stretch between two changes of the zone's clock."""
    code = zone_index(zone)
    begins, branches = first or 0, []
    while True:
        offset = int(to_local([begins], [code])[0]) - begins
        ends = int(next_change([begins], [code])[0])
        branches.append((ends, offset))
        if last is None or ends > last:
            break
        begins = ends
    *earlier, (_, latest) = branches
    cases = " ".join(f"WHEN d.at < {ends} THEN {offset}" for ends, offset in earlier)
    offset_of = f"CASE {cases} ELSE {latest} END" if cases else str(latest)
    return f"(d.at + {offset_of}) / {DAY}"


def _distinct(verdict: Verdict) -> str:
    return f"count(DISTINCT CASE WHEN d.verdict = {int(verdict)} THEN d.message END)"


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is asked of, and its parameters."""

    first: str
    """What stands before SELECT."""
    source: str
    where: list[str]
    params: dict[str, Any]
    words: Mapping[str, str]
    """What stands for a column of the contact or the message, wherever that is now."""

    def rows(self, conn: Connection, columns: str, then: str = "", **more: Any) -> list[tuple[Any, ...]]:
        sql = f"{self.first} SELECT {columns} FROM {self.source} WHERE {' AND '.join(self.where)} {then}"
        return fetch(conn, sql.format(**self.words), **self.params, **more)


def _of_messages(conn: Connection, wanted: Filter) -> _Asked:
    first, params = _moved(conn)
    source = "message m LEFT JOIN contact c ON c.shard = m.shard AND c.id = m.contact"
    if first:
        source += " LEFT JOIN moved v ON v.id = m.contact"
    where = _of_contacts(wanted, "m", params) + _among("m.state", "state", wanted.states, params)
    for column, name in (("m.campaign", "campaign"), ("m.rule", "rule"), ("{segment}", "segment")):
        where += _equals(column, name, getattr(wanted, name), params)
    return _Asked(first, source, where, params, _words(bool(first)))


def _of_decisions(conn: Connection, wanted: Filter) -> _Asked:
    first, params = _moved(conn)
    source = (
        "decision d LEFT JOIN message m ON m.shard = d.shard AND m.id = d.message "
        "LEFT JOIN contact c ON c.shard = d.shard AND c.id = d.contact"
    )
    if first:
        source += " LEFT JOIN moved v ON v.id = d.contact LEFT JOIN carried n ON n.id = d.message"
    where = _of_contacts(wanted, "d", params)
    where += _among("d.verdict", "verdict", [int(v) for v in wanted.verdicts], params)
    for column, name in (("{campaign}", "campaign"), ("d.rule", "rule"), ("d.segment", "segment")):
        where += _equals(column, name, getattr(wanted, name), params)
    for name, sign in (("since", ">="), ("until", "<")):
        if (at := getattr(wanted, name)) is not None:
            where.append(f"d.at {sign} :{name}")
            params[name] = at
    return _Asked(first, source, where, params, _words(bool(first)))


def _words(moved: bool) -> dict[str, str]:
    """Columns of the contact (c, or v where it moved) and the message (m, or n)."""
    contact, message = ("c", "v"), ("m", "n")
    places = {"outside_id": contact, "segment": contact, "campaign": message, "category": message}
    return {
        name: f"coalesce({here}.{name}, {there}.{name})" if moved else f"{here}.{name}"
        for name, (here, there) in places.items()
    }


def _moved(conn: Connection) -> tuple[str, dict[str, Any]]:
    """The contacts, and the messages, of circles that took in others from another shard, as something to join: decisions
    and ended messages stayed where they were written. Empty where there are none."""
    told = [json.loads(row[0]) for row in fetch(conn, "SELECT detail FROM change WHERE what = 'merge'")]
    into = {(m["shard"], m["circle"]): (m["into_shard"], m["into"]) for m in told}
    now_in = set()
    for old in into:
        at = old
        while at in into:
            at = into[at]
        if at[0] != old[0]:
            now_in.add(at)
    if not now_in:
        return "", {}
    places = sorted(now_in)
    sql, params = wanted_rows(conn, "w", {"shard": [p[0] for p in places], "circle": [p[1] for p in places]})
    there = f"FROM {sql} CROSS JOIN {{}} t WHERE t.shard = w.shard AND t.circle = w.circle"
    contacts = f"SELECT t.id, t.outside_id, t.segment {there.format('contact')}"
    messages = f"SELECT t.id, t.campaign, t.category {there.format('message')}"
    return f"WITH moved AS MATERIALIZED ({contacts}), carried AS MATERIALIZED ({messages})", params


def _of_contacts(wanted: Filter, table: str, params: dict[str, Any]) -> list[str]:
    """Contacts by their ids, in whichever shard: a merge leaves decisions and ended messages where they were written."""
    if wanted.contacts is None:
        return ["1 = 1"]
    every = f"{table}.shard IN ({', '.join(map(str, range(SHARDS)))})"
    return [every, *_among(f"{table}.contact", "contact", [id_ for _, id_ in wanted.contacts], params)]


def _among(column: str, name: str, values: Sequence[Any], params: dict[str, Any]) -> list[str]:
    if not values:
        return ["1 = 0"]
    params |= {f"{name}_{i}": value for i, value in enumerate(values)}
    return [f"{column} IN ({', '.join(f':{name}_{i}' for i in range(len(values)))})"]


def _equals(column: str, name: str, value: str | None, params: dict[str, Any]) -> list[str]:
    if value is None:
        return []
    params[name] = value
    return [f"{column} = :{name}"]
