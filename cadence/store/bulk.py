"""Many rows in one statement, alike on each database: unnest of arrays on PostgreSQL, executemany and json_each on
SQLite.

Columns are lists or numpy arrays; one of bytes is an array of objects. In int64 columns `NONE` is written as NULL, in
float64 columns NaN is. Nothing here knows a question; those stand in files named after them."""

# Statements are put together from names in tables.py alone; every value is a parameter.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cadence.facts import NONE, Floats, Ints
from cadence.store.distributed import among, is_distributed

Values = Sequence[Any] | npt.NDArray[Any]
Fold = Literal["set", "add", "max", "min", "keep"]
"""How a new value joins the stored one: replace it, add, the larger, the smaller, or only where there is none."""


@dataclass(frozen=True, slots=True)
class Texts:
    """A column of texts, None for NULL, as it is sent to PostgreSQL (`arrays.py`)."""

    values: Sequence[str | None]


_PAGE = 20_000  # rows per statement: bounds the memory of one, costs nothing in speed


def length_of(columns: Mapping[str, Values]) -> int:
    """How many rows these columns have. Raises ValueError when they differ."""
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"columns of one statement differ in length: {lengths}")
    return next(iter(lengths.values()), 0)


def insert_rows(
    conn: Connection,
    table: sa.Table,
    columns: Mapping[str, Values],
    on_conflict: Literal["nothing", "error"] = "error",
) -> int:
    """Inserts rows given as columns; columns left out take their default. Returns how many were inserted. With
    `nothing`, rows that clash with a unique key are left out, else an IntegrityError is raised."""
    n = length_of(columns)
    names = ", ".join(_quoted(conn, c) for c in columns)
    tail = " ON CONFLICT DO NOTHING" if on_conflict == "nothing" else ""
    done = 0
    for page in _pages(columns, n):
        if conn.dialect.name == "sqlite":
            marks = ", ".join("?" for _ in page)
            sql = f"INSERT INTO {table.name} ({names}) VALUES ({marks}){tail}"
            result = conn.exec_driver_sql(sql, list(zip(*(plain(v) for v in page.values()), strict=True)))
        else:
            arrays = ", ".join(f"%({c})s::{_array_type(table, c)}" for c in page)
            sql = f"INSERT INTO {table.name} ({names}) SELECT * FROM unnest({arrays}){tail}"
            if tail and is_distributed(conn):  # it would count what was left out, too
                done += len(conn.exec_driver_sql(f"{sql} RETURNING 1", _sent(table, page)).all())
                continue
            result = conn.exec_driver_sql(sql, _sent(table, page))
        done += result.rowcount
    return done


def update_rows(
    conn: Connection,
    table: sa.Table,
    keys: Mapping[str, Values],
    values: Mapping[str, Values],
    fold: Mapping[str, Fold] | None = None,
) -> int:
    """Updates the rows whose key columns equal these, each row given once. `fold` says per column how the new value
    joins the stored one (default: set; a new value that is NULL changes nothing but under `set`). Returns how many
    rows were found."""
    how = fold or {}
    n = length_of({**keys, **{f"_{c}": v for c, v in values.items()}})
    done = 0
    both = {**{f"k_{c}": v for c, v in keys.items()}, **{f"v_{c}": v for c, v in values.items()}}
    for page in _pages(both, n):
        if conn.dialect.name == "sqlite":
            done += _update_sqlite(conn, table, keys, values, how, page)
        else:
            sets = ", ".join(
                f"{_quoted(conn, c)} = {_folded('t.' + _quoted(conn, c), 'u.v_' + c, how.get(c), 'GREATEST', 'LEAST')}"
                for c in values
            )
            where = " AND ".join(f"t.{_quoted(conn, c)} = u.k_{c}" for c in keys)
            arrays = ", ".join(f"%({c})s::{_array_type(table, c[2:])}" for c in page)
            where += _named_shards(conn, page)
            sql = f"UPDATE {table.name} t SET {sets} FROM unnest({arrays}) AS u({', '.join(page)}) WHERE {where}"
            done += conn.exec_driver_sql(sql, _sent(table, page, 2)).rowcount
    return done


def _named_shards(conn: Connection, page: Mapping[str, Values]) -> str:
    """On a distributed database the shards of these rows, so that the statement goes to no others."""
    if "k_shard" not in page or not is_distributed(conn):
        return ""
    return f" AND {among(sorted({int(s) for s in page['k_shard']}), 't.')}"


def _update_sqlite(
    conn: Connection,
    table: sa.Table,
    keys: Mapping[str, Values],
    values: Mapping[str, Values],
    how: Mapping[str, Fold],
    page: Mapping[str, Values],
) -> int:
    """Numbered marks let one bound value stand twice in a folded expression."""
    mark = {c: f"?{i}" for i, c in enumerate(page, 1)}
    sets = ", ".join(
        f"{_quoted(conn, c)} = {_folded(_quoted(conn, c), mark['v_' + c], how.get(c), 'MAX', 'MIN')}" for c in values
    )
    where = " AND ".join(f"{_quoted(conn, c)} = {mark['k_' + c]}" for c in keys)
    rows = list(zip(*(plain(v) for v in page.values()), strict=True))
    return int(conn.exec_driver_sql(f"UPDATE {table.name} SET {sets} WHERE {where}", rows).rowcount)


def wanted(conn: Connection, name: str, columns: Mapping[str, Values]) -> tuple[str, dict[str, Any]]:
    """Columns as something to select from, once and in order: (SQL, parameters). The SQL stands in a FROM as `{sql}
    CROSS JOIN table ... WHERE` and brings its columns under the alias `name`, with `row` as each row's place from 0.

    SQLite keeps the order of a CROSS JOIN, so it looks up the table for each wanted row and never the other way
    round."""
    if conn.dialect.name == "sqlite":
        parts = ", ".join(f"json_extract(value, '$[{i}]') AS {c}" for i, c in enumerate(columns))
        rows = orjson.dumps(list(zip(*(plain(v) for v in columns.values()), strict=True))).decode()
        return f"(SELECT {parts}, key AS row FROM json_each(:{name}_rows)) AS {name}", {f"{name}_rows": rows}
    arrays = ", ".join(f"CAST(:{name}_{c} AS {_guessed_type(v)})" for c, v in columns.items())
    names = ", ".join(columns)
    sql = f"(SELECT {names}, place - 1 AS row FROM unnest({arrays}) WITH ORDINALITY AS w({names}, place)) AS {name}"
    return sql, {f"{name}_{c}": _array(v, _guessed_type(v)) for c, v in columns.items()}


def laid_out(conn: Connection, name: str, columns: Mapping[str, Ints]) -> tuple[str, dict[str, Any]]:
    """The same as `wanted` of numbers, for several statements one after another: SQLite would read the JSON again for each.
    There they lie in a table of the connection's own until the next such columns come."""
    if conn.dialect.name != "sqlite":
        return wanted(conn, name, columns)
    table = "_".join(("wanted", *columns))
    conn.exec_driver_sql(f"CREATE TEMP TABLE IF NOT EXISTS {table} (row INTEGER PRIMARY KEY, {', '.join(columns)})")
    conn.exec_driver_sql(f"DELETE FROM {table}")
    rows = list(zip(range(length_of(columns)), *(values.tolist() for values in columns.values()), strict=True))
    if rows:
        conn.exec_driver_sql(f"INSERT INTO {table} VALUES ({', '.join('?' * (1 + len(columns)))})", rows)
    return f"{table} AS {name}", {}


def fetch(conn: Connection, sql: str, **params: Any) -> list[tuple[Any, ...]]:
    """The rows of a statement with :named parameters, as the driver's own tuples."""
    found = conn.execute(sa.text(sql), params, execution_options={"binary": True})
    assert found.cursor is not None
    rows: list[tuple[Any, ...]] = found.cursor.fetchall()  # type: ignore[assignment]
    found.close()
    return rows


def fetch_columns(conn: Connection, sql: str, width: int, **params: Any) -> list[Sequence[Any]]:
    """The same, turned into `width` columns."""
    return turned(fetch(conn, sql, **params), width)


def turned(rows: Sequence[tuple[Any, ...]], width: int) -> list[Sequence[Any]]:
    """Rows as `width` columns; of no rows, empty ones."""
    return list(zip(*rows, strict=True)) if rows else [() for _ in range(width)]


def ints(column: Sequence[Any], missing: int | None = NONE) -> Ints:
    """A fetched column as int64[n]; NULL is `missing`. With missing=None the caller knows that there is no NULL."""
    if missing is None or column.count(None) == 0:
        return np.array(column, np.int64)
    if column.count(None) == len(column):
        return np.full(len(column), missing, np.int64)
    return np.array([missing if v is None else v for v in column], np.int64)


def floats(column: Sequence[Any], missing: float = np.nan) -> Floats:
    """A fetched column as float64[n]; NULL is `missing`."""
    return np.array([missing if v is None else v for v in column], np.float64)


def plain(values: Values) -> Sequence[Any]:
    """A column as Python values, with None for NONE and NaN."""
    if not isinstance(values, np.ndarray):
        return values
    listed: list[Any] = values.tolist()
    if values.dtype.kind == "i" and (values == NONE).any():
        return [None if v == NONE else v for v in listed]
    if values.dtype.kind == "f" and np.isnan(values).any():
        return [None if v != v else v for v in listed]
    return listed


def _sent(table: sa.Table, page: Mapping[str, Values], prefix: int = 0) -> dict[str, Any]:
    """Columns as PostgreSQL's driver takes them. prefix: how many letters stand before a column's name."""
    return {c: _array(v, _array_type(table, c[prefix:])) for c, v in page.items()}


def _array(values: Values, kind: str) -> Any:
    """One column of this type; never as the driver's own lists, whose form is slow to write and to read."""
    if isinstance(values, np.ndarray):
        return values if values.dtype.kind in "ifbO" else Texts(values.tolist())
    if kind == "text[]":
        return Texts(values)
    if kind == "int8[]":
        return ints(values)
    if kind == "float8[]":
        return floats(values)
    if kind == "bool[]" and None not in values:
        return np.array(values, bool)
    return list(values)


def _pages(columns: Mapping[str, Values], n: int) -> list[dict[str, Values]]:
    return [{c: v[i : i + _PAGE] for c, v in columns.items()} for i in range(0, n, _PAGE)]


def _folded(old: str, new: str, how: Fold | None, greatest: str, least: str) -> str:
    if how is None or how == "set":
        return new
    if how == "add":
        return f"{old} + coalesce({new}, 0)"
    if how == "keep":
        return f"coalesce({old}, {new})"
    return f"coalesce({greatest if how == 'max' else least}({old}, {new}), {old}, {new})"


def _array_type(table: sa.Table, column: str) -> str:
    kind = table.c[column].type
    if isinstance(kind, sa.Boolean):
        return "bool[]"
    if isinstance(kind, sa.Integer):
        return "int8[]"
    if isinstance(kind, sa.LargeBinary):
        return "bytea[]"
    return "float8[]" if isinstance(kind, sa.Float) else "text[]"


def _guessed_type(values: Values) -> str:
    if isinstance(values, np.ndarray):
        return {"i": "int8[]", "f": "float8[]", "b": "bool[]"}[values.dtype.kind]
    first = next((v for v in values if v is not None), None)
    return "int8[]" if isinstance(first, int) else "text[]"


def _quoted(conn: Connection, name: str) -> str:
    return conn.dialect.identifier_preparer.quote(name)
