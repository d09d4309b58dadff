"""Parquet files, through DuckDB, which is an extra: `pip install cadence[files]`. Without it, that is what is said."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from cadence.doors.reading import FileRefused, Line, Opened, Shape, check_columns, flat, no_text

_BATCH = 5_000
_ROWS = "FROM read_parquet(?, hive_partitioning = false)"
"""What folders are called makes no columns."""


def open_parquet(path: Path, shape: Shape) -> Opened:
    """A Parquet file's rows. Raises `FileRefused` without DuckDB, for a file that is none, and for wrong columns."""
    try:
        import duckdb
    except ImportError:
        raise FileRefused(
            f"{path}: reading Parquet needs the extra 'files'; "
            "run: pip install 'cadence[files]', or export the file as CSV"
        ) from None
    size = path.stat().st_size
    # Nothing may be fetched while a file is read: Parquet is built in, any other extension would be downloaded.
    connection = duckdb.connect(":memory:", config={"autoinstall_known_extensions": False, "threads": 1})
    try:
        connection.execute("SET TimeZone = 'UTC'")
        total = connection.execute(f"SELECT count(*) {_ROWS}", [_literal(path)]).fetchone()
        found = connection.execute(_ROWS, [_literal(path)])
    except duckdb.Error as error:
        raise FileRefused(f"{path} is no Parquet file that can be read: {str(error).splitlines()[0]}") from None
    header = [column[0] for column in found.description or ()]
    check_columns(path, header, Shape((*shape.columns, *shape.prefixes), shape.required, shape.prefixes))
    behind = [0]
    rows = _rows(found, header, shape, behind)
    count = max(1, total[0] if total else 1)
    return Opened(rows, size, lambda: size * min(behind[0], count) // count)


def _literal(path: Path) -> str:
    """A path as DuckDB takes it for that one file, whatever is in its name."""
    return re.sub(r"[*?\[]", r"[\g<0>]", str(path.absolute()))


def _rows(found: Any, header: list[str], shape: Shape, behind: list[int]) -> Iterator[Line]:
    while batch := found.fetchmany(_BATCH):
        for values in batch:
            behind[0] += 1
            cells = flat({c: _plain(v) for c, v in zip(header, values, strict=True)}, shape)
            yield Line(behind[0], cells, no_text(cells))


def _plain(value: Any) -> Any:
    """A value as NDJSON would hold it, as far as it can. NaN is what many programs write where they know no number: it
    says nothing."""
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value
