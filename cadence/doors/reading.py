"""Reading a file row by row: CSV, NDJSON or Parquet in, cells with their line out. A broken row never stops the good
ones.

A file that can't be read at all (another encoding, no header, a missing or unknown column) is refused before its first
row, with what to do about it. What the columns mean is said by `doors.rows`.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from cadence.policy.finding import listed, nearest
from cadence.store.rows import NO_TEXT

SUFFIXES: Mapping[str, str] = {".csv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson", ".parquet": "parquet"}
DELIMITERS = (",", ";", "\t")
LONGEST_LINE = 1_000_000
"""Characters; a longer line is a bad row."""
TOO_LONG = f"is a line of more than {LONGEST_LINE:,} characters"
MOST_LINES_OF_A_ROW = 50
"""How far a quoted CSV cell may reach; a quote that isn't closed costs its own line and no other."""
_CHUNK = 1 << 20
_ESCAPED = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
"""How JSON writes what is no text; also the halves of pairs that are."""


class FileRefused(ValueError):
    """A file that can't be imported at all; says what was found, what is allowed and what to do."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Which columns a kind of file has."""

    columns: Sequence[str]
    required: Sequence[str]
    prefixes: Sequence[str]
    """Columns like `attributes.NAME` begin with one of these."""

    def knows(self, column: str) -> bool:
        """Whether a column is one of them."""
        prefix, dot, name = column.partition(".")
        return column in self.columns or bool(dot and name and prefix in self.prefixes)


@dataclass(frozen=True, slots=True)
class Line:
    """One row: the line it begins on (Parquet: its number), its cells by column, or why it can't be read."""

    number: int
    cells: Mapping[str, Any]
    broken: str | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A file that can be imported: its rows, and how large it is."""

    rows: Iterator[Line]
    size: int
    """Bytes."""
    read_so_far: Callable[[], int]
    """Bytes behind the row that came last, about."""


def open_rows(path: Path, shape: Shape) -> Opened:
    """Opens a file by its suffix. Raises `FileRefused` where it can't be imported at all, also for one that isn't
    there."""
    kind = SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise FileRefused(f"{path}: files end in {listed(SUFFIXES)}; found {path.suffix or 'no suffix'}")
    try:
        size = path.stat().st_size
        if kind == "parquet":
            from cadence.doors.parquet import open_parquet

            return open_parquet(path, shape)
        check_encoding(path)
        file = path.open("rb")
    except OSError as error:
        raise FileRefused(f"{path}: {error.strerror or error}") from None
    if size == 0:
        raise FileRefused(f"{path} is empty")
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    rows = _csv(path, text, shape) if kind == "csv" else _ndjson(text, shape)
    return Opened(rows, size, _position(file))


def _position(file: BinaryIO) -> Callable[[], int]:
    last = 0

    def position() -> int:
        nonlocal last
        if not file.closed:
            last = file.tell()
        return last

    return position


def check_encoding(path: Path) -> None:
    """Reads the whole file once, before anything is imported. Raises `FileRefused` with the line that isn't UTF-8."""
    with path.open("rb") as file:
        if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            raise FileRefused(
                f"{path} is UTF-16; save it as UTF-8, or run: iconv -f UTF-16 -t UTF-8 {path.name} > new{path.suffix}"
            )
        file.seek(0)
        before = 0
        while lines := file.readlines(_CHUNK):
            try:
                b"".join(lines).decode()
            except UnicodeDecodeError:
                raise FileRefused(_not_utf8(path, lines, before)) from None
            before += len(lines)


def _not_utf8(path: Path, lines: Sequence[bytes], before: int) -> str:
    for number, line in enumerate(lines, before + 1):
        try:
            line.decode()
        except UnicodeDecodeError as error:
            return (
                f"{path}, line {number}: byte {error.start + 1} (0x{line[error.start]:02x}) is not UTF-8; "
                f"the file looks like Latin-1 (Windows-1252). Nothing was imported. Save it as UTF-8, or run: "
                f"iconv -f WINDOWS-1252 -t UTF-8 {path.name} > new{path.suffix}"
            )
    return f"{path} is not UTF-8"


def _csv(path: Path, text: TextIO, shape: Shape) -> Iterator[Line]:
    first = _line(text)
    if len(first) > LONGEST_LINE:
        raise FileRefused(f"{path}, line 1: the header {TOO_LONG}")
    header, delimiter = _header(path, first, shape)
    return _csv_rows(text, header, delimiter)


def _header(path: Path, first: str, shape: Shape) -> tuple[list[str], str]:
    """The columns and what is between them: of , ; and tab the one that gives the most columns we know."""
    readings = [([cell.strip() for cell in cells_of(first, d) or []], d) for d in DELIMITERS]
    header, delimiter = max(readings, key=lambda r: (sum(map(shape.knows, r[0])), len(r[0])))
    check_columns(path, header, shape)
    return header, delimiter


def check_columns(path: Path, header: Sequence[str], shape: Shape) -> None:
    """Raises `FileRefused` naming every unknown, missing, doubled or unnamed column."""
    wrong: list[str] = []
    for place, column in enumerate(header, 1):
        if not column:
            wrong.append(f"column {place} has no name")
        elif column in header[: place - 1]:
            wrong.append(f"column {column} is there twice")
        elif not shape.knows(column):
            wrong.append(_unknown(column, shape))
    wrong += [f"column {column} is missing" for column in shape.required if column not in header]
    if wrong:
        raise FileRefused(f"{path}, line 1: {'; '.join(wrong)}. Allowed are {allowed_columns(shape)}")


def _unknown(column: str, shape: Shape) -> str:
    near = nearest(column, [*shape.columns, *(f"{p}." for p in shape.prefixes)])
    hint = f" (did you mean {near}?)" if near else ""
    if not hint and "attributes" in shape.prefixes:
        hint = f"; an attribute of the contact is called attributes.{column}"
    return f"column {column} is unknown{hint}"


def allowed_columns(shape: Shape) -> str:
    """All columns, as a sentence lists them."""
    return listed([*shape.columns, *(f"{p}.NAME" for p in shape.prefixes)], most=60)


def _line(text: TextIO) -> str:
    """The next line. Of one that is too long only the beginning, one character longer than a line may be; the rest of it
    is passed over."""
    line = rest = text.readline(LONGEST_LINE + 1)
    while len(rest) > LONGEST_LINE and rest[-1] != "\n":
        rest = text.readline(LONGEST_LINE + 1)
    return line


def cells_of(line: str, delimiter: str) -> list[str] | None:
    """One CSV row, or None where a quote is still open or misplaced."""
    bare = line.rstrip("\r\n")
    if bare and '"' not in bare and "\r" not in bare:
        # What the reader below makes of it (a test holds both equal), in a fifth of the time.
        return bare.split(delimiter)
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return None


def _csv_rows(text: TextIO, header: Sequence[str], delimiter: str) -> Iterator[Line]:
    ahead: deque[str] = deque()
    number = 1
    while True:
        line = ahead.popleft() if ahead else _line(text)
        if not line:
            text.close()
            return
        number += 1
        if not line.strip():
            continue
        if len(line) > LONGEST_LINE:
            yield Line(number, {}, TOO_LONG)
            continue
        cells, more = _row(line, text, ahead, delimiter, len(header))
        if cells is None:
            yield Line(
                number,
                {},
                "has a quotation mark that isn't closed, or one in the middle of a cell; double it inside one",
            )
        elif len(cells) != len(header):
            yield Line(number, {}, f"has {len(cells)} cells; the header has {len(header)}")
        else:
            yield Line(number, dict(zip(header, cells, strict=True)))
        number += more


def _row(line: str, text: TextIO, ahead: deque[str], delimiter: str, width: int) -> tuple[list[str] | None, int]:
    """A row that may reach over further lines, and how many it took. Where it can't be read, it takes none of them."""
    cells = cells_of(line, delimiter)
    if cells is not None or line.count('"') % 2 == 0:
        return cells, 0
    while len(ahead) < MOST_LINES_OF_A_ROW:
        following = _line(text)
        if not following:
            break
        ahead.append(following)
    whole = line
    for more, following in enumerate(tuple(ahead), 1):
        if len(following) > LONGEST_LINE:
            break
        whole += following
        if following.count('"') % 2:
            cells = _cells_of_lines(whole, delimiter)
            if cells is not None and len(cells) == width:
                for _ in range(more):
                    ahead.popleft()
                return cells, more
    return None, 0


def _cells_of_lines(whole: str, delimiter: str) -> list[str] | None:
    try:
        rows = list(csv.reader(io.StringIO(whole, newline=""), delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None


def _ndjson(text: TextIO, shape: Shape) -> Iterator[Line]:
    number = 0
    while line := _line(text):
        number += 1
        if not line.strip():
            continue
        yield Line(number, {}, TOO_LONG) if len(line) > LONGEST_LINE else _object(number, line, shape)
    text.close()


def _object(number: int, line: str, shape: Shape) -> Line:
    try:
        value = json.loads(line, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        return Line(number, {}, f"is no JSON: {error.msg} at character {error.pos + 1}")
    except (ValueError, RecursionError) as error:
        return Line(number, {}, f"is no JSON that can be taken: {error}")
    if not isinstance(value, dict):
        return Line(number, {}, "is no JSON object; each line must be one, like {...}")
    cells = flat(value, shape)
    if _ESCAPED.search(line) and (why := no_text(cells)) is not None:
        return Line(number, {}, why)
    unknown = [_unknown(column, shape) for column in cells if not shape.knows(column)]
    return Line(number, cells, "; ".join(unknown) if unknown else None)


def no_text(cells: Mapping[str, Any]) -> str | None:
    """What says that a row holds characters that no database takes as text, in a cell or a column's name."""
    for column, value in cells.items():
        for text in (column, *_texts(value)):
            if (found := NO_TEXT.search(text)) is not None:
                name = column.encode(errors="backslashreplace").decode().replace("\0", "\\0")
                return f"column {name} has the character U+{ord(found.group()):04X}, which is no text"
    return None


def _texts(value: Any) -> Iterator[str]:
    """All texts in a value, however deep."""
    left = [value]
    while left:
        found = left.pop()
        if isinstance(found, str):
            yield found
        elif isinstance(found, Mapping):
            left += (*map(str, found), *found.values())
        elif isinstance(found, (list, tuple)):
            left += found


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no number")


def flat(value: Mapping[str, Any], shape: Shape) -> dict[str, Any]:
    """Mappings under `addresses`, `attributes`... as columns of their own: `addresses.email`."""
    cells: dict[str, Any] = {}
    for column, found in value.items():
        if column in shape.prefixes and isinstance(found, Mapping):
            cells.update({f"{column}.{name}": inner for name, inner in found.items()})
        else:
            cells[column] = found
    return cells
