"""The cells of one row, read one by one: texts, instants, numbers, lists. What is wrong is collected, with its column.

Cells come as texts (CSV) or as values (NDJSON, Parquet); both are read by the same functions. An empty cell says
nothing. What a column means is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

from cadence.calendar import Duration, add, day_start, zone_index
from cadence.facts import DAY, key, micros
from cadence.policy.finding import listed, nearest
from cadence.store.rows import LONGEST_KEY

LIST_SEPARATOR = "|"
"""Between the items of a list in a CSV cell."""
LONGEST_TEXT = 10_000
"""Characters of one cell that are taken."""
_INEXACT = 2.0**53
"""From here on a number with a point may stand for several whole ones."""
LARGEST_NUMBER = 10**15
EARLIEST = micros(datetime(1900, 1, 1, tzinfo=UTC))
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d+)?)?(Z|z|[+-]\d\d:?\d\d)?", re.ASCII)
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d{1,3})?", re.ASCII)
_TRUE, _FALSE = ("true", "yes", "1"), ("false", "no", "0")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one cell, or, without a column, with the row."""

    column: str
    found: str
    message: str

    def __str__(self) -> str:
        where = f"column {self.column}: " if self.column else ""
        found = f" (found {self.found!r})" if self.found else ""
        return f"{where}{self.message}{found}"


@dataclass(frozen=True, slots=True)
class Context:
    """What cells are read against."""

    now: int
    """Facts more than a day later are refused."""
    zone: str = "UTC"
    """Where a date is a date of: the policy's zone."""
    categories: frozenset[str] | None = None
    """The policy's, old names included; None where there is no policy to ask."""

    @property
    def zone_code(self) -> int:
        """The zone's index in the calendar."""
        return zone_index(self.zone)


@dataclass(slots=True)
class Row:
    """One row's cells, and what was found wrong with them so far."""

    cells: Mapping[str, Any]
    context: Context
    problems: list[Problem] = field(default_factory=list)

    def has(self, column: str) -> bool:
        """Whether the cell says anything."""
        value = self.cells.get(column)
        return value is not None and not (isinstance(value, str) and not value.strip())

    def wrong(self, column: str, message: str) -> None:
        """Notes a problem with a cell."""
        found = self.cells.get(column)
        self.problems.append(Problem(column, "" if found is None else str(found)[:200], message))

    def text(self, column: str, *, required: bool = False) -> str | None:
        """A text without the space around it. Numbers become texts; lists and mappings are none, nor is a number that a
        file holds without its last digits."""
        value = self.cells.get(column)
        if isinstance(value, str):
            out = value.strip()
            if 0 < len(out) <= LONGEST_TEXT and out.isprintable():
                return out
        elif value is None:
            out = ""
        elif isinstance(value, bool) or not isinstance(value, (int, float)):
            self.wrong(column, "must be a text")
            return None
        elif isinstance(value, float) and not abs(value) < _INEXACT:
            self.wrong(column, "is no exact number as the file holds it; write it as a text")
            return None
        else:
            out = _spelled(value)
        if not out:
            if required:
                self.problems.append(Problem(column, "", "is empty; every row needs it"))
            return None
        if len(out) > LONGEST_TEXT:
            self.wrong(column, f"is {len(out)} characters long; {LONGEST_TEXT} are the most")
            return None
        if any(c < " " and c not in "\t\n\r" for c in out):
            self.wrong(column, "has control characters in it")
            return None
        return out

    def key(self, column: str, *, required: bool = False) -> str | None:
        """A text that something is known and found by: a short one."""
        value = self.text(column, required=required)
        if value is not None and len(value) > LONGEST_KEY:
            self.wrong(
                column, f"is {len(value)} characters long; {LONGEST_KEY} are the most for what rows are known by"
            )
            return None
        return value

    def word(self, column: str, allowed: Sequence[str], *, required: bool = False) -> str | None:
        """One of these words."""
        value = self.text(column, required=required)
        if value is None or value in allowed:
            return value
        near = nearest(value, allowed)
        self.wrong(column, f"must be one of {listed(allowed)}" + (f"; did you mean {near}?" if near else ""))
        return None

    def flag(self, column: str) -> bool | None:
        """True or false; None where empty."""
        if not self.has(column):
            return None
        value = self.cells[column]
        if isinstance(value, bool):
            return value
        text = str(value).strip().lower()
        if text in _TRUE or text in _FALSE:
            return text in _TRUE
        self.wrong(column, "must be true or false")
        return None

    def number(self, column: str) -> float | None:
        """A number with a point for decimals, none so large that a sum of them overflows."""
        if not self.has(column):
            return None
        value = self.cells[column]
        if isinstance(value, str):
            value = float(value) if _NUMBER.fullmatch(value.strip()) else None
        if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= LARGEST_NUMBER:
            return float(value)
        self.wrong(column, f"must be a number written like 1234.50, up to {LARGEST_NUMBER:,}")
        return None

    def items(self, column: str) -> tuple[str, ...] | None:
        """A list of texts: in CSV separated by |."""
        if not self.has(column):
            return None
        value = self.cells[column]
        if isinstance(value, str):
            return split(value)
        if not isinstance(value, (list, tuple)) or not all(isinstance(p, (str, int, float)) for p in value):
            self.wrong(column, f"must be a list of texts ({LIST_SEPARATOR} between them in CSV)")
            return None
        return _distinct([p if isinstance(p, str) else _spelled(p) for p in value])

    def parsed(self, column: str, parse: Callable[[str], Any]) -> Any:
        """A text that a parser takes; the parser's ValueError is the problem's message."""
        value = self.text(column)
        if value is None:
            return None
        try:
            return parse(value)
        except ValueError as error:
            self.wrong(column, str(error))
            return None

    def at(self, column: str = "at", *, required: bool = True, future: bool = False) -> int | None:
        """An instant in microseconds: with its offset from UTC, or a date, which is its beginning in the policy's zone.

        Without `future`, one more than a day ahead of now is refused."""
        if not self.has(column):
            if required:
                self.problems.append(Problem(column, "", "is empty; every row needs it"))
            return None
        found = self._instant(column)
        if found is None:
            return None
        if found < EARLIEST:
            self.wrong(column, "lies before the year 1900")
            return None
        if not future and found > self.context.now + DAY:
            self.wrong(column, "lies more than a day ahead of now; what hasn't happened is no fact")
            return None
        return found

    def latest(self, at: int, column: str = "at") -> int:
        """What `at` read from a column, but of a date its last instant, or a day ahead of now if that is earlier: for
        what counts against all that was said on that date."""
        day = _day_of(self.cells[column])
        if day is None:
            return at
        return max(at, min(begin_of_day(day + 1, self.context.zone_code) - 1, self.context.now + DAY))

    def _instant(self, column: str) -> int | None:
        value = self.cells[column]
        try:
            if (day := _day_of(value)) is not None:
                return begin_of_day(day, self.context.zone_code)
            if isinstance(value, str) and _INSTANT.fullmatch(text := value.strip()):
                value = datetime.fromisoformat(text.upper().replace(",", "."))
            if isinstance(value, datetime):
                if value.tzinfo is None:
                    self.wrong(
                        column, f"has no offset from UTC; write {value.isoformat(timespec='minutes')}+01:00, or ...Z"
                    )
                    return None
                return micros(value)
        except ValueError as error:
            self.wrong(column, f"is no date or time that exists: {error}")
            return None
        self.wrong(column, "must be an instant like 2026-03-01T09:00+01:00, or a date like 2026-03-01")
        return None

    def end(self, column: str, since: int) -> int | None:
        """When something ends that began at an instant: after a duration, at an instant, or at the end of a date."""
        value = self.text(column)
        if value is None:
            return None
        if value[:1].isdigit() and "-" not in value:
            duration: Duration | None = self.parsed(column, Duration.parse)
            return None if duration is None else int(add(since, duration, self.context.zone_code))
        try:
            day = _day_of(value)
        except ValueError as error:
            self.wrong(column, f"is no date that exists: {error}")
            return None
        return self.at(column, future=True) if day is None else begin_of_day(day + 1, self.context.zone_code)


@lru_cache(maxsize=8_192)
def split(text: str) -> tuple[str, ...]:
    """The items of a list in a CSV cell; remembered, since files say few different lists many times."""
    return _distinct(text.split(LIST_SEPARATOR))


def _distinct(parts: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(p.strip() for p in parts if p.strip()))


def _spelled(number: int | float) -> str:
    """A number as a text: a whole one is the same, whether a file holds it with a point or without."""
    return str(int(number) if isinstance(number, float) and number.is_integer() else number)


def _day_of(value: Any) -> int | None:
    """Days since 1970 of a cell that holds a date without a time. Raises ValueError for a date that doesn't exist."""
    if isinstance(value, str) and _DATE.fullmatch(text := value.strip()):
        value = date.fromisoformat(text)
    if isinstance(value, datetime) or not isinstance(value, date):
        return None
    return (value - date(1970, 1, 1)).days


@lru_cache(maxsize=8_192)
def begin_of_day(day: int, zone: int) -> int:
    """The first instant of a date (days since 1970) in a zone; remembered, since files tell of few dates many times."""
    return int(day_start(day, zone))


def source_id(values: Mapping[str, Any], seen: dict[int, int]) -> str:
    """What a fact without an id of its own is known by: a hash of what it says, and which of its like it is in this
    file.

    So the same file imported twice adds nothing, and two equal purchases of one day are two."""
    said = "\x1f".join(f"{name}={values[name]!r}" for name in sorted(values))
    number = key(said)
    occurrence = seen[number] = seen.get(number, 0) + 1
    return f"{number:016x}-{occurrence}"
