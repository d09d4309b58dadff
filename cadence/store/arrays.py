"""Numpy columns to PostgreSQL and back without a Python object per value: the binary form of its arrays.

Only the kinds that columns have here: int64, float64, bool, and objects that are bytes or None. In int64 columns `NONE`
is written as NULL, in float64 columns NaN is: both mean "there is none". Texts come as `Texts`: the driver's own lists of
texts are written out with each quote escaped, which for evidence takes forty times as long."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import numpy.typing as npt
from psycopg import adapt, postgres, pq
from psycopg.abc import AdaptContext

from cadence.facts import NONE
from cadence.store.bulk import Texts

_HEADER = struct.Struct("!iiIii")
_LENGTH = struct.Struct("!i")
_NULL = _LENGTH.pack(-1)


class _TextsDumper(adapt.Dumper):
    """`Texts` as binary text[]."""

    format = pq.Format.BINARY
    oid = postgres.types["text"].array_oid

    def dump(self, obj: Texts) -> bytes:
        cells = {v: _NULL if v is None else _cell(v.encode()) for v in set(obj.values)}  # mostly few different ones
        return _joined([cells[v] for v in obj.values], None in cells, postgres.types["text"].oid)


class _ArrayDumper(adapt.Dumper):
    """One-dimensional arrays as binary int8[], float8[], bool[] or bytea[], by dtype."""

    format = pq.Format.BINARY

    def __init__(self, cls: type, context: AdaptContext | None = None, kind: str = "i") -> None:
        super().__init__(cls, context)
        self.kind = kind
        self.oid = postgres.types[{"i": "int8", "f": "float8", "b": "bool", "O": "bytea"}[kind]].array_oid

    def get_key(self, obj: npt.NDArray[Any], format: adapt.PyFormat) -> Any:
        return (self.cls, obj.dtype.kind)

    def upgrade(self, obj: npt.NDArray[Any], format: adapt.PyFormat) -> _ArrayDumper:
        if obj.dtype.kind not in "ifbO" or obj.ndim != 1:
            raise TypeError(
                f"a column of {obj.dtype} with {obj.ndim} dimensions can't be sent; int64, float64, bool and bytes can"
            )
        return _ArrayDumper(self.cls, kind=obj.dtype.kind)

    def dump(self, obj: npt.NDArray[Any]) -> bytes:
        if self.kind == "i":
            return _array(obj.astype(np.int64, copy=False), ">i8", 20, obj.astype(np.int64, copy=False) == NONE)
        if self.kind == "f":
            return _array(obj.astype(np.float64, copy=False), ">f8", 701, np.isnan(obj))
        if self.kind == "O":
            cells = [_NULL if v is None else _cell(v) for v in obj.tolist()]
            return _joined(cells, _NULL in cells, postgres.types["bytea"].oid)
        return _array(obj, "?", 16, np.zeros(len(obj), bool))


def _array(values: npt.NDArray[Any], wire: str, oid: int, null: npt.NDArray[np.bool_]) -> bytes:
    """PostgreSQL's array_send form: header, then a length and the value for each, -1 and nothing for NULL."""
    if not len(values):
        return struct.pack("!iiI", 0, 0, oid)
    width = np.dtype(wire).itemsize
    cells = np.empty(len(values), np.dtype([("length", ">i4"), ("value", wire)]))
    cells["length"] = width
    cells["value"] = values
    header = _HEADER.pack(1, int(null.any()), oid, len(values), 1)
    if not null.any():
        return header + cells.tobytes()
    raw = cells.view(np.uint8).reshape(len(values), 4 + width)
    keep = np.ones_like(raw, dtype=bool)
    raw[null, :4] = 255
    keep[null, 4:] = False
    packed: bytes = raw[keep].tobytes()
    return header + packed


def _cell(value: bytes) -> bytes:
    return _LENGTH.pack(len(value)) + value


def _joined(cells: list[bytes], null: bool, oid: int) -> bytes:
    """The same form for values that differ in length. null: whether one of them is NULL."""
    if not cells:
        return struct.pack("!iiI", 0, 0, oid)
    return _HEADER.pack(1, int(null), oid, len(cells), 1) + b"".join(cells)


def register(adapters: adapt.AdaptersMap) -> None:
    """Teaches a connection's adapters to send numpy columns and columns of texts."""
    adapters.register_dumper(np.ndarray, _ArrayDumper)
    adapters.register_dumper(Texts, _TextsDumper)
