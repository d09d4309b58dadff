"""Importing a file: its rows read, checked and given to the store in batches, and a report of what became of each.

A bad row never stops the good ones: it is named with its line and column, in the report and in a file beside the one
imported. The same file imported twice changes nothing. An import never lifts a stop: such rows are reported as kept
stopped.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Connection

from cadence.doors.reading import FileRefused, Line, Opened, Shape, open_rows
from cadence.doors.rows import consents, contacts, events, touches
from cadence.doors.rows.cells import Context, Problem, Row
from cadence.facts import EventKind
from cadence.store.consents import record_consents
from cadence.store.contacts import upsert_contacts
from cadence.store.engine import Store
from cadence.store.errors import StoreUnavailable
from cadence.store.events import record_events
from cadence.store.fresh import not_our_own
from cadence.store.rows import LONGEST_KEY, EventRow, Recorded
from cadence.store.touches import record_touches

BATCH = 5_000
"""Rows per transaction."""
MOST_NAMED = 100
"""Bad and kept rows that a report names itself; the file of rejects has all the bad ones."""

Progress = Callable[[int, int], None]
"""Told after each batch: bytes done, bytes in all."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of file."""

    shape: Shape
    read: Callable[[Row, dict[int, int]], Any]
    """A row to what the store takes; None where the row has problems."""
    store: Callable[[Connection, Sequence[Any], int, str], Recorded]


KINDS: Mapping[str, Kind] = {
    "contacts": Kind(
        Shape(contacts.COLUMNS, contacts.REQUIRED, contacts.PREFIXES),
        lambda row, _: contacts.read(row),
        upsert_contacts,
    ),
    "touches": Kind(Shape(touches.COLUMNS, touches.REQUIRED, touches.PREFIXES), touches.read, record_touches),
    "events": Kind(Shape(events.COLUMNS, events.REQUIRED, events.PREFIXES), events.read, record_events),
    "consents": Kind(Shape(consents.COLUMNS, consents.REQUIRED, consents.PREFIXES), consents.read, record_consents),
}
"""By the word of `cadence import`."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """Why one row was left out."""

    line: int
    column: str
    found: str
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {Problem(self.column, self.found, self.message)}"


@dataclass(slots=True)
class Report:
    """What became of a file's rows."""

    kind: str
    file: str
    rows: int = 0
    accepted: int = 0
    """Rows that were new or changed something."""
    unchanged: int = 0
    """Rows that said what was known."""
    bad: int = 0
    """Rows left out."""
    kept_stopped: int = 0
    """Rows that would have written to somebody who said stop: taken as facts, the stop stands."""
    merged: int = 0
    """Circles that became one with others."""
    largest_circle: int = 0
    old_lookups: int = 0
    """Rows that tell of a look-up in a register so long ago that it lets nobody through any more: taken as facts."""
    bad_rows: list[BadRow] = field(default_factory=list)
    """The first of them, a line per problem."""
    kept_lines: list[int] = field(default_factory=list)
    """The first of them, by line."""
    rejects: str | None = None
    """The file that names all bad rows; None where there are none, or it couldn't be written (see `rejects_failed`)."""
    rejects_failed: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The same as a mapping for JSON."""
        return asdict(self)


def import_file(
    store: Store,
    kind: str,
    path: Path,
    *,
    now: int,
    source: str = "import",
    zone: str = "UTC",
    categories: frozenset[str] | None = None,
    lookups_since: int | None = None,
    progress: Progress | None = None,
    clock: Callable[[], int] | None = None,
) -> Report:
    """Imports a file (.csv, .ndjson, .jsonl or .parquet) of contacts, touches, events or consents.

    now: microseconds since 1970 UTC; facts more than a day later are refused. clock: asked before each batch when its facts
    are recorded; without it all are as of `now`. source: the system that the rows' ids are
    ids of. zone: where a date without a time is a date of. categories: the policy's, old names included; consents must
    name one of them. lookups_since: look-ups of then or before are too old for every rule of the policy. Bad rows are
    written to FILE.rejects.csv. Raises `FileRefused` for a file that can't be imported at all, ValueError for a source
    that is our own or too long, KeyError for another kind."""
    how = KINDS[kind]
    not_our_own(source)
    if len(source) > LONGEST_KEY:
        raise ValueError(f"the source is {len(source)} characters long; {LONGEST_KEY} are the most")
    opened = open_rows(path, how.shape)
    report = Report(kind, str(path))
    batches = _batches(opened, how, Context(now, zone, categories), lookups_since)
    with _Rejects(path, report) as rejects, ThreadPoolExecutor(1) as reader:
        coming = _Coming(reader, batches)
        while (batch := coming.take()) is not None:
            if store.dialect != "sqlite":
                coming.read()
            report.rows += batch.rows
            report.old_lookups += batch.old_lookups
            for line, problems in batch.bad:
                rejects.add(line, problems)
            _give(store, how, batch.made, clock() if clock else now, source, report, rejects, coming.read)
            if progress is not None:
                progress(min(batch.read_so_far, opened.size), opened.size)
    return report


@dataclass(slots=True)
class _Batch:
    """The next rows of a file."""

    rows: int = 0
    made: list[tuple[int, Any]] = field(default_factory=list)
    """By line, what the store takes."""
    bad: list[tuple[int, Sequence[Problem]]] = field(default_factory=list)
    """By line, what is wrong with the others."""
    old_lookups: int = 0
    read_so_far: int = 0
    """Bytes of the file."""


def _batches(opened: Opened, how: Kind, context: Context, lookups_since: int | None) -> Iterator[_Batch]:
    batch = _Batch()
    seen: dict[int, int] = {}
    for line in opened.rows:
        batch.rows += 1
        made, problems = _read(how, line, context, seen)
        if made is None:
            batch.bad.append((line.number, problems))
        else:
            batch.made.append((line.number, made))
            batch.old_lookups += lookups_since is not None and _looked_up(made, until=lookups_since)
        if batch.rows >= BATCH:
            batch.read_so_far = opened.read_so_far()
            yield batch
            batch = _Batch()
    batch.read_so_far = opened.size
    yield batch


@dataclass(slots=True)
class _Coming:
    """The batches, each read beside what is done with the one before: all the while a server is at work on that, or while
    SQLite commits it. At work on its statements, SQLite lets go of Python's lock and waits for it again at every row."""

    reader: Executor
    batches: Iterator[_Batch]
    _next: Future[_Batch | None] | None = None

    def read(self) -> None:
        """Begins to read the next batch, where that hasn't begun."""
        if self._next is None:
            self._next = self.reader.submit(next, self.batches, None)

    def take(self) -> _Batch | None:
        """The next batch; None after the last."""
        self.read()
        assert self._next is not None
        batch, self._next = self._next.result(), None
        return batch


def _read(how: Kind, line: Line, context: Context, seen: dict[int, int]) -> tuple[Any, Sequence[Problem]]:
    """What the store takes of one row, or None and what is wrong with it."""
    if line.broken is not None:
        return None, (Problem("", "", line.broken),)
    row = Row(line.cells, context)
    try:
        made = how.read(row, seen)
    except RecursionError:
        return None, (Problem("", "", "has lists or mappings too deep inside one another to be read"),)
    return (None, row.problems) if row.problems else (made, ())


def _looked_up(made: Any, until: int) -> bool:
    """Whether it is a look-up in a register, of that instant or before."""
    return isinstance(made, EventRow) and made.kind is EventKind.SCREENED and made.at <= until


def _give(
    store: Store,
    how: Kind,
    batch: Sequence[tuple[int, Any]],
    now: int,
    source: str,
    report: Report,
    rejects: _Rejects,
    committing: Callable[[], None],
) -> None:
    """Gives a batch to the store, in one transaction, and takes into the report what became of its rows. committing: told
    when nothing is left to do but to commit."""
    if not batch:
        return
    try:
        with store.write() as conn:
            recorded = how.store(conn, [made for _, made in batch], now, source)
            committing()
    except StoreUnavailable as error:
        raise type(error)(
            f"{error}. Of {report.file} all before line {batch[0][0]} is in, and nothing after it; import it again: what is "
            "in changes nothing"
        ) from error
    report.accepted += recorded.new + recorded.changed
    report.unchanged += recorded.repeated
    report.merged += recorded.merged
    report.largest_circle = max(report.largest_circle, recorded.largest_circle)
    report.kept_stopped += len(recorded.kept_stopped)
    room = MOST_NAMED - len(report.kept_lines)
    report.kept_lines += [batch[place][0] for place in recorded.kept_stopped[:room]]
    said: list[tuple[int, Problem]] = []
    for place in recorded.unknown:
        outside_id = batch[place][1].outside_id
        said.append((place, Problem("contact", outside_id, "is no contact that is known; import contacts first")))
    for place in recorded.too_late:
        said.append((place, Problem("at", "", "lies more than a day ahead of now; what hasn't happened is no fact")))
    for place in recorded.ambiguous:
        said.append((place, Problem("id", "", "is empty, and several contacts have this address; give the id")))
    for place, problem in sorted(said, key=lambda s: s[0]):
        rejects.add(batch[place][0], (problem,))


class _Rejects:
    """The file of bad rows, written when the first one comes. That it can't be written stops nothing: the report says
    so."""

    def __init__(self, path: Path, report: Report) -> None:
        self._path = path.with_name(path.name + ".rejects.csv")
        self._report = report
        self._file: Any = None
        self._writer: Any = None

    def __enter__(self) -> _Rejects:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, line: int, problems: Sequence[Problem]) -> None:
        """Takes one bad row, with all that is wrong with it."""
        self._report.bad += 1
        rows = [BadRow(line, p.column, p.found, p.message) for p in problems]
        self._report.bad_rows += rows[: MOST_NAMED - len(self._report.bad_rows)]
        try:
            for row in rows:
                self._out().writerow((row.line, row.column, row.found, row.message))
        except OSError as error:
            self._report.rejects_failed = f"{self._path} can't be written: {error.strerror or error}"
            self._report.rejects = None

    def _out(self) -> Any:
        if self._writer is None:
            self._file = self._path.open("w", encoding="utf-8", newline="")
            self._writer = csv.writer(self._file)
            self._writer.writerow(("line", "column", "found", "message"))
            self._report.rejects = str(self._path)
        return self._writer


__all__ = ["BATCH", "KINDS", "BadRow", "FileRefused", "Progress", "Report", "import_file"]
