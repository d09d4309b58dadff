"""Public holidays as sorted day numbers: which local dates are holidays in a country or a part of it.

A thin, lazy reading of the `holidays` package, a year at a time, because its first use of a country is slow. What a
holiday means for a message is said by `quiet`, not here.
"""

from __future__ import annotations

import threading
from datetime import date
from functools import cache, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from cadence.facts import Bools, Coded, Ints

_EPOCH = date(1970, 1, 1)


def _split(country: str) -> tuple[str, str | None]:
    """A country's code and its subdivision: DE-BY is DE and BY."""
    code, _, part = country.upper().partition("-")
    return code, part or None


def with_regions(country: Coded, region: Coded) -> Coded:
    """Countries as places: one with a region that isn't in it yet is made its subdivision. DE and BY are DE-BY."""
    if not region.names:
        return country
    width = len(region.names) + 1
    pairs = np.where(country.codes >= 0, country.codes.astype(np.int64) * width + region.codes + 1, -1)
    distinct, codes = np.unique(pairs, return_inverse=True)
    missing = int(len(distinct) > 0 and distinct[0] == -1)
    names = [
        _joined(country.names[p // width], region.names[p % width - 1] if p % width else "")
        for p in distinct[missing:].tolist()
    ]
    return Coded((codes - missing).astype(np.int32), tuple(names))


def _joined(country: str, region: str) -> str:
    if not region or "-" in country:
        return country
    return region if region.upper().startswith(country.upper() + "-") else f"{country}-{region}"


@cache
def _supported() -> dict[str, list[str]]:
    """Countries that the package knows, each with the subdivisions that have days of their own."""
    import holidays  # slow to import, and most policies ask for none

    return holidays.list_supported_countries(include_aliases=True)


@lru_cache(maxsize=4096)
def _calendar(country: str, categories: tuple[str, ...], year: int) -> tuple[int, ...]:
    return _read_calendar(country, categories, year)


def _read_calendar(country: str, categories: tuple[str, ...], year: int) -> tuple[int, ...]:
    """Day numbers of one year's holidays, ascending; a subdivision that the package doesn't know has its country's."""
    import holidays

    asked = tuple(category for category in categories if category in categories_known(country))
    if not asked:
        return ()
    code, part = _split(country)
    subdivision = part if part in _supported()[code] else None
    found: Any = holidays.country_holidays(code, subdiv=subdivision, years=year, categories=asked)
    return tuple(sorted((day - _EPOCH).days for day in found))


class Holidays:
    """The holidays of one country in some categories; years are read when first asked about."""

    def __init__(self, country: str, categories: tuple[str, ...]) -> None:
        self.country, self.categories = country, categories
        self._lock = threading.Lock()
        self._years: frozenset[int] = frozenset()
        self._days: Ints = np.zeros(0, np.int64)

    def count(self, year: int) -> int:
        """How many holidays are known in a year; 0 is worth a warning."""
        return len(_calendar(self.country, self.categories, year))

    def contains(self, day: npt.ArrayLike) -> Bools:
        """Which of these local dates (days since 1970-01-01) are holidays: bool[n]."""
        days = np.asarray(day, np.int64)
        if not days.size:
            return np.zeros(days.shape, np.bool_)
        known = self._read(days)
        if not known.size:
            return np.zeros(days.shape, np.bool_)
        place = np.minimum(np.searchsorted(known, days), known.size - 1)
        return np.asarray(known[place] == days, np.bool_)

    def _read(self, days: Ints) -> Ints:
        """The sorted holidays of all years that these days lie in, at least."""
        ends = (
            np.array([days.min(), days.max()]).astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
        )
        first, last = ends.tolist()
        if last - first > 50:  # far apart: only those years that do occur
            occurring = np.unique(days.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970)
            needed = set(occurring.tolist())
        else:
            needed = set(range(first, last + 1))
        if needed <= self._years:
            return self._days
        with self._lock:
            # A year's list holds the observed days that fall into it, of a neighbouring year's holidays too.
            years = self._years | needed
            found: set[int] = set()
            for year in years:
                found.update(_calendar(self.country, self.categories, year))
            # The days are there before the years that promise them: readers hold no lock.
            self._days = np.array(sorted(found), np.int64)
            self._years = years
            return self._days


@lru_cache(maxsize=1024)
def _holidays_of(country: str, categories: tuple[str, ...]) -> Holidays:
    return Holidays(country, categories)


def holidays_of(country: str, categories: tuple[str, ...] = ("public",)) -> Holidays:
    """The holidays of a country (ISO 3166, with a subdivision where it matters: DE-BY), observed ones included.

    Of a country or category that the package doesn't know there are none; `country_known` and `categories_known` tell.
    A subdivision that it doesn't know has its country's.
    """
    return _holidays_of(country if country_known(country) else _split(country)[0], tuple(sorted(set(categories))))


def country_known(country: str) -> bool:
    """Whether the package knows this country and, where one is given, this subdivision."""
    code, part = _split(country)
    return code in _supported() and (part is None or part in _supported()[code])


@cache
def categories_known(country: str) -> tuple[str, ...]:
    """The categories of holidays that the package knows for a country; empty where it doesn't know the country."""
    return _read_categories(country)


def _read_categories(country: str) -> tuple[str, ...]:
    import holidays

    code, _ = _split(country)
    if code not in _supported():
        return ()
    known: Any = holidays.country_holidays(code)
    return tuple(sorted(known.supported_categories))


@cache
def all_categories() -> tuple[str, ...]:
    """Every category that the package has for any country, for example public, bank, de_facto, workday."""
    from holidays import constants

    return tuple(sorted(word for name, word in vars(constants).items() if name.isupper() and word == name.lower()))
