"""Holidays by country, part and category, read from the package a year at a time."""

from __future__ import annotations

import csv
from collections import defaultdict

import numpy as np
import pytest

from cadence.calendar import all_categories, categories_known, country_known, holidays, holidays_of, with_regions
from cadence.facts import Coded


def days(*texts: str) -> np.ndarray:
    return np.array(texts, "datetime64[D]").astype(np.int64)


def test_the_holidays_of_26_countries_are_those_listed(shared):
    listed = defaultdict(set)
    with (shared / "data/cases/holidays_2024_2027.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            listed[row["country"]].add(row["date"])
    every = np.arange("2024-01-01", "2028-01-01", dtype="datetime64[D]")
    assert len(listed) == 26
    for country, wanted in listed.items():
        found = holidays_of(country).contains(every.astype(np.int64))
        assert set(every[found].astype(str)) == wanted, country


@pytest.mark.parametrize(
    ("country", "categories", "day", "is_one"),
    [
        ("SE", ("public",), "2026-12-24", False),
        ("SE", ("public", "de_facto"), "2026-12-24", True),
        ("DE", ("public",), "2026-01-06", False),
        ("DE-BY", ("public",), "2026-01-06", True),
        ("de-by", ("public",), "2026-01-06", True),
        ("US", ("public",), "2026-07-03", True),  # observed: the fourth is a Saturday
        ("US", ("public",), "2021-12-31", True),  # observed for the next year's first day
        ("UA", ("public",), "2026-08-24", False),
        ("UA", ("public", "workday"), "2026-08-24", True),
        ("FR", ("public", "de_facto"), "2026-07-14", True),  # France has no such category; its public days stay
        ("FR", ("de_facto",), "2026-07-14", False),
        ("SE-AB", ("public",), "2026-06-06", True),  # a county without days of its own has its country's
        ("XX", ("public",), "2026-01-01", False),
    ],
)
def test_a_day_is_a_holiday_where_it_is_one(country, categories, day, is_one):
    asked = days(day)
    found = holidays_of(country, categories).contains(asked)
    assert found.tolist() == [is_one]
    assert len(asked[found]) == is_one


def test_a_country_with_a_region_that_is_not_in_it_yet_is_a_subdivision():
    countries = ["DE", "DE", "DE-BE", "AT", None, "DE"]
    regions = ["BY", "de-by", "BY", None, "BY", "Allgäu"]

    places = with_regions(Coded.of(countries), Coded.of(regions))

    assert [places.text(i) for i in range(6)] == ["DE-BY", "de-by", "DE-BE", "AT", None, "DE-Allgäu"]


def test_years_far_apart_can_be_asked_at_once():
    found = holidays_of("SE").contains(days("1990-12-25", "2026-12-25", "2090-12-25", "2090-12-27"))
    assert found.tolist() == [True, True, True, False]


def test_only_years_that_are_asked_about_are_read(monkeypatch):
    read: list[int] = []
    monkeypatch.setattr(holidays, "_calendar", lambda country, categories, year: read.append(year) or ())
    for asked in (("1990-12-25", "2026-12-25", "2090-01-01"), ("2000-01-01", "2003-12-31")):
        holidays.Holidays("SE", ("public",)).contains(days(*asked))
    assert sorted(read) == [1990, 2000, 2001, 2002, 2003, 2026, 2090]


def test_no_days_have_no_holidays():
    assert days()[holidays_of("SE").contains(days())].size == 0


def test_days_outside_all_years_are_no_holidays():
    assert holidays_of("NO").contains(np.array([-(10**7), 10**8])).tolist() == [False, False]


def test_an_empty_year_can_be_told():
    assert holidays_of("UA").count(2026) == 0
    assert holidays_of("UA").count(2021) > 0
    assert holidays_of("SE").count(2026) > 10


def test_years_beyond_the_calendar_have_none():
    assert [holidays_of("SE").count(year) for year in (0, 10_000)] == [0, 0]


def test_what_the_package_knows_can_be_asked():
    assert country_known("DE-BY")
    assert country_known("se")
    assert not country_known("DE-XX")
    assert not country_known("XX")
    assert "de_facto" in categories_known("SE")
    assert categories_known("XX") == ()
    assert {"public", "bank", "de_facto", "workday"} <= set(all_categories())
