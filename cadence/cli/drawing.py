"""Drawing time in letters: a line a day (or a week) with what is quiet or closed, what happened when, and which windows are
open.

It knows instants, zones and marks; what they mean is said by who draws. It gives lines, and prints nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from cadence.calendar import local_day, to_local, to_utc, zone_index
from cadence.facts import DAY, HOUR, MINUTE, Bools, Ints

OPEN, QUIET, CLOSED = "·", "█", "▒"
MOST_DAYS = 36
"""More days than this are drawn a week a line."""
MOST_WEEKS = 60
_SAMPLE = 10 * MINUTE
Asked = Callable[[Ints], Bools]


@dataclass(frozen=True, slots=True)
class Mark:
    """Something at an instant, drawn as one sign; what is said of it stands at the line's end."""

    at: int
    sign: str
    said: str


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch in which something holds, drawn as a bar beside the lines."""

    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Line:
    """One drawn line."""

    label: str
    cells: str
    bars: str
    said: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Scale:
    """How much one line and one cell hold."""

    days: int
    cell: int

    @property
    def cells(self) -> int:
        return self.days * DAY // self.cell


_BY_DAY, _BY_WEEK = _Scale(1, 30 * MINUTE), _Scale(7, 4 * HOUR)


@dataclass(frozen=True, slots=True)
class Drawing:
    """Lines, and the ruler above them."""

    ruler: str
    lines: tuple[Line, ...]
    weekly: bool


def draw(
    zone: str, begin: int, end: int, now: int, quiet: Asked, closed: Asked, marks: Sequence[Mark], spans: Sequence[Span]
) -> Drawing:
    """The local days from `begin` to `end` (instants, both included) in a zone.

    quiet: which instants are quiet; closed: which of those from `now` on are not open. A cell is quiet or closed when any
    of it is, on a weekly line when all of it is. Of several marks in one cell the last is drawn; all are said. What lies
    past 60 weeks isn't drawn. Raises ValueError for a zone that is none."""
    code = np.array([zone_index(zone)], np.int32)
    first, last = (int(local_day(np.array([t], np.int64), code)[0]) for t in (begin, end))
    scale = _BY_DAY if last - first < MOST_DAYS else _BY_WEEK
    if scale is _BY_WEEK:
        first -= (first + 3) % 7  # back to a Monday: 1970-01-01 was a Thursday
    lines = min((last - first) // scale.days + 1, MOST_WEEKS)
    grid = _shaded(code, first, lines, scale, now, quiet, closed)
    said: list[list[str]] = [[] for _ in range(lines)]
    for mark in sorted(marks, key=lambda m: m.at):
        line, cell = _place(mark.at, code, first, scale)
        if 0 <= line < lines:
            grid[line][cell] = mark.sign
            said[line].append(f"{mark.sign} {mark.said}")
    bars = [_bar(span, code, first, lines, scale) for span in spans]
    drawn = tuple(
        Line(_label(first + i * scale.days), "".join(grid[i]), " ".join(bar[i] for bar in bars), tuple(said[i]))
        for i in range(lines)
    )
    return Drawing(_ruler(scale), drawn, scale is _BY_WEEK)


def _shaded(
    zone: Ints | np.ndarray[tuple[int], np.dtype[np.int32]],
    first: int,
    lines: int,
    scale: _Scale,
    now: int,
    quiet: Asked,
    closed: Asked,
) -> list[list[str]]:
    """All cells as they are without marks."""
    each = scale.cell // (_SAMPLE if scale is _BY_DAY else 30 * MINUTE)
    step = scale.cell // each
    local = first * DAY + np.arange(lines * scale.cells * each, dtype=np.int64) * step
    t = to_utc(local, np.full(len(local), zone[0], np.int32))
    shaped = (lines, scale.cells, each)
    whole = np.any if scale is _BY_DAY else np.all
    is_quiet = whole(quiet(t).reshape(shaped), axis=2)
    is_closed = whole((closed(np.maximum(t, now)) & (t >= now)).reshape(shaped), axis=2)
    signs = np.where(is_quiet, QUIET, np.where(is_closed, CLOSED, OPEN))
    return [list(row) for row in signs.tolist()]


def _place(
    at: int, zone: Ints | np.ndarray[tuple[int], np.dtype[np.int32]], first: int, scale: _Scale
) -> tuple[int, int]:
    """Line and cell of an instant."""
    local = int(to_local(np.array([at], np.int64), zone)[0]) - first * DAY
    line, within = divmod(local, scale.days * DAY)
    return line, within // scale.cell


def _bar(
    span: Span, zone: Ints | np.ndarray[tuple[int], np.dtype[np.int32]], first: int, lines: int, scale: _Scale
) -> list[str]:
    """A span as one sign a line: where it begins, goes on, and ends."""
    begin, end = _place(span.begin, zone, first, scale)[0], _place(span.end, zone, first, scale)[0]
    out = []
    for line in range(lines):
        if line < begin or line > end:
            out.append(" ")
        elif begin == end:
            out.append("╶")
        else:
            out.append("┐" if line == begin else "┘" if line == end else "│")
    return out


def _label(day: int) -> str:
    return f"{date.fromordinal(day + date(1970, 1, 1).toordinal()):%a %Y-%m-%d}"


def _ruler(scale: _Scale) -> str:
    marks: Mapping[int, str] = (
        {6 * i: str(3 * i) for i in range(9)}
        if scale is _BY_DAY
        else {6 * i: d for i, d in enumerate(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"))}
    )
    out = [" "] * (scale.cells + 3)
    for place, text in marks.items():
        out[place : place + len(text)] = text
    return "".join(out).rstrip()
