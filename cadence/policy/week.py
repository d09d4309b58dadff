"""The quiet hours of one week as data: for each zone what is quiet when, why, and which short holes are left open.

It asks the policy's quiet intervals minute by minute, no rule and no message; drawing it is the command line's work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

import numpy as np

from cadence.calendar import QuietInterval, day_start, quiet_until, to_local, zone_index, zones_of_country
from cadence.facts import DAY, HOUR, MINUTE, Bools, Ints, key
from cadence.policy.comparisons import texts
from cadence.policy.condition import Asks
from cadence.policy.conditions import leaves
from cadence.policy.policy import Policy
from cadence.rules.registry import RULES
from cadence.rules.rule import Rule

SHORT_HOLE = 3 * HOUR
"""An open stretch between two quiet ones that is shorter than this is worth a warning."""
HALF_HOURS = 48


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of a week in which nothing changes: [begin, end) in microseconds, and the quiet rules that cover it."""

    begin: int
    end: int
    quiet: tuple[str, ...]
    """Names of the rules; empty where it is open."""


@dataclass(frozen=True, slots=True)
class Week:
    """One week in one zone and country, for one channel and category."""

    zone: str
    country: str | None
    first: date
    stretches: tuple[Stretch, ...]
    """All of the week, in order, without gaps."""
    rows: tuple[tuple[bool, ...], ...]
    """7 rows (Monday first) of 48 local half-hours: True where any of it is quiet."""
    holes: tuple[Stretch, ...]
    """Open stretches shorter than three hours between two quiet ones, those that begin in this week."""
    left_out: tuple[str, ...]
    """Quiet rules that depend on more than is said here (a segment, a channel, an attribute), so that they aren't drawn."""


def interval_of(rule: Rule) -> QuietInterval | None:
    """The quiet interval that a rule lays out, or None for kinds that lay out none."""
    read = getattr(RULES[rule.kind], "interval_of", None)
    return read(rule.keys) if read else None


def quiet_week(
    policy: Policy,
    zone: str,
    first: date,
    *,
    country: str | None = None,
    channel: str | None = None,
    category: str | None = None,
    segment: str | None = None,
) -> Week:
    """The quiet hours of the seven local dates from `first` on, in one zone, for contacts of one country.

    Without a channel, category or segment only the rules that go for all of them are laid out, the others named.
    Raises ValueError for a zone that is none."""
    rules, left_out = _rules(policy, country, channel, category, segment)
    where = np.array([zone_index(zone)], np.int32)
    day = (first - date(1970, 1, 1)).days
    edges = [int(day_start(np.array([d], np.int64), where)[0]) for d in (day - 1, day, day + 7, day + 8)]
    t = np.arange(edges[0], edges[3], MINUTE, dtype=np.int64)
    quiet: dict[str, Bools] = {}
    for rule in rules:
        mask = _quiet(rule, t, int(where[0]), country)
        quiet[rule.name] = quiet[rule.name] | mask if rule.name in quiet else mask  # unnamed ones share their name
    stretches = _stretches(t, quiet, edges[3])
    inside = tuple(_cut(s, edges[1], edges[2]) for s in stretches if s.begin < edges[2] and s.end > edges[1])
    holes = tuple(
        s for s in stretches[1:-1] if not s.quiet and s.end - s.begin < SHORT_HOLE and edges[1] <= s.begin < edges[2]
    )
    rows = _rows(t, quiet, int(where[0]), day)
    return Week(zone, country, first, inside, rows, holes, tuple(left_out))


def places_named(policy: Policy) -> tuple[tuple[str, str | None], ...]:
    """The zones worth drawing, each with a country: the policy's own, and two of each country quiet rules name."""
    out: dict[tuple[str, str | None], None] = {(policy.defaults.timezone, policy.defaults.country): None}
    for rule in policy.rules:
        for country in sorted(_countries(rule)) if interval_of(rule) else ():
            for zone in zones_of_country(country)[:2]:
                out[zone, country] = None
    return tuple(out)


def monday_of(day: date) -> date:
    """The Monday of a date's week."""
    return day - timedelta(days=day.weekday())


def _rules(
    policy: Policy, country: str | None, channel: str | None, category: str | None, segment: str | None
) -> tuple[list[Rule], list[str]]:
    """The quiet rules that go for such messages to such contacts, and those that ask for more than can be said here."""
    found, left_out = [], []
    for rule in policy.rules:
        if interval_of(rule) is None or rule.only_watch:
            continue
        wanted = ((rule.filters.channels, channel), (rule.filters.categories, category))
        if any(keys and name is not None and key(name) not in keys for keys, name in wanted):
            continue
        if segment is not None and rule.segment not in (None, segment):
            continue
        if _countries(rule) and not (country and _lives_in(country, _countries(rule))):
            continue
        unsaid = any(keys and name is None for keys, name in wanted)
        if rule.segment is not None and segment is None:
            left_out.append(f"{rule.name} (of segment {rule.segment})")
        elif unsaid or rule.filters.campaigns or rule.filters.tags or rule.excluded:
            left_out.append(rule.name)
        elif rule.where is None or _countries(rule):
            found.append(rule)
        else:
            left_out.append(rule.name)
    return found, left_out


def _countries(rule: Rule) -> set[str]:
    """The countries that a rule's condition names, where it asks for nothing else."""
    asked = list(leaves(rule.where)) if isinstance(rule.where, Asks) else []
    return {c for leaf in asked if leaf.name == "country" and leaf.word in ("is", "in") for c in texts(leaf.operand)}


def _lives_in(country: str, named: set[str]) -> bool:
    return any(country == n or country.startswith(f"{n}-") for n in named)


def _quiet(rule: Rule, t: Ints, zone: int, country: str | None) -> Bools:
    """At which of these instants the rule's interval is quiet."""
    interval = interval_of(rule)
    assert interval is not None
    zones = np.full(len(t), zone, np.int32)
    codes = np.full(len(t), -1 if country is None else 0, np.int32)
    return np.asarray(quiet_until(interval, t, zones, codes, (country,) if country else ()) > t, bool)


def _stretches(t: Ints, quiet: dict[str, Bools], end: int) -> list[Stretch]:
    """Stretches in which the same rules are quiet; neighbours that are quiet by other rules stay apart."""
    if not quiet:
        return [Stretch(int(t[0]), end, ())]
    masks = np.stack(list(quiet.values()))
    changes = np.flatnonzero((masks[:, 1:] != masks[:, :-1]).any(axis=0)) + 1
    bounds = [0, *changes.tolist(), len(t)]
    return [
        Stretch(int(t[a]), end if b == len(t) else int(t[b]), tuple(n for n, m in quiet.items() if m[a]))
        for a, b in pairwise(bounds)
    ]


def _cut(stretch: Stretch, begin: int, end: int) -> Stretch:
    return Stretch(max(stretch.begin, begin), min(stretch.end, end), stretch.quiet)


def _rows(t: Ints, quiet: dict[str, Bools], zone: int, first_day: int) -> tuple[tuple[bool, ...], ...]:
    """For each date and local half-hour whether any minute of it is quiet. A half-hour that doesn't exist is open."""
    local = to_local(t, np.full(len(t), zone, np.int32))
    day, half_hour = local // DAY - first_day, local % DAY // (30 * MINUTE)
    grid = np.zeros((7, HALF_HOURS), bool)
    for mask in quiet.values():
        hit = mask & (day >= 0) & (day < 7)
        grid[day[hit], half_hour[hit]] = True
    return tuple(tuple(bool(cell) for cell in row) for row in grid)


def strip_text(row: Sequence[bool], quiet: str = "█", open_: str = "·") -> str:
    """One day as a line of 48 characters, for screens and tests."""
    return "".join(quiet if cell else open_ for cell in row)
