"""What is known of contacts under one name, as a column that comparisons can be asked of: numbers, instants, or
anything else.

A column of anything else is kept as codes into its distinct values, so that whatever has to be done value by value is
done once for each distinct one. Where the values come from stands in `contact_facts.py`; what is asked of them in
`comparisons.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from cadence.calendar import to_utc
from cadence.facts import NONE, Bools, Coded, Codes, Column, Floats, Ints
from cadence.policy.moments import Moment, moment_of

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)


class Values(Protocol):
    """A column of one name's values; n rows."""

    def there(self) -> Bools:
        """Which rows have a value at all."""

    def numbers(self) -> Floats:
        """The values that are numbers, also those written as texts; NaN for others."""

    def instants(self, zone: Codes) -> tuple[Ints, Bools]:
        """The values that are instants, for contacts in these zones, and which rows have one."""

    def where(self, accepts: Callable[[Any], bool]) -> Bools:
        """Which rows have a value that a question about one value accepts."""


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """float64, NaN is missing."""

    data: Floats

    def there(self) -> Bools:
        return ~np.isnan(self.data)

    def numbers(self) -> Floats:
        return self.data

    def instants(self, zone: Codes) -> tuple[Ints, Bools]:
        """Numbers are microseconds since 1970 UTC."""
        there = self.there() & (np.abs(self.data) < 2.0**62)
        return np.where(there, self.data, 0).astype(np.int64), there

    def where(self, accepts: Callable[[Any], bool]) -> Bools:
        distinct, inverse = np.unique(self.data, return_inverse=True)
        accepted = [not np.isnan(v) and accepts(float(v)) for v in distinct]
        return np.array(accepted, bool)[inverse]


@dataclass(frozen=True, slots=True, eq=False)
class Instants:
    """int64 microseconds since 1970 UTC, NONE is missing: it never happened."""

    data: Ints

    def there(self) -> Bools:
        return np.asarray(self.data != NONE, bool)

    def numbers(self) -> Floats:
        return np.full(len(self.data), np.nan)

    def instants(self, zone: Codes) -> tuple[Ints, Bools]:
        return self.data, self.there()

    def where(self, accepts: Callable[[Any], bool]) -> Bools:
        """An instant is no text: what asks about texts finds none here."""
        return np.zeros(len(self.data), bool)


@dataclass(frozen=True)
class Distinct:
    """Codes into distinct values of any kind; -1 is missing."""

    codes: Codes
    values: tuple[Any, ...] = field(repr=False)

    def there(self) -> Bools:
        return np.asarray(self.codes >= 0, bool)

    def numbers(self) -> Floats:
        return self._take(np.array([number_of(v) for v in self.values], np.float64), np.nan)

    def instants(self, zone: Codes) -> tuple[Ints, Bools]:
        out = np.zeros(len(self.codes), np.int64)
        there = self._take(np.array([m is not None for m in self._moments], bool), False)
        rows = np.flatnonzero(there)
        micros = self._take(np.array([m.micros if m else 0 for m in self._moments], np.int64), 0)
        local = self._take(np.array([m is not None and m.local for m in self._moments], bool), False)
        out[rows] = micros[rows]
        rows = rows[local[rows]]
        out[rows] = to_utc(micros[rows], zone[rows])
        return out, there

    def where(self, accepts: Callable[[Any], bool]) -> Bools:
        return self._take(np.array([accepts(v) for v in self.values], bool), False)

    @cached_property
    def _moments(self) -> tuple[Moment | None, ...]:
        return tuple(moment_of(v) for v in self.values)

    def _take(self, per_value: npt.NDArray[Any], missing: Any) -> npt.NDArray[Any]:
        """A figure per distinct value, laid out over the rows."""
        return np.append(per_value, np.array([missing], per_value.dtype))[self.codes]


def values_of(column: Column) -> Numbers | Distinct:
    """A column of contacts' attributes as values to be asked: see `facts.Column`."""
    if isinstance(column, Coded):
        return Distinct(column.codes, column.names)
    if column.dtype != object:
        return Numbers(np.asarray(column, np.float64))
    codes = np.empty(len(column), np.int32)
    known: dict[Any, int] = {}
    distinct: list[Any] = []
    for row, value in enumerate(column):
        if value is None or (isinstance(value, float) and value != value):
            codes[row] = -1
            continue
        name = (type(value), repr(value) if isinstance(value, (list, tuple, set, dict)) else value)
        code = known.setdefault(name, len(distinct))
        if code == len(distinct):
            distinct.append(value)
        codes[row] = code
    return Distinct(codes, tuple(distinct))


def number_of(value: Any) -> float:
    """A value as a number, a text that is written like one included; NaN for what is none. True and False are none."""
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value) else np.nan
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value) if abs(value) < 1e300 else np.nan
    return np.nan
